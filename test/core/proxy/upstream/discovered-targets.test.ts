import { describe, expect, it } from 'vitest';
import type { Endpoint } from '../../../../core/ports/index.ts';
import { UpstreamError } from '../../../../core/ports/index.ts';
import type { DiscoveryConfiguration, UpstreamConfiguration } from '../../../../core/proxy/configuration.ts';
import { SimulatedUpstreams } from '../../../support/simulated-upstreams.ts';

const dns: DiscoveryConfiguration = { kind: 'dns', name: 'orders.internal', port: 8_080 };

function discovering(discovery: Partial<DiscoveryConfiguration> = {}, more: UpstreamConfiguration = {}) {
  const it = new SimulatedUpstreams({
    main: { discovery: { ...dns, ...discovery }, balance: { policy: 'roundRobin' }, retry: { retries: 0 }, ...more },
  });
  for (const name of ['192.0.2.1', '192.0.2.2', '192.0.2.3']) it.transport.backend(name, { headers: { 'x-from': name } });
  return it;
}

const at = (...addresses: readonly string[]): Endpoint[] =>
  addresses.map((address) => ({ address, port: undefined, weight: 1, priority: 0 }));

/** Who answered `n` requests, each once, in order. */
async function answered(it: SimulatedUpstreams, n = 4): Promise<string> {
  const names = new Set<unknown>();
  for (let asked = 0; asked < n; asked++) {
    const { response, outcome } = await it.ask();
    names.add(response?.headers.get('x-from') ?? outcome);
  }
  return [...names].toSorted().join(' ');
}

