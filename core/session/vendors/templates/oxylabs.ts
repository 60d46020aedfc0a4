import type { VendorTemplate } from '../template.ts';

export const oxylabs: VendorTemplate = {
  title: 'Oxylabs residential',
  revision: 1,
  confidence: 'A',
  checked: '2026-11',
  source: [
    'https://developers.oxylabs.io/products/proxies/residential-proxies/session-control',
    'https://developers.oxylabs.io/products/proxies/residential-proxies/location-settings/select-state',
  ],
  notes: [
    'A session ends after its time or 60 seconds without traffic, whichever comes first.',
    'The newest page allows 1440 minutes; older ones, and those for mobile, 30.',
  ],
  account: ['username'],
  endpoints: [
    { scheme: 'http', host: 'pr.oxylabs.io', port: 7777 },
    { scheme: 'https', host: 'pr.oxylabs.io', port: 7777 },
    { scheme: 'socks5', host: 'pr.oxylabs.io', port: 7777 },
  ],
  username: [
    'customer-{account.username}',
    '[-cc-{country|upper}]',
    '[-st-{country|lower}_{region|lower|words:_}]',
    '[-city-{city|lower|words:_}]',
    '[-sessid-{sid}?!failClosed]',
    '[-sessid_oneip-{sid}?failClosed]',
    '[-sesstime-{ttl}]',
  ],
  password: ['{secret}'],
  sid: { alphabet: 'a-z0-9', minLength: 1, maxLength: 16 },
  ttl: { kind: 'fixed', unit: 'minute', minSeconds: 60, maxSeconds: 86_400, defaultSeconds: 600, idleSeconds: 60 },
  peerLoss: { default: 'swap', failClosed: { statuses: [502] } },
  geo: { region: { form: 'name', countries: ['US'] } },
  requires: { region: ['country'], city: ['country'] },
};
