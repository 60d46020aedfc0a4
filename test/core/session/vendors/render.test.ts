import { describe, expect, it } from 'vitest';
import { compile } from '../../../../core/session/vendors/compile.ts';
import { renderCredentials } from '../../../../core/session/vendors/render.ts';
import type { VendorTemplate } from '../../../../core/session/vendors/template.ts';
import { builtIn, plainTemplate, problemsOf, refusals, rendered, requestFor } from './rendering.ts';

describe('rendering credentials', () => {
  it('gives the same credentials for the same request, and changes nothing of either', () => {
    const template = Object.freeze({ ...builtIn('oxylabs') });
    const request = Object.freeze(requestFor(template, { geo: Object.freeze({ country: 'us', city: 'Reno' }), ttlSeconds: 90 }));
    expect(renderCredentials(template, request)).toEqual(renderCredentials(template, request));
  });

  it('reads the texts of a template once', () => {
    const template = { ...plainTemplate };
    expect(compile(template)).toBe(compile(template));
  });

  it('refuses an endpoint in place of one whose host says something', () => {
    const template = {
      ...plainTemplate,
      endpoints: [{ scheme: 'http', host: '[{country|lower}.]proxy.example', port: 80 }],
    } as const;
    expect(refusals(template, { endpoint: { host: 'proxy.example', port: 80 } })).toEqual(['endpoint unsupported']);
  });

  it('takes nothing from the prototype of the account', () => {
    const template: VendorTemplate = { ...plainTemplate, account: ['constructor'], username: ['{account.constructor}-{sid}'] };
    expect(refusals(template, { account: {} })).toEqual(['account.constructor required']);
  });

  describe('what a vendor cannot do is a problem, never left out', () => {
    it.each<readonly [why: string, vendor: string, request: Parameters<typeof refusals>[1], problems: readonly string[]]>([
      ['a city where there are none', 'pingnetwork', { geo: { country: 'US', city: 'Reno' } }, ['city unsupported']],
      [
        'any geography where there is none',
        'bytio',
        { geo: { country: 'US', region: 'NV', city: 'Reno' } },
        ['country unsupported', 'region unsupported', 'city unsupported'],
      ],
      ['fail-closed where there is no switch', 'decodo', { failClosed: true }, ['failClosed unsupported']],
      ['a time over the maximum', 'massive', { ttlSeconds: 14_401 }, ['ttlSeconds over_maximum']],
      ['a time that is none', 'massive', { ttlSeconds: 0 }, ['ttlSeconds invalid']],
      ['a time that is no number', 'massive', { ttlSeconds: Number.NaN }, ['ttlSeconds invalid']],
      ['a city without its country', 'bright-data', { geo: { city: 'Reno' } }, ['country required']],
      [
        'a region without a city, where they go together',
        'netnut',
        { geo: { country: 'US', region: 'Nevada' } },
        ['city required'],
      ],
      [
        'a region outside the countries that have them',
        'bright-data',
        { geo: { country: 'FR', region: 'IDF' } },
        ['region unsupported'],
      ],
      ['a name where a code is needed', 'massive', { geo: { country: 'FR', region: 'Bretagne' } }, ['region invalid']],
      ['a state that does not exist', 'bright-data', { geo: { country: 'US', region: 'ZZ' } }, ['region invalid']],
      [
        'a name where the vendor’s number is needed',
        'proxy-seller',
        { geo: { country: 'US', region: 'Nevada' } },
        ['region invalid'],
      ],
      ['a protocol it does not speak', 'apify', { protocol: 'socks5' }, ['protocol unsupported']],
      ['a country without an entry of its own', 'oxylabs-sticky-ports', { geo: { country: 'JP' } }, ['country unsupported']],
      [
        'an endpoint in place of one that is the session',
        'oxylabs-sticky-ports',
        { endpoint: { host: 'proxy.example', port: 1 } },
        ['endpoint unsupported'],
      ],
      ['an endpoint nobody knows', 'hex-proxies', { endpoint: undefined }, ['endpoint required']],
      ['an account field that is missing', 'bright-data', { account: { customer: 'c' } }, ['account.zone required']],
      ['an account field that is empty', 'bright-data', { account: { customer: 'c', zone: '' } }, ['account.zone required']],
      ['a secret that is empty', 'bright-data', { secret: '' }, ['secret required']],
      ['a token of another form', 'iproyal', { sid: 'abcd' }, ['sid invalid']],
      ['a client’s own id as a token', 'bright-data', { sid: '3b241101-e2bb-4255-8caf-4136c566a962' }, ['sid invalid']],
    ])('%s (%s)', (_, vendor, request, problems) => {
      expect(refusals(builtIn(vendor), request)).toEqual(problems);
    });

    it('two fields of which a vendor takes one', () => {
      const template: VendorTemplate = {
        ...plainTemplate,
        username: ['{account.username}[-region-{region|lower|words:_}][-city-{city|lower|words:_}]-session-{sid}'],
        exclusive: [['region', 'city']],
      };
      expect(refusals(template, { geo: { region: 'Nevada', city: 'Reno' } })).toEqual(['city exclusive']);
      expect(rendered(template, { geo: { city: 'Reno' } }).username).toBe('USERNAME-city-reno-session-abcd1234');
    });

    it('a country outside the ones there are', () => {
      const template: VendorTemplate = { ...plainTemplate, geo: { country: { only: ['US'] } } };
      expect(refusals(template, { geo: { country: 'de' } })).toEqual(['country unsupported']);
      expect(rendered(template, { geo: { country: 'us' } }).username).toContain('-country-us-');
    });

    it('a value that the grammar cannot do without', () => {
      const template: VendorTemplate = { ...plainTemplate, username: ['country-{country|lower}-session-{sid}'], account: [] };
      expect(refusals(template, {})).toEqual(['country required']);
    });
  });

  it.each(['USA', 'u', '', 'U1', 'XX', 'us ', '-s', 'ſs', 'toString', '__proto__', 'UK'])('refuses the country %j', (country) => {
    expect(refusals(plainTemplate, { geo: { country } })).toEqual(['country invalid']);
  });

  it.each(['US', 'us', 'uS', 'GB', 'ZW', 'AD', 'XK'].map((code) => [code, code !== 'XK'] as const))(
    'takes the country %s: %s',
    (country, is) => {
      expect(refusals(plainTemplate, { geo: { country } })).toEqual(is ? [] : ['country invalid']);
    },
  );

  it.each(['', ' ', '-', "'", '.', 'a/b', 'a:b', 'a@b', 'a_b', 'a,b', 'a%20b', 'a\nb', 'a\u0000b', '東京', 'x'.repeat(65)])(
    'refuses the city %j',
    (city) => {
      expect(refusals(builtIn('oxylabs'), { geo: { country: 'US', city } })).toEqual(['city invalid']);
    },
  );

  it.each([
    ['São Paulo', 'sao_paulo'],
    ['St. John’s'.replace('’', "'"), 'st_johns'],
    ['Winston-Salem', 'winston_salem'],
    ['  New   York ', 'new_york'],
    ['x-session-evil', 'x_session_evil'],
  ])('writes the city %j as %s', (city, written) => {
    expect(rendered(builtIn('oxylabs'), { geo: { country: 'BR', city } }).username).toContain(`-city-${written}-sessid-`);
  });

  it.each([
    ['a colon in the username, which Basic authentication cannot carry', { account: { username: 'a:b' } }, 'account invalid'],
    ['a line feed in the account', { account: { username: 'a\nb' } }, 'account.username invalid'],
    ['a line feed in the secret', { secret: 'a\r\nb' }, 'secret invalid'],
    ['ill-formed text', { secret: '\ud800' }, 'secret invalid'],
    ['a secret over 256 characters', { secret: 'x'.repeat(257) }, 'secret invalid'],
    ['a host with a path', { endpoint: { host: 'evil.example/', port: 1 } }, 'endpoint invalid'],
    ['a host with an empty label', { endpoint: { host: 'evil..example', port: 1 } }, 'endpoint invalid'],
    ['a host with userinfo', { endpoint: { host: 'a@evil.example', port: 1 } }, 'endpoint invalid'],
  ])('refuses %s', (_, request, problem) => {
    expect(refusals(plainTemplate, request)).toEqual([problem]);
  });

  it('takes a pool’s own endpoint, name or address', () => {
    for (const host of ['gate.example', '127.0.0.1', '::1', '2001:db8::1']) {
      expect(rendered(plainTemplate, { endpoint: { host, port: 3128 } })).toMatchObject({ host, port: 3128 });
    }
  });

  it('names every problem at once', () => {
    expect(
      refusals(builtIn('bright-data'), { account: {}, sid: '', geo: { country: 'zz', city: '/' }, protocol: 'https' }),
    ).toEqual([
      'account.customer required',
      'account.zone required',
      'sid invalid',
      'country invalid',
      'city invalid',
      'protocol unsupported',
    ]);
  });

  it('puts no value into a problem', () => {
    const marker = 'zQ9';
    const problems = problemsOf(builtIn('bright-data'), {
      account: { customer: `${marker}\n`, zone: `${marker}\u0000` },
      secret: `${marker}\n`,
      sid: `${marker}-`,
      geo: { country: marker, region: `${marker}/`, city: `${marker}/` },
    });
    expect(problems).toHaveLength(7);
    expect(JSON.stringify(problems)).not.toContain(marker);
  });

  it('throws on a template whose texts cannot be read: nothing was checked', () => {
    expect(() => rendered({ ...plainTemplate, username: ['{sid'] })).toThrow(TypeError);
  });
});
