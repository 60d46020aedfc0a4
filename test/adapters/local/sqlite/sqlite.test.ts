import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { loadSqlite } from '../../../../adapters/local/sqlite/load-sqlite.ts';
import { sqliteCodes, toPortError } from '../../../../adapters/local/sqlite/sqlite-errors.ts';
import { SqliteStore } from '../../../../adapters/local/sqlite/sqlite-store.ts';
import { openSqlite } from '../../../../adapters/local/sqlite/sqlite.ts';
import { nodeCrypto } from '../../../../adapters/node/node-crypto.ts';
import { PortError } from '../../../../core/ports/index.ts';
import { durable } from '../../../../core/storage/durable.ts';
import { StoreCounters } from '../../../../core/storage/store-counters.ts';
import { outageTitles, testCounters, testKeyValueStore, testRetrySafety } from '../../../conformance/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'portolan-sqlite-'));
let files = 0;
const newFile = (): string => join(folder, `${++files}.db`);
const writer = new URL('../../../support/sqlite-writer.ts', import.meta.url).pathname;

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function failureOf(call: () => unknown): unknown {
  try {
    return { answered: call() };
  } catch (error) {
    return error;
  }
}

testKeyValueStore({
  name: 'SQLite',
  makeStore: async () => openSqlite(newFile()),
  skips: { [outageTitles.denied[0] ?? '']: 'a file has no credentials; one that may not be written is tested below' },
  outages: {
    unreachable: async () => {
      const { store, close } = openSqlite(newFile());
      close();
      return store;
    },
    missing: async () => {
      const path = newFile();
      const { store } = openSqlite(path);
      new DatabaseSync(path).exec('DROP TABLE records');
      return store;
    },
  },
});

testCounters({ name: 'SQLite', makeCounters: async (clock) => openSqlite(newFile(), { clock }) });

testCounters({
  name: 'SQLite, by compare-and-set',
  makeCounters: async (clock) => {
    const { store, close } = openSqlite(newFile());
    return { counters: new StoreCounters(durable(store, { clock, crypto: nodeCrypto }), clock), close };
  },
});

testRetrySafety({ name: 'SQLite', makeStore: async () => openSqlite(newFile()), drops: 10_000 });

describe('a SQLite file', () => {
  test('keeps everything over close and open', async () => {
    const path = newFile();
    const first = openSqlite(path);
    await first.store.create({ partition: 'p', id: 'a', value: 'kept', expiresAt: 4_102_444_800_123 });
    await first.counters.increment({ key: { partition: 'p', id: 'a' }, operationId: 'once', by: 7 });
    const record = await first.store.get({ partition: 'p', id: 'a' });
    first.close();
    const second = openSqlite(path);
    expect(await second.store.get({ partition: 'p', id: 'a' })).toEqual(record);
    expect(await second.counters.increment({ key: { partition: 'p', id: 'a' }, operationId: 'once', by: 7 })).toBe(7);
    second.close();
  });

  test('never gives a version twice, over close and open either', async () => {
    const path = newFile();
    const versions: string[] = [];
    for (let opening = 0; opening < 3; opening++) {
      const { store, close } = openSqlite(path);
      const result = await store.create({ partition: 'p', id: 'a', value: 'same' });
      if (!result.created) throw new Error('The key was to be free');
      versions.push(result.version);
      await store.delete({ partition: 'p', id: 'a' }, result.version);
      close();
    }
    expect(new Set(versions).size).toBe(3);
  });

  test('waits for the disk: write-ahead log, and synchronous FULL, on the connection that writes', () => {
    const executed = vi.spyOn(DatabaseSync.prototype, 'exec');
    const path = newFile();
    openSqlite(path).close();
    const statements = executed.mock.calls.map(([sql]) => sql).join('\n');
    executed.mockRestore();
    expect(statements).toContain('synchronous = FULL');
    expect(new DatabaseSync(path).prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'wal' });
  });

  test('a purge deletes what expired at or before the instant, in batches, and nothing else', async () => {
    const { store, counters, purgeExpired, close } = openSqlite(newFile());
    for (let n = 0; n < 1_200; n++) await store.create({ partition: 'p', id: `past-${n}`, value: '', expiresAt: 1_000 + (n % 2) });
    await store.create({ partition: 'p', id: 'later', value: '', expiresAt: 1_002 });
    await store.create({ partition: 'p', id: 'forever', value: '' });
    await counters.increment({ key: { partition: 'p', id: 'past' }, operationId: 'x', expiresAt: 1_001 });
    expect(await purgeExpired(999)).toBe(0);
    expect(await purgeExpired(1_000)).toBe(600);
    expect(await purgeExpired(1_001)).toBe(601);
    expect((await store.list('p')).records.map(({ id }) => id)).toEqual(['forever', 'later']);
    close();
  });

  test('a purge finds its rows through the index', () => {
    const path = newFile();
    openSqlite(path).close();
    const plan = new DatabaseSync(path)
      .prepare('EXPLAIN QUERY PLAN SELECT partition, id FROM records WHERE expires_at <= 1 ORDER BY expires_at LIMIT 500')
      .all();
    expect(JSON.stringify(plan)).toContain('records_expires_at');
  });
});

