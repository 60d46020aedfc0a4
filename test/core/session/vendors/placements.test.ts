import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { checkTemplate } from '../../../../core/session/vendors/check-template.ts';
import type { RenderRequest } from '../../../../core/session/vendors/render.ts';
import { templateSchema } from '../../../../core/session/vendors/template-schema.ts';
import type { VendorTemplate } from '../../../../core/session/vendors/template.ts';
import { plainTemplate, rendered } from './rendering.ts';

const validate = new Ajv2020().compile(templateSchema);

/** Grammars that do not ship, because too little is known of them: the format must fit them all the same. */
const others: readonly (readonly [
  placement: string,
  template: Partial<VendorTemplate>,
  request: Partial<RenderRequest>,
  credentials: object,
])[] = [
  [
    'password, dash: Rayobyte',
    {
      username: ['{account.username}'],
      password: [
        '{secret}',
        '[-country-{country|upper}]',
        '[-region-{region|lower|words:_}]',
        '-hardsession-{sid}',
        '[-duration-{ttl}]',
      ],
      ttl: { kind: 'fixed', unit: 'minute', maxSeconds: 3_600 },
    },
    { geo: { country: 'us', region: 'CA' }, ttlSeconds: 600 },
    { username: 'USERNAME', password: 'PASSWORD-country-US-region-california-hardsession-abcd1234-duration-10' },
  ],
  [
    'password, countries by English name: PacketStream',
    {
      username: ['{account.username}'],
      password: ['{secret}', '[_country-{country}]', '_session-{sid}'],
      geo: { country: { aliases: { US: 'UnitedStates', GB: 'UnitedKingdom' }, only: ['US', 'GB'] } },
    },
    { geo: { country: 'gb' } },
    { username: 'USERNAME', password: 'PASSWORD_country-UnitedKingdom_session-abcd1234' },
  ],
  [
    'username, two account fields: Nimble',
    {
      account: ['account', 'pipeline'],
      username: [
        'account-{account.account}-pipeline-{account.pipeline}',
        '[-country-{country|upper}]',
        '[-city-{city|lower|words:_}]',
        '-session-{sid}',
      ],
    },
    { account: { account: 'acct', pipeline: 'pipe' }, geo: { country: 'US', city: 'New York' } },
    { username: 'account-acct-pipeline-pipe-country-US-city-new_york-session-abcd1234' },
  ],
  [
    'username, session before geography: ProxyRack',
    { username: ['{account.username}-session-{sid}', '[-country-{country|upper}]'] },
    { geo: { country: 'lv' } },
    { username: 'USERNAME-session-abcd1234-country-LV' },
  ],
  [
    'username, literal prefix and several host names: Thordata',
    {
      username: ['td-customer-{account.username}', '[-country-{country|lower}]', '-sessid-{sid}', '[-sesstime-{ttl}]'],
      ttl: { kind: 'fixed', unit: 'minute', maxSeconds: 5_400, defaultSeconds: 600 },
    },
    { geo: { country: 'US' }, ttlSeconds: 5_400 },
    { username: 'td-customer-USERNAME-country-us-sessid-abcd1234-sesstime-90' },
  ],
  [
    'username, key underscore: Infatica',
    { username: ['{account.username}', '[_c_{country|upper}]', '[_city_{city|title|words:-}]', '_s_{sid}'] },
    { geo: { country: 'us', city: 'New York' } },
    { username: 'USERNAME_c_US_city_New-York_s_abcd1234' },
  ],
  [
    'username, fixed options: NodeMaven',
    {
      username: [
        '{account.username}',
        '[-country-{country|lower}]',
        '[-region-{region|lower|words:_}]',
        '-type-mobile-ipv4-true',
        '-sid-{sid}',
        '-filter-medium',
      ],
    },
    { geo: { country: 'US', region: 'New York' } },
    { username: 'USERNAME-country-us-region-new_york-type-mobile-ipv4-true-sid-abcd1234-filter-medium' },
  ],
  [
    'username, plus and equals: webscrapingapi',
    { username: ['username={account.username}', '[+country={country|lower}]', '+session={sid}'] },
    { geo: { country: 'US' } },
    { username: 'username=USERNAME+country=us+session=abcd1234' },
  ],
  [
    'username, comma and underscore: anyIP',
    { username: ['user_{account.username}', ',session_{sid}', '[,sesstime_{ttl}]'], ttl: { kind: 'fixed', unit: 'minute' } },
    { ttlSeconds: 600 },
    { username: 'user_USERNAME,session_abcd1234,sesstime_10' },
  ],
  [
    'port: one port for each of a few addresses',
    {
      username: ['{account.username}'],
      endpoints: [{ scheme: 'socks5', host: 'isp.example', port: { from: 8_000, to: 8_009 } }],
      sid: { min: 1, max: 10 },
    },
    { sid: '10' },
    { scheme: 'socks5', host: 'isp.example', port: 8_009, username: 'USERNAME' },
  ],
  [
    'host: Decodo and Oxylabs for allowed addresses',
    {
      username: ['{account.username}'],
      endpoints: [
        { scheme: 'http', host: '[country-{country|lower}-]session-{sid}[-sessionduration-{ttl}].gate.example', port: 7_000 },
      ],
      ttl: { kind: 'fixed', unit: 'minute' },
    },
    { geo: { country: 'US' }, ttlSeconds: 600 },
    { host: 'country-us-session-abcd1234-sessionduration-10.gate.example', port: 7_000 },
  ],
  [
    'host: one entry for a country',
    { endpoints: [{ scheme: 'http', host: '[{country|lower}.]proxy.example', port: 80 }], username: ['{account.username}-{sid}'] },
    { geo: { country: 'SG' } },
    { host: 'sg.proxy.example' },
  ],
  [
    'header: the key as username, no password: Zyte',
    { account: [], username: ['{secret}'], password: [], headers: { 'x-crawlera-session': ['{sid}'] } },
    {},
    { username: 'PASSWORD', password: '', headers: { 'x-crawlera-session': 'abcd1234' } },
  ],
  [
    'a first request that names the session: recorded only',
    {
      handshake: { username: ['{account.username}-resfix-{country|lower}-nnid-0'], responseHeader: 'x-nn-lls', ttlSeconds: 3_600 },
    },
    {},
    { username: 'USERNAME-session-abcd1234' },
  ],
];

describe('the format fits every placement', () => {
  it.each(others)('%s', (_, change, request, credentials) => {
    const template: VendorTemplate = { ...plainTemplate, ...change };
    expect(validate(template), JSON.stringify(validate.errors)).toBe(true);
    expect(checkTemplate(template)).toEqual([]);
    expect(rendered(template, request)).toMatchObject(credentials);
  });
});
