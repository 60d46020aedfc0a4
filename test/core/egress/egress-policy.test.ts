import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { classifyAddress } from '../../../core/egress/classify-address.ts';
import { createEgressPolicy } from '../../../core/egress/egress-policy.ts';
import { parseHost } from '../../../core/egress/host.ts';
import { inRange, parseIpAddress, parseIpRange } from '../../../core/egress/ip-address.ts';

/** Every way inet_aton(3) and WHATWG URLs can spell an IPv4 address: one to four parts, each decimal, octal or hexadecimal. */
function spellings(address: string): string[] {
  const bytes = address.split('.').map(Number);
  const written = (value: number): string[] => [
    `${value}`,
    `0${value.toString(8)}`,
    `0x${value.toString(16)}`,
    `0X${value.toString(16).padStart(8, '0')}`,
  ];
  const results: string[] = [];
  for (let parts = 1; parts <= 4; parts++) {
    const values = [...bytes.slice(0, parts - 1), bytes.slice(parts - 1).reduce((sum, byte) => sum * 256 + byte, 0)];
    const options = values.map(written);
    const combine = (at: number, text: string): void => {
      if (at === options.length) results.push(text);
      else for (const option of options[at] ?? []) combine(at + 1, at === 0 ? option : `${text}.${option}`);
    };
    combine(0, '');
  }
  return results;
}

const disguises: readonly ((text: string) => string)[] = [
  (text) => `${text}.`,
  (text) => [...text].map((char) => `%${char.charCodeAt(0).toString(16)}`).join(''),
  (text) => [...text].map((char) => String.fromCharCode(char.charCodeAt(0) + 0xfee0)).join(''),
  (text) => text.replaceAll('.', '\u3002'),
  (text) => text.replaceAll('.', '%E3%80%82'),
  (text) => text.toUpperCase(),
];

function ipv6Spellings(address: string): string[] {
  const [a = 0, b = 0, c = 0, d = 0] = address.split('.').map(Number);
  const high = ((a << 8) | b).toString(16);
  const low = ((c << 8) | d).toString(16);
  const flipped = address.split('.').map((byte) => 255 - Number(byte));
  const teredo = `${(((flipped[0] ?? 0) << 8) | (flipped[1] ?? 0)).toString(16)}:${(((flipped[2] ?? 0) << 8) | (flipped[3] ?? 0)).toString(16)}`;
  return [
    `::ffff:${address}`,
    `::ffff:${high}:${low}`,
    `0:0:0:0:0:ffff:${high}:${low}`,
    `0000:0000:0000:0000:0000:FFFF:${high}:${low}`,
    `::${high}:${low}`,
    `::${address}`,
    `::ffff:0:${high}:${low}`,
    `64:ff9b::${high}:${low}`,
    `64:ff9b::${address}`,
    `64:ff9b:1::${high}:${low}`,
    `2002:${high}:${low}::1`,
    `2001:0:${high}:${low}::1`,
    `2001::${teredo}`,
    `2001:db8::5efe:${high}:${low}`,
    `2600:1f00::200:5efe:${high}:${low}`,
  ];
}

