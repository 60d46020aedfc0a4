import type { Crypto } from '../ports/crypto.ts';
import { PortError } from '../ports/errors.ts';
import { maxValueLength } from '../ports/key-value-store.ts';
import type {
  CreateResult,
  DeleteResult,
  KeyValueStore,
  NewRecord,
  ReplaceResult,
  StoredRecord,
  Version,
} from '../ports/key-value-store.ts';
import { base64url } from '../text/base64url.ts';
import { withRetry } from './retry.ts';
import type { Retrier } from './retry.ts';

/** How many write ids a record remembers: its own, those of the writes before it, newest first, and last always that of its creation. */
const remembered = 8;

/** What the write ids take of a value, in UTF-16 units: `remembered` x 23. */
export const envelopeLength: number = remembered * 23;

/** The greatest value that fits beside the write ids. */
export const maxDurableValueLength: number = maxValueLength - envelopeLength;

/**
 * Retries a store's transient failures without ever mistaking our own success for somebody else's.
 *
 * A write whose answer was lost may have happened. So every logical write has a random id, kept with the record together with the
 * ids of the writes before it and that of its creation (`<id>,<id>...\n<value>`). When a write that was attempted before is refused, the
 * record tells: our id is there, so it was applied; the id we built on is there and ours is not, so it never was; neither is there, so it
 * cannot be known any more, which is an `aborted` error, never a false answer. A first attempt needs no proof, but is looked at too where
 * the store answers the record: something below may have sent it twice.
 *
 * Versions given out carry those ids (`<id>,<id>|<version>`), so that `replace` needs no read.
 *
 * What a store without tombstones cannot tell, and this does not either: a retried `delete` that finds the record gone says `deleted`,
 * whoever did it; a `create` whose answer was lost, and whose record somebody deleted before the retry, is applied again.
 */
export function retrying(store: KeyValueStore, crypto: Crypto, retrier: Retrier): KeyValueStore {
  const newWriteId = (): string => base64url(crypto.randomBytes(16));

  return {
    get: async (key, options) => {
      const record = await withRetry(retrier, () => store.get(key, options), options);
      return record && unsealed(record);
    },

    async create(record, options) {
      const writeId = newWriteId();
      const sealed = seal(record, [writeId]);
      const result = await withRetry(
        retrier,
        async (n): Promise<CreateResult | undefined> => {
          const result = await store.create(sealed, options);
          if (result.created) return { created: true, version: versionOf([writeId], result.version) };
          const existing = result.existing ?? (n === 0 ? undefined : await store.get(record, options));
          if (existing === undefined) return n === 0 ? { created: false, existing } : undefined;
          return writeIdsOf(existing).includes(writeId)
            ? { created: true, version: ownVersion(existing, writeId) }
            : { created: false, existing: unsealed(existing) };
        },
        options,
      );
      return result ?? outcomeUnknown('create');
    },

    async replace(record, version, options) {
      const from = parseVersion(version);
      if (from === undefined) {
        const lost = seal(record, [newWriteId()]);
        const result = await withRetry(retrier, () => store.replace(lost, '', options), options);
        return result.replaced
          ? outcomeUnknown('replace')
          : { replaced: false, existing: result.existing && unsealed(result.existing) };
      }
      const writeId = newWriteId();
      const writeIds = remember(writeId, from.writeIds);
      const sealed = seal(record, writeIds);
      const result = await withRetry(
        retrier,
        async (n): Promise<ReplaceResult | undefined> => {
          const result = await store.replace(sealed, from.version, options);
          if (result.replaced) return { replaced: true, version: versionOf(writeIds, result.version) };
          const existing = result.existing ?? (n === 0 ? undefined : await store.get(record, options));
          if (existing === undefined) return n === 0 ? { replaced: false, existing } : undefined;
          const history = writeIdsOf(existing);
          if (history.includes(writeId)) return { replaced: true, version: ownVersion(existing, writeId) };
          return n === 0 || withoutGap(history).includes(from.writeIds[0])
            ? { replaced: false, existing: unsealed(existing) }
            : undefined;
        },
        options,
      );
      return result ?? outcomeUnknown('replace');
    },

    async delete(key, version, options) {
      const from = parseVersion(version);
      if (from === undefined) return withRetry(retrier, () => store.delete(key, '', options), options);
      return withRetry(
        retrier,
        async (n): Promise<DeleteResult> => {
          const { deleted } = await store.delete(key, from.version, options);
          if (deleted || n === 0) return { deleted };
          const existing = await store.get(key, options);
          // Another creation: the record was deleted, and the key taken anew.
          return { deleted: existing === undefined || writeIdsOf(existing).at(-1) !== from.writeIds.at(-1) };
        },
        options,
      );
    },

    async list(partition, options) {
      const page = await withRetry(retrier, () => store.list(partition, options), options);
      return { records: page.records.map(unsealed), next: page.next };
    },

    check: (options) => store.check(options),
  };
}

