import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JsonRejected, parseJson } from '../../../core/http/parse-json.ts';

const nested = (depth: number, open = '[', close = ']'): string => open.repeat(depth) + close.repeat(depth);

describe('JSON from outside', () => {
  it('is what JSON.parse makes of it, for any value written any way', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), fc.constantFrom(undefined, 1, '\t'), (value, indent) => {
        const text = JSON.stringify(value, undefined, indent);
        expect(parseJson(text)).toEqual(JSON.parse(text));
      }),
      { numRuns: 500 },
    );
  });

  it('is refused exactly when JSON.parse refuses it, or it is too deep or names a member twice', () => {
    const token = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"a"',
      '"b"',
      '"\\u0061"',
      '"\\""',
      '1',
      '-',
      'null',
      ' ',
      '\n',
      '"',
      '\\',
      'x',
    );
    fc.assert(
      fc.property(fc.array(token, { maxLength: 12 }), (tokens) => {
        const text = tokens.join('');
        let expected: unknown;
        try {
          expected = JSON.parse(text);
        } catch {
          expect(() => parseJson(text)).toThrow(JsonRejected);
          return;
        }
        try {
          expect(parseJson(text)).toEqual(expected);
        } catch (error) {
          // Valid JSON refused: then a name must be there twice, which is the only way to lose a pair.
          expect(error).toBeInstanceOf(JsonRejected);
          expect((error as Error).message).toMatch(/twice/);
          expect(JSON.stringify(expected).match(/:/g)?.length ?? 0).toBeLessThan(text.match(/:/g)?.length ?? 0);
        }
      }),
      { numRuns: 5_000 },
    );
  });

  it('may be nested 16 levels deep, and not one more', () => {
    expect(parseJson(nested(16))).toBeDefined();
    expect(() => parseJson(nested(17))).toThrow(/deeper than 16/);
    expect(() => parseJson(`${'{"a":'.repeat(17)}1${'}'.repeat(17)}`)).toThrow(/deeper than 16/);
    // Brackets in a string are not nesting.
    expect(parseJson(JSON.stringify(nested(100)))).toBe(nested(100));
  });

  it('is refused 100,000 levels deep without a stack overflow (R5)', () => {
    expect(() => parseJson(nested(100_000))).toThrow(JsonRejected);
    expect(() => parseJson('{"a":'.repeat(100_000))).toThrow(JsonRejected);
  });

  it.each([
    ['{"a":1,"a":2}'],
    ['{"a":1,"\\u0061":2}'],
    ['{"x":{"a":1,"b":2,"a":3}}'],
    ['[{"a":1},{"a":1,"a" \n:2}]'],
    ['{"\\"":1,"\\u0022":2}'],
    ['{"__proto__":1,"__proto__":2}'],
    ['{"":1,"":2}'],
  ])('is refused with a member named twice: %s', (text) => {
    expect(() => parseJson(text)).toThrow(/occurs twice/);
  });

  it.each([['{"a":1,"b":{"a":2}}'], ['[{"a":1},{"a":2}]'], ['{"a":"a","b":"a"}'], ['{"a":["a","a"]}'], ['{"a":"\\"a\\":1"}']])(
    'may use a name again elsewhere: %s',
    (text) => {
      expect(parseJson(text)).toEqual(JSON.parse(text));
    },
  );

  it('makes __proto__ a member like any other, and changes no prototype', () => {
    const parsed = parseJson('{"__proto__":{"polluted":true}}') as object;
    expect(Object.keys(parsed)).toEqual(['__proto__']);
    expect(Object.getPrototypeOf(parsed)).toBe(Object.prototype);
    expect('polluted' in {}).toBe(false);
  });

  it('says what is wrong without saying what was sent', () => {
    for (const text of ['{"c4n4ry":', '{"c4n4ry":1,"c4n4ry":2}', 'c4n4ry', '']) {
      expect(() => parseJson(text)).toThrow(expect.objectContaining({ message: expect.not.stringContaining('c4n4ry') as unknown }));
    }
  });
});
