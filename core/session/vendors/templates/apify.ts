import type { VendorTemplate } from '../template.ts';

export const apify: VendorTemplate = {
  title: 'Apify Proxy, residential',
  revision: 1,
  confidence: 'A',
  checked: '2026-11',
  source: ['https://docs.apify.com/platform/proxy/usage'],
  notes: [
    'The account field group is RESIDENTIAL, or the name of another group; the datacenter groups keep a session for 26 hours of use instead.',
    'The password goes to the vendor in clear: there is no TLS to the proxy.',
  ],
  account: ['group'],
  endpoints: [{ scheme: 'http', host: 'proxy.apify.com', port: 8000 }],
  username: [
    'groups-{account.group}',
    ',session-{sid}',
    '[,country-{country|upper}?!region]',
    '[,country-{country|upper}_{region|upper}]',
  ],
  password: ['{secret}'],
  sid: { alphabet: '0-9A-Za-z._~', minLength: 1, maxLength: 50 },
  ttl: { kind: 'fixed', defaultSeconds: 1_800 },
  peerLoss: { default: 'swap' },
  geo: { region: { form: 'code', countries: ['US'] } },
  requires: { region: ['country'] },
};