describe('the class of an address', () => {
  const classes: readonly (readonly [string, string])[] = [
    ['8.8.8.8', 'public'],
    ['1.1.1.1', 'public'],
    ['172.15.255.255', 'public'],
    ['172.32.0.0', 'public'],
    ['100.63.255.255', 'public'],
    ['100.128.0.0', 'public'],
    ['192.0.1.0', 'public'],
    ['198.17.255.255', 'public'],
    ['223.255.255.255', 'public'],
    ['127.0.0.1', 'loopback'],
    ['127.255.255.254', 'loopback'],
    ['10.0.0.1', 'private'],
    ['172.16.0.1', 'private'],
    ['172.31.255.255', 'private'],
    ['192.168.1.1', 'private'],
    ['100.64.0.0', 'shared'],
    ['100.127.255.255', 'shared'],
    ['169.254.1.1', 'link-local'],
    ['169.254.169.254', 'metadata'],
    ['169.254.170.2', 'metadata'],
    ['169.254.170.23', 'metadata'],
    ['100.100.100.200', 'metadata'],
    ['192.0.0.192', 'metadata'],
    ['168.63.129.16', 'metadata'],
    ['168.63.129.17', 'public'],
    ['192.0.0.1', 'reserved'],
    ['192.0.2.1', 'documentation'],
    ['198.51.100.9', 'documentation'],
    ['203.0.113.255', 'documentation'],
    ['198.18.0.1', 'benchmarking'],
    ['198.19.255.255', 'benchmarking'],
    ['192.88.99.1', 'reserved'],
    ['224.0.0.1', 'multicast'],
    ['239.255.255.255', 'multicast'],
    ['240.0.0.1', 'reserved'],
    ['255.255.255.255', 'broadcast'],
    ['0.0.0.0', 'unspecified'],
    ['0.1.2.3', 'reserved'],
    ['::', 'unspecified'],
    ['::1', 'loopback'],
    ['::2', 'reserved'],
    ['2606:4700:4700::1111', 'public'],
    ['2001:4860:4860::8888', 'public'],
    ['fd00:ec2::254', 'metadata'],
    ['fd00:ec2::253', 'private'],
    ['fc00::1', 'private'],
    ['fec0::1', 'private'],
    ['fe80::1', 'link-local'],
    ['fe80::a9fe:a9fe', 'metadata'],
    ['febf::1', 'link-local'],
    ['ff02::1', 'multicast'],
    ['100::1', 'reserved'],
    ['2001:db8::1', 'documentation'],
    ['3fff::1', 'documentation'],
    ['2001:2::1', 'benchmarking'],
    ['2001:20::1', 'reserved'],
    ['4000::1', 'reserved'],
    ['5f00::1', 'reserved'],
    ['::ffff:8.8.8.8', 'public'],
    ['::ffff:127.0.0.1', 'loopback'],
    ['::ffff:a00:1', 'private'],
    ['::127.0.0.1', 'reserved'],
    ['::8.8.8.8', 'reserved'],
    ['64:ff9b::8.8.8.8', 'public'],
    ['64:ff9b::10.0.0.1', 'private'],
    ['64:ff9b:1::808:808', 'reserved'],
    ['2002:808:808::1', 'reserved'],
    ['2002:7f00:1::1', 'reserved'],
    ['2001:0:808:808::f7f7:f7f7', 'reserved'],
    ['2001::80ff:fffe', 'reserved'],
    ['2600::5efe:c0a8:101', 'reserved'],
    ['2600::5efe:808:808', 'public'],
  ];
  it.each(classes)('%s is %s', (address, kind) => {
    expect(classifyAddress(address)).toBe(kind);
  });

  it.each([
    '',
    '1.2.3',
    '1.2.3.4.5',
    '01.2.3.4',
    '256.1.1.1',
    '1.2.3.4 ',
    ':',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    'fe80::1%eth0',
    '[::1]',
    '12345::',
    '1.2.3.4::',
    '::1.2.3.4:5',
    '1:2:3:4:5:6:7::8',
  ])('%j has none, for it is no address', (text) => {
    expect(classifyAddress(text)).toBeUndefined();
  });

  it('is that of the same bytes, however IPv6 is written', () => {
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        expect(parseIpAddress(text), text).toHaveLength(16);
        const canonical = new URL(`http://[${text}]/`).hostname.slice(1, -1);
        expect(parseIpAddress(text)).toEqual(parseIpAddress(canonical));
        expect(classifyAddress(text)).toBe(classifyAddress(canonical));
      }),
    );
  });
});

describe('a range', () => {
  it('holds exactly the addresses that share its prefix', () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.integer({ min: 0, max: 32 }), fc.ipV4(), (base, bits, other) => {
        const value = (text: string): number => text.split('.').reduce((sum, byte) => sum * 256 + Number(byte), 0);
        const size = 2 ** (32 - bits);
        const first = Math.floor(value(base) / size) * size;
        const text = `${[24, 16, 8, 0].map((shift) => Math.floor(first / 2 ** shift) % 256).join('.')}/${bits}`;
        const range = parseIpRange(text);
        expect(range, text).toBeDefined();
        if (range === undefined) return;
        for (const address of [base, other]) {
          expect(inRange(parseIpAddress(address) ?? [], range)).toBe(value(address) >= first && value(address) < first + size);
        }
      }),
    );
  });

  it.each(['10.0.0.1/8', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/08', '10.0.0.0/-1', 'fd00::1/8', 'example.com/8', '::/129'])(
    'is not %s',
    (text) => {
      expect(parseIpRange(text)).toBeUndefined();
    },
  );
});

