import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { PortError } from '../../../core/ports/index.ts';
import type { CallOptions, Clock, Counters, Increment, RecordKey } from '../../../core/ports/index.ts';
import { assertKey, encodeKeyPart } from '../../../core/storage/record-key.ts';
import { checkIncrement, checkSum } from '../../../core/storage/store-counters.ts';
import { GroupCommit } from './group-commit.ts';
import { toPortError } from './sqlite-errors.ts';

/** How many operation ids a counter remembers. */
const remembered = 16;

interface Row {
  readonly n: number;
  /** The last operation ids, newest first, with a space between: none can hold one. */
  readonly operations: string;
  readonly expires_at: number | null;
}

/** The counters port in the same file as `SqliteStore`: exact, read and written in one transaction. */
export class SqliteCounters implements Counters {
  readonly exact = true;
  readonly #clock: Clock;
  readonly #get: StatementSync;
  readonly #update: StatementSync;
  readonly #start: StatementSync;
  readonly #group: GroupCommit;

  constructor(database: DatabaseSync, clock: Clock) {
    this.#clock = clock;
    this.#get = database.prepare('SELECT n, operations, expires_at FROM counters WHERE partition = ? AND id = ?');
    this.#update = database.prepare('UPDATE counters SET n = ?, operations = ? WHERE partition = ? AND id = ?');
    this.#start = database.prepare('INSERT OR REPLACE INTO counters VALUES (?, ?, ?, ?, ?)');
    this.#group = new GroupCommit(database);
  }

  async increment(increment: Increment, options?: CallOptions): Promise<number> {
    const { key, by, operationId, expiresAt } = checkIncrement(increment);
    return call('increment', options, () =>
      this.#group.write(() => {
        const row = this.#live(key);
        const operations = row === undefined || row.operations === '' ? [] : row.operations.split(' ');
        if (row !== undefined && operations.includes(operationId)) return row.n;
        const n = checkSum((row?.n ?? 0) + by);
        const kept = [operationId, ...operations].slice(0, remembered).join(' ');
        if (row === undefined) this.#start.run(...encodeKey(key), n, kept, expiresAt ?? null);
        else this.#update.run(n, kept, ...encodeKey(key));
        return n;
      }),
    );
  }

  async read(key: RecordKey, options?: CallOptions): Promise<number> {
    assertKey(key);
    return call('read', options, () => this.#live(key)?.n ?? 0);
  }

  #live(key: RecordKey): Row | undefined {
    const row = this.#get.get(...encodeKey(key)) as Row | undefined;
    return row === undefined || (row.expires_at !== null && row.expires_at <= this.#clock.now()) ? undefined : row;
  }
}

function encodeKey({ partition, id }: RecordKey): [string, string] {
  return [encodeKeyPart(partition), encodeKeyPart(id)];
}

async function call<T>(method: string, options: CallOptions | undefined, run: () => T | Promise<T>): Promise<T> {
  const operation = `counters.${method}`;
  if (options?.signal?.aborted === true) throw new PortError('cancelled', operation);
  try {
    return await run();
  } catch (error) {
    throw toPortError(error, operation);
  }
}
