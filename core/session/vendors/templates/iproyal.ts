import type { VendorTemplate } from '../template.ts';

export const iproyal: VendorTemplate = {
  title: 'IPRoyal residential',
  revision: 1,
  confidence: 'B',
  checked: '2026-11',
  source: [
    'https://docs.iproyal.com/proxies/residential/proxy/rotation',
    'https://docs.iproyal.com/proxies/residential/proxy/location',
  ],
  notes: [
    'The session is in the password. A token has exactly 8 characters.',
    'The switch killswitch is known from several clients; the vendor’s page on it was not seen.',
    'How names of several words are written was not seen: the words are joined without anything.',
  ],
  account: ['username'],
  endpoints: [
    { scheme: 'http', host: 'geo.iproyal.com', port: 12321 },
    { scheme: 'socks5', host: 'geo.iproyal.com', port: 32325 },
  ],
  username: ['{account.username}'],
  password: [
    '{secret}',
    '[_country-{country|lower}]',
    '[_state-{region|lower|words:none}]',
    '[_city-{city|lower|words:none}]',
    '_session-{sid}',
    '[_lifetime-{ttl|units:s,m,h,d}]',
    '[_killswitch-1?failClosed]',
  ],
  sid: { alphabet: 'a-z0-9', minLength: 8, maxLength: 8 },
  ttl: { kind: 'fixed', unit: 'second', minSeconds: 1, maxSeconds: 604_800 },
  peerLoss: { default: 'swap', failClosed: { statuses: [410] } },
  geo: { region: { form: 'name', countries: ['US'] } },
  requires: { region: ['country'], city: ['country'] },
};
