import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isDataFolder, openDataFolder } from '../../../adapters/local/data-folder.ts';
import type { DataFolder } from '../../../adapters/local/data-folder.ts';

describe('a data folder', () => {
  let folder: string;
  let open: DataFolder | undefined;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'portolan-data-'));
    chmodSync(folder, 0o755);
  });
  afterEach(() => {
    open?.sqlite.close();
    open = undefined;
    rmSync(folder, { recursive: true });
  });

  const modes = (): readonly string[] =>
    readdirSync(folder)
      .filter((name) => name.startsWith('portolan.sqlite'))
      .map((name) => `${name} ${(statSync(join(folder, name)).mode & 0o777).toString(8)}`)
      .toSorted();
  const closed = ['portolan.sqlite 600', 'portolan.sqlite-shm 600', 'portolan.sqlite-wal 600'];

  it('that was there before, open to all, gets a database that its owner alone can read', async () => {
    open = openDataFolder(folder);
    await open.sqlite.store.create({ partition: 'a', id: 'a', value: 'a' });
    expect(modes()).toEqual(closed);
  });

  it('of an earlier release, whose database everybody could read, is closed to others', async () => {
    open = openDataFolder(folder);
    await open.sqlite.store.create({ partition: 'a', id: 'a', value: 'kept' });
    for (const name of readdirSync(folder).filter((one) => one.startsWith('portolan.'))) chmodSync(join(folder, name), 0o644);
    const again = openDataFolder(folder);
    expect(modes()).toEqual(closed);
    expect(await again.sqlite.store.get({ partition: 'a', id: 'a' })).toMatchObject({ value: 'kept' });
    again.sqlite.close();
  });

  it('gets a signing key once, whole, closed to others, and nothing beside it', () => {
    open = openDataFolder(folder);
    const file = join(open.secretsFolder, 'signing-key');
    const key = readFileSync(file, 'utf8');
    expect(key).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    openDataFolder(folder).sqlite.close();
    expect(readFileSync(file, 'utf8')).toBe(key);
    expect(readdirSync(open.secretsFolder)).toEqual(['signing-key']);
  });

  it('with an empty signing key, as a crash could leave it, gets a whole one', () => {
    mkdirSync(join(folder, 'secrets'));
    const file = join(folder, 'secrets', 'signing-key');
    writeFileSync(file, '');
    open = openDataFolder(folder);
    expect(readFileSync(file, 'utf8')).toMatch(/^[A-Za-z0-9_-]{43}$/);
  });

  it('is told from any other folder without touching it', () => {
    expect(isDataFolder(folder)).toBe(false);
    expect(readdirSync(folder)).toEqual([]);
    open = openDataFolder(folder);
    expect(isDataFolder(folder)).toBe(true);
  });
});