describe('a host', () => {
  it.each([
    ['EXAMPLE.com', 'example.com'],
    ['example.com.', 'example.com'],
    ['b\u00fccher.example', 'xn--bcher-kva.example'],
    ['ex%61mple.com', 'example.com'],
    ['my_service', 'my_service'],
    ['1.2.3.4.', '1.2.3.4'],
    ['[2001:DB8:0::1]', '2001:db8::1'],
    ['2001:db8::1', '2001:db8::1'],
    ['[::ffff:1.2.3.4]', '1.2.3.4'],
  ])('%s is read as %s', (text, canonical) => {
    expect(parseHost(text)?.text).toBe(canonical);
  });

  it.each([
    '',
    '.',
    '..',
    'a..b',
    'a b',
    'a/b',
    'a?b',
    'a#b',
    'user@host',
    'a\\b',
    'a:80',
    '[::1',
    '::1]',
    '[::1]x',
    '[fe80::1%25eth0]',
    '1.2.3.4.5',
    '1.2.3.256',
    '0x',
    '09.1.1.1',
    'a\tb',
    'a\nb',
    'a%00b',
    'a%2fb',
    '-a.example',
    `${'a'.repeat(64)}.example`,
    'x.'.repeat(130),
    '%',
    '*.example',
    '4294967296',
    '1.2.3.0x100',
  ])('%j is refused', (text) => {
    const host = parseHost(text);
    // WHATWG reads `0x` as the number zero
    if (text === '0x') expect(host?.text).toBe('0.0.0.0');
    else expect(host).toBeUndefined();
  });
});

