import type { DatabaseSync } from 'node:sqlite';
import type { Clock, EpochMillis } from '../../../core/ports/index.ts';
import { systemClock } from '../../node/system-clock.ts';
import { loadSqlite } from './load-sqlite.ts';
import { SqliteCounters } from './sqlite-counters.ts';
import { toPortError } from './sqlite-errors.ts';
import { SqliteStore } from './sqlite-store.ts';

/** An open database file with what is in it. */
export interface Sqlite {
  readonly store: SqliteStore;
  readonly counters: SqliteCounters;
  /**
   * Deletes, in small transactions, records and counters that expired at or before `now`, and answers how many. Garbage collection: whether it
   * runs changes no answer of the layers above. Pass an instant well in the past of your clock (a minute), since clocks differ.
   */
  purgeExpired(now: EpochMillis): Promise<number>;
  /** Closes the file. Calls after that fail with `unavailable`. */
  close(): void;
}

export interface SqliteOptions {
  /** What the counters judge expiry by; default the system's clock. */
  readonly clock?: Clock;
  /** How long a statement waits for another process's lock, in milliseconds; default 1,000. The thread waits with it. */
  readonly busyTimeoutMs?: number;
  /** Opens what is there and writes nothing; default false. */
  readonly readOnly?: boolean;
}

/** One transaction of `purgeExpired`: short enough that a request beside it does not notice. */
const purgeBatch = 500;

const schema = `
  CREATE TABLE IF NOT EXISTS records (
    partition TEXT NOT NULL,
    id TEXT NOT NULL,
    value TEXT NOT NULL,
    version TEXT NOT NULL,
    expires_at INTEGER,
    PRIMARY KEY (partition, id)
  ) WITHOUT ROWID, STRICT;
  CREATE INDEX IF NOT EXISTS records_expires_at ON records (expires_at) WHERE expires_at IS NOT NULL;
  CREATE TABLE IF NOT EXISTS counters (
    partition TEXT NOT NULL,
    id TEXT NOT NULL,
    n INTEGER NOT NULL,
    operations TEXT NOT NULL,
    expires_at INTEGER,
    PRIMARY KEY (partition, id)
  ) WITHOUT ROWID, STRICT;
  CREATE INDEX IF NOT EXISTS counters_expires_at ON counters (expires_at) WHERE expires_at IS NOT NULL;
`;

/**
 * Opens, and where needed makes, a database file with `node:sqlite`; `:memory:` for none. The folder must exist. Several processes may
 * have one file open.
 *
 * Write-ahead log with `synchronous=FULL`: an acknowledged write outlives the process and a power cut. The counters, on a connection of
 * their own with `synchronous=NORMAL`, outlive the process too; a power cut may take the last increments, which is nothing beside what it
 * costs to wait for the disk once more in every create.
 *
 * @throws {PortError} `failed_precondition` cannot be opened, `data_loss` no database, `permission_denied` may not be written
 */
export function openSqlite(
  path: string,
  { clock = systemClock, busyTimeoutMs = 1_000, readOnly = false }: SqliteOptions = {},
): Sqlite {
  const records = open(path, busyTimeoutMs, readOnly, 'FULL');
  const counters = open(path, busyTimeoutMs, readOnly, 'NORMAL');
  const purges = Object.entries({ records, counters }).map(([table, database]) =>
    database.prepare(
      `DELETE FROM ${table} WHERE (partition, id) IN
         (SELECT partition, id FROM ${table} WHERE expires_at <= ? ORDER BY expires_at LIMIT ${purgeBatch})`,
    ),
  );
  return {
    store: new SqliteStore(records),
    counters: new SqliteCounters(counters, clock),
    async purgeExpired(now) {
      let purged = 0;
      for (const purge of purges) {
        for (let batch = purgeBatch; batch === purgeBatch;) {
          batch = attempt('sqlite.purgeExpired', () => Number(purge.run(now).changes));
          purged += batch;
          await new Promise((resolve) => setImmediate(resolve));
        }
      }
      return purged;
    },
    close() {
      counters.close();
      records.close();
    },
  };
}

function open(path: string, busyTimeoutMs: number, readOnly: boolean, synchronous: 'FULL' | 'NORMAL'): DatabaseSync {
  return attempt('sqlite.open', () => {
    const database = new (loadSqlite().DatabaseSync)(path, { timeout: busyTimeoutMs, readOnly });
    try {
      database.exec(
        readOnly ? 'SELECT 1 FROM records LIMIT 1' : `PRAGMA journal_mode = WAL; PRAGMA synchronous = ${synchronous}; ${schema}`,
      );
    } catch (error) {
      database.close();
      throw error;
    }
    return database;
  });
}

function attempt<T>(operation: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw toPortError(error, operation);
  }
}
