import { DatabaseSync } from 'node:sqlite';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { GroupCommit } from '../../../../adapters/local/sqlite/group-commit.ts';

let folder: string;
let database: DatabaseSync;
let commits: number;
let group: GroupCommit;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'group-commit-'));
  database = new DatabaseSync(join(folder, 'a.sqlite'), { timeout: 0 });
  database.exec('PRAGMA journal_mode = WAL; CREATE TABLE parents (id INTEGER PRIMARY KEY)');
  database.exec(
    'CREATE TABLE rows (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED) STRICT',
  );
  commits = 0;
  const counted = new Proxy(database, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (name !== 'prepare') return typeof value === 'function' ? value.bind(target) : value;
      return (sql: string) => {
        const statement = target.prepare(sql);
        return sql === 'COMMIT' ? { run: () => (commits++, statement.run()) } : statement;
      };
    },
  });
  group = new GroupCommit(counted);
});
afterEach(() => {
  database.close();
  rmSync(folder, { recursive: true });
});

const insert =
  (id: number, parent: number | null = null): (() => number) =>
  () => {
    database.prepare('INSERT INTO rows VALUES (?, ?)').run(id, parent);
    return id;
  };
const stored = (): unknown[] =>
  database
    .prepare('SELECT id FROM rows ORDER BY id')
    .all()
    .map(({ id }) => id);

test('what is written in one turn is committed once, and each caller gets its own result', async () => {
  expect(await Promise.all([3, 1, 2].map((id) => group.write(insert(id))))).toEqual([3, 1, 2]);
  expect(commits).toBe(1);
  expect(await group.write(insert(4))).toBe(4);
  expect(commits).toBe(2);
  expect(stored()).toEqual([1, 2, 3, 4]);
});

test('nobody is told before the commit', async () => {
  const told = group.write(insert(1)).then(() => commits);
  expect(stored()).toEqual([]);
  expect(await told).toBe(1);
});

test('a write that fails fails alone', async () => {
  const settled = await Promise.allSettled([group.write(insert(1)), group.write(insert(1)), group.write(insert(2))]);
  expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(stored()).toEqual([1, 2]);
});

test('a commit that fails fails all of its turn, and none is there', async () => {
  const settled = await Promise.allSettled([group.write(insert(1)), group.write(insert(2, 7))]);
  expect(settled.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(stored()).toEqual([]);
  expect(await group.write(insert(3))).toBe(3);
});

test('where SQLite takes back the whole transaction, all of the turn fails', async () => {
  const takenBack = (): never => {
    database.exec('ROLLBACK');
    throw new Error('disk full');
  };
  const settled = await Promise.allSettled([group.write(insert(1)), group.write(takenBack), group.write(insert(2))]);
  expect(settled.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
  expect(stored()).toEqual([]);
  expect(await group.write(insert(3))).toBe(3);
});

test('another’s lock fails the turn, and the next one goes on', async () => {
  const other = new DatabaseSync(join(folder, 'a.sqlite'));
  other.exec('BEGIN IMMEDIATE');
  const settled = await Promise.allSettled([group.write(insert(1)), group.write(insert(2))]);
  expect(settled).toMatchObject([
    { status: 'rejected', reason: { errcode: 5 } },
    { status: 'rejected', reason: { errcode: 5 } },
  ]);
  other.exec('COMMIT');
  other.close();
  expect(await group.write(insert(1))).toBe(1);
});

test('a file that was closed meanwhile fails what waits', async () => {
  const other = new DatabaseSync(':memory:');
  const waiting = new GroupCommit(other).write(() => 1);
  other.close();
  await expect(waiting).rejects.toMatchObject({ code: 'ERR_INVALID_STATE' });
});
