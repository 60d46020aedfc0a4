import type { VendorTemplate } from '../template.ts';

export const soax: VendorTemplate = {
  title: 'SOAX residential',
  revision: 1,
  confidence: 'B',
  checked: '2026-11',
  source: ['https://developers.soax.com/troubleshooting/error-codes'],
  notes: [
    'The newer gateway. Username: what is asked for; password: the package key.',
    'To refuse when the exit is lost (bind-node) excludes a lifetime (rotate-timed): then only the 60 seconds without traffic end a session.',
    'The same session with other wishes is refused: 409 SESSION_PARAMS_MISMATCH.',
  ],
  account: [],
  endpoints: [
    { scheme: 'http', host: 'proxy.soax.com', port: 1337 },
    { scheme: 'https', host: 'proxy.soax.com', port: 1337 },
    { scheme: 'socks5', host: 'proxy.soax.com', port: 1337 },
  ],
  username: [
    'country-{country|lower|default:any}',
    '[-city-{city|lower|words:_}]',
    '-session-{sid}',
    '[-rotate-timed_{ttl}?!failClosed]',
    '[-bind-node-onerror-fail?failClosed]',
  ],
  password: ['{secret}'],
  sid: { alphabet: 'a-z0-9', minLength: 1, maxLength: 25 },
  ttl: { kind: 'fixed', unit: 'second', minSeconds: 1, maxSeconds: 604_800, idleSeconds: 60 },
  peerLoss: { default: 'swap', failClosed: { statuses: [503] } },
  requires: { city: ['country'] },
  identity: ['country', 'city', 'ttl', 'failClosed'],
};
