import type { VendorTemplate } from '../template.ts';

export const netnut: VendorTemplate = {
  title: 'NetNut residential',
  revision: 1,
  confidence: 'unsure',
  checked: '2026-11',
  source: [
    'https://help.netnut.io/netnut-documentation/netnut-proxies/residential-proxies/initial-setup',
    'https://help.netnut.io/netnut-documentation/netnut-proxies/residential-proxies/curl-request-parameters',
  ],
  notes: [
    'A note of 2026 says that the domain was seized and the product cannot be bought: a pool must allow it on purpose.',
    'The English page gives tokens from 10000 to 999999999, the Chinese one from 1 to 99999999; the range both allow is used.',
    'The United Kingdom is uk. A state goes only with a city, and only in the United States.',
    'How names of several words are written was not seen: the words are joined without anything.',
  ],
  account: ['username'],
  endpoints: [
    { scheme: 'http', host: 'gw.netnut.net', port: 5959 },
    { scheme: 'https', host: 'gw.netnut.net', port: 5959 },
    { scheme: 'socks5', host: 'gw.netnut.net', port: 9595 },
  ],
  username: [
    '{account.username}',
    '[-res-{country|lower|default:any}?!city]',
    '[-res_sc-{country|lower}_{region|lower|words:none}_{city|lower|words:none}?region]',
    '[-res_sc-{country|lower}_{city|lower|words:none}?!region]',
    '-sid-{sid}',
  ],
  password: ['{secret}'],
  sid: { min: 10_000, max: 99_999_999 },
  ttl: { kind: 'fixed', defaultSeconds: 1_800 },
  peerLoss: { default: 'unknown' },
  geo: { country: { aliases: { GB: 'uk' } }, region: { form: 'name', countries: ['US'] } },
  requires: { region: ['country', 'city'], city: ['country'] },
  handshake: {
    username: ['{account.username}', '-resfix-{country|lower}', '-nnid-0'],
    responseHeader: 'x-nn-lls',
    ttlSeconds: 3_600,
  },
};
