import type { VendorTemplate } from '../template.ts';

export const hexProxies: VendorTemplate = {
  title: 'Hex Proxies residential',
  revision: 1,
  confidence: 'C',
  checked: '2026-09',
  source: ['A tutorial on sticky sessions behind a serverless API; no page of the vendor was seen.'],
  notes: [
    'The port was not seen: the pool must name the endpoint.',
    'The tutorial claims 30 minutes. Nothing about a lifetime is sent to the vendor.',
  ],
  account: ['username'],
  endpoints: [{ scheme: 'http', host: 'gate.hexproxies.com' }],
  username: ['{account.username}', '-session-{sid}'],
  password: ['{secret}'],
  sid: { alphabet: 'a-z0-9', minLength: 1, maxLength: 16 },
  ttl: { kind: 'fixed', defaultSeconds: 1_800 },
  peerLoss: { default: 'unknown' },
};
