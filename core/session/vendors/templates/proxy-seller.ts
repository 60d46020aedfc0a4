import type { VendorTemplate } from '../template.ts';

export const proxySeller: VendorTemplate = {
  title: 'Proxy-Seller residential',
  revision: 1,
  confidence: 'A',
  checked: '2026-11',
  source: ['https://docs.proxy-seller.com/docs/proxy-seller/residential-proxy/api-tool'],
  notes: [
    'A region is the vendor’s own number. Country and city are case-sensitive; each word of a city gets a capital first letter.',
    'The form of a token was seen only as 100, and the greatest lifetime not at all.',
  ],
  account: ['login'],
  endpoints: [
    { scheme: 'http', host: 'res.proxy-seller.com', port: 10_000 },
    { scheme: 'socks5', host: 'res.proxy-seller.com', port: 10_000 },
  ],
  username: [
    '{account.login}',
    '[_c_{country|upper}]',
    '[_sd_{region}]',
    '[_city_{city|title|words:-}]',
    '_s_{sid}',
    '[_ttl_{ttl|units:s}]',
  ],
  password: ['{secret}'],
  sid: { min: 1, max: 999_999_999 },
  ttl: { kind: 'fixed', unit: 'second' },
  peerLoss: { default: 'unknown' },
  geo: { region: { form: 'number' } },
};
