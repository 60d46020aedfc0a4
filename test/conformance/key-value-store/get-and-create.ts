import { expect } from 'vitest';
import { atOnce, change, numbered, present, put } from './fixture.ts';
import type { StoreCase } from './fixture.ts';

export const getAndCreate: readonly StoreCase[] = [
  {
    title: 'get answers undefined for an id that was never written',
    run: async ({ store, partition }) => {
      expect(await store.get({ partition, id: 'never' })).toBeUndefined();
      await put(store, { partition, id: 'a', value: '1' });
      expect(await store.get({ partition, id: 'never' })).toBeUndefined();
    },
  },
  {
    title: 'get answers the key, the value and the version that were written, and nothing else',
    run: async ({ store, partition }) => {
      const version = await put(store, { partition, id: 'a', value: 'first' });
      expect(await store.get({ partition, id: 'a' })).toEqual({ partition, id: 'a', value: 'first', version });
    },
  },
  {
    title: 'get sees every acknowledged write at once',
    run: async ({ store, partition }) => {
      const key = { partition, id: 'a' };
      let version = await put(store, { ...key, value: '0' });
      for (let n = 1; n <= 20; n++) {
        version = await change(store, { ...key, value: String(n) }, version);
        expect(await store.get(key)).toMatchObject({ value: String(n), version });
      }
      await store.delete(key, version);
      expect(await store.get(key)).toBeUndefined();
    },
  },
  {
    title: 'get twice answers the same, version included',
    run: async ({ store, partition }) => {
      await put(store, { partition, id: 'a', value: '1', expiresAt: 4_102_444_800_123 });
      const first = await present(store, { partition, id: 'a' });
      expect(await present(store, { partition, id: 'a' })).toEqual(first);
    },
  },
  {
    title: 'changing a record that was handed out changes nothing stored',
    run: async ({ store, partition }) => {
      await put(store, { partition, id: 'a', value: 'kept' });
      const record = await present(store, { partition, id: 'a' });
      Reflect.set(record, 'value', 'changed');
      const listed = (await store.list(partition)).records[0];
      if (listed !== undefined) Reflect.set(listed, 'value', 'changed');
      expect(await present(store, { partition, id: 'a' })).toHaveProperty('value', 'kept');
    },
  },
  {
    title: 'a record that was handed in may be changed afterwards without changing what is stored',
    run: async ({ store, partition }) => {
      const record = { partition, id: 'a', value: 'kept' };
      await put(store, record);
      record.value = 'changed';
      expect(await present(store, { partition, id: 'a' })).toHaveProperty('value', 'kept');
    },
  },
  {
    title: 'create of a free key says so and answers the version that get answers',
    run: async ({ store, partition }) => {
      const result = await store.create({ partition, id: 'a', value: '1' });
      expect(result).toEqual({ created: true, version: expect.any(String) });
      expect(result).toHaveProperty('version', (await present(store, { partition, id: 'a' })).version);
    },
  },
  {
    title: 'create of a taken key is refused and leaves the record as it was',
    run: async ({ store, partition }) => {
      await put(store, { partition, id: 'a', value: 'first', expiresAt: 4_102_444_800_123 });
      const before = await present(store, { partition, id: 'a' });
      expect(await store.create({ partition, id: 'a', value: 'second' })).toHaveProperty('created', false);
      expect(await present(store, { partition, id: 'a' })).toEqual(before);
    },
  },
  {
    title: 'create of a taken key answers the record that has it',
    run: async ({ store, partition }) => {
      await put(store, { partition, id: 'a', value: 'first', expiresAt: 4_102_444_800_123 });
      const result = await store.create({ partition, id: 'a', value: 'second' });
      expect(result).toEqual({ created: false, existing: await present(store, { partition, id: 'a' }) });
    },
  },
  {
    title: 'create of a taken key is refused even with the very same value',
    run: async ({ store, partition }) => {
      const record = { partition, id: 'a', value: 'same' };
      const version = await put(store, record);
      expect(await store.create(record)).toHaveProperty('created', false);
      expect(await present(store, record)).toHaveProperty('version', version);
    },
  },
  {
    title: 'the `existing` of a refused create is good for a replace',
    run: async ({ store, partition }) => {
      await put(store, { partition, id: 'a', value: 'first' });
      const result = await store.create({ partition, id: 'a', value: 'second' });
      const version = result.created ? 'created' : (result.existing?.version ?? 'no existing');
      expect(await store.replace({ partition, id: 'a', value: 'second' }, version)).toHaveProperty('replaced', true);
    },
  },
  {
    title: 'create is possible again after a delete',
    run: async ({ store, partition }) => {
      const key = { partition, id: 'a' };
      await store.delete(key, await put(store, { ...key, value: 'first' }));
      expect(await store.create({ ...key, value: 'second' })).toHaveProperty('created', true);
      expect(await present(store, key)).toHaveProperty('value', 'second');
    },
  },
  {
    title: 'of many concurrent creators of one key exactly one wins, and its value stays',
    run: async ({ store, partition, contention }) => {
      const results = await atOnce(contention, (n) => store.create({ partition, id: 'a', value: `value ${n}` }));
      const winners = results.flatMap((result, n) => (result.created ? [{ n, version: result.version }] : []));
      expect(winners).toHaveLength(1);
      const stored = await present(store, { partition, id: 'a' });
      expect(stored).toMatchObject({ value: `value ${winners[0]?.n}`, version: winners[0]?.version });
      for (const result of results) if (!result.created && result.existing !== undefined) expect(result.existing).toEqual(stored);
    },
  },
  {
    title: 'concurrent creators of different keys all win',
    run: async ({ store, partition, contention }) => {
      const results = await Promise.all(numbered(contention).map((id) => store.create({ partition, id, value: id })));
      expect(results.filter(({ created }) => created)).toHaveLength(contention);
      expect((await store.list(partition)).records).toHaveLength(contention);
    },
  },
];
