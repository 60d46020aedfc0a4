import { expect } from 'vitest';
import { maxValueLength } from '../../../core/ports/index.ts';
import { change, forEach, ids, numbered, present, put, scan } from './fixture.ts';
import type { StoreCase, StoreFixture } from './fixture.ts';

async function fill({ store, partition }: StoreFixture, all: readonly string[]): Promise<void> {
  await forEach(all, (id) => put(store, { partition, id, value: `value of ${id}` }));
}

/** In the order of their encoded form: `-`, `.`, digits, capitals, `_`, small letters, then what is escaped, byte by byte. */
const inOrder: readonly string[] = [
  '-',
  '0',
  '10',
  '2',
  'A',
  'Z',
  'a',
  'a-b',
  'a.b',
  'a0',
  'aA',
  'a_b',
  'aa',
  'a b',
  'a/b',
  'b',
  '\0',
  '\n',
  ' a',
  '%',
  '.a',
  '/',
  '_a',
  '~',
  'é',
  '中',
  '\uffff',
  '😀',
];

export const list: readonly StoreCase[] = [
  {
    title: 'list of an empty partition answers no records and no next',
    run: async ({ store, partition }) => {
      const page = await store.list(partition);
      expect(page.records).toEqual([]);
      expect(page.next).toBeUndefined();
    },
  },
  {
    title: 'list answers every record of the partition just as get does',
    run: async (fixture) => {
      const { store, partition } = fixture;
      await fill(fixture, numbered(5));
      await put(store, { partition, id: 'expires', value: '', expiresAt: 4_102_444_800_123 });
      const expected = await Promise.all(['expires', ...numbered(5)].map((id) => present(store, { partition, id })));
      expect(await scan(store, partition)).toEqual(expected);
    },
  },
  {
    title: 'list answers the records of this partition only',
    run: async (fixture) => {
      const { store, partition } = fixture;
      await fill(fixture, ['a', 'b']);
      for (const other of [`${partition}a`, `${partition}/`, `${partition}~2F`, partition.slice(0, -1), partition.toUpperCase()]) {
        if (other === partition) continue;
        expect(await scan(store, other), other).toEqual([]);
        await store.create({ partition: other, id: 'z', value: '' });
      }
      expect(ids(await scan(store, partition))).toEqual(['a', 'b']);
    },
  },
  {
    title: 'list answers in ascending order of the encoded ids',
    run: async (fixture) => {
      await fill(fixture, inOrder.toReversed());
      expect(ids(await scan(fixture.store, fixture.partition))).toEqual(inOrder);
    },
  },
  {
    title: 'pages of any size keep the order of the encoded ids',
    run: async (fixture) => {
      await fill(fixture, inOrder.toReversed());
      for (const limit of [1, 5])
        expect(ids(await scan(fixture.store, fixture.partition, { limit })), `limit ${limit}`).toEqual(inOrder);
    },
  },
  {
    title: 'list sees every acknowledged write at once',
    run: async ({ store, partition }) => {
      const key = { partition, id: 'a' };
      const first = await put(store, { ...key, value: 'first' });
      expect((await store.list(partition)).records).toMatchObject([{ value: 'first', version: first }]);
      const second = await change(store, { ...key, value: 'second' }, first);
      expect((await store.list(partition)).records).toMatchObject([{ value: 'second', version: second }]);
      await store.delete(key, second);
      expect((await store.list(partition)).records).toEqual([]);
    },
  },
  {
    title: 'a version that list answers is good for a replace and a delete',
    run: async (fixture) => {
      const { store, partition } = fixture;
      await fill(fixture, ['a', 'b']);
      const [a, b] = await scan(store, partition);
      expect(await store.replace({ partition, id: 'a', value: '' }, a?.version ?? '')).toHaveProperty('replaced', true);
      expect(await store.delete({ partition, id: 'b' }, b?.version ?? '')).toEqual({ deleted: true });
    },
  },
  {
    title: 'prefix answers the ids that start with it, itself included, and no others',
    run: async (fixture) => {
      const { store, partition } = fixture;
      await fill(fixture, ['job', 'job-1', 'job-2', 'job/3', 'JOB-4', 'jo', 'a-job', 'jobb', 'joa', 'joc', 'z']);
      expect(ids(await scan(store, partition, { prefix: 'job' }))).toEqual(['job', 'job-1', 'job-2', 'jobb', 'job/3']);
      expect(ids(await scan(store, partition, { prefix: 'job-' }))).toEqual(['job-1', 'job-2']);
      expect(ids(await scan(store, partition, { prefix: 'job-1' }))).toEqual(['job-1']);
      expect(ids(await scan(store, partition, { prefix: 'none' }))).toEqual([]);
      expect(await scan(store, partition, { prefix: '' })).toHaveLength(11);
    },
  },
  {
    title: 'a prefix is taken literally and byte for byte, whatever it is made of',
    run: async (fixture) => {
      const { store, partition } = fixture;
      const prefixes = ['%', '_', '*', '?', "'", '~', '.', '/', '\\', '\0', '[a', 'é', 'e\u0301', '😀', 'z', '\uffff', ' '];
      await fill(fixture, [...prefixes.map((prefix) => `${prefix}x`), 'x', 'ex', 'xx']);
      for (const prefix of prefixes) {
        expect(ids(await scan(store, partition, { prefix })), JSON.stringify(prefix)).toEqual([`${prefix}x`]);
      }
    },
  },
  {
    title: 'a prefix is paged like everything else',
    run: async (fixture) => {
      const { store, partition } = fixture;
      await fill(fixture, [...numbered(7, 'a-'), ...numbered(7, 'b-'), ...numbered(7, 'c-')]);
      for (const limit of [1, 3, 7]) {
        expect(ids(await scan(store, partition, { prefix: 'b-', limit })), `limit ${limit}`).toEqual(numbered(7, 'b-'));
      }
    },
  },
  {
    title: '`after` is exclusive',
    run: async (fixture) => {
      const { store, partition } = fixture;
      await fill(fixture, ['a', 'b', 'b!', 'c']);
      expect(ids(await scan(store, partition, { after: 'b' }))).toEqual(['b!', 'c']);
      expect(ids(await scan(store, partition, { after: 'b!' }))).toEqual(['c']);
    },
  },
  {
    title: '`after` need not exist, and after the last there is nothing',
    run: async (fixture) => {
      const { store, partition } = fixture;
      await fill(fixture, ['a', 'c', 'e']);
      expect(ids(await scan(store, partition, { after: '-' }))).toEqual(['a', 'c', 'e']);
      expect(ids(await scan(store, partition, { after: 'b' }))).toEqual(['c', 'e']);
      expect(ids(await scan(store, partition, { after: 'c'.repeat(170) }))).toEqual(['e']);
      for (const after of ['e', 'f', '\u{10ffff}']) expect(ids(await scan(store, partition, { after })), after).toEqual([]);
    },
  },
  {
    title: '`after` of a record that was deleted since goes on where it was',
    run: async (fixture) => {
      const { store, partition } = fixture;
      await fill(fixture, numbered(4));
      const { version } = await present(store, { partition, id: 'id-0001' });
      await store.delete({ partition, id: 'id-0001' }, version);
      expect(ids(await scan(store, partition, { after: 'id-0001' }))).toEqual(['id-0002', 'id-0003']);
    },
  },
  {
    title: '`after` and prefix hold both, wherever `after` lies',
    run: async (fixture) => {
      const { store, partition } = fixture;
      await fill(fixture, ['a1', 'b1', 'b2', 'b3', 'c1']);
      const listed = async (after: string) => ids(await scan(store, partition, { prefix: 'b', after }));
      expect(await listed('a')).toEqual(['b1', 'b2', 'b3']);
      expect(await listed('b')).toEqual(['b1', 'b2', 'b3']);
      expect(await listed('b1')).toEqual(['b2', 'b3']);
      expect(await listed('b3')).toEqual([]);
      expect(await listed('c')).toEqual([]);
    },
  },
  {
    title: 'a page has at most `limit` records, 100 when it is not given',
    run: async (fixture) => {
      const { store, partition } = fixture;
      await fill(fixture, numbered(105));
      expect((await store.list(partition)).records.length).toBeLessThanOrEqual(100);
      for (const limit of [1, 2, 99]) {
        expect((await store.list(partition, { limit })).records.length, `limit ${limit}`).toBeLessThanOrEqual(limit);
      }
      expect(ids(await scan(store, partition))).toEqual(numbered(105));
    },
  },
  {
    title: '`next` is absent at the end and only there, whatever the page size',
    run: async (fixture) => {
      const { store, partition } = fixture;
      await fill(fixture, numbered(6));
      for (const limit of [1, 2, 3, 4, 5, 6, 7, 1_000]) {
        expect(ids(await scan(store, partition, { limit })), `limit ${limit}`).toEqual(numbered(6));
      }
    },
  },
  {
    title: 'a list longer than any page is answered whole, every record exactly once',
    run: async (fixture) => {
      const all = numbered(fixture.greatestList);
      await fill(fixture, all);
      expect(ids(await scan(fixture.store, fixture.partition, { limit: 1_000 }))).toEqual(all);
      expect(ids(await scan(fixture.store, fixture.partition))).toEqual(all);
    },
  },
  {
    title: 'a list of values of the greatest length is answered whole, every record exactly once',
    run: async ({ store, partition }) => {
      const all = numbered(40);
      await forEach(all, (id) => put(store, { partition, id, value: id.padEnd(maxValueLength, '中') }), 8);
      const records = await scan(store, partition, { limit: 1_000 });
      expect(ids(records)).toEqual(all);
      for (const { id, value } of records) expect(value === id.padEnd(maxValueLength, '中'), id).toBe(true);
    },
  },
  {
    title: 'what is there during a whole scan appears exactly once, whatever comes and goes between the pages',
    run: async (fixture) => {
      const { store, partition } = fixture;
      const stays = numbered(20, 'stays-');
      const goes = numbered(20, 'goes-');
      await fill(fixture, [...stays, ...goes]);
      const seen = ids(
        await scan(store, partition, { limit: 3 }, async (page) => {
          const id = goes[page] ?? `more-${page}`;
          const leaving = await store.get({ partition, id });
          if (leaving !== undefined) await store.delete(leaving, leaving.version);
          for (const start of ['a', 'm', 'stays-0001-', 'z']) {
            if (page < 10) await store.create({ partition, id: `${start}${page}`, value: '' });
          }
        }),
      );
      expect(seen.filter((id) => stays.includes(id))).toEqual(stays);
      expect(new Set(seen).size).toBe(seen.length);
    },
  },
  {
    title: 'what is there during a whole scan appears exactly once while others write at the same time',
    run: async (fixture) => {
      const { store, partition } = fixture;
      const stays = numbered(20, 'stays-');
      await fill(fixture, stays);
      const reading = { done: false };
      const write = async (writer: number): Promise<void> => {
        for (let n = 0; !reading.done && n < 500; n++) {
          const key = { partition, id: `stays-00${n % 20}-${writer}` };
          const version = await put(store, { ...key, value: '' });
          await store.delete(key, await change(store, { ...key, value: 'x' }, version));
          // A store in memory never waits by itself: let the reader have its turn.
          await new Promise((resolve) => setTimeout(resolve));
        }
      };
      const read = async (): Promise<void> => {
        for (let round = 0; round < 3; round++) {
          const seen = ids(await scan(store, partition, { limit: 4 }));
          expect(seen.filter((id) => stays.includes(id))).toEqual(stays);
          expect(new Set(seen).size).toBe(seen.length);
        }
      };
      await Promise.all([write(0), write(1), read().finally(() => void (reading.done = true))]);
    },
  },
];
