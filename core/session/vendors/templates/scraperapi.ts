import type { VendorTemplate } from '../template.ts';

export const scraperapi: VendorTemplate = {
  title: 'ScraperAPI, proxy mode',
  revision: 1,
  confidence: 'A',
  checked: '2026-11',
  source: ['https://docs.scraperapi.com/control-and-optimization/sticky-sessions'],
  notes: ['Password: the API key. The vendor intercepts TLS.'],
  account: [],
  endpoints: [{ scheme: 'http', host: 'proxy-server.scraperapi.com', port: 8001 }],
  username: ['scraperapi.session_number={sid}', '[.country_code={country|lower}]'],
  password: ['{secret}'],
  sid: { min: 0, max: 2_147_483_647 },
  ttl: { kind: 'sliding', idleSeconds: 900 },
  peerLoss: { default: 'unknown' },
};
