import type {
  CallOptions,
  CreateResult,
  DeleteResult,
  KeyValueStore,
  ListOptions,
  NewRecord,
  RecordKey,
  RecordPage,
  ReplaceResult,
  StoredRecord,
  Version,
} from '../ports/key-value-store.ts';
import { PortError } from '../ports/errors.ts';
import { assertKey, assertRecord, checkListOptions, encodeKeyPart, encodeKeyPrefix } from './record-key.ts';

/** The storage port in a map: the reference the other adapters are compared with, for tests and throw-away servers. */
export class MemoryStore implements KeyValueStore {
  readonly #partitions = new Map<string, Map<string, StoredRecord>>();
  #writes = 0;

  async get(key: RecordKey, options?: CallOptions): Promise<StoredRecord | undefined> {
    assertKey(key);
    throwIfCancelled('get', options);
    return this.#read(key);
  }

  async create(record: NewRecord, options?: CallOptions): Promise<CreateResult> {
    assertRecord(record);
    throwIfCancelled('create', options);
    const existing = this.#read(record);
    return existing === undefined ? { created: true, version: this.#write(record) } : { created: false, existing };
  }

  async replace(record: NewRecord, version: Version, options?: CallOptions): Promise<ReplaceResult> {
    assertRecord(record);
    throwIfCancelled('replace', options);
    const existing = this.#read(record);
    return existing !== undefined && existing.version === version
      ? { replaced: true, version: this.#write(record) }
      : { replaced: false, existing };
  }

  async delete(key: RecordKey, version: Version, options?: CallOptions): Promise<DeleteResult> {
    assertKey(key);
    throwIfCancelled('delete', options);
    const existing = this.#read(key);
    const deleted = existing !== undefined && existing.version === version;
    if (deleted) this.#partitions.get(key.partition)?.delete(key.id);
    return { deleted };
  }

  async list(partition: string, options?: ListOptions & CallOptions): Promise<RecordPage> {
    const { prefix, after, limit } = checkListOptions(partition, options);
    throwIfCancelled('list', options);
    const from = after === undefined ? '' : encodeKeyPart(after);
    const start = encodeKeyPrefix(prefix);
    const found = [...(this.#partitions.get(partition)?.values() ?? [])]
      .map((record) => ({ encoded: encodeKeyPart(record.id), record }))
      .filter(({ encoded }) => encoded > from && encoded.startsWith(start))
      .toSorted((a, b) => (a.encoded < b.encoded ? -1 : 1))
      .map(({ record }) => record);
    const records = found.slice(0, limit);
    return { records, next: found.length > limit ? records.at(-1)?.id : undefined };
  }

  async check(options?: CallOptions): Promise<void> {
    throwIfCancelled('check', options);
  }

  #read(key: RecordKey): StoredRecord | undefined {
    return this.#partitions.get(key.partition)?.get(key.id);
  }

  #write({ partition, id, value, expiresAt }: NewRecord): Version {
    const version = String(++this.#writes);
    const records = this.#partitions.get(partition) ?? new Map<string, StoredRecord>();
    this.#partitions.set(partition, records);
    // Frozen, since readers get this very object.
    records.set(id, Object.freeze({ partition, id, value, expiresAt, version }));
    return version;
  }
}

function throwIfCancelled(method: string, options: CallOptions | undefined): void {
  if (options?.signal?.aborted === true) throw new PortError('cancelled', `key-value-store.${method}`);
}
