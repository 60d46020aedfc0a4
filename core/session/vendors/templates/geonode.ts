import type { VendorTemplate } from '../template.ts';

export const geonode: VendorTemplate = {
  title: 'Geonode residential',
  revision: 1,
  confidence: 'A',
  checked: '2026-11',
  source: [
    'https://docs.geonode.com/docs/api-reference/sticky-session/get-proxy-session/get',
    'https://docs.geonode.com/docs/api-reference/sticky-session/get-create/get',
  ],
  notes: ['States and cities exclude each other; how names of several words are written was not seen, so both are left out.'],
  account: ['username'],
  endpoints: [
    { scheme: 'http', host: 'proxy.geonode.io', port: 10_000 },
    { scheme: 'https', host: 'proxy.geonode.io', port: 10_000 },
    { scheme: 'socks5', host: 'proxy.geonode.io', port: 12_000 },
  ],
  username: ['{account.username}', '[-country-{country|lower}]', '-session-{sid}', '[-lifetime-{ttl}]'],
  password: ['{secret}'],
  sid: { alphabet: 'A-Za-z0-9_', minLength: 1, maxLength: 25 },
  ttl: { kind: 'fixed', unit: 'minute', minSeconds: 180, maxSeconds: 86_400, defaultSeconds: 600 },
  peerLoss: { default: 'unknown' },
};
