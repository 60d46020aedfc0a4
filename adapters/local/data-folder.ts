import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { StoredKeys } from '../../core/auth/key-records.ts';
import { durable } from '../../core/storage/durable.ts';
import { base64url } from '../../core/text/base64url.ts';
import { nodeCrypto } from '../node/node-crypto.ts';
import { systemClock } from '../node/system-clock.ts';
import { openSqlite } from './sqlite.ts';
import type { Sqlite } from './sqlite.ts';

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
  const signingKey = join(secretsFolder, 'signing-key');
  if (!existsSync(signingKey)) writeFileSync(signingKey, base64url(nodeCrypto.randomBytes(32)), { mode: 0o600, flag: 'wx' });
  return { sqlite: openSqlite(join(folder, 'portolan.sqlite')), secretsFolder };
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
