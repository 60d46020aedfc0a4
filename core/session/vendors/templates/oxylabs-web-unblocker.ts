import type { VendorTemplate } from '../template.ts';

export const oxylabsWebUnblocker: VendorTemplate = {
  title: 'Oxylabs Web Unblocker',
  revision: 1,
  confidence: 'A',
  checked: '2026-11',
  source: ['https://developers.oxylabs.io/products/web-unblocker/making-requests/session'],
  notes: [
    'The session is a header of the request to the site, and the vendor intercepts TLS: over a tunnel only the client itself can send it.',
    'Countries are asked for by English name in another header; that is left out.',
  ],
  account: ['username'],
  endpoints: [
    { scheme: 'https', host: 'unblock.oxylabs.io', port: 60000 },
    { scheme: 'http', host: 'unblock.oxylabs.io', port: 60000 },
  ],
  username: ['{account.username}'],
  password: ['{secret}'],
  headers: { 'x-oxylabs-session-id': ['{sid}'] },
  sid: { alphabet: 'A-Za-z0-9', minLength: 1, maxLength: 22 },
  ttl: { kind: 'fixed', defaultSeconds: 600 },
  peerLoss: { default: 'unknown' },
};
