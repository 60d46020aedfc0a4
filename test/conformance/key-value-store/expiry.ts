import { expect } from 'vitest';
import { change, present, put } from './fixture.ts';
import type { StoreCase } from './fixture.ts';

/** So long ago that a store which purges by itself leaves it alone: DynamoDB's time to live spares what is over five years past. */
const longAgo = 86_400_123;
const farAhead = 4_102_444_800_123;

/** Ends of what seconds, 32-bit seconds and microseconds can hold, and instants no second begins at. */
const instants: readonly number[] = [
  0, 1, 999, 1_000, 1_001, 2_147_483_647_999, 2_147_483_648_000, 4_294_967_295_999, 4_102_444_800_001, 4_102_444_800_499,
  4_102_444_800_500, 4_102_444_800_999, 253_402_300_799_000, 253_402_300_799_999,
];

export const expiry: readonly StoreCase[] = [
  {
    title: 'a record without expiresAt is given back without',
    run: async ({ store, partition }) => {
      await put(store, { partition, id: 'a', value: '1' });
      await put(store, { partition, id: 'b', value: '1', expiresAt: undefined });
      expect((await present(store, { partition, id: 'a' })).expiresAt).toBeUndefined();
      expect((await present(store, { partition, id: 'b' })).expiresAt).toBeUndefined();
      for (const record of (await store.list(partition)).records) expect(record.expiresAt).toBeUndefined();
    },
  },
  {
    title: 'expiresAt is kept exactly to the millisecond, by create, get, list and a refused create',
    run: async ({ store, partition }) => {
      for (const [n, expiresAt] of instants.entries()) {
        const record = { partition, id: `id-${n}`, value: '', expiresAt };
        await put(store, record);
        expect(await present(store, record)).toHaveProperty('expiresAt', expiresAt);
        expect((await store.list(partition, { prefix: record.id, limit: 1 })).records[0]).toHaveProperty('expiresAt', expiresAt);
        expect(await store.create(record)).toHaveProperty('existing.expiresAt', expiresAt);
      }
    },
  },
  {
    title: 'replace writes expiresAt too: another one, a first one, or none',
    run: async ({ store, partition }) => {
      const key = { partition, id: 'a', value: '' };
      let version = await put(store, { ...key, expiresAt: farAhead });
      for (const expiresAt of [farAhead + 1, farAhead - 86_400_000, undefined, farAhead, longAgo, undefined]) {
        version = await change(store, expiresAt === undefined ? key : { ...key, expiresAt }, version);
        expect((await present(store, key)).expiresAt).toBe(expiresAt);
      }
    },
  },
  {
    title: 'a refused replace leaves expiresAt alone',
    run: async ({ store, partition }) => {
      const key = { partition, id: 'a', value: '' };
      const stale = await put(store, { ...key, expiresAt: farAhead });
      await change(store, { ...key, expiresAt: farAhead + 7 }, stale);
      const result = await store.replace({ ...key, expiresAt: farAhead + 9 }, stale);
      expect(result).toHaveProperty('existing.expiresAt', farAhead + 7);
      expect(await present(store, key)).toHaveProperty('expiresAt', farAhead + 7);
    },
  },
  {
    title: 'a record past its expiresAt that is not purged yet is read and listed like any other',
    run: async ({ store, partition }) => {
      const record = { partition, id: 'a', value: 'past', expiresAt: longAgo };
      const version = await put(store, record);
      expect(await store.get(record)).toEqual({ ...record, version });
      expect((await store.list(partition)).records).toEqual([{ ...record, version }]);
    },
  },
  {
    title: 'a record past its expiresAt that is not purged yet still has its key',
    run: async ({ store, partition }) => {
      const record = { partition, id: 'a', value: 'past', expiresAt: longAgo };
      const version = await put(store, record);
      expect(await store.create({ partition, id: 'a', value: 'new' })).toEqual({
        created: false,
        existing: { ...record, version },
      });
    },
  },
  {
    title: 'a record past its expiresAt that is not purged yet is replaced and deleted on its version',
    run: async ({ store, partition }) => {
      const record = { partition, id: 'a', value: 'past', expiresAt: longAgo };
      const version = await change(store, { ...record, value: 'again' }, await put(store, record));
      expect(await present(store, record)).toMatchObject({ value: 'again', expiresAt: longAgo });
      expect(await store.delete(record, version)).toEqual({ deleted: true });
    },
  },
];
