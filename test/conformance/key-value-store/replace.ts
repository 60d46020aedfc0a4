import { expect } from 'vitest';
import { atOnce, change, present, put } from './fixture.ts';
import type { StoreCase } from './fixture.ts';

/** Versions no store gave out: other clouds' forms, other types' forms, and what a careless adapter might send on as it is. */
export const foreignVersions: readonly string[] = [
  '',
  ' ',
  '0',
  '-1',
  '*',
  'null',
  'undefined',
  '~',
  '|',
  '"',
  "' OR '1'='1",
  `W/"datetime'2026-01-01T00%3A00%3A00.0000000Z'"`,
  '2026-01-01T00:00:00.000000Z',
  '1767225600.000000',
  'AAAAAAAAAAAAAAAAAAAAAA',
  '00000000-0000-4000-8000-000000000000',
  '999999999999999999999999999999',
  'a\r\nx-injected: 1',
  '\0',
  'é😀',
  '\ud800',
  'v'.repeat(5_000),
];

export const replace: readonly StoreCase[] = [
  {
    title: 'replace on the current version writes the value and answers a new version',
    run: async ({ store, partition }) => {
      const version = await put(store, { partition, id: 'a', value: 'first' });
      const result = await store.replace({ partition, id: 'a', value: 'second' }, version);
      expect(result).toEqual({ replaced: true, version: expect.any(String) });
      const next = result.replaced ? result.version : version;
      expect(next).not.toBe(version);
      expect(await store.get({ partition, id: 'a' })).toEqual({ partition, id: 'a', value: 'second', version: next });
    },
  },
  {
    title: 'replace on a stale version is refused, answers the current record and writes nothing',
    run: async ({ store, partition }) => {
      const stale = await put(store, { partition, id: 'a', value: 'first' });
      await change(store, { partition, id: 'a', value: 'second' }, stale);
      const current = await present(store, { partition, id: 'a' });
      expect(await store.replace({ partition, id: 'a', value: 'third' }, stale)).toEqual({ replaced: false, existing: current });
      expect(await present(store, { partition, id: 'a' })).toEqual(current);
    },
  },
  {
    title: 'replace of a deleted record is refused with no `existing`, and does not bring it back',
    run: async ({ store, partition }) => {
      const key = { partition, id: 'a' };
      const version = await put(store, { ...key, value: 'first' });
      await store.delete(key, version);
      const result = await store.replace({ ...key, value: 'second' }, version);
      expect(result).toMatchObject({ replaced: false });
      expect(result).not.toHaveProperty('existing', expect.anything());
      expect(await store.get(key)).toBeUndefined();
    },
  },
  {
    title: 'replace of a record that never was is refused and creates nothing',
    run: async ({ store, partition }) => {
      const version = await put(store, { partition, id: 'a', value: '1' });
      expect(await store.replace({ partition, id: 'b', value: '2' }, version)).toHaveProperty('replaced', false);
      expect(await store.get({ partition, id: 'b' })).toBeUndefined();
    },
  },
  {
    title: 'a version of another record loses, in the same partition and in another',
    run: async ({ store, partition, newPartition }) => {
      const other = newPartition();
      await put(store, { partition, id: 'a', value: 'kept' });
      const versions = [
        await put(store, { partition, id: 'b', value: 'kept' }),
        await put(store, { partition: other, id: 'a', value: 'kept' }),
      ];
      for (const version of versions) {
        expect(await store.replace({ partition, id: 'a', value: 'lost' }, version)).toHaveProperty('replaced', false);
        expect(await store.delete({ partition, id: 'a' }, version)).toEqual({ deleted: false });
      }
      expect(await present(store, { partition, id: 'a' })).toHaveProperty('value', 'kept');
    },
  },
  {
    title: 'replace with a version this store never gave out is a lost race, not an error',
    run: async ({ store, partition }) => {
      await put(store, { partition, id: 'a', value: 'kept' });
      const current = await present(store, { partition, id: 'a' });
      for (const version of foreignVersions) {
        const result = await store.replace({ partition, id: 'a', value: 'lost' }, version);
        expect(result, JSON.stringify(version)).toEqual({ replaced: false, existing: current });
      }
      expect(await present(store, { partition, id: 'a' })).toEqual(current);
    },
  },
  {
    title: 'a current version with something added or cut off loses',
    run: async ({ store, partition }) => {
      const version = await put(store, { partition, id: 'a', value: 'kept' });
      for (const wrong of [`${version} `, ` ${version}`, `${version}0`, `0${version}`, version.slice(0, -1), version.slice(1)]) {
        expect(await store.replace({ partition, id: 'a', value: 'lost' }, wrong), wrong).toHaveProperty('replaced', false);
        expect(await store.delete({ partition, id: 'a' }, wrong), wrong).toEqual({ deleted: false });
      }
      expect(await present(store, { partition, id: 'a' })).toMatchObject({ value: 'kept', version });
    },
  },
  {
    title: 'a version that is missing never makes a write unconditional',
    run: async ({ store, partition }) => {
      await put(store, { partition, id: 'a', value: 'kept' });
      const current = await present(store, { partition, id: 'a' });
      for (const missing of [undefined, null]) {
        // Refused as misuse or as a lost race, both are well.
        await Promise.allSettled([
          store.replace({ partition, id: 'a', value: 'lost' }, missing as unknown as string),
          store.replace({ partition, id: 'free', value: 'lost' }, missing as unknown as string),
          store.delete({ partition, id: 'a' }, missing as unknown as string),
        ]);
      }
      expect(await store.get({ partition, id: 'a' })).toEqual(current);
      expect(await store.get({ partition, id: 'free' })).toBeUndefined();
    },
  },
  {
    title: 'every replace makes a new version, even one that changes nothing',
    run: async ({ store, partition }) => {
      const record = { partition, id: 'a', value: 'same', expiresAt: 4_102_444_800_123 };
      const versions = [await put(store, record)];
      for (let n = 0; n < 5; n++) versions.push(await change(store, record, versions.at(-1) ?? ''));
      expect(new Set(versions).size).toBe(versions.length);
      expect(await store.replace(record, versions[0] ?? '')).toHaveProperty('replaced', false);
    },
  },
  {
    title: 'no version is used twice for a key, not even after delete and create of the same value',
    run: async ({ store, partition }) => {
      const record = { partition, id: 'a', value: 'same' };
      const versions: string[] = [];
      for (let n = 0; n < 6; n++) {
        const first = await put(store, record);
        const second = await change(store, record, first);
        versions.push(first, second);
        expect(await store.delete(record, second)).toEqual({ deleted: true });
      }
      expect(new Set(versions).size).toBe(versions.length);
    },
  },
  {
    title: 'a version from before a delete does not replace the record created since',
    run: async ({ store, partition }) => {
      const key = { partition, id: 'a' };
      const before = await put(store, { ...key, value: 'same' });
      await store.delete(key, before);
      await put(store, { ...key, value: 'same' });
      expect(await store.replace({ ...key, value: 'lost' }, before)).toHaveProperty('replaced', false);
      expect(await present(store, key)).toHaveProperty('value', 'same');
    },
  },
  {
    title: 'replace touches no other record',
    run: async ({ store, partition, newPartition }) => {
      const other = newPartition();
      const version = await put(store, { partition, id: 'a', value: '1' });
      await put(store, { partition, id: 'b', value: '1' });
      await put(store, { partition: other, id: 'a', value: '1' });
      await change(store, { partition, id: 'a', value: '2' }, version);
      expect(await present(store, { partition, id: 'b' })).toHaveProperty('value', '1');
      expect(await present(store, { partition: other, id: 'a' })).toHaveProperty('value', '1');
    },
  },
  {
    title: 'of many concurrent replaces on one version exactly one wins, and its value stays',
    run: async ({ store, partition, contention }) => {
      const version = await put(store, { partition, id: 'a', value: 'first' });
      const results = await atOnce(contention, (n) => store.replace({ partition, id: 'a', value: `value ${n}` }, version));
      const winners = results.flatMap((result, n) => (result.replaced ? [{ n, version: result.version }] : []));
      expect(winners).toHaveLength(1);
      const stored = await present(store, { partition, id: 'a' });
      expect(stored).toMatchObject({ value: `value ${winners[0]?.n}`, version: winners[0]?.version });
      for (const result of results) if (!result.replaced) expect(result.existing).toEqual(stored);
    },
  },
  {
    title: 'no update is lost when many callers read, add one and replace until they win',
    run: async ({ store, partition, contention }) => {
      const key = { partition, id: 'a' };
      await put(store, { ...key, value: '0' });
      await atOnce(contention, async () => {
        for (let attempt = 0; attempt < 200; attempt++) {
          const { value, version } = await present(store, key);
          const result = await store.replace({ ...key, value: String(Number(value) + 1) }, version);
          if (result.replaced) return;
        }
        throw new Error('Never won');
      });
      expect(await present(store, key)).toHaveProperty('value', String(contention));
    },
  },
];