describe('discovered targets', () => {
  it('are looked up once for many requests, and asked by their address under the name of the service', async () => {
    const it = discovering();
    it.discovered = async () => {
      await it.clock.sleep(30);
      return { endpoints: at('192.0.2.1', '192.0.2.2'), ttlMs: 5_000 };
    };
    const all = Promise.all(Array.from({ length: 10 }, () => it.ask()));
    await it.clock.advance(30);
    expect((await all).map(({ outcome }) => outcome)).toEqual(Array.from({ length: 10 }, () => 200));
    expect(it.resolved).toBe(1);
    expect(it.transport.sent[0]).toMatchObject({
      authority: '192.0.2.1',
      request: { authority: 'orders.internal:8080', scheme: 'http' },
    });
    expect((await all)[0]?.exchange.attempts[0]).toMatchObject({ target: '192.0.2.1:8080', startedAt: it.clock.now() });
  });

  it.each([
    ['the TTL of the answer', 5_000, 5_000],
    ['no less than the minimum', 0, 1_000],
    ['no more than the maximum', 1e9, 60_000],
  ])('are used for %s, then looked up beside the traffic', async (_what, ttlMs, expected) => {
    const it = discovering();
    it.discovered = () => ({ endpoints: at('192.0.2.1'), ttlMs });
    await it.ask();
    it.discovered = async () => {
      await it.clock.sleep(100);
      return { endpoints: at('192.0.2.2'), ttlMs };
    };
    await it.clock.advance(expected - 1);
    expect([await answered(it), it.resolved]).toEqual(['192.0.2.1', 1]);
    await it.clock.advance(1);
    expect([await answered(it), it.resolved]).toEqual(['192.0.2.1', 2]);
    await it.clock.advance(100);
    expect([await answered(it), it.resolved]).toEqual(['192.0.2.2', 2]);
  });

  it('make requests wait when the answer is older than TTL and maximum together: another may live there by now', async () => {
    const it = discovering({ maxTtlMs: 10_000 });
    it.discovered = () => ({ endpoints: at('192.0.2.1'), ttlMs: 10_000 });
    await it.ask();
    it.discovered = () => ({ endpoints: at('192.0.2.2'), ttlMs: 10_000 });
    await it.clock.advance(20_000);
    expect(await answered(it)).toBe('192.0.2.2');
  });

  it('go on with the last good answer while the source fails, asking once a minimum TTL, and say so once', async () => {
    const it = discovering();
    it.discovered = () => ({ endpoints: at('192.0.2.1'), ttlMs: 1_000 });
    await it.ask();
    it.discovered = () => {
      throw new UpstreamError('dns_timeout', false);
    };
    for (let second = 0; second < 300; second++) {
      await it.clock.advance(1_000);
      expect(await answered(it, 3)).toBe('192.0.2.1');
    }
    expect(it.resolved).toBe(301);
    expect(it.logger.lines).toEqual([
      {
        severity: 'warn',
        event: 'upstream.discovery.failed',
        attributes: { upstream: 'main', reason: 'dns_timeout', 'answer.kept': true },
      },
    ]);
    it.discovered = () => ({ endpoints: at('192.0.2.2'), ttlMs: 1_000 });
    await it.clock.advance(1_000);
    await it.ask();
    expect(await answered(it)).toBe('192.0.2.2');
  });

  it('fail with the error of the source where nothing was ever learned, and ask it again for the next request', async () => {
    const it = discovering();
    expect(await answered(it, 2)).toBe('dns_error');
    expect(it.resolved).toBe(2);
    it.discovered = () => ({ endpoints: at('192.0.2.1'), ttlMs: 1_000 });
    expect(await answered(it)).toBe('192.0.2.1');
  });

  it('make nobody wait beyond its deadline or after it left, and are there for the others', async () => {
    const it = discovering();
    it.discovered = async () => {
      await it.clock.sleep(1_000);
      return { endpoints: at('192.0.2.1'), ttlMs: 1_000 };
    };
    const caller = new AbortController();
    const hurried = it.ask({ timeoutMs: 100 });
    const leaving = it.ask({ context: { signal: caller.signal } });
    const patient = it.ask();
    await it.clock.advance(100);
    expect((await hurried).outcome).toBe('dns_timeout');
    caller.abort(new Error('client gone'));
    expect((await leaving).outcome).toBe('client gone');
    await it.clock.advance(900);
    expect([(await patient).outcome, it.resolved]).toEqual([200, 1]);
  });

  it('are nobody where the source says so: that is an answer', async () => {
    const it = discovering();
    it.discovered = () => ({ endpoints: at('192.0.2.1'), ttlMs: 1_000 });
    await it.ask();
    it.discovered = () => ({ endpoints: [], ttlMs: 1_000 });
    await it.clock.advance(1_000);
    await it.ask();
    expect((await it.ask()).error).toMatchObject({ reason: 'no_healthy_target' });
  });

  it('keep their ejection when they come and go', async () => {
    const it = discovering({}, { outlierEjection: { consecutiveFailures: 2 } });
    it.transport.backend('192.0.2.1', { status: 500 });
    const both = { endpoints: at('192.0.2.1', '192.0.2.2'), ttlMs: 1_000 };
    it.discovered = () => both;
    for (let n = 0; n < 4; n++) await it.ask();
    expect(it.logger.events).toEqual(['upstream.target.ejected']);
    for (const discovered of [{ endpoints: at('192.0.2.2'), ttlMs: 1_000 }, both]) {
      it.discovered = () => discovered;
      await it.clock.advance(1_000);
      await it.ask();
    }
    expect(await answered(it)).toBe('192.0.2.2');
    expect(it.transport.count('192.0.2.1')).toBe(2);
  });

  it('of SRV records are those of the lowest priority, by weight, at their own ports, under the name of the domain', async () => {
    const it = discovering({ kind: 'srv', name: '_http._tcp.orders.example', port: undefined });
    it.discovered = () => ({
      endpoints: [
        { address: '192.0.2.1', port: 81, weight: 3, priority: 10 },
        { address: '192.0.2.2', port: 82, weight: 1, priority: 10 },
        { address: '192.0.2.3', port: 83, weight: 9, priority: 20 },
      ],
      ttlMs: 5_000,
    });
    for (let n = 0; n < 8; n++) await it.ask();
    expect(['192.0.2.1', '192.0.2.2', '192.0.2.3'].map((name) => it.transport.count(name))).toEqual([6, 2, 0]);
    expect(it.transport.sent[0]?.request.authority).toBe('orders.example:81');
  });

  it('have the weight that the source says last', async () => {
    const it = discovering({ kind: 'srv', name: '_http._tcp.orders.example', port: undefined });
    const weighing = (one: number, other: number) => () => ({
      endpoints: [
        { address: '192.0.2.1', port: 80, weight: one, priority: 0 },
        { address: '192.0.2.2', port: 80, weight: other, priority: 0 },
      ],
      ttlMs: 1_000,
    });
    it.discovered = weighing(1, 1);
    for (let n = 0; n < 8; n++) await it.ask();
    it.discovered = weighing(7, 1);
    await it.clock.advance(1_000);
    await it.ask();
    const before = it.transport.count('192.0.2.1');
    for (let n = 0; n < 8; n++) await it.ask();
    expect(it.transport.count('192.0.2.1') - before).toBe(7);
  });

  it('take turns through look-ups, and keep their ejection when they are weighed otherwise', async () => {
    const it = discovering(
      { kind: 'srv', name: '_http._tcp.orders.example', port: undefined },
      { outlierEjection: { consecutiveFailures: 2 } },
    );
    const found = (weight: number) => () => ({
      endpoints: ['192.0.2.1', '192.0.2.2', '192.0.2.3'].map((address) => ({ address, port: 80, weight, priority: 0 })),
      ttlMs: 1_000,
    });
    it.discovered = found(1);
    for (let second = 0; second < 9; second++) {
      await it.ask();
      await it.clock.advance(1_000);
    }
    const counts = () => ['192.0.2.1', '192.0.2.2', '192.0.2.3'].map((name) => it.transport.count(name));
    expect(counts()).toEqual([3, 3, 3]);
    it.transport.backend('192.0.2.1', { status: 500 });
    for (let n = 0; n < 6; n++) await it.ask();
    it.discovered = found(2);
    await it.clock.advance(1_000);
    for (let n = 0; n < 9; n++) await it.ask();
    expect([it.logger.events, it.transport.count('192.0.2.1')]).toEqual([['upstream.target.ejected'], 5]);
  });

  it('are looked up for no longer than connecting may take, and a first failure is said', async () => {
    const it = discovering({}, { timeouts: { connectMs: 700 } });
    await it.ask();
    expect(it.lookUps).toEqual([it.clock.now() + 700]);
    expect(it.logger.lines).toEqual([
      {
        severity: 'warn',
        event: 'upstream.discovery.failed',
        attributes: { upstream: 'main', reason: 'dns_error', 'answer.kept': false },
      },
    ]);
  });

  it('of SRV records with weight 0 alone share evenly', async () => {
    const it = discovering({ kind: 'srv', name: '_http._tcp.orders.example', port: undefined });
    it.discovered = () => ({
      endpoints: ['192.0.2.1', '192.0.2.2'].map((address) => ({ address, port: 80, weight: 0, priority: 0 })),
      ttlMs: 5_000,
    });
    for (let n = 0; n < 8; n++) await it.ask();
    expect(['192.0.2.1', '192.0.2.2'].map((name) => it.transport.count(name))).toEqual([4, 4]);
  });
});
