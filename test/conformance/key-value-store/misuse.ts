import { expect } from 'vitest';
import { maxKeyBytes, maxListLimit, maxValueLength } from '../../../core/ports/index.ts';
import type { KeyValueStore, RecordKey } from '../../../core/ports/index.ts';
import { ids, put, scan } from './fixture.ts';
import type { StoreCase } from './fixture.ts';

type Refusal = typeof RangeError | typeof TypeError;

/** Both a thrown error and a rejected promise are well. */
async function refuses(call: () => Promise<unknown>, refusal: Refusal, what: string): Promise<void> {
  await expect(async () => call(), what).rejects.toThrow(refusal);
}

/** Every operation that takes a key refuses this one, as partition and as id. */
async function refusesKey(store: KeyValueStore, partition: string, part: string, refusal: Refusal): Promise<void> {
  const keys: readonly RecordKey[] = [
    { partition, id: part },
    { partition: part, id: 'a' },
  ];
  for (const key of keys) {
    const what = JSON.stringify(key).slice(0, 80);
    await refuses(() => store.get(key), refusal, `get ${what}`);
    await refuses(() => store.create({ ...key, value: '' }), refusal, `create ${what}`);
    await refuses(() => store.replace({ ...key, value: '' }, 'version'), refusal, `replace ${what}`);
    await refuses(() => store.delete(key, 'version'), refusal, `delete ${what}`);
  }
  await refuses(() => store.list(part), refusal, 'list');
}

/** Create and replace refuse this record. */
async function refusesRecord(
  store: KeyValueStore,
  partition: string,
  rest: { readonly value: string; readonly expiresAt?: number },
  refusal: Refusal,
): Promise<void> {
  const taken = { partition, id: `taken-${crypto.randomUUID()}` };
  const version = await put(store, { ...taken, value: 'kept' });
  const free = { partition, id: 'free' };
  const what = `${String(rest.value).slice(0, 10)} ${rest.expiresAt}`;
  await refuses(() => store.create({ ...free, ...rest }), refusal, `create ${what}`);
  await refuses(() => store.replace({ ...taken, ...rest }, version), refusal, `replace ${what}`);
  expect(await store.get(free), what).toBeUndefined();
  expect(await store.get(taken), what).toEqual({ ...taken, value: 'kept', version });
}

export const misuse: readonly StoreCase[] = [
  {
    title: 'an empty partition or id is a TypeError',
    run: ({ store, partition }) => refusesKey(store, partition, '', TypeError),
  },
  {
    title: 'a partition or id that is no well-formed Unicode is a TypeError',
    run: async ({ store, partition }) => {
      for (const part of ['\ud800', '\udc00', 'a\ud83d', '\ude00b', '\udc00\ud800'])
        await refusesKey(store, partition, part, TypeError);
    },
  },
  {
    title: 'a partition or id that is no string is a TypeError',
    run: async ({ store, partition }) => {
      for (const part of [undefined, null, 0, 1, true, ['a'], { a: 1 }, new Date(0)]) {
        await refusesKey(store, partition, part as unknown as string, TypeError);
      }
    },
  },
  {
    title: 'a partition or id over the greatest length in bytes is a RangeError',
    run: async ({ store, partition }) => {
      const tooLong = [
        'a'.repeat(maxKeyBytes + 1),
        'é'.repeat(maxKeyBytes / 2 + 1),
        '中'.repeat(57),
        '😀'.repeat(43),
        '/'.repeat(10_000),
      ];
      for (const part of tooLong) await refusesKey(store, partition, part, RangeError);
    },
  },
  {
    title: 'a value that is no well-formed Unicode is a TypeError and is not written',
    run: async ({ store, partition }) => {
      for (const value of ['\ud800', 'a\udc00b', '\ude00\ud83d']) await refusesRecord(store, partition, { value }, TypeError);
    },
  },
  {
    title: 'a value that is no string is a TypeError and is not written',
    run: async ({ store, partition }) => {
      for (const value of [undefined, null, 1, true, {}, ['a'], new Uint8Array(1)]) {
        await refusesRecord(store, partition, { value: value as string }, TypeError);
      }
    },
  },
  {
    title: 'a value over the greatest length is a RangeError and is not written',
    run: async ({ store, partition }) => {
      for (const value of ['a'.repeat(maxValueLength + 1), '😀'.repeat(maxValueLength / 2) + 'a', 'é'.repeat(1_000_000)]) {
        await refusesRecord(store, partition, { value }, RangeError);
      }
    },
  },
  {
    title: 'an expiresAt that is no whole millisecond from 1970 to 9999 is a RangeError and nothing is written',
    run: async ({ store, partition }) => {
      for (const expiresAt of [-1, 0.5, 1_767_225_600_000.5, Number.NaN, Infinity, -Infinity, 253_402_300_800_000, 2 ** 53]) {
        await refusesRecord(store, partition, { value: '', expiresAt }, RangeError);
      }
    },
  },
  {
    title: 'a list limit outside 1 to the greatest is a RangeError',
    run: async ({ store, partition }) => {
      for (const limit of [0, -1, 1.5, Number.NaN, Infinity, maxListLimit + 1]) {
        await refuses(() => store.list(partition, { limit }), RangeError, String(limit));
      }
    },
  },
  {
    title: 'a list prefix or `after` that can be no id is a TypeError or, too long, a RangeError',
    run: async ({ store, partition }) => {
      await refuses(() => store.list(partition, { prefix: '\ud800' }), TypeError, 'prefix');
      await refuses(() => store.list(partition, { prefix: 'a'.repeat(maxKeyBytes + 1) }), RangeError, 'prefix');
      await refuses(() => store.list(partition, { after: '' }), TypeError, 'after');
      await refuses(() => store.list(partition, { after: 'a\udc00' }), TypeError, 'after');
      await refuses(() => store.list(partition, { after: 'é'.repeat(maxKeyBytes) }), RangeError, 'after');
    },
  },
  {
    title: 'a refused replace leaves the record as it was',
    run: async ({ store, partition }) => {
      const version = await put(store, { partition, id: 'a', value: 'kept' });
      await refuses(() => store.replace({ partition, id: 'a', value: '\ud800' }, version), TypeError, 'value');
      await refuses(
        () => store.replace({ partition, id: 'a', value: 'x'.repeat(maxValueLength + 1) }, version),
        RangeError,
        'value',
      );
      await refuses(
        () => store.replace({ partition, id: 'a', value: '', expiresAt: Number.NaN }, version),
        RangeError,
        'expiresAt',
      );
      expect(await store.get({ partition, id: 'a' })).toEqual({ partition, id: 'a', value: 'kept', version });
      expect(ids(await scan(store, partition))).toEqual(['a']);
    },
  },
];
