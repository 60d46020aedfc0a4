import type { VendorTemplate } from '../template.ts';

export const decodo: VendorTemplate = {
  title: 'Decodo residential',
  revision: 1,
  confidence: 'B',
  checked: '2026-09',
  source: [
    'The vendor’s pages on sessions, as noted in 2026; code of several clients for the rest.',
    'https://help.decodo.com/docs/mobile-proxy-quick-start',
  ],
  notes: [
    'Formerly Smartproxy. The order of session and sessionduration is seen both ways.',
    'One source says a session ends after 60 seconds without traffic, another that it does not; the shorter is taken.',
    'A switch session_iplock is seen in two clients and denied elsewhere: it is left out, so a lost exit is swapped silently.',
  ],
  account: ['username'],
  endpoints: [
    { scheme: 'http', host: 'gate.decodo.com', port: 7000 },
    { scheme: 'https', host: 'gate.decodo.com', port: 7000 },
    { scheme: 'socks5', host: 'gate.decodo.com', port: 7000 },
  ],
  username: [
    'user-{account.username}',
    '[-country-{country|lower}]',
    '[-state-{country|lower}_{region|lower|words:_}]',
    '[-city-{city|lower|words:_}]',
    '[-sessionduration-{ttl}]',
    '-session-{sid}',
  ],
  password: ['{secret}'],
  sid: { alphabet: 'a-z0-9', minLength: 1, maxLength: 16 },
  ttl: { kind: 'fixed', unit: 'minute', minSeconds: 60, maxSeconds: 86_400, defaultSeconds: 600, idleSeconds: 60 },
  peerLoss: { default: 'swap' },
  geo: { region: { form: 'name', countries: ['US'] } },
  requires: { region: ['country'], city: ['country'] },
};
