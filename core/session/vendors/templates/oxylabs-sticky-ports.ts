import type { VendorTemplate } from '../template.ts';

export const oxylabsStickyPorts: VendorTemplate = {
  title: 'Oxylabs residential, sticky ports',
  revision: 1,
  confidence: 'A',
  checked: '2026-11',
  source: ['https://developers.oxylabs.io/products/proxies/residential-proxies/session-control/sticky-proxy-entry-nodes'],
  notes: [
    'The port is the session. Without a country the vendor has 10001 to 49999; the smallest range of all is used, so that a token fits everywhere.',
    'Only the first countries of the vendor’s list are here.',
  ],
  account: ['username'],
  endpoints: [
    { scheme: 'http', host: 'pr.oxylabs.io', port: { from: 10_001, to: 49_999 } },
    { scheme: 'http', host: 'us-pr.oxylabs.io', port: { from: 10_001, to: 19_999 }, country: 'US' },
    { scheme: 'http', host: 'ca-pr.oxylabs.io', port: { from: 30_001, to: 39_999 }, country: 'CA' },
    { scheme: 'http', host: 'gb-pr.oxylabs.io', port: { from: 20_001, to: 29_999 }, country: 'GB' },
    { scheme: 'http', host: 'de-pr.oxylabs.io', port: { from: 30_001, to: 39_999 }, country: 'DE' },
    { scheme: 'http', host: 'fr-pr.oxylabs.io', port: { from: 40_001, to: 49_999 }, country: 'FR' },
    { scheme: 'http', host: 'es-pr.oxylabs.io', port: { from: 10_001, to: 19_999 }, country: 'ES' },
    { scheme: 'http', host: 'it-pr.oxylabs.io', port: { from: 20_001, to: 29_999 }, country: 'IT' },
    { scheme: 'http', host: 'se-pr.oxylabs.io', port: { from: 30_001, to: 39_999 }, country: 'SE' },
    { scheme: 'http', host: 'gr-pr.oxylabs.io', port: { from: 40_001, to: 49_999 }, country: 'GR' },
    { scheme: 'http', host: 'pt-pr.oxylabs.io', port: { from: 10_001, to: 19_999 }, country: 'PT' },
    { scheme: 'http', host: 'nl-pr.oxylabs.io', port: { from: 20_001, to: 29_999 }, country: 'NL' },
  ],
  username: ['customer-{account.username}'],
  password: ['{secret}'],
  sid: { min: 0, max: 9_998 },
  ttl: { kind: 'fixed', defaultSeconds: 600 },
  peerLoss: { default: 'swap' },
};
