import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { base64url } from '../../../core/text/base64url.ts';
import { canonicalJson } from '../../../core/text/canonical-json.ts';
import { constantTimeEqual } from '../../../core/text/constant-time-equal.ts';
import { instant } from '../../../core/text/instant.ts';

describe('base64url', () => {
  it('is what Node writes, for any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        expect(base64url(bytes)).toBe(Buffer.from(bytes).toString('base64url'));
      }),
    );
  });

  it('writes the vectors of RFC 4648 without padding', () => {
    const written = ['', 'f', 'fo', 'foo', 'foob', 'fooba', 'foobar'].map((text) => base64url(new TextEncoder().encode(text)));
    expect(written).toEqual(['', 'Zg', 'Zm8', 'Zm9v', 'Zm9vYg', 'Zm9vYmE', 'Zm9vYmFy']);
  });
});

describe('canonical JSON', () => {
  const shuffled = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(shuffled);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value)
        .toReversed()
        .map(([name, member]) => [name, shuffled(member)]),
    );
  };

  it('is the same for equal values in any order, and different for different values', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
        expect(canonicalJson(shuffled(a))).toBe(canonicalJson(a));
        const same = JSON.stringify(JSON.parse(canonicalJson(a))) === JSON.stringify(JSON.parse(canonicalJson(b)));
        expect(canonicalJson(a) === canonicalJson(b)).toBe(same);
      }),
    );
  });

  it('says the same as the value', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it('sorts by name and keeps the order of lists', () => {
    expect(canonicalJson({ b: [2, 1, { d: 1, c: 2 }], a: null })).toBe('{"a":null,"b":[2,1,{"c":2,"d":1}]}');
  });

  it('keeps a member called __proto__', () => {
    expect(canonicalJson(JSON.parse('{"b":1,"__proto__":{"x":1}}'))).toBe('{"__proto__":{"x":1},"b":1}');
  });
});

describe('comparison in constant time', () => {
  it('says whether two strings are equal', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary-ascii' }), fc.string({ unit: 'binary-ascii' }), (a, b) => {
        expect(constantTimeEqual(a, a)).toBe(true);
        expect(constantTimeEqual(a, b)).toBe(a === b);
        expect(constantTimeEqual(b, a)).toBe(a === b);
      }),
    );
  });

  it('says no whichever character differs, and for a prefix or a padded copy', () => {
    const secret = 'AZaz09-_'.repeat(6).slice(0, 43);
    for (let at = 0; at < secret.length; at++) {
      for (let bit = 1; bit < 128; bit <<= 1) {
        const flipped = secret.slice(0, at) + String.fromCharCode(secret.charCodeAt(at) ^ bit) + secret.slice(at + 1);
        expect(constantTimeEqual(secret, flipped)).toBe(false);
      }
      expect(constantTimeEqual(secret, secret.slice(0, at))).toBe(false);
      expect(constantTimeEqual(secret.slice(0, at), secret)).toBe(false);
    }
    expect(constantTimeEqual('', '\u0000')).toBe(false);
    expect(constantTimeEqual('\u0000', '')).toBe(false);
    expect(constantTimeEqual('a', 'a\u0000')).toBe(false);
    expect(constantTimeEqual('', '')).toBe(true);
  });

  it('looks at every character, wherever the first difference is', () => {
    const seen: number[] = [];
    const watched = (text: string): string =>
      ({ length: text.length, charCodeAt: (at: number) => (seen.push(at), text.charCodeAt(at)) }) as unknown as string;
    for (const other of ['xbcd', 'abcx', 'abcd']) {
      seen.length = 0;
      constantTimeEqual(watched('abcd'), other);
      expect(seen).toEqual([0, 1, 2, 3]);
    }
  });
});

describe('an instant', () => {
  it('is RFC 3339 in UTC, to the millisecond', () => {
    expect(instant(Date.UTC(2026, 10, 21, 9, 8, 7, 6))).toBe('2026-11-21T09:08:07.006Z');
    expect(instant(253_402_300_799_999)).toBe('9999-12-31T23:59:59.999Z');
  });

  it('is what Date writes, for any instant in any order', () => {
    const at = fc.oneof(
      fc.integer({ min: 0, max: 253_402_300_799_999 }),
      fc.integer({ min: 1_767_225_600_000, max: 1_767_225_700_000 }),
    );
    fc.assert(
      fc.property(fc.array(at), (instants) => {
        for (const one of instants) expect(instant(one)).toBe(new Date(one).toISOString());
      }),
    );
  });
});
