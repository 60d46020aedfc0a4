import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HeaderList } from '../../../core/http/header-list.ts';

describe('a list of header fields', () => {
  it('keeps repetitions in order and joins them as RFC 9110 says', () => {
    const list = HeaderList.of(['Accept', 'a'], ['X-B', '1'], ['accept', 'b'], ['ACCEPT', '']);
    expect(list.get('accept')).toBe('a, b, ');
    expect(list.getAll('accept')).toEqual(['a', 'b', '']);
    expect(list.flat()).toEqual(['accept', 'a', 'x-b', '1', 'accept', 'b', 'accept', '']);
  });

  it('joins cookie with a semicolon as RFC 6265 says', () => {
    expect(HeaderList.of(['cookie', 'a=1'], ['cookie', 'b=2']).get('cookie')).toBe('a=1; b=2');
  });

  it('tells an absent field from an empty one', () => {
    expect(HeaderList.of(['a', '']).get('a')).toBe('');
    expect(new HeaderList().get('a')).toBeUndefined();
    expect(new HeaderList().getAll('a')).toEqual([]);
  });

  it('never takes a value for a name', () => {
    expect(HeaderList.of(['a', 'b'], ['c', 'd']).get('b')).toBeUndefined();
  });

  it('gives back exactly what was put in, whatever it was', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom('a', 'b', 'set-cookie', '__proto__', 'constructor'), fc.string())), (pairs) => {
        const list = HeaderList.of(...pairs);
        expect(list.flat()).toEqual(pairs.flat());
        for (const [name] of pairs) {
          const values = pairs.filter(([other]) => other === name).map(([, value]) => value);
          expect(list.getAll(name)).toEqual(values);
          expect(list.get(name)).toBe(values.join(', '));
        }
      }),
    );
  });
});