describe('several processes on one SQLite file', () => {
  test('two connections see each other at once, and of two creators one wins', async () => {
    const path = newFile();
    const [one, two] = [openSqlite(path), openSqlite(path)];
    const created = await one.store.create({ partition: 'p', id: 'a', value: 'one' });
    expect(await two.store.create({ partition: 'p', id: 'a', value: 'two' })).toMatchObject({
      created: false,
      existing: { value: 'one' },
    });
    const version = created.created ? created.version : '';
    expect(await two.store.replace({ partition: 'p', id: 'a', value: 'two' }, version)).toHaveProperty('replaced', true);
    expect(await one.store.get({ partition: 'p', id: 'a' })).toHaveProperty('value', 'two');
    expect(await one.store.delete({ partition: 'p', id: 'a' }, version)).toEqual({ deleted: false });
    one.close();
    two.close();
  });

  test('four processes that open a new file at once and increment one record lose no update', async () => {
    const path = newFile();
    const children = Array.from({ length: 4 }, () =>
      spawn(process.execPath, [writer, path, 'increment', '50'], { stdio: ['ignore', 'ignore', 'inherit'] }),
    );
    const codes = await Promise.all(children.map((child) => once(child, 'exit').then(([code]) => code as number)));
    expect(codes).toEqual([0, 0, 0, 0]);
    const { store, counters, close } = openSqlite(path);
    expect(await store.get({ partition: 'p', id: 'shared' })).toHaveProperty('value', '200');
    expect(await counters.read({ partition: 'p', id: 'shared' })).toBe(200);
    close();
  });

  test('a lock that another one holds too long is unavailable, which a retry may help', async () => {
    const path = newFile();
    const { store, counters, close } = openSqlite(path, { busyTimeoutMs: 20 });
    const other = new DatabaseSync(path);
    other.exec('BEGIN IMMEDIATE');
    for (const write of [
      () => store.create({ partition: 'p', id: 'a', value: '' }),
      () => counters.increment({ key: { partition: 'p', id: 'a' }, operationId: 'x' }),
    ]) {
      await expect(write).rejects.toMatchObject({ name: 'PortError', code: 'unavailable', reason: 'SQLITE_BUSY', retryable: true });
    }
    expect(await store.get({ partition: 'p', id: 'a' })).toBeUndefined();
    other.exec('ROLLBACK');
    expect(await store.create({ partition: 'p', id: 'a', value: '' })).toHaveProperty('created', true);
    expect(await counters.increment({ key: { partition: 'p', id: 'a' }, operationId: 'x' })).toBe(1);
    other.close();
    close();
  });
});

describe('a process killed with SIGKILL', () => {
  test('loses no write it acknowledged, at whatever moment, and leaves a file that opens', async () => {
    let acknowledged = 0;
    for (let round = 0; round < 10; round++) {
      const path = newFile();
      const child = spawn(process.execPath, [writer, path, 'insert'], { stdio: ['ignore', 'pipe', 'inherit'] });
      const ended = once(child, 'exit');
      const ids: string[] = [];
      const killAfter = 1 + Math.floor(Math.random() * 60);
      for await (const id of createInterface({ input: child.stdout })) {
        ids.push(id);
        if (ids.length === killAfter) child.kill('SIGKILL');
      }
      expect((await ended)[1]).toBe('SIGKILL');
      const { store, close } = openSqlite(path);
      // The last line may have been cut short by the kill.
      for (const id of ids.filter((line) => line.endsWith('.'))) {
        expect(await store.get({ partition: 'p', id }), `round ${round}`).toHaveProperty('value', `value of ${id}`);
        acknowledged++;
      }
      close();
    }
    expect(acknowledged).toBeGreaterThanOrEqual(10);
  });
});

