import { expect } from 'vitest';
import { change, forEach, ids, present, put, scan } from './fixture.ts';
import type { StoreCase, StoreFixture } from './fixture.ts';

/** 170 bytes of UTF-8, the greatest length. */
const long = (character: string): string => character.repeat(Math.floor(170 / new TextEncoder().encode(character).length));

/** Every id is another record, through every operation. */
async function areDistinctIds({ store, partition }: StoreFixture, distinct: readonly string[]): Promise<void> {
  await forEach(distinct, async (id) => {
    const version = await put(store, { partition, id, value: `first of ${id}` });
    await change(store, { partition, id, value: `value of ${id}` }, version);
  });
  await forEach(distinct, async (id) => {
    expect(await store.get({ partition, id })).toMatchObject({ partition, id, value: `value of ${id}` });
    expect(await store.create({ partition, id, value: '' })).toHaveProperty('created', false);
  });
  expect(new Set(ids(await scan(store, partition)))).toEqual(new Set(distinct));
  await forEach(distinct, async (id) => {
    const { version } = await present(store, { partition, id });
    expect(await store.delete({ partition, id }, version)).toEqual({ deleted: true });
  });
  expect(await scan(store, partition)).toEqual([]);
}

/** Every partition is another one, through every operation. */
async function areDistinctPartitions({ store, partition }: StoreFixture, distinct: readonly string[]): Promise<void> {
  const key = (odd: string) => ({ partition: `${odd}${partition}`, id: 'a' });
  await forEach(distinct, (odd) => put(store, { ...key(odd), value: `value of ${odd}` }));
  await forEach(distinct, async (odd) => {
    const record = await present(store, key(odd));
    expect(record).toMatchObject({ ...key(odd), value: `value of ${odd}` });
    expect((await store.list(key(odd).partition)).records).toEqual([record]);
    expect(await store.delete(key(odd), record.version)).toEqual({ deleted: true });
  });
}

const odd: Readonly<Record<string, readonly string[]>> = {
  'with / \\ # ? % and & = + ; :': [
    'a/b',
    '/',
    '//',
    'a\\b',
    '#',
    'a#b',
    '?',
    'a?b=c&d',
    '%',
    '%2F',
    'a%2Fb',
    'a+b',
    'a b',
    'a;b',
    'a:b',
    '@',
    '..%2f',
  ],
  'with quotes, brackets and what a query language uses': [
    `'`,
    `''`,
    `a'b`,
    `"`,
    '`',
    `' or '1'='1`,
    '(',
    ')',
    '[',
    ']',
    '{',
    '}',
    '<',
    '>',
    '*',
    'a*',
    '_%',
    '$',
    '^',
    '|',
    ',',
    '!',
  ],
  'with control characters': [
    '\0',
    'a\0',
    '\0a',
    'a\0b',
    '\t',
    '\n',
    'a\nb',
    '\r\n',
    '\u001f',
    '\u007f',
    '\u0080',
    '\u009f',
    '\u2028',
    '\u2029',
  ],
  'with spaces at either end, and of spaces alone': [
    ' ',
    '  ',
    ' a',
    'a ',
    'a',
    ' a ',
    'a  b',
    'a b',
    '\u00a0',
    '\u3000',
    'a\u200b',
  ],
  'of dots and with dots at either end': ['.', '..', '...', '.a', 'a.', 'a..b', './a', '../a', '.git'],
  'of underscores and between them': ['_', '__', '___', '_a', 'a_', '__a__', '__x__', '__id7__', '__.*__'],
  'that are other names of themselves when escaped': [
    '~',
    '~~',
    '~41',
    'A',
    '~7E',
    '~7e',
    '%41',
    'a~',
    '~5F',
    '_',
    '~2E',
    '.',
    '=41',
    '&#65;',
    '\\x41',
  ],
  'of any script, outside the basic plane and at its ends': [
    'é',
    'ß',
    'İ',
    'ı',
    '中文',
    'العربية',
    '\u202eabc',
    '😀',
    '👨\u200d👩\u200d👧',
    '𐀀',
    '\u{10ffff}',
    '\uffff',
    '\ufffd',
    '\ufeff',
    '\ufeffa',
    '\ue000',
  ],
  'that differ in Unicode normal form only': ['\u00e9', 'e\u0301', '\u212b', '\u00c5', 'A\u030a', '\ufb01', 'fi', '\uff21', 'A'],
  'that differ in case only': ['key', 'KEY', 'Key', 'kEY', 'straße', 'STRASSE', 'É', 'é', 'Σ', 'σ', 'ς', 'k', '\u212a'],
  'that look like numbers, dates or nothing': [
    '0',
    '00',
    '1',
    '01',
    '1.0',
    '1e0',
    '-1',
    '+1',
    'NaN',
    'null',
    'undefined',
    'true',
    '2026-01-01',
    '18446744073709551616',
  ],
  "that name properties of JavaScript's objects": [
    '__proto__',
    'constructor',
    'prototype',
    'toString',
    'hasOwnProperty',
    'valueOf',
    'length',
  ],
};

