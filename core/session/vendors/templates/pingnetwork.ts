import type { VendorTemplate } from '../template.ts';

export const pingnetwork: VendorTemplate = {
  title: 'PingNetwork residential',
  revision: 1,
  confidence: 'A',
  checked: '2026-11',
  source: ['https://docs.pingnetwork.io/proxy/residential/sessions'],
  notes: ['Over 120 minutes is refused: 412. What the first request asks for holds for the whole session.'],
  account: ['username'],
  endpoints: [{ scheme: 'http', host: 'proxy.pingnetwork.io', port: 7776 }],
  username: ['{account.username}', '[-cc-{country|upper}]', '-session-{sid}', '[-lifetime-{ttl}]'],
  password: ['{secret}'],
  sid: { alphabet: 'a-z0-9', minLength: 6, maxLength: 15 },
  ttl: { kind: 'fixed', unit: 'minute', minSeconds: 60, maxSeconds: 7_200, defaultSeconds: 2_400 },
  peerLoss: { default: 'swap' },
};
