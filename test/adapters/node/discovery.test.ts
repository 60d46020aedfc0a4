import { afterEach, describe, expect, it } from 'vitest';
import { dnsDiscovery } from '../../../adapters/node/discovery.ts';
import { systemClock } from '../../../adapters/node/system-clock.ts';
import type { Discovered } from '../../../core/ports/index.ts';
import { startDnsServer } from '../../support/dns-server.ts';
import type { DnsAnswer, DnsServer } from '../../support/dns-server.ts';

const a = (address: string, ttl = 60): { type: 'A'; address: string; ttl: number } => ({ type: 'A', address, ttl });
const aaaa = (address: string, ttl = 60): { type: 'AAAA'; address: string; ttl: number } => ({ type: 'AAAA', address, ttl });
const srv = (target: string, port: number, { priority = 10, weight = 1, ttl = 60 } = {}): DnsAnswer[number] & object => ({
  type: 'SRV',
  target,
  port,
  priority,
  weight,
  ttl,
});

describe('finding endpoints in the DNS', () => {
  let server: DnsServer | undefined;
  afterEach(() => server?.close());

  const resolve = async (
    zone: Readonly<Record<string, DnsAnswer>>,
    kind: 'dns' | 'srv',
    name: string,
    patienceMs = 30_000,
  ): Promise<Discovered> => {
    server = await startDnsServer((asked) => zone[asked] ?? 'no such name');
    return dnsDiscovery(systemClock, [server.address]).resolve(kind, name, systemClock.now() + patienceMs);
  };
  const endpoint = (address: string, more: object = {}): object => ({ address, port: undefined, weight: 1, priority: 0, ...more });

  it('answers A and AAAA records with the least TTL of both', async () => {
    const found = await resolve(
      { 'www.example.com': [a('192.0.2.1', 300), a('192.0.2.2', 300), aaaa('2001:db8::7', 20)] },
      'dns',
      'www.example.com',
    );
    expect(found.ttlMs).toBe(20_000);
    expect(found.endpoints).toHaveLength(3);
    expect(found.endpoints).toEqual(
      expect.arrayContaining([endpoint('192.0.2.1'), endpoint('192.0.2.2'), endpoint('2001:db8::7')]),
    );
  });

  it('is content with one family', async () => {
    const found = await resolve({ 'v6.example.com': [aaaa('2001:db8::1')] }, 'dns', 'v6.example.com');
    expect(found.endpoints).toEqual([endpoint('2001:db8::1')]);
    expect(server?.asked.toSorted()).toEqual(['A v6.example.com', 'AAAA v6.example.com']);
  });

  it('answers SRV records with their ports, weights and priorities, and the addresses of their targets', async () => {
    const zone = {
      '_http._tcp.example.com': [
        srv('a.example.com', 8_001, { priority: 10, weight: 3 }),
        srv('b.example.com', 8_002, { priority: 20, weight: 0 }),
      ],
      'a.example.com': [a('192.0.2.1'), aaaa('2001:db8::1')],
      'b.example.com': [a('192.0.2.2', 5)],
    };
    const found = await resolve(zone, 'srv', '_http._tcp.example.com');
    expect(found.ttlMs).toBe(5_000);
    expect(found.endpoints).toHaveLength(3);
    expect(found.endpoints).toEqual(
      expect.arrayContaining([
        endpoint('192.0.2.1', { port: 8_001, weight: 3, priority: 10 }),
        endpoint('2001:db8::1', { port: 8_001, weight: 3, priority: 10 }),
        // weight 0 is a small share, not none
        endpoint('192.0.2.2', { port: 8_002, weight: 1, priority: 20 }),
      ]),
    );
  });

  it('bounds what it cannot know: the resolver tells no TTL of SRV records', async () => {
    const zone = { '_http._tcp.example.com': [srv('a.example.com', 80)], 'a.example.com': [a('192.0.2.1', 86_400)] };
    expect((await resolve(zone, 'srv', '_http._tcp.example.com')).ttlMs).toBe(30_000);
  });

  it('finds nothing where there is no service: no records, or "." as the target', async () => {
    expect((await resolve({}, 'srv', '_http._tcp.example.com')).endpoints).toEqual([]);
    await server?.close();
    expect((await resolve({ '_no._tcp.example.com': [srv('.', 0)] }, 'srv', '_no._tcp.example.com')).endpoints).toEqual([]);
  });

  it.each([
    ['server failure', 'dns_error'],
    ['refused', 'dns_error'],
  ] as const)('an outage is no absence: %s is %s', async (answer, type) => {
    await expect(resolve({ 'www.example.com': answer }, 'dns', 'www.example.com')).rejects.toMatchObject({
      type,
      requestSent: false,
    });
    await server?.close();
    await expect(resolve({ '_http._tcp.example.com': answer }, 'srv', '_http._tcp.example.com')).rejects.toMatchObject({ type });
  });

  it('an outage of one target is an outage of the service', async () => {
    const zone = {
      '_http._tcp.example.com': [srv('a.example.com', 80), srv('b.example.com', 80)],
      'a.example.com': [a('192.0.2.1')],
      'b.example.com': 'server failure',
    } as const;
    await expect(resolve(zone, 'srv', '_http._tcp.example.com')).rejects.toMatchObject({ type: 'dns_error' });
  });

  it('waits no longer than its deadline, which is sooner than the resolver gives up', { timeout: 4_500 }, async () => {
    const late = resolve({ 'www.example.com': 'silence' }, 'dns', 'www.example.com', 300);
    await expect(late).rejects.toMatchObject({ type: 'dns_timeout', requestSent: false });
  });

  it('asks the system for names of this machine, without asking the DNS', async () => {
    for (const name of ['localhost', 'LOCALHOST']) {
      const found = await resolve({}, 'dns', name);
      expect(found.ttlMs).toBe(30_000);
      expect(found.endpoints.map(({ address }) => address)).toContain('127.0.0.1');
      expect(server?.asked).toEqual([]);
      await server?.close();
    }
    server = undefined;
  });

  it('a name that neither the DNS nor the system has is an error', async () => {
    await expect(resolve({}, 'dns', 'nowhere.invalid')).rejects.toMatchObject({ type: 'dns_error' });
  });
});
