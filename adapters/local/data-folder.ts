import { chmodSync, closeSync, existsSync, linkSync, mkdirSync, openSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { StoredKeys } from '../../core/auth/key-records.ts';
import { durable } from '../../core/storage/durable.ts';
import { base64url } from '../../core/text/base64url.ts';
import { nodeCrypto } from '../node/node-crypto.ts';
import { systemClock } from '../node/system-clock.ts';
import { openSqlite } from './sqlite/sqlite.ts';
import type { Sqlite } from './sqlite/sqlite.ts';

/** What a local Portolan keeps: the store, and secrets in files. */
export interface DataFolder {
  readonly sqlite: Sqlite;
  /** One file per secret. */
  readonly secretsFolder: string;
}

/** Opens a data folder, making it and what is missing in it: readable by its owner only. */
export function openDataFolder(folder: string): DataFolder {
  const secretsFolder = join(folder, 'secrets');
  mkdirSync(secretsFolder, { recursive: true, mode: 0o700 });
  makeSigningKey(join(secretsFolder, 'signing-key'));
  const database = databaseIn(folder);
  // The folder may have been there before, open to all. SQLite gives its other files the mode of the first.
  closeSync(openSync(database, 'a', 0o600));
  for (const file of [database, `${database}-wal`, `${database}-shm`]) closeToOthers(file);
  return { sqlite: openSqlite(database), secretsFolder };
}

/** Whether a data folder is there: for commands that only look into one. */
export function isDataFolder(folder: string): boolean {
  return existsSync(databaseIn(folder));
}

function databaseIn(folder: string): string {
  return join(folder, 'portolan.sqlite');
}

/**
 * Makes the key whole or not at all: it gets its name when it is on the disk, and of two processes that start at once the first one's
 * stays. An empty one, left by a crash, signs nothing and is replaced.
 */
function makeSigningKey(file: string): void {
  const size = statSync(file, { throwIfNoEntry: false })?.size;
  if (size !== undefined && size > 0) return;
  if (size === 0) rmSync(file);
  const made = `${file}.${base64url(nodeCrypto.randomBytes(9))}.new`;
  try {
    writeFileSync(made, base64url(nodeCrypto.randomBytes(32)), { mode: 0o600, flag: 'wx', flush: true });
    linkSync(made, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(made, { force: true });
  }
}

function closeToOthers(file: string): void {
  const mode = statSync(file, { throwIfNoEntry: false })?.mode ?? 0;
  if ((mode & 0o077) !== 0) chmodSync(file, 0o600);
}

/** The API keys of a data folder, for commands beside a running server: SQLite lets both in. */
export function openKeys(folder: string): { readonly keys: StoredKeys; [Symbol.asyncDispose](): Promise<void> } {
  const { sqlite } = openDataFolder(folder);
  return {
    keys: new StoredKeys(durable(sqlite.store, { clock: systemClock, crypto: nodeCrypto })),
    async [Symbol.asyncDispose]() {
      sqlite.close();
    },
  };
}
