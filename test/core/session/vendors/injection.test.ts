import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { builtInTemplates } from '../../../../core/session/vendors/catalogue.ts';
import { renderCredentials } from '../../../../core/session/vendors/render.ts';
import type { ProxyEndpoint } from '../../../../core/session/vendors/render.ts';
import { builtIn, requestFor } from './rendering.ts';

/**
 * Reads credentials as a vendor would, knowing nothing of templates: splits at the vendor's separators, refuses what does not come out
 * even, and gives every key with its value.
 */
type Read = (endpoint: ProxyEndpoint) => Record<string, string>;

function collect(pairs: readonly (readonly string[])[]): Record<string, string> {
  const read: Record<string, string> = {};
  for (const pair of pairs) {
    const [key, value] = pair;
    if (pair.length !== 2 || key === undefined || value === undefined || value === '')
      throw new Error(`not a pair: ${JSON.stringify(pair)}`);
    if (Object.hasOwn(read, key)) throw new Error(`twice: ${key}`);
    read[key] = value;
  }
  return read;
}

/** `a-1-b-2`, after `skip` words that stand alone. */
const alternating =
  (separator: string, skip: number, flags: readonly string[] = []): Read =>
  ({ username }) => {
    const words = username.split(separator).slice(skip);
    while (flags.includes(words.at(-1) ?? '')) words.pop();
    return collect(Array.from({ length: Math.ceil(words.length / 2) }, (_, index) => words.slice(2 * index, 2 * index + 2)));
  };

/** `a-1,b-2`, after `skip` parts that stand alone. */
const paired =
  (between: string, inside: string, skip: number, where: 'username' | 'password' = 'username'): Read =>
  (endpoint) =>
    collect(
      endpoint[where]
        .split(between)
        .slice(skip)
        .map((part) => part.split(inside)),
    );

const readers: Readonly<Record<string, Read>> = {
  apify: paired(',', '-', 1),
  'bright-data': alternating('-', 5, ['const']),
  bytio: alternating('-', 2),
  dataimpulse: ({ username, ...rest }) => paired(';', '.', 0)({ ...rest, username: username.replace('USERNAME__', '') }),
  decodo: alternating('-', 2),
  evomi: paired('_', '-', 1, 'password'),
  geonode: alternating('-', 1),
  'hex-proxies': alternating('-', 1),
  iproyal: paired('_', '-', 1, 'password'),
  massive: alternating('-', 1),
  netnut: alternating('-', 1),
  oxylabs: alternating('-', 2),
  'oxylabs-sticky-ports': ({ port }) => ({ port: String(port) }),
  'oxylabs-web-unblocker': ({ headers }) => ({ ...headers }),
  pingnetwork: alternating('-', 1),
  'proxy-seller': alternating('_', 1),
  scrapeops: paired('.', '=', 1),
  scraperapi: paired('.', '=', 1),
  soax: alternating('-', 0),
  'soax-legacy': alternating('-', 2),
  webshare: ({ username }) => {
    const [account, ...words] = username.split('-');
    const sid = words.pop() ?? '';
    const city = words.find((word) => word.startsWith('city_'));
    const country = words.find((word) => /^[a-z]{2}$/.test(word));
    if (account !== 'USERNAME' || words.length !== [city, country].filter((word) => word !== undefined).length)
      throw new Error('not positional');
    return collect([
      ['sid', sid],
      ...(country === undefined ? [] : [['country', country]]),
      ...(city === undefined ? [] : [['city', city]]),
    ]);
  },
};

const hostile = fc.constantFrom(
  'x-session-evil',
  'x-country-us',
  '-session-evil',
  'x_session-evil',
  'x_killswitch-0',
  'x;sessid.evil',
  'x,session-evil',
  'x.country=us',
  'x=1',
  'x@evil.example/',
  'x:password',
  'x/y',
  'x?y',
  'x#y',
  'x%2dsession%2devil',
  'x{sid}',
  'x[-const]',
  'x\r\nx-session: evil',
  'x\u0000',
  'x\u2010session',
  '__proto__',
  '-',
  '...',
  "'",
  ' ',
  '',
);
const honest = fc.constantFrom(
  'New York',
  'Winston-Salem',
  "Coeur d'Alene",
  'St. John',
  'São Paulo',
  'Saint-Étienne',
  'new  york',
  '29 Palms',
);
const allowed = fc.string({ unit: fc.constantFrom(..."abcXYZ019 -'."), maxLength: 70 });
const place = fc.oneof(hostile, honest, allowed, fc.string({ unit: 'binary', maxLength: 20 }));
const country = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('us', 'US', 'gb', 'De') },
  { weight: 1, arbitrary: fc.constantFrom('eu', 'any', 'u', '-s', 'U-', 'us-session-evil', 'ＵＳ', 'ß', 'ſs') },
  { weight: 1, arbitrary: fc.string({ maxLength: 3 }) },
);

