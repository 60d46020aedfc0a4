import type { VendorTemplate } from '../template.ts';

export const scrapeops: VendorTemplate = {
  title: 'ScrapeOps residential aggregator',
  revision: 1,
  confidence: 'A',
  checked: '2026-11',
  source: [
    'https://scrapeops.io/docs/residential-mobile-proxy-aggregator/advanced-functionality/sticky-sessions',
    'https://scrapeops.io/docs/residential-mobile-proxy-aggregator/advanced-functionality/country-geotargeting',
  ],
  notes: [
    'Password: the API key. There are only 10,001 sessions.',
    'How cities of several words are written was not seen: the words are joined without anything.',
  ],
  account: [],
  endpoints: [{ scheme: 'http', host: 'residential-proxy.scrapeops.io', port: 8181 }],
  username: ['scrapeops.sticky_session={sid}', '[.country={country|lower}]', '[.city={city|lower|words:none}]'],
  password: ['{secret}'],
  sid: { min: 0, max: 10_000 },
  ttl: { kind: 'sliding', idleSeconds: 600 },
  peerLoss: { default: 'unknown' },
  requires: { city: ['country'] },
};
