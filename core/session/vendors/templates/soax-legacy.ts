import type { VendorTemplate } from '../template.ts';

export const soaxLegacy: VendorTemplate = {
  title: 'SOAX residential, legacy gateway',
  revision: 1,
  confidence: 'A',
  checked: '2026-11',
  source: [
    'https://helpcenter.soax.com/en/articles/6723733-sticky-sessions',
    'https://helpcenter.soax.com/en/articles/9939557-understanding-session-parameters',
  ],
  notes: ['Password: the package key.', 'A lost exit is swapped; the parameter bindttl only delays it, and is left out.'],
  account: ['package'],
  endpoints: [
    { scheme: 'http', host: 'proxy.soax.com', port: 5000 },
    { scheme: 'https', host: 'proxy.soax.com', port: 5000 },
    { scheme: 'socks5', host: 'proxy.soax.com', port: 5000 },
  ],
  username: [
    'package-{account.package}',
    '[-country-{country|lower}]',
    '[-region-{region|lower|words:+}]',
    '[-city-{city|lower|words:+}]',
    '-sessionid-{sid}',
    '[-sessionlength-{ttl}]',
  ],
  password: ['{secret}'],
  sid: { alphabet: 'a-z0-9', minLength: 1, maxLength: 16 },
  ttl: { kind: 'fixed', unit: 'second', minSeconds: 1, maxSeconds: 3_600, defaultSeconds: 360 },
  peerLoss: { default: 'swap' },
  requires: { region: ['country'], city: ['country'] },
};
