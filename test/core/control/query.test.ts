import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseQuery, QueryRejected } from '../../../core/control/query.ts';

describe('a query string', () => {
  it('is read as URLSearchParams reads it, when no name is there twice', () => {
    const text = fc.string({ unit: 'grapheme' });
    fc.assert(
      fc.property(fc.dictionary(text, text), (values) => {
        const { limit: _limit, ...rest } = values;
        expect(parseQuery(new URLSearchParams(rest).toString())).toEqual(rest);
      }),
    );
  });

  it('is read or refused, whatever it holds', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', '=', '&', '%', '+', '4', '1', 'é', ';', '#') }), (query) => {
        try {
          for (const value of Object.values(parseQuery(query))) expect(value).toBeTypeOf('string');
        } catch (error) {
          expect(error).toBeInstanceOf(QueryRejected);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('decodes + and %2B apart, and keeps empty values', () => {
    expect(parseQuery('a=1+2&b=1%2B2&c=&d&=e&&f=x=y')).toEqual({ a: '1 2', b: '1+2', c: '', d: '', '': 'e', f: 'x=y' });
  });

  it('makes a number of limit only where it is one', () => {
    expect(parseQuery('limit=10')).toEqual({ limit: 10 });
    for (const value of ['-1', '1.5', '1e3', '0x10', '', '٣', '1234567890', ' 1']) {
      expect(parseQuery(`limit=${encodeURIComponent(value)}`)).toEqual({ limit: value });
    }
    expect(parseQuery('tag=10')).toEqual({ tag: '10' });
  });

  it('is refused with a parameter given twice, however it is written', () => {
    for (const query of ['a=1&a=1', 'a=1&%61=2', 'a&a']) expect(() => parseQuery(query)).toThrow(QueryRejected);
  });

  it('is refused with ill-formed percent-encoding', () => {
    for (const query of ['a=%', 'a=%4', 'a=%zz', 'a=%ff', 'a=%c0%af', '%ed%a0%80=1'])
      expect(() => parseQuery(query)).toThrow(QueryRejected);
  });

  it('makes __proto__ a parameter like any other', () => {
    const query = parseQuery('__proto__=x&constructor=y');
    expect(Object.keys(query)).toEqual(['__proto__', 'constructor']);
    expect('x' in {}).toBe(false);
  });
});
