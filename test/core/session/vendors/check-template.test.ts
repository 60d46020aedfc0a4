import { describe, expect, it } from 'vitest';
import { builtInTemplates } from '../../../../core/session/vendors/catalogue.ts';
import { checkTemplate } from '../../../../core/session/vendors/check-template.ts';
import type { VendorTemplate } from '../../../../core/session/vendors/template.ts';
import { plainTemplate } from './rendering.ts';
import { squaredTakesLonger } from '../../../support/linear-time.ts';

const pointers = (change: Partial<VendorTemplate>): readonly string[] =>
  checkTemplate({ ...plainTemplate, ...change }).map(({ pointer }) => pointer);
const username = (...parts: string[]): Partial<VendorTemplate> => ({ username: parts });
const endpoint = plainTemplate.endpoints[0]!;

describe('checking a template', () => {
  it.each(Object.entries(builtInTemplates))('finds nothing wrong with %s', (_, template) => {
    expect(checkTemplate(template)).toEqual([]);
  });

  it('finds nothing wrong with the small template that the cases here vary', () => {
    expect(pointers({})).toEqual([]);
  });

  it.each<readonly [what: string, parts: readonly string[], pointer: string]>([
    ['a placeholder that is not closed', ['{account.username}', '-{sid'], '/username/1'],
    ['a placeholder that is not opened', ['{account.username}', '-sid}'], '/username/1'],
    ['an option that is not closed', ['{account.username}', '[-{sid}'], '/username/1'],
    ['an option that is not opened', ['{account.username}', '-{sid}]'], '/username/1'],
    ['an option in an option', ['[-a-{sid}[-b-{country|lower}]]'], '/username/0'],
    ['an unknown value', ['{account.username}', '-{sid}-{zip}'], '/username/1'],
    ['an empty value', ['{account.username}', '-{sid}-{}'], '/username/1'],
    ['a value with the name of a member every object has', ['{account.username}-{sid}-{constructor}'], '/username/0'],
    ['an unknown rule', ['{account.username}-{sid}-{country|reverse}'], '/username/0'],
    ['a rule with the name of a member every object has', ['{account.username}-{sid}[-{city|words:constructor}]'], '/username/0'],
    ['a rule for another value', ['{account.username}-{sid|lower}'], '/username/0'],
    ['a joiner that is none', ['{account.username}-{sid}[-{city|words:*}]'], '/username/0'],
    ['a rule twice', ['{account.username}-{sid}[-{country|lower|upper}]'], '/username/0'],
    ['units there are not', ['{account.username}-{sid}[-{ttl|units:w}]'], '/username/0'],
    ['a unit twice', ['{account.username}-{sid}[-{ttl|units:s,s}]'], '/username/0'],
    ['a default twice', ['{account.username}-{sid}-{country|default:a|default:b}'], '/username/0'],
    ['a condition there is not', ['{account.username}-{sid}[-const?always]'], '/username/0'],
    ['an option of literal text alone, which would always be written', ['{account.username}-{sid}[-const]'], '/username/0'],
    ['a space', ['{account.username} {sid}'], '/username/0'],
    ['a line feed', ['{account.username}\n{sid}'], '/username/0'],
    ['text that is not ASCII', ['{account.username}–{sid}'], '/username/0'],
  ])('finds %s', (_, parts, pointer) => {
    expect(pointers(username(...parts))).toContain(pointer);
  });

  it.each<readonly [what: string, change: Partial<VendorTemplate>, pointer: string]>([
    ['an account field that is never used', { account: ['username', 'zone'] }, '/account/1'],
    ['an account field that is not listed', username('{account.username}-{account.zone}-{sid}'), '/username'],
    ['a secret that is never used', { password: ['x'] }, '/password'],
    ['no place for the session token', username('{account.username}'), '/endpoints/0'],
    ['a colon in the username', username('{account.username}:{sid}'), '/username'],
    ['a token alphabet that is ill-formed', { sid: { alphabet: 'z-a', minLength: 1, maxLength: 2 } }, '/sid/alphabet'],
    [
      'a token alphabet that names a character twice, which would be likelier',
      { sid: { alphabet: 'a-zm', minLength: 1, maxLength: 2 } },
      '/sid/alphabet',
    ],
    ['a token alphabet outside what a URL carries', { sid: { alphabet: 'a-z:', minLength: 1, maxLength: 2 } }, '/sid/alphabet'],
    ['a token that cannot be long enough', { sid: { alphabet: 'a-z', minLength: 3, maxLength: 2 } }, '/sid/maxLength'],
    ['a range of tokens that is empty', { sid: { min: 2, max: 2 } }, '/sid/max'],
    [
      'a token in a host name that a host name cannot carry',
      {
        ...username('{account.username}'),
        endpoints: [{ ...endpoint, host: '{sid}.proxy.example' }],
        sid: { alphabet: 'A-Z', minLength: 1, maxLength: 2 },
      },
      '/sid/alphabet',
    ],
    ['a lifetime that is written without a unit', username('{account.username}-{sid}[-ttl-{ttl}]'), '/ttl/unit'],
    ['a unit that is never written', { ttl: { kind: 'fixed', unit: 'minute' } }, '/ttl/unit'],
    ['a least lifetime over the greatest', { ttl: { kind: 'fixed', minSeconds: 3, maxSeconds: 2 } }, '/ttl/maxSeconds'],
    ['a default lifetime outside them', { ttl: { kind: 'fixed', maxSeconds: 2, defaultSeconds: 3 } }, '/ttl/defaultSeconds'],
    [
      'a greatest lifetime that is not whole minutes',
      { ...username('{account.username}-{sid}[-ttl-{ttl}]'), ttl: { kind: 'fixed', unit: 'minute', maxSeconds: 90 } },
      '/ttl/maxSeconds',
    ],
    [
      'units without the one that is counted',
      { ...username('{account.username}-{sid}[.ttl.{ttl|units:m,h}]'), ttl: { kind: 'fixed', unit: 'second' } },
      '/ttl/unit',
    ],
    ['a fail-closed switch without a status', username('{account.username}-{sid}[-const?failClosed]'), '/peerLoss/failClosed'],
    [
      'a fail-closed status without a switch',
      { peerLoss: { default: 'swap', failClosed: { statuses: [502] } } },
      '/peerLoss/failClosed',
    ],
    ['a requirement of a field that is never written', { requires: { city: ['country'] } }, '/requires/city'],
    ['a requirement of a field by itself', { requires: { country: ['country'] } }, '/requires/country'],
    ['an exclusion of a field that is never written', { exclusive: [['country', 'city']] }, '/exclusive/0'],
    ['a price for a field that is never written', { priceMultiplier: { city: 2 } }, '/priceMultiplier'],
    ['an identity of a field that is never written', { identity: ['city'] }, '/identity'],
    ['a form for regions that are never written', { geo: { region: { form: 'code' } } }, '/geo/region'],
    ['countries that are none', { geo: { country: { only: ['US', 'XX'] } } }, '/geo/country/only/1'],
    ['an endpoint of a country that is none', { endpoints: [{ ...endpoint, country: 'XX' }] }, '/endpoints/0/country'],
    ['an endpoint nobody would choose', { endpoints: [endpoint, { ...endpoint, port: 1 }] }, '/endpoints/1'],
    ['a host that is none', { endpoints: [{ ...endpoint, host: 'proxy.example/path' }] }, '/endpoints/0/host'],
    [
      'ports that run backwards',
      { endpoints: [{ ...endpoint, port: { from: 2, to: 1 } }], sid: { min: 0, max: 1 } },
      '/endpoints/0/port/to',
    ],
    [
      'fewer ports than tokens',
      { endpoints: [{ ...endpoint, port: { from: 1, to: 10 } }], sid: { min: 0, max: 10 } },
      '/endpoints/0/port',
    ],
    ['ports for tokens that are no numbers', { endpoints: [{ ...endpoint, port: { from: 1, to: 10 } }] }, '/sid'],
  ])('finds %s', (_, change, pointer) => {
    expect(pointers(change)).toContain(pointer);
  });

  it('says which endpoint lacks the session when another has it in its port', () => {
    const ports = { ...endpoint, scheme: 'socks5', port: { from: 1, to: 10 } } as const;
    expect(pointers({ ...username('{account.username}'), endpoints: [ports, endpoint], sid: { min: 0, max: 9 } })).toEqual([
      '/endpoints/1',
    ]);
  });

  describe('proves that no value can hold what separates values', () => {
    it.each<readonly [what: string, change: Partial<VendorTemplate>]>([
      ['words joined by the separator', username('{account.username}', '[-city-{city|lower|words:-}]', '-session-{sid}')],
      [
        'words joined by the separator, at the very end',
        username('{account.username}', '-session-{sid}', '[-city-{city|lower|words:-}]'),
      ],
      [
        'words joined by the separator, alone',
        { ...username('key-city-{city|words:-}'), account: [], headers: { 'x-session': ['{sid}'] } },
      ],
      [
        'words joined by a separator with two characters',
        username('{account.username}', '[;.city.{city|lower|words:.}]', '.session.{sid}'),
      ],
      [
        'a token that may hold the separator',
        { ...username('{account.username}_s_{sid}'), sid: { alphabet: 'a-z_', minLength: 1, maxLength: 8 } },
      ],
      ['letters as a separator', username('{account.username}x{country|lower}x{sid}')],
      [
        'a name of a country that holds it',
        {
          ...username('{account.username}-{sid}1{country|lower}'),
          sid: { alphabet: 'a-z', minLength: 1, maxLength: 8 },
          geo: { country: { aliases: { GB: 'u1' } } },
        },
      ],
      [
        'a default that holds it',
        {
          ...username('{account.username}-{sid}1{country|lower|default:x1}'),
          sid: { alphabet: 'a-z', minLength: 1, maxLength: 8 },
        },
      ],
      [
        'words joined by what ends another option',
        username('{account.username}__[a;{region|words:none}.][b;{city|words:.},]c;{sid}'),
      ],
      [
        'two values with nothing between them when an option with an end is left out',
        username('{account.username}-{sid}[-{city|lower}.]{country|upper}'),
      ],
      [
        'units that are the separator',
        { ...username('{account.username}m{ttl|units:m}-{sid}'), sid: { min: 0, max: 9 }, ttl: { kind: 'fixed', unit: 'minute' } },
      ],
      [
        'a region that may hold what stands before the city',
        username('{account.username}[-sc-{country|lower}_{region|lower|words:_}_{city|lower|words:none}]-{sid}'),
      ],
      ['two values with nothing between them', username('{account.username}-{country|lower}{sid}')],
      [
        'two values with nothing between them when an option is left out',
        username('{account.username}-{sid}[-x-{city|lower}]{country|upper}'),
      ],
      ['a header', { headers: { 'x-geo': ['country={country|lower},city={city|words:+}+{region|words:+}'] } }],
    ])('%s', (_, change) => {
      expect(pointers(change).filter((pointer) => pointer.startsWith('/username') || pointer.startsWith('/headers'))).not.toEqual(
        [],
      );
    });

    it.each<readonly [what: string, change: Partial<VendorTemplate>]>([
      ['words joined by something else', username('{account.username}', '[-city-{city|lower|words:_}]', '-session-{sid}')],
      [
        'a region after its country, at the end of an option',
        username('{account.username}', '[-st-{country|lower}_{region|lower|words:_}]', '-session-{sid}'),
      ],
      [
        'a separator that no name of a country holds',
        { ...username('{account.username}-{sid}1{country|lower}'), sid: { alphabet: 'a-z', minLength: 1, maxLength: 8 } },
      ],
      ['a key with the joiner in its name', username('{account.username}', '[-city_{city|lower|words:_}]', '-session-{sid}')],
    ])('but lets %s pass', (_, change) => {
      expect(pointers(change)).toEqual([]);
    });
  });

  it('takes time in proportion to the text, not more', { timeout: squaredTakesLonger }, () => {
    const all = (part: string) => Array.from({ length: 32 }, () => part);
    expect(checkTemplate({ ...plainTemplate, username: all('{'.repeat(200)) })).not.toEqual([]);
    checkTemplate({ ...plainTemplate, username: all('[{sid}]'.repeat(28)) });
  });
});
