import type { Crypto } from '../ports/crypto.ts';
import { PortError } from '../ports/errors.ts';
import { maxValueLength } from '../ports/key-value-store.ts';
import type { CallOptions, KeyValueStore, NewRecord, RecordKey, StoredRecord, Version } from '../ports/key-value-store.ts';
import { base64url } from '../text/base64url.ts';
import { withRetry } from './retry.ts';
import type { Retrier } from './retry.ts';

/** How many write ids a record remembers: its own and those of the writes before it, newest first. */
const remembered = 8;

/** What the write ids take of a value, in UTF-16 units: `remembered` x 23. */
export const envelopeLength: number = remembered * 23;

/** The greatest value that fits beside the write ids. */
export const maxDurableValueLength: number = maxValueLength - envelopeLength;

/**
 * Retries a store's transient failures without ever mistaking our own success for somebody else's.
 *
 * A write whose answer was lost may have happened. So every logical write has a random id, kept with the record together with the
 * ids of the writes before it (`<id>,<id>...\n<value>`). When a write that was attempted before is refused, the record tells: our id
 * is there, so it was applied; the id we built on is there and ours is not, so it never was; neither is there, so it cannot be known
 * any more, which is an `aborted` error, never a false answer.
 *
 * Versions given out carry those ids (`<id>,<id>|<version>`), so that `replace` needs no read. A retried `delete` that finds the record gone says
 * `deleted`: it cannot tell who did it.
 */
export function retrying(store: KeyValueStore, crypto: Crypto, retrier: Retrier): KeyValueStore {
  const newWriteId = (): string => base64url(crypto.randomBytes(16));

  /** Decides what a refused retry means. Returns the record when our write is in its history. */
  const settle = async (
    key: RecordKey,
    writeId: string,
    base: string | undefined,
    existing: StoredRecord | undefined,
    operation: string,
    options: CallOptions | undefined,
  ): Promise<{ ours: StoredRecord | undefined; existing: StoredRecord | undefined }> => {
    const record = existing ?? (await store.get(key, options));
    if (record === undefined) return { ours: undefined, existing: undefined };
    const { writeIds } = open(record);
    if (writeIds.includes(writeId)) return { ours: record, existing: record };
    const complete = base === undefined ? writeIds.length < remembered : writeIds.includes(base);
    if (!complete) throw new PortError('aborted', operation, { reason: 'OutcomeUnknown' });
    return { ours: undefined, existing: record };
  };

  return {
    get: async (key, options) => {
      const record = await withRetry(retrier, () => store.get(key, options), options);
      return record === undefined ? undefined : unsealed(record);
    },

    async create(record, options) {
      const writeId = newWriteId();
      const sealed = seal(record, [writeId]);
      return withRetry(
        retrier,
        async (n) => {
          const result = await store.create(sealed, options);
          if (result.created) return { created: true, version: versionOf([writeId], result.version) };
          if (n === 0) return { created: false, existing: result.existing && unsealed(result.existing) };
          const { ours, existing } = await settle(record, writeId, undefined, result.existing, 'key-value-store.create', options);
          return ours === undefined
            ? { created: false, existing: existing && unsealed(existing) }
            : { created: true, version: ownVersion(ours, writeId) };
        },
        options,
      );
    },

    async replace(record, version, options) {
      const from = parseVersion(version);
      if (from === undefined) {
        assertFits(record);
        const existing = await withRetry(retrier, () => store.get(record, options), options);
        return { replaced: false, existing: existing && unsealed(existing) };
      }
      const writeId = newWriteId();
      const writeIds = [writeId, ...from.writeIds].slice(0, remembered);
      const sealed = seal(record, writeIds);
      return withRetry(
        retrier,
        async (n) => {
          const result = await store.replace(sealed, from.version, options);
          if (result.replaced) return { replaced: true, version: versionOf(writeIds, result.version) };
          if (n === 0) return { replaced: false, existing: result.existing && unsealed(result.existing) };
          const { ours, existing } = await settle(
            record,
            writeId,
            from.writeIds[0],
            result.existing,
            'key-value-store.replace',
            options,
          );
          return ours === undefined
            ? { replaced: false, existing: existing && unsealed(existing) }
            : { replaced: true, version: ownVersion(ours, writeId) };
        },
        options,
      );
    },

    async delete(key, version, options) {
      const from = parseVersion(version);
      if (from === undefined) return { deleted: false };
      return withRetry(
        retrier,
        async (n) => {
          const { deleted } = await store.delete(key, from.version, options);
          if (deleted || n === 0) return { deleted };
          return { deleted: (await store.get(key, options)) === undefined };
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

function assertFits({ value }: NewRecord): void {
  if (value.length > maxDurableValueLength) {
    throw new RangeError(`A value must have at most ${maxDurableValueLength} UTF-16 units, not ${value.length}`);
  }
}

function seal(record: NewRecord, writeIds: readonly string[]): NewRecord {
  assertFits(record);
  return { ...record, value: `${writeIds.join(',')}\n${record.value}` };
}

function open(record: StoredRecord): { writeIds: string[]; value: string } {
  const end = record.value.indexOf('\n');
  if (end < 0) throw new PortError('data_loss', 'key-value-store.get', { reason: 'NoWriteId' });
  return { writeIds: record.value.slice(0, end).split(','), value: record.value.slice(end + 1) };
}

function unsealed(record: StoredRecord): StoredRecord {
  const { writeIds, value } = open(record);
  return { ...record, value, version: versionOf(writeIds, record.version) };
}

function versionOf(writeIds: readonly string[], version: Version): Version {
  return `${writeIds.join(',')}|${version}`;
}

/** Our write's version, if it is still the newest; when somebody wrote after us, one that loses every race, as it should. */
function ownVersion(record: StoredRecord, writeId: string): Version {
  const { writeIds } = open(record);
  const own = writeIds.indexOf(writeId);
  return versionOf(writeIds.slice(own), own === 0 ? record.version : '');
}

function parseVersion(version: Version): { writeIds: string[]; version: Version } | undefined {
  const end = version.indexOf('|');
  return end < 0 ? undefined : { writeIds: version.slice(0, end).split(','), version: version.slice(end + 1) };
}