describe('the egress policy', () => {
  const strict = createEgressPolicy();

  it('lets public names and addresses through and nothing else, by default', () => {
    expect(strict.decideHost('example.com', 443)).toEqual({ allowed: true, host: { kind: 'name', text: 'example.com' } });
    expect(strict.decideHost('8.8.8.8', 53)).toMatchObject({ allowed: true, host: { text: '8.8.8.8' } });
    expect(strict.decideHost('LOCALHOST.', 80)).toEqual({ allowed: false, reason: 'loopback' });
    expect(strict.decideHost('a.localhost', 80)).toEqual({ allowed: false, reason: 'loopback' });
    expect(strict.decideHost('10.0.0.1', 80)).toEqual({ allowed: false, reason: 'private' });
    expect(strict.decideHost('user@8.8.8.8', 80)).toEqual({ allowed: false, reason: 'invalid-host' });
    for (const port of [0, -1, 65_536, 1.5, Number.NaN]) {
      expect(strict.decideHost('example.com', port)).toEqual({ allowed: false, reason: 'port' });
    }
  });

  it('refuses every encoding of the metadata address (E1)', () => {
    const plain = spellings('169.254.169.254');
    const all = [...plain, ...plain.flatMap((text) => disguises.map((disguise) => disguise(text)))];
    expect(all.length).toBeGreaterThan(252);
    for (const policy of [
      strict,
      createEgressPolicy({ allowLoopback: true, allowPrivate: true, allow: ['169.254.0.0/16', '0.0.0.0/0'] }),
    ]) {
      for (const text of all) expect(policy.decideHost(text, 80), text).toMatchObject({ allowed: false });
      for (const text of ipv6Spellings('169.254.169.254')) {
        expect(policy.decideHost(`[${text}]`, 80), text).toEqual({ allowed: false, reason: 'metadata' });
        expect(policy.decideAddress(text, 80), text).toEqual({ allowed: false, reason: 'metadata' });
      }
    }
  });

  it.each(['127.0.0.1', '10.1.2.3', '192.168.0.1', '100.64.0.1', '169.254.9.9', '0.0.0.0'])(
    'judges every spelling of %s alike (E2, E9)',
    (address) => {
      for (const text of spellings(address)) expect(strict.decideHost(text, 80), text).toEqual(strict.decideAddress(address, 80));
      for (const text of ipv6Spellings(address)) expect(strict.decideHost(`[${text}]`, 80), text).toMatchObject({ allowed: false });
    },
  );

  it.each([
    '169.254.170.2',
    '100.100.100.200',
    '192.0.0.192',
    '168.63.129.16',
    '[fd00:ec2::254]',
    'metadata.google.internal',
    'METADATA.google.internal.',
    'metadata%2egoogle.internal',
    'metadata',
    'instance-data',
  ])('refuses %s, private networks allowed or not (E3)', (host) => {
    expect(strict.decideHost(host, 80)).toEqual({ allowed: false, reason: 'metadata' });
    expect(createEgressPolicy({ allowPrivate: true, allowLoopback: true }).decideHost(host, 80)).toEqual({
      allowed: false,
      reason: 'metadata',
    });
  });

  it('lets a metadata address through only when exactly it is listed', () => {
    const policy = createEgressPolicy({ allow: ['169.254.169.254:80', 'metadata.google.internal', '169.254.0.0/16'] });
    expect(policy.decideHost('169.254.169.254', 80).allowed).toBe(true);
    expect(policy.decideHost('[::ffff:a9fe:a9fe]', 80).allowed).toBe(true);
    expect(policy.decideHost('169.254.169.254', 81).allowed).toBe(false);
    expect(policy.decideHost('169.254.170.2', 80).allowed).toBe(false);
    expect(policy.decideHost('169.254.1.1', 80).allowed).toBe(true);
    expect(policy.decideHost('metadata.google.internal', 80).allowed).toBe(true);
    expect(policy.decideAddress('169.254.170.2', 80, 'metadata.google.internal').allowed).toBe(false);
  });

  it('opens loopback and private networks separately', () => {
    const loopback = createEgressPolicy({ allowLoopback: true });
    expect(['127.0.0.1', '[::1]', 'localhost', '127.1'].map((host) => loopback.decideHost(host, 80).allowed)).toEqual([
      true,
      true,
      true,
      true,
    ]);
    expect(['10.0.0.1', '0.0.0.0', '169.254.1.1'].map((host) => loopback.decideHost(host, 80).allowed)).toEqual([
      false,
      false,
      false,
    ]);
    const internal = createEgressPolicy({ allowPrivate: true });
    expect(['10.0.0.1', '100.64.0.1', '[fd00::1]'].map((host) => internal.decideHost(host, 80).allowed)).toEqual([
      true,
      true,
      true,
    ]);
    expect(
      ['127.0.0.1', '169.254.1.1', '[fe80::1]', '224.0.0.1', '240.0.0.1'].every((host) => !internal.decideHost(host, 80).allowed),
    ).toBe(true);
  });

  it('makes exceptions by range, address, name and port', () => {
    const policy = createEgressPolicy({
      allow: ['10.1.0.0/16', '127.0.0.1:9000', '[::1]:9001', 'intranet.example:8080', 'db.example', '0xC0A80101'],
    });
    const allowed = (host: string, port: number): boolean => policy.decideHost(host, port).allowed;
    expect([allowed('10.1.2.3', 1), allowed('10.2.0.1', 1), allowed('192.168.1.1', 80)]).toEqual([true, false, true]);
    expect([allowed('127.0.0.1', 9_000), allowed('127.0.0.1', 9_002), allowed('127.0.0.2', 9_000)]).toEqual([true, false, false]);
    expect([allowed('::1', 9_001), allowed('localhost', 9_000), allowed('localhost', 80)]).toEqual([true, true, false]);
    expect(policy.decideAddress('10.9.9.9', 8_080, 'intranet.example').allowed).toBe(true);
    expect(policy.decideAddress('10.9.9.9', 8_081, 'intranet.example').allowed).toBe(false);
    expect(policy.decideAddress('10.9.9.9', 8_080, 'other.example').allowed).toBe(false);
    expect(policy.decideAddress('169.254.169.254', 8_080, 'intranet.example').allowed).toBe(false);
  });

  it('denies ports whatever else is allowed', () => {
    const policy = createEgressPolicy({ denyPorts: [25], allow: ['10.0.0.1:25'] });
    for (const host of ['example.com', '8.8.8.8', '10.0.0.1'])
      expect(policy.decideHost(host, 25)).toEqual({ allowed: false, reason: 'port' });
    expect(policy.decideAddress('8.8.8.8', 25)).toEqual({ allowed: false, reason: 'port' });
    expect(policy.decideHost('example.com', 26).allowed).toBe(true);
  });

  it('judges each address a name resolves to by what it is (E4)', () => {
    expect(strict.decideHost('rebind.example', 80).allowed).toBe(true);
    for (const address of ['169.254.169.254', '127.0.0.1', '::1', '::ffff:10.0.0.1', 'fe80::1', '0.0.0.0']) {
      expect(strict.decideAddress(address, 80, 'rebind.example').allowed, address).toBe(false);
    }
    expect(strict.decideAddress('not an address', 80)).toEqual({ allowed: false, reason: 'invalid-host' });
  });

  it.each(['', '10.0.0.0/40', '10.0.0.1/8', 'http://x', 'a b', 'host:0', 'host:65536', '*.example.com'])(
    'cannot be made with the exception %j',
    (entry) => {
      expect(() => createEgressPolicy({ allow: [entry] })).toThrow(TypeError);
    },
  );

  it('cannot be made with a port that is none', () => {
    expect(() => createEgressPolicy({ denyPorts: [0] })).toThrow(TypeError);
  });

  it('never lets through what it would refuse in canonical form, and never throws', () => {
    const text = fc.oneof(
      fc.ipV4Extended(),
      fc.ipV6(),
      fc.domain(),
      fc.string({ unit: 'binary', maxLength: 40 }),
      fc.webAuthority(),
    );
    fc.assert(
      fc.property(text, fc.integer({ min: 0, max: 70_000 }), (host, port) => {
        const decision = strict.decideHost(host, port);
        if (!decision.allowed) return;
        expect(strict.decideHost(decision.host.text, port)).toEqual(decision);
        if (decision.host.kind === 'address') expect(classifyAddress(decision.host.text)).toBe('public');
      }),
      { numRuns: 2_000 },
    );
  });
});
