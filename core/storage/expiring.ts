import type { Clock } from '../ports/clock.ts';
import { PortError } from '../ports/errors.ts';
import type { KeyValueStore, NewRecord, StoredRecord, Version } from '../ports/key-value-store.ts';

/**
 * Judges expiry, exactly and in one place: from `now >= expiresAt` a record is absent for every operation, whatever the store has got
 * round to purging. An expired leftover never blocks a create: it is taken over atomically.
 *
 * Versions given out carry the expiry of the state they name (`<expiresAt>~<version>`), so that `replace` and `delete` can refuse an
 * expired one without a read.
 */
export function expiring(store: KeyValueStore, clock: Clock): KeyValueStore {
  const expired = (expiresAt: number | undefined): boolean => expiresAt !== undefined && expiresAt <= clock.now();

  const visible = (record: StoredRecord | undefined): StoredRecord | undefined =>
    record === undefined || expired(record.expiresAt) ? undefined : { ...record, version: wrap(record.version, record.expiresAt) };

  /** The store's own version, or one that loses every race. */
  const live = (version: Version): Version => {
    const state = unwrap(version);
    return state === undefined || expired(state.expiresAt) ? '' : state.version;
  };

  return {
    get: async (key, options) => visible(await store.get(key, options)),

    async create(record, options) {
      let result = await store.create(record, options);
      for (let attempt = 0; !result.created; attempt++) {
        const { existing } = result;
        if (existing !== undefined && !expired(existing.expiresAt)) return { created: false, existing: visible(existing) };
        if (attempt === takeOverAttempts) throw new PortError('aborted', 'key-value-store.create', { reason: 'TooManyTakeOvers' });
        // Expired: take it over on its version. Gone between the store's refusal and its read: try again.
        result =
          existing === undefined
            ? await store.create(record, options)
            : asCreate(await store.replace(record, existing.version, options));
      }
      return { created: true, version: wrap(result.version, record.expiresAt) };
    },

    async replace(record, version, options) {
      const result = await store.replace(record, live(version), options);
      return result.replaced
        ? { replaced: true, version: wrap(result.version, record.expiresAt) }
        : { replaced: false, existing: visible(result.existing) };
    },

    delete: (key, version, options) => store.delete(key, live(version), options),

    async list(partition, options) {
      const page = await store.list(partition, options);
      return {
        records: page.records.map(visible).filter((record) => record !== undefined),
        next: page.next,
      };
    },

    check: (options) => store.check(options),
  };
}

/** Each round lost means that somebody else wrote the key; more rounds than this is contention, which the caller may retry. */
const takeOverAttempts = 8;

function asCreate(result: Awaited<ReturnType<KeyValueStore['replace']>>): Awaited<ReturnType<KeyValueStore['create']>> {
  return result.replaced ? { created: true, version: result.version } : { created: false, existing: result.existing };
}

function wrap(version: Version, expiresAt: NewRecord['expiresAt']): Version {
  return `${expiresAt ?? ''}~${version}`;
}

function unwrap(version: Version): { version: Version; expiresAt: number | undefined } | undefined {
  const match = /^(\d*)~(.*)$/s.exec(String(version));
  return match === null ? undefined : { version: match[2] ?? '', expiresAt: match[1] === '' ? undefined : Number(match[1]) };
}
