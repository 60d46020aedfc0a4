import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { PortError } from '../../../core/ports/index.ts';
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
} from '../../../core/ports/index.ts';
import { assertRecord, checkListOptions, encodeKeyPart, encodeKeyPrefix } from '../../../core/storage/record-key.ts';
import { storedId } from '../../../core/storage/stored-id.ts';
import { GroupCommit } from './group-commit.ts';
import { toPortError } from './sqlite-errors.ts';

interface Row {
  readonly id: string;
  readonly value: string;
  readonly version: string;
  readonly expires_at: number | null;
}

/**
 * The storage port in one SQLite file, see `openSqlite`. Every operation is one statement, or one and a read; `node:sqlite` is
 * synchronous, so the writes of a turn block the thread as long as the disk takes, once for all.
 *
 * A version is a random name of this opening of the file and a number: never used twice, in whatever process.
 */
export class SqliteStore implements KeyValueStore {
  readonly #get: StatementSync;
  readonly #create: StatementSync;
  readonly #replace: StatementSync;
  readonly #delete: StatementSync;
  readonly #list: StatementSync;
  readonly #group: GroupCommit;
  readonly #writer = crypto.randomUUID();
  #writes = 0;

  constructor(database: DatabaseSync) {
    this.#group = new GroupCommit(database);
    this.#get = database.prepare('SELECT value, version, expires_at FROM records WHERE partition = ? AND id = ?');
    this.#create = database.prepare('INSERT INTO records VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING');
    this.#replace = database.prepare(
      'UPDATE records SET value = ?, version = ?, expires_at = ? WHERE partition = ? AND id = ? AND version = ?',
    );
    this.#delete = database.prepare('DELETE FROM records WHERE partition = ? AND id = ? AND version = ?');
    // Encoded ids are ASCII and a prefix of the id is a prefix of its encoded form: what starts with it lies between it and it + DEL.
    this.#list = database.prepare(
      'SELECT id, value, version, expires_at FROM records WHERE partition = ? AND id > ? AND id >= ? AND id < ? ORDER BY id LIMIT ?',
    );
  }

  async get(key: RecordKey, options?: CallOptions): Promise<StoredRecord | undefined> {
    const at = encodeKey(key);
    return call('get', options, () => this.#read(key, at));
  }

  async create(record: NewRecord, options?: CallOptions): Promise<CreateResult> {
    assertRecord(record);
    const at = encodeKey(record);
    const version = this.#newVersion();
    return this.#write('create', options, () => {
      const { changes } = this.#create.run(...at, record.value, version, record.expiresAt ?? null);
      return changes === 1 ? { created: true, version } : { created: false, existing: this.#read(record, at) };
    });
  }

  async replace(record: NewRecord, version: Version, options?: CallOptions): Promise<ReplaceResult> {
    assertRecord(record);
    const at = encodeKey(record);
    const next = this.#newVersion();
    return this.#write('replace', options, () => {
      const { changes } = this.#replace.run(record.value, next, record.expiresAt ?? null, ...at, String(version));
      return changes === 1 ? { replaced: true, version: next } : { replaced: false, existing: this.#read(record, at) };
    });
  }

  async delete(key: RecordKey, version: Version, options?: CallOptions): Promise<DeleteResult> {
    const at = encodeKey(key);
    return this.#write('delete', options, () => ({ deleted: this.#delete.run(...at, String(version)).changes === 1 }));
  }

  async list(partition: string, options?: ListOptions & CallOptions): Promise<RecordPage> {
    const { prefix, after, limit } = checkListOptions(partition, options);
    const start = encodeKeyPrefix(prefix);
    const from = after === undefined ? '' : encodeKeyPart(after);
    return call('list', options, () => {
      // One more than asked for tells whether there is more.
      const rows = this.#list.all(encodeKeyPart(partition), from, start, `${start}\x7f`, limit + 1) as unknown as Row[];
      const records = rows.slice(0, limit).map((row) => toRecord({ partition, id: storedId(row.id) }, row));
      return rows.length > limit ? { records, next: records.at(-1)?.id } : { records };
    });
  }

  async check(options?: CallOptions): Promise<void> {
    await call('check', options, () => this.#get.get('check', 'check'));
  }

  #write<T>(method: string, options: CallOptions | undefined, statements: () => T): Promise<T> {
    return call(method, options, () => this.#group.write(statements));
  }

  #read(key: RecordKey, at: EncodedKey): StoredRecord | undefined {
    const row = this.#get.get(...at) as Row | undefined;
    return row && toRecord(key, row);
  }

  #newVersion(): Version {
    return `${this.#writer}.${++this.#writes}`;
  }
}

type EncodedKey = readonly [partition: string, id: string];

function encodeKey({ partition, id }: RecordKey): EncodedKey {
  return [encodeKeyPart(partition), encodeKeyPart(id)];
}

function toRecord({ partition, id }: RecordKey, { value, version, expires_at }: Row): StoredRecord {
  return expires_at === null ? { partition, id, value, version } : { partition, id, value, version, expiresAt: expires_at };
}

async function call<T>(method: string, options: CallOptions | undefined, run: () => T | Promise<T>): Promise<T> {
  const operation = `key-value-store.${method}`;
  if (options?.signal?.aborted === true) throw new PortError('cancelled', operation);
  try {
    return await run();
  } catch (error) {
    throw toPortError(error, operation);
  }
}
