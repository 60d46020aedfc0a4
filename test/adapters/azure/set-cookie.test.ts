import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseSetCookie } from '../../../adapters/azure/set-cookie.ts';
import { sentResponse } from '../../support/azure/sent-response.ts';

/** What the library makes of it. */
async function sent(setCookie: string): Promise<string | undefined> {
  const { headers } = await sentResponse({ cookies: [parseSetCookie(setCookie)] });
  return headers[headers.indexOf('set-cookie') + 1];
}

test.each([
  'a=1',
  'a=',
  'sid=3f%20b%2Fc%E2%82%AC; Path=/',
  'a=1; Max-Age=3600; Domain=example.com; Path=/x; Expires=Wed, 21 Oct 2026 07:28:00 GMT; HttpOnly; Secure; SameSite=Lax',
  'a=1; Max-Age=-1',
  'a=1; Max-Age=0',
  'a=1; Domain=.example.com; SameSite=None',
  'a=1; SameSite=Strict',
  '__Host-a=1; Path=/; Secure',
])('%s comes out as it was', async (setCookie) => {
  expect(await sent(setCookie)).toBe(setCookie);
});

test.each([
  ['a=b=c', 'a=b%3Dc'],
  ['a="quoted"', 'a=%22quoted%22'],
  ['a=50%', 'a=50%25'],
  ['a=%41', 'a=%2541'],
  ['a=%2f', 'a=%252f'],
  ['  a = 1 ;path=/; SECURE', 'a=1; Path=/; Secure'],
  ['a=1; Partitioned; Priority=High', 'a=1'],
  ['a=1; Expires=never; Max-Age=soon; SameSite=Sometimes; Domain; Path=', 'a=1'],
  // Names that every object has: looked up in one, they gave a function for the library to write.
  ['a=1; SameSite=constructor; __proto__=x', 'a=1'],
  ['a=1; SameSite=__proto__; valueOf', 'a=1'],
  ['a=1; Expires=Wed, 21-Oct-26 07:28:00 GMT', 'a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT'],
])('what is lost: %s comes out as %s', async (setCookie, expected) => {
  expect(await sent(setCookie)).toBe(expected);
});

test.each(['', '=1', 'a', 'a b=1', 'a=1; Domain=under_score.example', 'a=1; Domain=a..b', 'a=1; Path=/é', 'é=1'])(
  '%j, which the library cannot write, is refused',
  (setCookie) => {
    expect(() => parseSetCookie(setCookie)).toThrow(TypeError);
  },
);

test('whatever is not refused, the library can write', async () => {
  const attribute = fc.constantFrom('Path', 'Domain', 'Expires', 'Max-Age', 'SameSite', 'Secure', 'HttpOnly', 'Partitioned');
  const text = fc.string({ maxLength: 12 }).map((value) => value.replaceAll(';', ''));
  const setCookie = fc.tuple(text, text, fc.array(fc.tuple(attribute, text)));
  await fc.assert(
    fc.asyncProperty(setCookie, async ([name, value, attributes]) => {
      const given = [`${name}=${value}`, ...attributes.map(([key, content]) => `${key}=${content}`)].join('; ');
      try {
        parseSetCookie(given);
      } catch (error) {
        expect(error).toBeInstanceOf(TypeError);
        return;
      }
      expect(await sent(given)).toContain('=');
    }),
    { numRuns: 500 },
  );
});
