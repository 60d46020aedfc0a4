import type { VendorTemplate } from '../template.ts';

export const brightData: VendorTemplate = {
  title: 'Bright Data residential',
  revision: 1,
  confidence: 'B',
  checked: '2026-11',
  source: [
    'https://docs.brightdata.com/proxy-networks/config-options',
    'https://docs.brightdata.com/api-reference/proxy/rotate_ips',
    'https://docs.brightdata.com/api-reference/proxy/keep_same_peer_in_session',
    'https://docs.brightdata.com/api-reference/proxy/geolocation-targeting',
  ],
  notes: [
    'There is no lifetime to ask for. Pages differ on when an idle session ends: 1, 5 or 7 minutes; the shortest is taken.',
    'Ports 22225 and 44445 are seen too. SOCKS5 reaches few target ports.',
    'Country EU is any country of the European Union.',
  ],
  account: ['customer', 'zone'],
  endpoints: [
    { scheme: 'http', host: 'brd.superproxy.io', port: 33335 },
    { scheme: 'socks5', host: 'brd.superproxy.io', port: 22228 },
  ],
  username: [
    'brd-customer-{account.customer}',
    '-zone-{account.zone}',
    '[-country-{country|lower}]',
    '[-state-{region|lower}]',
    '[-city-{city|lower|words:none}]',
    '-session-{sid}',
    '[-const?failClosed]',
  ],
  password: ['{secret}'],
  sid: { alphabet: 'a-z0-9', minLength: 1, maxLength: 25 },
  ttl: { kind: 'none', idleSeconds: 60 },
  peerLoss: { default: 'swap', failClosed: { statuses: [502] } },
  geo: { country: { aliases: { EU: 'eu' } }, region: { form: 'code', countries: ['US'] } },
  requires: { region: ['country'], city: ['country'] },
};
