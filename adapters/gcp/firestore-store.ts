import { randomUUID } from 'node:crypto';
import { PortError } from '../../core/ports/index.ts';
import type {
  CallOptions,
  CreateResult,
  DeleteResult,
  EpochMillis,
  KeyValueStore,
  ListOptions,
  NewRecord,
  RecordKey,
  RecordPage,
  ReplaceResult,
  StoredRecord,
  Version,
} from '../../core/ports/index.ts';
import { assertKey, assertRecord, checkListOptions, encodeKeyPart, encodeKeyPrefix } from '../../core/storage/record-key.ts';
import { storedId } from '../../core/storage/stored-id.ts';
import { FirestoreClient } from './firestore-client.ts';
import type { Document, FirestoreOptions, Timestamp } from './firestore-client.ts';

export interface FirestoreStoreOptions extends FirestoreOptions {
  /** The collection that holds the records and nothing else: a letter, then up to 99 of `[A-Za-z0-9_-]`. */
  readonly collection: string;
}

/**
 * What the service answers to a version that is not the stored one: FAILED_PRECONDITION to an older one, INVALID_ARGUMENT to one that is
 * newer than the stored one, NOT_FOUND where there is none. Each may mean other troubles too.
 */
const refusals: ReadonlySet<string | undefined> = new Set(['FAILED_PRECONDITION', 'INVALID_ARGUMENT', 'NOT_FOUND']);

/**
 * Records in one Firestore collection, one document each, named `<encoded partition>!<encoded id>`. `!` sorts before every character
 * of an encoded part, so that partitions do not mix.
 *
 * | field | holds |
 * | --- | --- |
 * | `value` | the text; exempt it from indexes, which would double the cost of a write |
 * | `write` | a random id, because a write that changes nothing keeps its old update time |
 * | `expiresAt` | the instant, exactly; put the collection's time-to-live policy on it |
 *
 * One call an operation, but that a refused write costs a read of the document that refused it: the refusal brings no document, and
 * its status alone does not prove a lost race. A version is the document's update time in microseconds, Firestore's own precision.
 */
export class FirestoreStore implements KeyValueStore {
  readonly #client: FirestoreClient;
  readonly #collection: string;
  /** Before a document's id. */
  readonly #root: string;

  /** Opens nothing before the first call. */
  constructor(options: FirestoreStoreOptions) {
    if (!/^[A-Za-z][A-Za-z0-9_-]{0,99}$/.test(options.collection)) {
      throw new TypeError('A collection is named by a letter and up to 99 of A-Z a-z 0-9 _ -');
    }
    this.#client = new FirestoreClient(options);
    this.#collection = options.collection;
    this.#root = `${this.#client.database}/documents/${options.collection}/`;
  }

  async get(key: RecordKey, options?: CallOptions): Promise<StoredRecord | undefined> {
    assertKey(key);
    return this.#read(key, 'key-value-store.get', options);
  }

