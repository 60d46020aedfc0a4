import { expect } from 'vitest';
import { maxValueLength } from '../../../core/ports/index.ts';
import { change, forEach, present, put } from './fixture.ts';
import type { StoreCase, StoreFixture } from './fixture.ts';

/** Every value comes back exactly: created, replaced, listed. */
async function areKept({ store, partition }: StoreFixture, values: readonly string[]): Promise<void> {
  await forEach([...values.entries()], async ([n, value]) => {
    const created = { partition, id: `created-${n}`, value };
    const replaced = { partition, id: `replaced-${n}`, value };
    await put(store, created);
    await change(store, replaced, await put(store, { ...replaced, value: 'before' }));
    expect((await present(store, created)).value === value, `created ${n}`).toBe(true);
    expect((await present(store, replaced)).value === value, `replaced ${n}`).toBe(true);
    const listed = (await store.list(partition, { prefix: created.id, limit: 1 })).records[0];
    expect(listed?.value === value, `listed ${n}`).toBe(true);
  });
}

const kinds: Readonly<Record<string, readonly string[]>> = {
  'the empty value is kept and is not the same as absence': [''],
  'a value of the greatest length is kept, in one-byte characters': ['a'.repeat(maxValueLength)],
  'a value of the greatest length is kept, in three-byte characters': ['中'.repeat(maxValueLength)],
  'a value of the greatest length is kept, in surrogate pairs': ['😀'.repeat(maxValueLength / 2)],
  'a value of the greatest length is kept, in characters that JSON and XML escape': [
    '"'.repeat(maxValueLength),
    '\n'.repeat(maxValueLength),
    '<'.repeat(maxValueLength),
  ],
  'line ends and tabs are kept': ['\n', '\r', '\r\n', 'a\nb', 'a\r\nb', '\t', '\na', 'a\n', '\u2028', '\u0085'],
  'control characters are kept, NUL included': ['\0', 'a\0b', '\0a', 'a\0', '\u0001\u0008\u000b\u001f\u007f\u009f'],
  'spaces at either end are kept': [' ', ' a', 'a ', '  a  b  ', '\u00a0a\u00a0', '\ufeff', '\ufeffa', 'a\u3000'],
  'quotes, backslashes and markup are kept': [
    `'`,
    '"',
    '\\',
    '\\n',
    '\\u0041',
    '&amp;',
    '<a b="c">',
    ']]>',
    '%00',
    '$set',
    '${x}',
    '{{x}}',
    `'; drop table`,
  ],
  'text that looks like another type is kept as text': [
    '0',
    '007',
    '1e3',
    '1.10',
    '-0',
    'true',
    'null',
    'NaN',
    '2026-01-01T00:00:00.000Z',
    'YWJj',
    '9007199254740993',
  ],
  'text that looks like JSON is kept byte for byte': [
    '{}',
    '[]',
    '{"a": 1,  "a":2}',
    '{"__proto__":{"x":1}}',
    '"text"',
    '{"a":1.0}',
    '{',
    '[1,]',
    '{"B":1,"$type":"x"}',
  ],
  'characters of any script are kept, in the normal form they came in': [
    'é',
    'e\u0301',
    '\ufb01',
    '中文',
    '😀',
    '👨\u200d👩\u200d👧',
    '\u{10ffff}',
    '\uffff',
    '\ufffe',
    '\ufffd',
    '\u202eabc',
  ],
};

export const values: readonly StoreCase[] = [
  ...Object.entries(kinds).map(([title, kind]): StoreCase => ({ title, run: (fixture) => areKept(fixture, kind) })),
  {
    title: 'a shorter value leaves nothing of the longer one before it',
    run: async ({ store, partition }) => {
      const key = { partition, id: 'a' };
      let version = await put(store, { ...key, value: 'x'.repeat(maxValueLength) });
      for (const value of ['short', '', 'y'.repeat(20_000), 'z']) {
        version = await change(store, { ...key, value }, version);
        expect((await present(store, key)).value === value, value.slice(0, 9)).toBe(true);
      }
    },
  },
];