export const keys: readonly StoreCase[] = [
  ...Object.entries(odd).map(([what, distinct]): StoreCase => ({
    title: `ids ${what} are kept exactly and are different records`,
    run: (fixture) => areDistinctIds(fixture, distinct),
  })),
  {
    title: 'ids of the greatest length are kept exactly, whatever they are made of, and differ in the last byte alone',
    run: (fixture) =>
      areDistinctIds(fixture, [
        long('a'),
        `${long('a').slice(1)}b`,
        long('/'),
        `${long('/').slice(1)}?`,
        long('_'),
        long('~'),
        long('\0'),
        long('é'),
        long('中'),
        long('😀'),
      ]),
  },
  {
    title: 'partitions with any character are kept exactly and are different partitions',
    run: (fixture) =>
      areDistinctPartitions(fixture, [
        'a',
        'A',
        '/',
        '\\',
        '#',
        '?',
        '%',
        "'",
        '"',
        '\0',
        '\n',
        ' ',
        '.',
        '..',
        '__',
        '~',
        '~2F',
        '%2F',
        'é',
        'e\u0301',
        '😀',
        '__proto__',
        '|',
        ':',
      ]),
  },
  {
    title: 'partitions of the greatest length are kept exactly and differ in the last byte alone',
    run: async ({ store, newPartition }) => {
      const fresh = newPartition();
      for (const filler of ['a', '/', '\0']) {
        const start = fresh + filler.repeat(170 - fresh.length - 1);
        await put(store, { partition: `${start}a`, id: long('/'), value: 'a' });
        await put(store, { partition: `${start}b`, id: long('/'), value: 'b' });
        expect(await store.get({ partition: `${start}a`, id: long('/') })).toHaveProperty('value', 'a');
        expect(ids(await scan(store, `${start}b`))).toEqual([long('/')]);
      }
    },
  },
  {
    title: 'one id in two partitions is two records',
    run: async ({ store, partition, newPartition }) => {
      const other = newPartition();
      const version = await put(store, { partition, id: 'a', value: 'here' });
      expect(await store.get({ partition: other, id: 'a' })).toBeUndefined();
      await put(store, { partition: other, id: 'a', value: 'there' });
      expect(await store.delete({ partition, id: 'a' }, version)).toEqual({ deleted: true });
      expect(await store.get({ partition: other, id: 'a' })).toHaveProperty('value', 'there');
    },
  },
  {
    title: 'partition and id are never joined so that two keys become one',
    run: async ({ store, newPartition }) => {
      const p = newPartition();
      const pairs = ['', '/', '|', ':', '#', '~', '.', '\0', ' '].flatMap((joint): [string, string][] => [
        [p, `a${joint}b${joint}c`],
        [`${p}${joint}a`, `b${joint}c`],
        [`${p}${joint}a${joint}b`, 'c'],
      ]);
      const distinct = [...new Map(pairs.map((pair) => [JSON.stringify(pair), pair])).values()];
      await forEach(distinct, ([partition, id]) => put(store, { partition, id, value: JSON.stringify([partition, id]) }));
      await forEach(distinct, async ([partition, id]) => {
        expect(await present(store, { partition, id })).toHaveProperty('value', JSON.stringify([partition, id]));
      });
    },
  },
];
