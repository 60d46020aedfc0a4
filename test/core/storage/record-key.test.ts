import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { maxKeyBytes } from '../../../core/ports/index.ts';
import { decodeKeyPart, encodeKeyPart, encodeKeyPrefix } from '../../../core/storage/record-key.ts';

const bytes = (text: string): number => new TextEncoder().encode(text).length;

/** Any key part, with those that make trouble more often than by chance. */
const part = fc
  .oneof(
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 60 }),
    fc.string({ unit: fc.constantFrom('~', '4', '1', 'A', '.', '_', '-', '/', '%', '\0', 'é', '😀'), minLength: 1, maxLength: 40 }),
    fc.constantFrom(
      '\ufeff',
      '\ufeffa',
      '.',
      '..',
      '__x__',
      '~',
      '~41',
      '__proto__',
      ' ',
      'a'.repeat(maxKeyBytes),
      '/'.repeat(maxKeyBytes),
    ),
  )
  .filter((text) => text.isWellFormed() && bytes(text) <= maxKeyBytes);

describe('an encoded key part', () => {
  test('is read back as what it was', () => {
    fc.assert(
      fc.property(part, (text) => decodeKeyPart(encodeKeyPart(text)) === text),
      { numRuns: 2_000 },
    );
  });

  test('is another one for another part', () => {
    fc.assert(
      fc.property(part, part, (one, other) => {
        expect(encodeKeyPart(one) === encodeKeyPart(other)).toBe(one === other);
      }),
      { numRuns: 2_000 },
    );
  });

  test('starts with the encoded form of every beginning of the part, and with no other', () => {
    fc.assert(
      fc.property(part, part, fc.nat(40), (one, other, cut) => {
        const beginning = one.slice(0, cut).toWellFormed() === one.slice(0, cut) ? one.slice(0, cut) : one;
        expect(encodeKeyPart(one).startsWith(encodeKeyPrefix(beginning))).toBe(true);
        expect(encodeKeyPart(one).startsWith(encodeKeyPrefix(other))).toBe(one.startsWith(other));
      }),
      { numRuns: 2_000 },
    );
  });

  test('has letters, digits, - . _ ~ only, and does not start with . or _', () => {
    fc.assert(
      fc.property(part, (text) => /^[A-Za-z0-9~-][A-Za-z0-9._~-]*$/.test(encodeKeyPart(text))),
      { numRuns: 2_000 },
    );
  });

  test('has at most three characters for a byte, 510 in all', () => {
    fc.assert(
      fc.property(part, (text) => encodeKeyPart(text).length <= 3 * bytes(text)),
      { numRuns: 2_000 },
    );
    expect(encodeKeyPart('/'.repeat(maxKeyBytes))).toHaveLength(510);
  });

  test('orders parts of plain characters as they are', () => {
    const plain = fc.stringMatching(/^[A-Za-z0-9-][A-Za-z0-9._-]{0,20}$/);
    fc.assert(fc.property(plain, plain, (one, other) => encodeKeyPart(one) < encodeKeyPart(other) === one < other));
  });

  test.each([
    ['a', 'a'],
    ['a_b.c-d', 'a_b.c-d'],
    ['_a', '~5Fa'],
    ['.', '~2E'],
    ['..', '~2E.'],
    ['a b', 'a~20b'],
    ['~', '~7E'],
    ['é', '~C3~A9'],
    ['😀', '~F0~9F~98~80'],
    ['\0', '~00'],
  ])('of %j is %j', (text, encoded) => {
    expect(encodeKeyPart(text)).toBe(encoded);
    expect(decodeKeyPart(encoded)).toBe(text);
  });
});

describe('decoding', () => {
  test.each(['', '~', '~4', '~41', '~7e', '~GG', 'a/b', 'a b', '_a', '.a', '~C3', '~C3~28', '~ED~A0~80', '~5F~', 'é', 'a~2D'])(
    'refuses %j, which no part is encoded as',
    (text) => {
      expect(() => decodeKeyPart(text)).toThrow(TypeError);
    },
  );

  test('refuses what is longer than any encoded part', () => {
    expect(() => decodeKeyPart('a'.repeat(maxKeyBytes + 1))).toThrow(RangeError);
    expect(() => decodeKeyPart('~2F'.repeat(maxKeyBytes + 1))).toThrow(RangeError);
  });

  test('answers a part or refuses, whatever it is given', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('~', '2', 'F', 'f', 'a', '.', '_', '/', 'C', '3', 'A', '9'), maxLength: 30 }),
        (text) => {
          try {
            expect(encodeKeyPart(decodeKeyPart(text))).toBe(text);
          } catch (error) {
            expect(error).toBeInstanceOf(TypeError);
          }
        },
      ),
      { numRuns: 2_000 },
    );
  });
});
