import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { builtInTemplates } from '../../../../core/session/vendors/catalogue.ts';
import { isUpstreamToken, mustReserveTokens, newUpstreamToken, tokenSpace } from '../../../../core/session/vendors/token.ts';
import { builtIn, plainTemplate } from './rendering.ts';

/** Gives out `bytes` in order, then fails: a token must not draw more than it needs. */
function from(bytes: readonly number[]): (size: number) => Uint8Array {
  let at = 0;
  return (size) => {
    if (at + size > bytes.length) throw new Error('drew more than was given');
    at += size;
    return Uint8Array.from(bytes.slice(at - size, at));
  };
}

const counted = (min: number, max: number): typeof plainTemplate => ({ ...plainTemplate, sid: { min, max } });
const spelled = (alphabet: string, minLength: number, maxLength: number): typeof plainTemplate => ({
  ...plainTemplate,
  sid: { alphabet, minLength, maxLength },
});

describe('session tokens', () => {
  it.each(Object.entries(builtInTemplates))('%s: every new token is of the vendor’s form', (_, template) => {
    for (let count = 0; count < 200; count++) expect(isUpstreamToken(template, newUpstreamToken(template, randomBytes))).toBe(true);
  });

  it('throw away the bytes that would favour some characters', () => {
    // 256 = 7 * 36 + 4: the bytes 252 to 255 would make a, b, c and d likelier.
    expect(newUpstreamToken(spelled('a-z0-9', 4, 4), from([252, 255, 0, 251, 35, 36]))).toBe('a99a');
  });

  it('throw away the numbers that would favour some', () => {
    // Three numbers from one byte: 255 = 3 * 85, so only the byte 255 is thrown away.
    expect(newUpstreamToken(counted(5, 7), from([255, 254]))).toBe('7');
    expect(newUpstreamToken(counted(5, 7), from([0]))).toBe('5');
  });

  it('give every value the same chance: all bytes in turn, each character equally often', () => {
    const seen = new Map<string, number>();
    for (let byte = 0; byte < 252; byte++) {
      const token = newUpstreamToken(spelled('a-z0-9', 1, 1), from([byte]));
      seen.set(token, (seen.get(token) ?? 0) + 1);
    }
    expect([...new Set(seen.values())]).toEqual([7]);
    expect(seen.size).toBe(36);
  });

  it('reach both ends of a range and never leave it', () => {
    const template = builtIn('scrapeops');
    expect(newUpstreamToken(template, from([0, 0]))).toBe('0');
    expect(newUpstreamToken(template, from([10_000 >> 8, 10_000 & 255]))).toBe('10000');
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 40 }), fc.integer({ min: 1, max: 2 ** 50 }), (min, size) => {
        const number = Number(newUpstreamToken(counted(min, min + size), randomBytes));
        return number >= min && number <= min + size;
      }),
    );
  });

  it('are as long as the vendor allows, up to 128 bits', () => {
    expect(newUpstreamToken(builtIn('iproyal'), randomBytes)).toHaveLength(8);
    expect(newUpstreamToken(builtIn('evomi'), randomBytes)).toHaveLength(10);
    expect(newUpstreamToken(builtIn('massive'), randomBytes)).toHaveLength(25);
    expect(newUpstreamToken(spelled('ab', 200, 255), randomBytes)).toHaveLength(200);
  });

  it('come from a space of known size, and small ones must be reserved (D39)', () => {
    expect(tokenSpace(builtIn('scrapeops'))).toBe(10_001);
    expect(tokenSpace(builtIn('iproyal'))).toBe(36 ** 8);
    expect(tokenSpace(builtIn('netnut'))).toBe(99_990_000);
    expect(Math.log2(tokenSpace(builtIn('massive')))).toBeGreaterThanOrEqual(128);
    const reserved = Object.keys(builtInTemplates).filter((id) => mustReserveTokens(builtIn(id)));
    expect(reserved).toEqual([
      'evomi',
      'iproyal',
      'netnut',
      'oxylabs-sticky-ports',
      'proxy-seller',
      'scrapeops',
      'scraperapi',
      'webshare',
    ]);
  });

  it.each([
    ['iproyal', 'sgn34f3', false],
    ['iproyal', 'sgn34f3e9', false],
    ['iproyal', 'SGN34F3E', false],
    ['iproyal', 'sgn-4f3e', false],
    ['netnut', '9999', false],
    ['netnut', '10000', true],
    ['netnut', '010000', false],
    ['netnut', '1e5', false],
    ['netnut', '100000000', false],
    ['netnut', '', false],
    ['bright-data', '3b241101-e2bb', false],
  ])('%s: %s is of its form: %s', (vendor, token, is) => {
    expect(isUpstreamToken(builtIn(vendor), token)).toBe(is);
  });
});
