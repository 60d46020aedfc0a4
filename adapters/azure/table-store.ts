import { odata } from '@azure/data-tables';
import type { TableClient, TableEntityResult } from '@azure/data-tables';
import { PortError } from '../../core/ports/index.ts';
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
} from '../../core/ports/index.ts';
import { assertKey, assertRecord, checkListOptions, encodeKeyPart, encodeKeyPrefix } from '../../core/storage/record-key.ts';
import { storedId } from '../../core/storage/stored-id.ts';
import { attempt } from './attempt.ts';
import { lostRace } from './lost-race.ts';
import { queryPage } from './query-page.ts';
import { serviceCodeOf } from './to-port-error.ts';

export interface TableStoreOptions {
  /** How long one call may take, in milliseconds; default 1,000. */
  readonly attemptTimeoutMs?: number | undefined;
}

/** One record as a row. `PartitionKey` and `RowKey` are the encoded parts of its key, the version is the row's etag. */
interface Row {
  readonly partitionKey: string;
  readonly rowKey: string;
  /** A string, or its UTF-16LE bytes (see `pack`). */
  readonly value: string | Uint8Array;
  /** Epoch milliseconds as `Edm.Int64`: exact, and what the sweeper's query compares. */
  readonly expiresAt?: bigint | { readonly type: 'Int64'; readonly value: string };
}

/**
 * The storage port on Azure Tables: one row a record, one call an operation, except that a lost race costs a second call to read the
 * winner, because Tables does not tell. The client's own retries must be off (`recordsTable` sees to it).
 *
 * Tables has no time to live: `Sweeper` purges.
 */
export class TableStore implements KeyValueStore {
  readonly #table: TableClient;
  readonly #timeoutMs: number;

  constructor(table: TableClient, { attemptTimeoutMs = 1_000 }: TableStoreOptions = {}) {
    this.#table = table;
    this.#timeoutMs = attemptTimeoutMs;
  }

  async get(key: RecordKey, options?: CallOptions): Promise<StoredRecord | undefined> {
    assertKey(key);
    return this.#read(key, 'key-value-store.get', options);
  }

  async create(record: NewRecord, options?: CallOptions): Promise<CreateResult> {
    assertRecord(record);
    const operation = 'key-value-store.create';
    const answer = await attempt(operation, this.#timeoutMs, options, async (sdk) => {
      try {
        return await this.#table.createEntity(rowOf(record), sdk);
      } catch (error) {
        if (serviceCodeOf(error) === 'EntityAlreadyExists') return undefined;
        throw error;
      }
    });
    return answer === undefined
      ? { created: false, existing: await this.#read(record, operation, options) }
      : { created: true, version: given(answer.etag, operation) };
  }

