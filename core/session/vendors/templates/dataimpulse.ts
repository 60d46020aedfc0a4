import type { VendorTemplate } from '../template.ts';

export const dataimpulse: VendorTemplate = {
  title: 'DataImpulse residential',
  revision: 1,
  confidence: 'A',
  checked: '2026-11',
  source: ['https://docs.dataimpulse.com/proxies/parameters/session-id', 'https://docs.dataimpulse.com/proxies/parameters/city'],
  notes: [
    'About 30 minutes. A parameter sessttl is seen in clients with contradicting limits: it is left out.',
    'Traffic with a state or a city is billed double. Where there is no exit the vendor answers 400 NO_RAY.',
  ],
  account: ['login'],
  endpoints: [
    { scheme: 'http', host: 'gw.dataimpulse.com', port: 823 },
    { scheme: 'https', host: 'gw.dataimpulse.com', port: 823 },
    { scheme: 'socks5', host: 'gw.dataimpulse.com', port: 824 },
  ],
  username: [
    '{account.login}__',
    '[cr.{country|lower};]',
    '[state.{region|lower|words:none};]',
    '[city.{city|lower|words:none};]',
    'sessid.{sid}',
  ],
  password: ['{secret}'],
  sid: { alphabet: 'a-z0-9', minLength: 1, maxLength: 16 },
  ttl: { kind: 'fixed', defaultSeconds: 1_800 },
  peerLoss: { default: 'swap' },
  requires: { region: ['country'], city: ['country'] },
  priceMultiplier: { region: 2, city: 2 },
};
