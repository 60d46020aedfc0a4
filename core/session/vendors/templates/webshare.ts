import type { VendorTemplate } from '../template.ts';

export const webshare: VendorTemplate = {
  title: 'Webshare residential',
  revision: 1,
  confidence: 'A',
  checked: '2026-11',
  source: ['https://apidocs.webshare.io/proxy-connection'],
  notes: ['Values are told apart by place and form, not by name. How long a session lasts is not published.'],
  account: ['username'],
  endpoints: [
    { scheme: 'http', host: 'p.webshare.io', port: 80 },
    { scheme: 'socks5', host: 'p.webshare.io', port: 1080 },
  ],
  username: ['{account.username}', '[-{country|lower}]', '[-city_{city|lower|words:_}]', '-{sid}'],
  password: ['{secret}'],
  sid: { min: 1, max: 999_999_999 },
  ttl: { kind: 'none' },
  peerLoss: { default: 'unknown' },
};
