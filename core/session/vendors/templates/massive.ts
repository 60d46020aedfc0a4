import type { VendorTemplate } from '../template.ts';

export const massive: VendorTemplate = {
  title: 'Massive residential',
  revision: 1,
  confidence: 'A',
  checked: '2026-11',
  source: ['https://docs.joinmassive.com/residential/sticky-sessions'],
  notes: [
    'Password: the API key. A session ends at a fixed time after its creation, whatever the traffic.',
    'City names are case-sensitive; each word gets a capital first letter.',
    'Country and city are part of a session’s name at the vendor.',
  ],
  account: ['username'],
  endpoints: [
    { scheme: 'http', host: 'network.joinmassive.com', port: 65_534 },
    { scheme: 'https', host: 'network.joinmassive.com', port: 65_535 },
    { scheme: 'socks5', host: 'network.joinmassive.com', port: 65_533 },
  ],
  username: [
    '{account.username}',
    '[-country-{country|upper}]',
    '[-subdivision-{region|upper}]',
    '[-city-{city|title|words:%20}]',
    '-session-{sid}',
    '[-sessionttl-{ttl}]',
    '[-sessionmode-norotate?failClosed]',
  ],
  password: ['{secret}'],
  sid: { alphabet: 'a-z0-9', minLength: 1, maxLength: 255 },
  ttl: { kind: 'fixed', unit: 'minute', minSeconds: 60, maxSeconds: 14_400, defaultSeconds: 900 },
  peerLoss: { default: 'swap', failClosed: { statuses: [502, 503], mustRepeatEveryRequest: true } },
  geo: { region: { form: 'code' } },
  requires: { region: ['country'], city: ['country'] },
  identity: ['country', 'city'],
};