const writes = (vendor: string, field: string): boolean =>
  JSON.stringify(builtIn(vendor).username.concat(builtIn(vendor).password)).includes(`{${field}`);

const sessionKeys: readonly string[] = ['session', 'sessid', 'sessionid', 'session_number', 'sticky_session', 'sid', 's'];

/** Which keys each asked-for thing may appear under. `res` and SOAX's `country` are there without a country too. */
const keysOf = {
  country: ['country', 'cc', 'cr', 'c', 'country_code', 'res_sc'],
  region: ['region', 'state', 'st', 'sd', 'subdivision', 'res_sc'],
  city: ['city', 'res_sc'],
} as const;

describe('grammar injection (D5)', () => {
  it('every built-in vendor is read back by its own parser here', () => {
    expect(Object.keys(readers).toSorted()).toEqual(Object.keys(builtInTemplates).toSorted());
  });

  it.each(Object.keys(readers).filter((vendor) => writes(vendor, 'country')))(
    '%s: no place a client names adds a key, or changes another value',
    (vendor) => {
      const template = builtIn(vendor);
      const read = readers[vendor]!;
      const { sid } = requestFor(template, {});
      let accepted = 0;
      fc.assert(
        fc.property(
          fc.option(country, { nil: undefined }),
          writes(vendor, 'region')
            ? fc.option(fc.oneof(place, fc.constantFrom('NY', 'California', '1906')), { nil: undefined })
            : fc.constant(undefined),
          writes(vendor, 'city') ? fc.option(place, { nil: undefined }) : fc.constant(undefined),
          (countryAsked, regionAsked, cityAsked) => {
            const geo = { country: countryAsked, region: regionAsked, city: cityAsked };
            const result = renderCredentials(template, requestFor(template, { geo }));
            if (!result.ok) return;
            accepted++;
            const asked = (['country', 'region', 'city'] as const).filter((field) => geo[field] !== undefined);
            const found = read(result.credentials);
            const may: readonly string[] = [
              ...sessionKeys,
              'res',
              ...(vendor === 'soax' ? ['country'] : []),
              ...asked.flatMap((field) => keysOf[field]),
            ];
            expect(Object.keys(found).filter((key) => !may.includes(key))).toEqual([]);
            expect(
              Object.keys(found)
                .filter((key) => sessionKeys.includes(key))
                .map((key) => found[key]),
            ).toEqual([sid]);
            // Nothing but the text that holds places changes.
            const plain = renderCredentials(template, requestFor(template, {}));
            if (!plain.ok) throw new Error('the plain request must render');
            const elsewhere = { username: '', password: '' };
            expect({ ...result.credentials, ...elsewhere }).toEqual({ ...plain.credentials, ...elsewhere });
          },
        ),
        { numRuns: 1_000 },
      );
      expect(accepted).toBeGreaterThan(10);
    },
  );

  it.each(Object.keys(readers).filter((vendor) => writes(vendor, 'city')))(
    '%s: a city is read back as its letters and digits, whatever else it has',
    (vendor) => {
      const template = builtIn(vendor);
      const alphanumeric = (text: string): string =>
        text
          .normalize('NFD')
          .replace(/%20|[^A-Za-z0-9]/g, '')
          .toLowerCase();
      let accepted = 0;
      fc.assert(
        fc.property(fc.oneof(allowed, honest, hostile), (city) => {
          const result = renderCredentials(template, requestFor(template, { geo: { country: 'US', city } }));
          if (!result.ok) return;
          accepted++;
          const read = readers[vendor]!(result.credentials);
          const written = read['city']?.replace(/^city_/, '') ?? read['res_sc']?.replace(/^us_/, '');
          expect(alphanumeric(written ?? '')).toBe(alphanumeric(city));
        }),
        { numRuns: 300 },
      );
      expect(accepted).toBeGreaterThan(100);
    },
  );
});