  async create(record: NewRecord, options?: CallOptions): Promise<CreateResult> {
    assertRecord(record);
    const operation = 'key-value-store.create';
    const write = { update: this.#toDocument(record), currentDocument: { exists: false } };
    try {
      return { created: true, version: toVersion(await this.#client.commit(write, operation, options), operation) };
    } catch (error) {
      if (!(error instanceof PortError && error.reason === 'ALREADY_EXISTS')) throw error;
      return { created: false, existing: await this.#read(record, operation, options) };
    }
  }

  async replace(record: NewRecord, version: Version, options?: CallOptions): Promise<ReplaceResult> {
    assertRecord(record);
    const operation = 'key-value-store.replace';
    const base = fromVersion(version);
    if (base === undefined) return { replaced: false, existing: await this.#read(record, operation, options) };
    const write = { update: this.#toDocument(record), currentDocument: { updateTime: base } };
    try {
      return { replaced: true, version: toVersion(await this.#client.commit(write, operation, options), operation) };
    } catch (error) {
      return { replaced: false, existing: await this.#winner(error, record, version, operation, options) };
    }
  }

  async delete(key: RecordKey, version: Version, options?: CallOptions): Promise<DeleteResult> {
    assertKey(key);
    const operation = 'key-value-store.delete';
    const base = fromVersion(version);
    if (base === undefined) {
      if (options?.signal?.aborted === true) throw new PortError('cancelled', operation);
      return { deleted: false };
    }
    try {
      await this.#client.commit({ delete: this.#nameOf(key), currentDocument: { updateTime: base } }, operation, options);
      return { deleted: true };
    } catch (error) {
      await this.#winner(error, key, version, operation, options);
      return { deleted: false };
    }
  }

  async list(partition: string, options?: ListOptions & CallOptions): Promise<RecordPage> {
    const { prefix, after, limit } = checkListOptions(partition, options);
    const operation = 'key-value-store.list';
    const start = `${encodeKeyPart(partition)}!`;
    const first = start + encodeKeyPrefix(prefix);
    const last = after === undefined ? '' : start + encodeKeyPart(after);
    const documents = await this.#client.query(
      {
        from: [{ collectionId: this.#collection }],
        orderBy: [{ field: { fieldPath: '__name__' }, direction: 'ASCENDING' }],
        startAt: { values: [{ referenceValue: this.#root + (last < first ? first : last) }], before: last < first },
        // `~` is the greatest character of an encoded part and never stands twice: the least name above all with the prefix.
        endAt: { values: [{ referenceValue: `${this.#root}${first}~~` }], before: true },
        // One more tells whether this is the end.
        limit: { value: limit + 1 },
      },
      operation,
      options,
    );
    const idAt = this.#root.length + start.length;
    const records = documents
      .slice(0, limit)
      .map((document) => toRecord({ partition, id: storedId(document.name?.slice(idAt) ?? '') }, document, operation));
    return documents.length > limit ? { records, next: records.at(-1)?.id } : { records };
  }

  /** Reads a document that cannot be: an encoded partition is not empty. */
  async check(options?: CallOptions): Promise<void> {
    await this.#client.read(`${this.#root}!`, 'key-value-store.check', options);
  }

  async #read(key: RecordKey, operation: string, options: CallOptions | undefined): Promise<StoredRecord | undefined> {
    const document = await this.#client.read(this.#nameOf(key), operation, options);
    return document && toRecord(key, document, operation);
  }

  /** What stands in place of `version` after a refused write; throws `error` when it is no such refusal, or `version` is still there. */
  async #winner(
    error: unknown,
    key: RecordKey,
    version: Version,
    operation: string,
    options: CallOptions | undefined,
  ): Promise<StoredRecord | undefined> {
    if (!(error instanceof PortError && refusals.has(error.reason))) throw error;
    const winner = await this.#read(key, operation, options);
    if (winner?.version === version) throw error;
    return winner;
  }

  #nameOf({ partition, id }: RecordKey): string {
    return `${this.#root}${encodeKeyPart(partition)}!${encodeKeyPart(id)}`;
  }

  #toDocument(record: NewRecord): { name: string; fields: NonNullable<Document['fields']> } {
    const { value, expiresAt } = record;
    return {
      name: this.#nameOf(record),
      fields: {
        value: { stringValue: value },
        write: { stringValue: randomUUID() },
        ...(expiresAt === undefined ? {} : { expiresAt: { timestampValue: toTimestamp(expiresAt) } }),
      },
    };
  }
}

function toRecord(key: RecordKey, { fields, updateTime }: Document, operation: string): StoredRecord {
  const value = fields?.['value']?.stringValue;
  if (typeof value !== 'string') throw new PortError('data_loss', operation, { reason: 'NoValue' });
  const record = { partition: key.partition, id: key.id, value, version: toVersion(updateTime, operation) };
  const expiresAt = fields?.['expiresAt']?.timestampValue;
  return expiresAt == null ? record : { ...record, expiresAt: toEpochMillis(expiresAt) };
}

function toTimestamp(epochMillis: EpochMillis): Timestamp {
  const seconds = Math.floor(epochMillis / 1_000);
  return { seconds, nanos: (epochMillis - seconds * 1_000) * 1_000_000 };
}

function toEpochMillis({ seconds, nanos }: Timestamp): EpochMillis {
  return Number(seconds ?? 0) * 1_000 + Math.round((nanos ?? 0) / 1_000_000);
}

/** `<seconds>.<microseconds>` since 1970. */
function toVersion(updateTime: Timestamp | null | undefined, operation: string): Version {
  if (updateTime?.seconds == null) throw new PortError('internal', operation, { reason: 'NoUpdateTime' });
  const { seconds, nanos } = updateTime;
  return `${Number(seconds)}.${String(Math.trunc((nanos ?? 0) / 1_000)).padStart(6, '0')}`;
}

/** Undefined for what is no instant that Firestore takes (microseconds, years 1970 to 9999): it would refuse the call. */
function fromVersion(version: Version): Timestamp | undefined {
  const match = /^([1-9]\d{0,11})\.(\d{6})$/.exec(version);
  if (match === null || Number(match[1]) > 253_402_300_799) return undefined;
  return { seconds: Number(match[1]), nanos: Number(match[2]) * 1_000 };
}