  async replace(record: NewRecord, version: Version, options?: CallOptions): Promise<ReplaceResult> {
    assertRecord(record);
    const operation = 'key-value-store.replace';
    if (isEtag(version)) {
      const outcome = await attempt(operation, this.#timeoutMs, options, (sdk) =>
        lostRace(() => this.#table.updateEntity(rowOf(record), 'Replace', { ...sdk, etag: version })),
      );
      if (outcome.won) return { replaced: true, version: given(outcome.result.etag, operation) };
      if (outcome.absent) return { replaced: false, existing: undefined };
    }
    return { replaced: false, existing: await this.#read(record, operation, options) };
  }

  async delete(key: RecordKey, version: Version, options?: CallOptions): Promise<DeleteResult> {
    assertKey(key);
    const outcome = await attempt('key-value-store.delete', this.#timeoutMs, options, async (sdk) =>
      isEtag(version)
        ? lostRace(() => this.#table.deleteEntity(encodeKeyPart(key.partition), encodeKeyPart(key.id), { ...sdk, etag: version }))
        : ({ won: false } as const),
    );
    return { deleted: outcome.won };
  }

  async list(partition: string, options?: ListOptions & CallOptions): Promise<RecordPage> {
    const { prefix, after, limit } = checkListOptions(partition, options);
    const operation = 'key-value-store.list';
    const filter = pageFilter(encodeKeyPart(partition), encodeKeyPrefix(prefix), after === undefined ? '' : encodeKeyPart(after));
    // Tables may answer an empty page before the end (five seconds, or a boundary of its servers); we have no id to go on from then.
    for (let from: string | undefined; ;) {
      const page = await attempt(operation, this.#timeoutMs, options, (sdk) =>
        queryPage<Row>(this.#table, { filter, limit, from }, sdk),
      );
      const records = page.rows.map((row) => recordOf(row, partition, storedId(row.rowKey), operation));
      if (page.next === undefined) return { records };
      if (records.length > 0) return { records, next: records.at(-1)?.id };
      from = page.next;
    }
  }

  /** Reads a row that cannot be: an encoded key never starts with an underscore. */
  async check(options?: CallOptions): Promise<void> {
    await this.#readRow('_', '_', 'key-value-store.check', options);
  }

  async #read(key: RecordKey, operation: string, options: CallOptions | undefined): Promise<StoredRecord | undefined> {
    const row = await this.#readRow(encodeKeyPart(key.partition), encodeKeyPart(key.id), operation, options);
    return row === undefined ? undefined : recordOf(row, key.partition, key.id, operation);
  }

  async #readRow(
    partitionKey: string,
    rowKey: string,
    operation: string,
    options: CallOptions | undefined,
  ): Promise<TableEntityResult<Row> | undefined> {
    return attempt(operation, this.#timeoutMs, options, async (sdk) => {
      try {
        return await this.#table.getEntity<Row>(partitionKey, rowKey, sdk);
      } catch (error) {
        // A missing table is 404 as well, and no absence.
        if (serviceCodeOf(error) === 'ResourceNotFound') return undefined;
        throw error;
      }
    });
  }
}

/** Every write of a row answers with its etag; without it the version would be unknown. */
function given(etag: string | undefined, operation: string): Version {
  if (etag === undefined) throw new PortError('internal', operation, { reason: 'NoEtag' });
  return etag;
}

/** Only what looks like a row's etag is sent: Tables answers 400 to anything else, and takes `*` for "whatever is there". */
function isEtag(version: Version): boolean {
  return /^W\/"datetime'\d{4}-\d\d-\d\d[\dTZ%A.:-]{1,40}'"$/i.test(version);
}

function rowOf({ partition, id, value, expiresAt }: NewRecord): Row {
  const partitionKey = encodeKeyPart(partition);
  const rowKey = encodeKeyPart(id);
  return expiresAt === undefined
    ? { partitionKey, rowKey, value: pack(value) }
    : { partitionKey, rowKey, value: pack(value), expiresAt: { type: 'Int64', value: String(expiresAt) } };
}

function recordOf(row: TableEntityResult<Row>, partition: string, id: string, operation: string): StoredRecord {
  const { value, expiresAt, etag } = row;
  const text = typeof value === 'string' ? value : value instanceof Uint8Array ? unpack(value) : undefined;
  if (text === undefined || !(expiresAt === undefined || typeof expiresAt === 'bigint')) {
    throw new PortError('data_loss', operation, { reason: 'NotARecord' });
  }
  return expiresAt === undefined
    ? { partition, id, value: text, version: etag }
    : { partition, id, value: text, version: etag, expiresAt: Number(expiresAt) };
}

/** What XML 1.0 has no form for. The service speaks JSON with us, but was made for Atom, and does not say what it keeps. */
// oxlint-disable-next-line no-control-regex
const beyondXml = /[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]/;
// oxlint-disable-next-line no-control-regex
const beyondAscii = /[^\u0000-\u007F]/;

/** A longer text may make a request of more than 64 KiB. There Azurite 3.37.0 breaks a character that lies across the boundary of two chunks. */
const longText = 21_000;

/** As bytes of UTF-16 every text fits a property: 64 KiB for `maxValueLength`, which is how the service counts a string. */
function pack(value: string): string | Uint8Array {
  const risky = value.length > longText ? beyondAscii.test(value) || beyondXml.test(value) : beyondXml.test(value);
  return risky ? Buffer.from(value, 'utf16le') : value;
}

function unpack(value: Uint8Array): string {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('utf16le');
}

/**
 * The rows of a partition, in order, from a prefix or after an id. All three are encoded, so `~` is the last character there is, and
 * never stands twice: `<prefix>~~` is above every id with the prefix.
 */
function pageFilter(partition: string, prefix: string, after: string): string {
  const from = after !== '' && after >= prefix ? odata`RowKey gt ${after}` : odata`RowKey ge ${prefix}`;
  const scope = odata`PartitionKey eq ${partition}`;
  if (prefix === '') return after === '' ? scope : `${scope} and ${from}`;
  return `${scope} and ${from} and ${odata`RowKey lt ${`${prefix}~~`}`}`;
}
