import type { VendorTemplate } from '../template.ts';

export const bytio: VendorTemplate = {
  title: 'Bytio',
  revision: 1,
  confidence: 'A',
  checked: '2026-11',
  source: ['https://docs.bytio.com/zones/sessions'],
  notes: ['Password: the API key. Geography belongs to the zone.'],
  account: ['zone'],
  endpoints: [{ scheme: 'http', host: 'proxy.bytio.com', port: 8080 }],
  username: ['zone-{account.zone}', '-session-{sid}'],
  password: ['{secret}'],
  sid: { alphabet: 'a-z0-9', minLength: 1, maxLength: 50 },
  ttl: { kind: 'sliding', idleSeconds: 900 },
  peerLoss: { default: 'unknown' },
};
