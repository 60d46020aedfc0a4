import { expect } from 'vitest';
import { atOnce, change, present, put } from './fixture.ts';
import type { StoreCase } from './fixture.ts';
import { foreignVersions } from './replace.ts';

/** Both at once; in every other round the second is called first. */
async function inEitherOrder<A, B>(round: number, first: () => Promise<A>, second: () => Promise<B>): Promise<[A, B]> {
  if (round % 2 === 0) return Promise.all([first(), second()]);
  const [b, a] = await Promise.all([second(), first()]);
  return [a, b];
}

export const deleting: readonly StoreCase[] = [
  {
    title: 'delete on the current version removes the record',
    run: async ({ store, partition }) => {
      const key = { partition, id: 'a' };
      const version = await put(store, { ...key, value: '1' });
      expect(await store.delete(key, version)).toEqual({ deleted: true });
      expect(await store.get(key)).toBeUndefined();
    },
  },
  {
    title: 'delete on a stale version is refused and leaves the record as it was',
    run: async ({ store, partition }) => {
      const key = { partition, id: 'a' };
      const stale = await put(store, { ...key, value: 'first' });
      await change(store, { ...key, value: 'second' }, stale);
      const current = await present(store, key);
      expect(await store.delete(key, stale)).toEqual({ deleted: false });
      expect(await store.get(key)).toEqual(current);
    },
  },
  {
    title: 'delete of a record that is not there answers false and is no error',
    run: async ({ store, partition }) => {
      const version = await put(store, { partition, id: 'a', value: '1' });
      expect(await store.delete({ partition, id: 'never' }, version)).toEqual({ deleted: false });
    },
  },
  {
    title: 'delete a second time answers false',
    run: async ({ store, partition }) => {
      const key = { partition, id: 'a' };
      const version = await put(store, { ...key, value: '1' });
      expect(await store.delete(key, version)).toEqual({ deleted: true });
      expect(await store.delete(key, version)).toEqual({ deleted: false });
    },
  },
  {
    title: 'delete with a version this store never gave out is a lost race, not an error',
    run: async ({ store, partition }) => {
      await put(store, { partition, id: 'a', value: 'kept' });
      for (const version of foreignVersions) {
        expect(await store.delete({ partition, id: 'a' }, version), JSON.stringify(version)).toEqual({ deleted: false });
      }
      expect(await present(store, { partition, id: 'a' })).toHaveProperty('value', 'kept');
    },
  },
  {
    title: 'a version from before a delete does not delete the record created since',
    run: async ({ store, partition }) => {
      const key = { partition, id: 'a' };
      const before = await put(store, { ...key, value: 'same' });
      await store.delete(key, before);
      await put(store, { ...key, value: 'same' });
      expect(await store.delete(key, before)).toEqual({ deleted: false });
      expect(await present(store, key)).toHaveProperty('value', 'same');
    },
  },
  {
    title: 'delete touches no other record',
    run: async ({ store, partition, newPartition }) => {
      const other = newPartition();
      const version = await put(store, { partition, id: 'a', value: '1' });
      await put(store, { partition, id: 'ab', value: '1' });
      await put(store, { partition: other, id: 'a', value: '1' });
      await store.delete({ partition, id: 'a' }, version);
      expect(await store.get({ partition, id: 'ab' })).toBeDefined();
      expect(await store.get({ partition: other, id: 'a' })).toBeDefined();
    },
  },
  {
    title: 'of many concurrent deletes on one version exactly one wins',
    run: async ({ store, partition, contention }) => {
      const key = { partition, id: 'a' };
      const version = await put(store, { ...key, value: '1' });
      const results = await atOnce(contention, () => store.delete(key, version));
      expect(results.filter(({ deleted }) => deleted)).toHaveLength(1);
      expect(await store.get(key)).toBeUndefined();
    },
  },
  {
    title: 'of a replace and a delete on one version exactly one wins',
    run: async ({ store, partition }) => {
      for (let round = 0; round < 6; round++) {
        const key = { partition, id: `id-${round}` };
        const version = await put(store, { ...key, value: 'first' });
        const [replaced, deleted] = await inEitherOrder(
          round,
          () => store.replace({ ...key, value: 'second' }, version),
          () => store.delete(key, version),
        );
        expect(replaced.replaced).toBe(!deleted.deleted);
        expect((await store.get(key))?.value).toBe(replaced.replaced ? 'second' : undefined);
      }
    },
  },
  {
    title: 'a create beside a delete of the same key either comes after it or is refused',
    run: async ({ store, partition }) => {
      for (let round = 0; round < 6; round++) {
        const key = { partition, id: `id-${round}` };
        const version = await put(store, { ...key, value: 'first' });
        const [created, deleted] = await inEitherOrder(
          round,
          () => store.create({ ...key, value: 'second' }),
          () => store.delete(key, version),
        );
        expect(deleted).toEqual({ deleted: true });
        expect((await store.get(key))?.value).toBe(created.created ? 'second' : undefined);
      }
    },
  },
];