/** The write happened or did not, and the record has moved on too far to tell. */
function outcomeUnknown(method: string): never {
  throw new PortError('aborted', `key-value-store.${method}`, { reason: 'OutcomeUnknown' });
}

function remember(writeId: string, before: WriteIds): WriteIds {
  const all: WriteIds = [writeId, ...before];
  return all.length <= remembered ? all : [writeId, ...before.slice(0, remembered - 2), ...before.slice(-1)];
}

/** The newest writes, one after the other: between them and the creation some may be forgotten. */
function withoutGap(writeIds: readonly string[]): readonly string[] {
  return writeIds.slice(0, remembered - 1);
}

function assertFits({ value }: NewRecord): void {
  if (typeof value !== 'string') throw new TypeError('A value must be a string');
  if (value.length > maxDurableValueLength) {
    throw new RangeError(`A value must have at most ${maxDurableValueLength} UTF-16 units, not ${value.length}`);
  }
}

function seal(record: NewRecord, writeIds: readonly string[]): NewRecord {
  assertFits(record);
  return { ...record, value: `${writeIds.join(',')}\n${record.value}` };
}

type WriteIds = readonly [string, ...string[]];

function writeIdsOf({ value }: StoredRecord): WriteIds {
  const writeIds = parseWriteIds(value.slice(0, Math.max(value.indexOf('\n'), 0)));
  return writeIds ?? unreadable();
}

function unreadable(): never {
  throw new PortError('data_loss', 'key-value-store.get', { reason: 'NoWriteId' });
}

const writeIdsPattern = new RegExp(`^[\\w-]{22}(?:,[\\w-]{22}){0,${remembered - 1}}$`);

function parseWriteIds(text: string): WriteIds | undefined {
  return writeIdsPattern.test(text) ? (text.split(',') as [string, ...string[]]) : undefined;
}

/** The record without its ids. They are checked but not taken apart: this is on the way of every read. */
function unsealed(record: StoredRecord): StoredRecord {
  const { value, version } = record;
  const end = value.indexOf('\n');
  const writeIds = value.slice(0, Math.max(end, 0));
  if (!writeIdsPattern.test(writeIds)) unreadable();
  return { ...record, value: value.slice(end + 1), version: `${writeIds}|${version}` };
}

function versionOf(writeIds: readonly string[], version: Version): Version {
  return `${writeIds.join(',')}|${version}`;
}

/** Our write's version, if it is still the newest; when somebody wrote after us, one that loses every race, as it should. */
function ownVersion(record: StoredRecord, writeId: string): Version {
  const writeIds = writeIdsOf(record);
  return versionOf(writeIds, writeIds[0] === writeId ? record.version : '');
}

function parseVersion(version: Version): { readonly writeIds: WriteIds; readonly version: Version } | undefined {
  const [ids = '', ...rest] = String(version).split('|');
  const writeIds = parseWriteIds(ids);
  return writeIds === undefined || rest.length === 0 ? undefined : { writeIds, version: rest.join('|') };
}
