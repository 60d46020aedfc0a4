import { inRange, parseIpAddress, parseIpRange, unmapped } from './ip-address.ts';
import type { IpAddress, IpRange } from './ip-address.ts';

/**
 * What an address is for. Only `public` is reachable from anywhere; `shared` is the space of carrier-grade NAT (RFC 6598);
 * `metadata` the addresses where clouds hand out credentials or control a machine; `reserved` everything that is not meant to be
 * talked to, the tunnels 6to4 and Teredo included.
 */
export type AddressClass =
  | 'benchmarking'
  | 'broadcast'
  | 'documentation'
  | 'link-local'
  | 'loopback'
  | 'metadata'
  | 'multicast'
  | 'private'
  | 'public'
  | 'reserved'
  | 'shared'
  | 'unspecified';

/**
 * The special blocks, the narrower before the wider (IANA special-purpose address registries,
 * https://www.iana.org/assignments/iana-ipv4-special-registry and .../iana-ipv6-special-registry).
 */
const blocks: readonly (readonly [range: IpRange, kind: AddressClass])[] = ranges({
  metadata: [
    '169.254.169.254', // AWS, Azure, Google Cloud, and most others
    '169.254.170.2', // AWS: credentials of a container task
    '169.254.170.23', // AWS: credentials of a Kubernetes pod
    '169.254.0.23', // Tencent Cloud
    '169.254.42.42', // Scaleway
    '100.100.100.200', // Alibaba Cloud
    '192.0.0.192', // Oracle Cloud, classic
    '168.63.129.16', // Azure: the platform's own channel to a machine, in public space
    'fd00:ec2::254', // AWS
    'fd00:ec2::23', // AWS: credentials of a Kubernetes pod
    'fd20:ce::254', // Google Cloud
    'fd00:42::42', // Scaleway
    'fe80::a9fe:a9fe', // OpenStack
  ],
  unspecified: ['0.0.0.0', '::'],
  loopback: ['127.0.0.0/8', '::1'],
  private: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7', 'fec0::/10'],
  shared: ['100.64.0.0/10'],
  'link-local': ['169.254.0.0/16', 'fe80::/10'],
  documentation: ['192.0.2.0/24', '198.51.100.0/24', '203.0.113.0/24', '2001:db8::/32', '3fff::/20'],
  benchmarking: ['198.18.0.0/15', '2001:2::/48'],
  multicast: ['224.0.0.0/4', 'ff00::/8'],
  broadcast: ['255.255.255.255'],
  // 192.88.99.0/24: relays of 6to4; 2001::/23: Teredo, ORCHID and protocol assignments
  reserved: ['0.0.0.0/8', '192.0.0.0/24', '192.88.99.0/24', '240.0.0.0/4', '2001::/23', '2002::/16'],
  public: ['0.0.0.0/0', '2000::/3'],
});

const nat64 = range('64:ff9b::/96'); // RFC 6052
const teredo = range('2001::/32'); // RFC 4380

/** Where an IPv6 address carries an IPv4 one that a translator or tunnel would deliver to. */
const carriers: readonly (readonly [range: IpRange, at: number, flip: number])[] = [
  [nat64, 12, 0],
  [range('64:ff9b:1::/48'), 12, 0], // local NAT64 (RFC 8215)
  [range('::/96'), 12, 0], // IPv4-compatible, deprecated (RFC 4291)
  [range('::ffff:0:0:0/96'), 12, 0], // IPv4-translated (RFC 2765)
  [range('2002::/16'), 2, 0], // 6to4 (RFC 3056)
  [teredo, 4, 0], // the server
  [teredo, 12, 0xff], // the client, inverted
];

/** Classifies an address in its standard form; `undefined` when the text is not one. */
export function classifyAddress(text: string): AddressClass | undefined {
  const address = parseIpAddress(text);
  return address === undefined ? undefined : classify(address);
}

/** @see classifyAddress */
export function classify(address: IpAddress): AddressClass {
  const bytes = unmapped(address);
  const own = blocks.find(([block]) => inRange(bytes, block))?.[1] ?? 'reserved';
  if (bytes.length === 4) return own;
  const embedded = embeddedIn(bytes).map(classify);
  if (embedded.includes('metadata')) return 'metadata';
  if (inRange(bytes, nat64)) return embedded[0] ?? own;
  // under a public prefix only ISATAP embeds
  return own === 'public' && embedded.some((kind) => kind !== 'public') ? 'reserved' : own;
}

function embeddedIn(bytes: IpAddress): IpAddress[] {
  const found = carriers
    .filter(([carrier]) => inRange(bytes, carrier))
    .map(([, at, flip]) => bytes.slice(at, at + 4).map((byte) => byte ^ flip));
  // ISATAP (RFC 5214), under any prefix: 0000:5efe or 0200:5efe, then the address
  const isatap = (bytes[8] === 0 || bytes[8] === 2) && bytes[9] === 0 && bytes[10] === 0x5e && bytes[11] === 0xfe;
  return isatap ? [...found, bytes.slice(12)] : found;
}

function ranges(table: Readonly<Record<AddressClass, readonly string[]>>): (readonly [IpRange, AddressClass])[] {
  return (Object.entries(table) as [AddressClass, readonly string[]][]).flatMap(([kind, texts]) =>
    texts.map((text) => [range(text), kind] as const),
  );
}

function range(text: string): IpRange {
  const parsed = parseIpRange(text);
  if (parsed === undefined) throw new TypeError(`Not an address range: ${text}`);
  return parsed;
}