describe("SQLite's errors", () => {
  test.each(Object.entries(sqliteCodes))('result code %s is %o, with extended bits too', (errcode, { name, code }) => {
    for (const extended of [0, 1, 7]) {
      const error = Object.assign(new Error('secret value'), {
        code: 'ERR_SQLITE_ERROR',
        errcode: Number(errcode) + extended * 256,
      });
      expect(toPortError(error, 'key-value-store.get')).toEqual(new PortError(code, 'key-value-store.get', { reason: name }));
    }
  });

  test('an unknown result code is internal, and no message is passed on', () => {
    const error = Object.assign(new Error('secret value'), { code: 'ERR_SQLITE_ERROR', errcode: 99 });
    expect(toPortError(error, 'x.y')).toEqual(new PortError('internal', 'x.y', { reason: 'SQLITE_99' }));
    expect(String(toPortError(error, 'x.y'))).not.toContain('secret');
  });

  test("what is not SQLite's is given back as it is", () => {
    const bug = new TypeError('bug');
    expect(toPortError(bug, 'x.y')).toBe(bug);
  });

  test('a folder that is not there is failed_precondition', () => {
    expect(failureOf(() => openSqlite(join(folder, 'none', 'x.db')))).toMatchObject({
      code: 'failed_precondition',
      reason: 'SQLITE_CANTOPEN',
    });
  });

  test('a file that is no database is data_loss', () => {
    const path = newFile();
    writeFileSync(path, 'no database at all '.repeat(1_000));
    expect(failureOf(() => openSqlite(path))).toMatchObject({ code: 'data_loss', reason: 'SQLITE_NOTADB' });
  });

  test('a damaged file is data_loss, never an absent record', async () => {
    const path = newFile();
    const whole = openSqlite(path);
    for (let n = 0; n < 50; n++) await whole.store.create({ partition: 'p', id: `id-${n}`, value: 'x'.repeat(2_000) });
    whole.close();
    const bytes = readFileSync(path);
    // The first page holds the schema.
    writeFileSync(path, bytes.fill(0xa5, 4_096));
    const { store, close } = openSqlite(path);
    const lost = { name: 'PortError', code: 'data_loss', reason: 'SQLITE_CORRUPT' };
    await expect(store.get({ partition: 'p', id: 'id-7' })).rejects.toMatchObject(lost);
    await expect(store.list('p')).rejects.toMatchObject(lost);
    await expect(store.create({ partition: 'p', id: 'new', value: '' })).rejects.toMatchObject(lost);
    close();
  });

  test('a full database is resource_exhausted, and what was there is still read', async () => {
    const path = newFile();
    openSqlite(path).close();
    const database = new DatabaseSync(path);
    database.exec('PRAGMA max_page_count = 20');
    const store = new SqliteStore(database);
    await store.create({ partition: 'p', id: 'a', value: 'kept' });
    const refused = store.create({ partition: 'p', id: 'b', value: '中'.repeat(32_768) });
    await expect(refused).rejects.toMatchObject({ name: 'PortError', code: 'resource_exhausted', reason: 'SQLITE_FULL' });
    expect(await store.get({ partition: 'p', id: 'a' })).toHaveProperty('value', 'kept');
    expect(await store.get({ partition: 'p', id: 'b' })).toBeUndefined();
    database.close();
  });

  test('a write to a database opened read-only is permission_denied, and reads go on', async () => {
    const path = newFile();
    const { store, close } = openSqlite(path);
    await store.create({ partition: 'p', id: 'a', value: 'kept' });
    const reader = openSqlite(path, { readOnly: true });
    await expect(reader.store.create({ partition: 'p', id: 'b', value: '' })).rejects.toMatchObject({ code: 'permission_denied' });
    expect(await reader.store.get({ partition: 'p', id: 'a' })).toHaveProperty('value', 'kept');
    reader.close();
    close();
  });
});

describe('loading node:sqlite', () => {
  test('hides the notice that it is experimental, and no other warning', () => {
    const emitWarning = vi.fn();
    const warnings = { emitWarning };
    loadSqlite(() => {
      warnings.emitWarning('SQLite is an experimental feature and might change at any time', 'ExperimentalWarning');
      warnings.emitWarning('Something else is an experimental feature', 'ExperimentalWarning');
      return process.getBuiltinModule('node:sqlite');
    }, warnings);
    expect(emitWarning.mock.calls).toEqual([['Something else is an experimental feature', 'ExperimentalWarning']]);
    expect(warnings.emitWarning).toBe(emitWarning);
  });

  test('leaves warnings alone when it fails', () => {
    const warnings = { emitWarning: vi.fn() };
    const { emitWarning } = warnings;
    const load = (): never => {
      throw new Error('no such module');
    };
    expect(() => loadSqlite(load, warnings)).toThrow('no such module');
    expect(warnings.emitWarning).toBe(emitWarning);
  });
});
