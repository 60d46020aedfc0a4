import type { VendorTemplate } from '../template.ts';

export const evomi: VendorTemplate = {
  title: 'Evomi residential',
  revision: 1,
  confidence: 'B',
  checked: '2026-11',
  source: [
    'https://docs.evomi.com/proxy-instructions/residential-proxies/proxy-sessions/',
    'https://docs.evomi.com/proxy-instructions/residential-proxies/geo-targetting/city/',
  ],
  notes: [
    'The session is in the password. What the first request asks for holds for the whole session.',
    'Core plans are seen at core-residential.evomi.com: name it as the pool’s endpoint.',
    'The greatest lifetime was not seen. hardsession keeps an exit longer, has no lifetime, promises nothing, and is left out.',
  ],
  account: ['username'],
  endpoints: [{ scheme: 'http', host: 'rp.evomi.com', port: 1000 }],
  username: ['{account.username}'],
  password: ['{secret}', '[_country-{country|upper}]', '[_city-{city|lower|words:.}]', '_session-{sid}', '[_lifetime-{ttl}]'],
  sid: { alphabet: 'a-z0-9', minLength: 6, maxLength: 10 },
  ttl: { kind: 'fixed', unit: 'minute', minSeconds: 60 },
  peerLoss: { default: 'swap' },
};
