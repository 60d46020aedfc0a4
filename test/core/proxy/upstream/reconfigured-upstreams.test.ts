import { describe, expect, it } from 'vitest';
import { UpstreamError } from '../../../../core/ports/index.ts';
import type { UpstreamConfiguration } from '../../../../core/proxy/configuration.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { SimulatedUpstreams } from '../../../support/simulated-upstreams.ts';
import type { Result } from '../../../support/simulated-upstreams.ts';

const main: UpstreamConfiguration = { url: 'http://a', retry: { retries: 0 }, outlierEjection: false };
const failing = { status: 500 };
/** A piece, and a failure a second later. */
const breaking = (it: SimulatedUpstreams) => () => ({
  body: (async function* () {
    yield new Uint8Array(1);
    await it.clock.sleep(1_000);
    throw new UpstreamError('connection_terminated', true);
  })(),
});

async function openCircuit(it: SimulatedUpstreams, upstream = 'main'): Promise<void> {
  it.transport.backend('a', failing);
  for (let n = 0; n < 5; n++) await it.ask({ upstream });
  expect((await it.ask({ upstream })).outcome).toBe('circuit_open');
}

describe('an upstream that another configuration has just so', () => {
  it.each<[string, Readonly<Record<string, UpstreamConfiguration>>]>([
    ['beside a new one', { main, other: { url: 'http://b' } }],
    ['with its members in another order', { main: { outlierEjection: false, retry: { retries: 0 }, url: 'http://a' } }],
    ['with a default written out', { main: { ...main, protocol: 'http1', concurrency: { max: 1_024 } } }],
  ])('keeps its circuit open, %s', async (_what, next) => {
    const it = new SimulatedUpstreams({ main });
    await openCircuit(it);
    await it.reconfigure(next);
    expect((await it.ask()).outcome).toBe('circuit_open');
    await it.clock.advance(1_000);
    it.transport.backend('a', {});
    expect([(await it.ask()).outcome, (await it.ask()).outcome]).toEqual([200, 200]);
    expect(it.logger.events).toEqual(['upstream.circuit.opened', 'upstream.circuit.closed']);
  });

  it('keeps its ejections', async () => {
    const two: UpstreamConfiguration = { targets: [{ url: 'http://a' }, { url: 'http://b' }], balance: { policy: 'roundRobin' } };
    const it = new SimulatedUpstreams({ main: two });
    it.transport.backend('a', failing).backend('b', {});
    for (let n = 0; n < 10; n++) await it.ask();
    expect([it.logger.events, it.transport.count('a')]).toEqual([['upstream.target.ejected'], 5]);
    await it.reconfigure({ main: two, other: main });
    for (let n = 0; n < 10; n++) await it.ask();
    expect(it.transport.count('a')).toBe(5);
  });

  it('keeps what it knows of latencies', async () => {
    const two: UpstreamConfiguration = { targets: [{ url: 'http://a' }, { url: 'http://b' }] };
    const it = new SimulatedUpstreams({ main: two });
    it.transport.backend('a', { afterMs: 1_000 }).backend('b', { afterMs: 10 });
    for (let n = 0; n < 10; n++) await it.passing();
    const before = it.transport.count('a');
    await it.reconfigure({ main: two, other: main });
    for (let n = 0; n < 20; n++) await it.passing();
    expect(it.transport.count('a')).toBe(before);
  });

  it('keeps its budget spent', async () => {
    const one: UpstreamConfiguration = {
      ...main,
      circuitBreaker: false,
      retry: { retries: 1, budgetRatio: 0, budgetMinPerSecond: 0.1 },
    };
    const it = new SimulatedUpstreams({ main: one });
    it.transport.backend('a', { status: 503 });
    expect((await it.passing()).exchange.attempts).toHaveLength(2);
    await it.reconfigure({ main: one, other: main });
    expect((await it.passing()).exchange.attempts).toHaveLength(1);
  });

  it('counts what is under way since before: its places, and how it ends', async () => {
    const one: UpstreamConfiguration = { ...main, concurrency: { max: 5, maxQueued: 0 }, outlierEjection: false };
    const it = new SimulatedUpstreams({ main: one });
    it.transport.backend('a', breaking(it));
    const asked = Promise.allSettled(Array.from({ length: 5 }, () => it.ask()));
    await it.clock.advance(500);
    await it.reconfigure({ main: one, other: main });
    expect((await it.ask()).outcome).toBe('overloaded');
    await it.clock.advance(500);
    expect((await asked).map(({ status }) => status)).toEqual(Array.from({ length: 5 }, () => 'rejected'));
    expect(it.logger.events).toEqual(['upstream.circuit.opened']);
    expect((await it.ask()).outcome).toBe('circuit_open');
  });

  it('goes on with its health checks, one round at a time, until no configuration has it', async () => {
    const checked: UpstreamConfiguration = { ...main, healthCheck: { intervalMs: 10_000 } };
    const it = new SimulatedUpstreams({ main: checked }, { server: true });
    it.transport.backend('a', {});
    await it.clock.advance(60_000);
    const rounds = it.transport.count('a');
    expect(rounds).toBeGreaterThan(4);
    await it.reconfigure({ main: checked, other: { url: 'http://b' } });
    await it.clock.advance(0);
    expect(it.transport.count('a')).toBe(rounds);
    await it.clock.advance(60_000);
    expect(it.transport.count('a') - rounds).toBeLessThanOrEqual(7);
    await it.reconfigure({ other: { url: 'http://b' } });
    const last = it.transport.count('a');
    expect(last).toBeGreaterThan(rounds + 4);
    await it.clock.advance(60_000);
    expect(it.transport.count('a')).toBe(last);
  });

  it('opens its transport before the one of the configuration before is closed, once, however often that one is', async () => {
    const it = new SimulatedUpstreams({ main });
    const first = it.upstreams;
    let leastOpen = Infinity;
    const close = it.transport.close.bind(it.transport);
    it.transport.close = async () => {
      leastOpen = Math.min(leastOpen, it.transport.profiles.length - it.transport.closed);
      await close();
    };
    await it.reconfigure({ main, other: { url: 'http://b' } });
    await first.close();
    expect([it.transport.profiles.length, it.transport.closed, leastOpen]).toEqual([3, 1, 3]);
    await it.upstreams.close();
    expect(it.transport.closed).toBe(3);
  });

  it('is found at the end of thousands that fall back to each other, each known by its own settings alone', async () => {
    const length = 4_000;
    const chain = Object.fromEntries(
      Array.from({ length }, (_, n) => [`u${n}`, { ...main, fallback: n + 1 < length ? `u${n + 1}` : undefined }]),
    );
    const it = new SimulatedUpstreams(chain);
    await openCircuit(it, `u${length - 1}`);
    await it.reconfigure(chain);
    expect((await it.ask({ upstream: `u${length - 1}` })).outcome).toBe('circuit_open');
    expect([it.transport.profiles.length, it.transport.closed]).toEqual([2 * length, length]);
    await it.upstreams.close();
    expect(it.transport.closed).toBe(2 * length);
  });

  it('has no more users for a configuration that was refused', async () => {
    const it = new SimulatedUpstreams({ main });
    await expect(
      it.reconfigure({ main, new: { url: 'http://b' }, wrong: { url: 'http://c', fallback: 'nobody' } }),
    ).rejects.toThrow('no upstream nobody');
    expect(it.transport.profiles).toHaveLength(1);
    await it.upstreams.close();
    expect(it.transport.closed).toBe(1);
  });

  it('has no more users for a configuration one of whose transports cannot be opened, and the next one begins its health checks', async () => {
    const it = new SimulatedUpstreams({ main }, { server: true });
    const next: Readonly<Record<string, UpstreamConfiguration>> = {
      main,
      checked: { ...main, url: 'http://b', healthCheck: { intervalMs: 10_000 } },
    };
    const open = it.transport.open.bind(it.transport);
    it.transport.open = (profile) => {
      if (profile.connectTimeoutMs === 1) throw new TypeError('cannot be opened');
      return open(profile);
    };
    await expect(it.reconfigure({ ...next, wrong: { url: 'http://c', timeouts: { connectMs: 1 } } })).rejects.toThrow(
      'cannot be opened',
    );
    expect([it.transport.profiles.length, it.transport.closed]).toEqual([3, 2]);
    await it.reconfigure(next);
    await it.clock.advance(60_000);
    expect(it.transport.count('b')).toBeGreaterThan(4);
    await it.upstreams.close();
    expect([it.transport.profiles.length, it.transport.closed]).toEqual([5, 5]);
  });
});

describe('an upstream of which something else is another', () => {
  const spare: UpstreamConfiguration = { url: 'http://spare', retry: { retries: 0 } };
  const a = { url: 'http://a' };
  const b = { url: 'http://b' };
  const pool: UpstreamConfiguration = { ...main, url: undefined, targets: [a] };

  it.each<[string, UpstreamConfiguration, UpstreamConfiguration]>([
    ['a time-out', main, { ...main, timeouts: { connectMs: 1_999, responseHeadersMs: 14_000, idleMs: 29_000, tryMs: 20_000 } }],
    ['a target more', pool, { ...pool, targets: [b, a] }],
    ['a target less', { ...pool, targets: [a, { url: 'http://a/2' }] }, pool],
    ['the weight of a target', pool, { ...pool, targets: [{ ...a, weight: 7 }] }],
    ['targets in place of a URL', main, pool],
    ['what it falls back to', main, { ...main, fallback: 'spare' }],
    ['retries', main, { ...main, retry: { retries: 0, budgetRatio: 0.2 } }],
    ['balance', main, { ...main, balance: { policy: 'leastRequests' } }],
    ['health checks', main, { ...main, healthCheck: {} }],
    ['ejection', main, { ...main, outlierEjection: {} }],
    ['concurrency', main, { ...main, concurrency: { max: 7 } }],
    ['admission', main, { ...main, admission: {} }],
    ['hedging', main, { ...main, hedge: {} }],
    ['the host it is told', main, { ...main, host: 'another.example' }],
    ['what may be reached', main, { ...main, allowPrivate: true }],
  ])('keeps its circuit open: %s', async (_what, before, after) => {
    const it = new SimulatedUpstreams({ main: before, spare });
    await openCircuit(it);
    await it.reconfigure({ main: after, spare });
    it.transport.backend('b', {});
    const asked = it.transport.sent.length;
    const { outcome, exchange } = await it.ask();
    expect([outcome, exchange.fallback?.reason, it.transport.sent.length - asked]).toEqual(
      after.fallback === undefined ? ['circuit_open', undefined, 0] : ['connection_refused', 'circuit_open', 1],
    );
  });

  it.each<[string, UpstreamConfiguration]>([
    ['its circuit breaker', { ...main, circuitBreaker: { consecutiveFailures: 6 } }],
    ['all its targets', { ...main, url: 'http://b' }],
    ['those of its targets that are asked', { ...pool, targets: [{ ...a, weight: 0 }, b] }],
    ['the path under which it is asked', { ...main, url: 'http://a/v2' }],
    ['its protocol', { ...main, protocol: 'http2' }],
    ['what secures its connections', { ...main, tls: { serverName: 'another.example' } }],
    ['where its targets are found', { ...main, url: undefined, discovery: { kind: 'dns', name: 'a', port: 80 } }],
  ])('begins with a closed circuit: %s', async (_what, after) => {
    const it = new SimulatedUpstreams({ main });
    await openCircuit(it);
    it.discovered = () => ({ endpoints: [{ address: 'b', port: undefined, weight: 1, priority: 0 }], ttlMs: 1_000 });
    it.transport.backend('a', {}).backend('b', {});
    await it.reconfigure({ main: after });
    expect((await it.ask()).outcome).toBe(200);
  });

  it('begins with a closed circuit under another name', async () => {
    const it = new SimulatedUpstreams({ main });
    await openCircuit(it);
    it.transport.backend('a', {});
    await it.reconfigure({ renamed: main });
    expect((await it.ask({ upstream: 'renamed' })).outcome).toBe(200);
  });

  const three = (...more: UpstreamConfiguration[]): UpstreamConfiguration =>
    Object.assign({ targets: [a, b, { url: 'http://c' }], balance: { policy: 'roundRobin' }, circuitBreaker: false }, ...more);

  it.each<[string, UpstreamConfiguration]>([
    ['one is added', three({ targets: [a, b, { url: 'http://c' }, { url: 'http://d' }] })],
    ['one is removed', three({ targets: [a, b] })],
    ['one is weighed otherwise', three({ targets: [{ ...a, weight: 3 }, b, { url: 'http://c' }] })],
    ['time-outs are others', three({ timeouts: { responseHeadersMs: 9_000 } })],
  ])('keeps its targets ejected for as long as they were: %s', async (_what, after) => {
    const it = new SimulatedUpstreams({ main: three() });
    it.transport.backend('a', failing).backend('b', {}).backend('c', {}).backend('d', {});
    for (let n = 0; n < 15; n++) await it.ask();
    expect([it.logger.events, it.transport.count('a')]).toEqual([['upstream.target.ejected'], 5]);
    await it.clock.advance(10_000);
    await it.reconfigure({ main: after });
    for (let n = 0; n < 12; n++) await it.ask();
    expect(it.transport.count('a')).toBe(5);
    await it.clock.advance(20_000);
    it.transport.backend('a', {});
    for (let n = 0; n < 12; n++) await it.ask();
    expect(it.transport.count('a')).toBeGreaterThan(5);
  });

  it('knows a target that is listed twice for one', async () => {
    const twice = three({ targets: [a, a, b], outlierEjection: { panicPercent: 0 } });
    const it = new SimulatedUpstreams({ main: twice });
    it.transport.backend('a', failing).backend('b', {});
    for (let n = 0; n < 20; n++) await it.ask();
    expect([it.logger.events, it.transport.count('a')]).toEqual([['upstream.target.ejected'], 5]);
  });

  it('checks a target that is listed twice once a round, and gives it the weight of both', async () => {
    const twice: UpstreamConfiguration = { ...pool, targets: [a, b, a], healthCheck: { intervalMs: 10_000, unhealthyAfter: 2 } };
    const it = new SimulatedUpstreams({ main: twice }, { server: true });
    it.transport.backend('a', {}).backend('b', {});
    await it.clock.advance(1_000);
    const [atA, atB] = [it.transport.count('a'), it.transport.count('b')];
    expect(atA).toBe(atB);
    for (let n = 0; n < 9; n++) await it.ask();
    expect([it.transport.count('a') - atA, it.transport.count('b') - atB]).toEqual([6, 3]);
    it.transport.backend('a', failing);
    await it.clock.advance(10_000);
    expect(it.logger.events).toEqual([]);
    await it.clock.advance(10_000);
    expect(it.logger.events).toEqual(['upstream.target.unhealthy']);
  });

  it('forgets ejections where ejection itself is set otherwise', async () => {
    const it = new SimulatedUpstreams({ main: three() });
    it.transport.backend('a', failing).backend('b', {}).backend('c', {});
    for (let n = 0; n < 15; n++) await it.ask();
    await it.reconfigure({ main: three({ outlierEjection: { consecutiveFailures: 9 } }) });
    for (let n = 0; n < 3; n++) await it.ask();
    expect(it.transport.count('a')).toBe(6);
  });

  it('ejects a target by what requests meet that began under the configuration before', async () => {
    const it = new SimulatedUpstreams({ main: three() });
    it.transport.backend('a', { afterMs: 1_000, status: 500 }).backend('b', {}).backend('c', {});
    const asked = Array.from({ length: 15 }, () => it.ask());
    await it.reconfigure({ main: three({ timeouts: { connectMs: 1_999 } }) });
    // Who may be asked is settled in the new configuration before they end.
    const another = it.ask();
    await it.clock.advance(0);
    const before = it.transport.count('a');
    await it.clock.advance(1_000);
    await Promise.all([another, ...asked]);
    expect(it.logger.events).toEqual(['upstream.target.ejected']);
    for (let n = 0; n < 9; n++) await it.passing();
    expect(it.transport.count('a')).toBe(before);
  });

  it('keeps what it knows of what is under way', async () => {
    const it = new SimulatedUpstreams({ main: { targets: [a, b], balance: { policy: 'leastRequests' } } });
    it.transport.backend('a', { afterMs: 1_000 }).backend('b', {}).backend('c', {});
    // Until `a` is asked by chance.
    const slow: Promise<unknown>[] = [];
    while (it.transport.count('a') < 3) slow.push(it.ask());
    await it.clock.advance(0);
    const before = it.transport.count('a');
    await it.reconfigure({ main: { targets: [a, b, { url: 'http://c' }], balance: { policy: 'leastRequests' } } });
    for (let n = 0; n < 50; n++) await it.ask();
    expect(it.transport.count('a')).toBe(before);
    await it.clock.advance(1_000);
    await Promise.all(slow);
    for (let n = 0; n < 50; n++) void it.ask();
    await it.clock.advance(0);
    expect(it.transport.count('a')).toBeGreaterThan(before);
    await it.clock.advance(1_000);
  });

  it('keeps what it knows of the latencies of targets that stay', async () => {
    const two = { targets: [a, b], balance: { policy: 'powerOfTwo' } } as const;
    const it = new SimulatedUpstreams({ main: two });
    it.transport.backend('a', { afterMs: 1_000 }).backend('b', { afterMs: 10 });
    for (let n = 0; n < 10; n++) await it.passing();
    const before = it.transport.count('a');
    await it.reconfigure({ main: { ...two, timeouts: { connectMs: 1_999 } } });
    for (let n = 0; n < 20; n++) await it.passing();
    expect(it.transport.count('a')).toBe(before);
  });

  it('keeps what its health checks found, and their time', async () => {
    const checked: UpstreamConfiguration = { ...pool, targets: [a, b], healthCheck: { intervalMs: 10_000, unhealthyAfter: 2 } };
    const it = new SimulatedUpstreams({ main: checked }, { server: true });
    it.transport.backend('a', failing).backend('b', {}).backend('c', {});
    await it.clock.advance(15_000);
    expect(it.logger.events).toEqual(['upstream.target.unhealthy']);
    const rounds = it.transport.count('b');
    for (let n = 0; n < 20; n++) {
      const targets = n % 2 === 0 ? [a, b, { url: 'http://c' }] : [a, b];
      await it.reconfigure({ main: { ...checked, targets, timeouts: { connectMs: 1_000 + n } } });
      await it.clock.advance(1_000);
    }
    expect(it.transport.count('b') - rounds).toBeLessThanOrEqual(3);
    expect(it.transport.count('b') - rounds).toBeGreaterThan(0);
    const before = it.transport.count('a');
    for (let n = 0; n < 8; n++) await it.ask();
    expect(it.transport.count('a')).toBe(before);
  });

  it('keeps its places and its queue', async () => {
    const one: UpstreamConfiguration = {
      ...main,
      circuitBreaker: false,
      concurrency: { max: 2, maxQueued: 1, queueTimeoutMs: 30_000 },
    };
    const it = new SimulatedUpstreams({ main: one });
    it.transport.backend('a', { afterMs: 500 });
    const asked = Array.from({ length: 3 }, () => it.ask());
    await it.clock.advance(0);
    await it.reconfigure({ main: { ...one, timeouts: { connectMs: 1_999 } } });
    expect((await it.ask()).outcome).toBe('overloaded');
    for (let n = 0; n < 4; n++) await it.clock.advance(500);
    expect((await Promise.all(asked)).map(({ outcome }) => outcome)).toEqual([200, 200, 200]);
    expect(it.transport.mostInFlight).toBe(2);
    await it.upstreams.close();
    await it.clock.advance(0);
    expect(it.clock.sleeping).toBe(0);
  });

  it('keeps its adaptive limit, and what admission control has learned', async () => {
    const one: UpstreamConfiguration = {
      ...main,
      concurrency: { adaptive: true },
      admission: { windowMs: 60_000 },
      circuitBreaker: false,
    };
    const it = new SimulatedUpstreams({ main: one });
    it.transport.backend('a', (_request, count) => ({ afterMs: 10, status: count % 2 === 0 ? 500 : 200 }));
    await it.traffic(100, 20);
    await it.reconfigure({ main: { ...one, timeouts: { connectMs: 1_999 } } });
    const results = await it.traffic(20, 1);
    expect(results.filter(({ outcome }) => outcome === 'shed').length).toBeGreaterThan(3);
    const many = Array.from({ length: 8 }, () => it.ask());
    await it.clock.advance(0);
    expect(it.transport.inFlight).toBeGreaterThan(3);
    await it.clock.advance(5_000);
    await Promise.all(many);
  });

  it('keeps what it knows of slow answers for its hedges', async () => {
    const one: UpstreamConfiguration = { targets: [a, b], hedge: { budgetRatio: 1 }, balance: { policy: 'roundRobin' } };
    const it = new SimulatedUpstreams({ main: one });
    it.transport.backend('a', { afterMs: 10 }).backend('b', { afterMs: 10 });
    await it.traffic(50, 2);
    await it.reconfigure({ main: { ...one, timeouts: { connectMs: 1_999 } } });
    it.transport.backend('a', { afterMs: 500 }).backend('b', { afterMs: 500 });
    expect((await it.passing()).exchange.attempts.map(({ reason }) => reason)).toEqual(['first', 'hedge']);
  });

  it('keeps its circuit open for no longer when the clock is set back before', async () => {
    const it = new SimulatedUpstreams({ main });
    it.transport.backend('a', failing);
    await it.ask();
    it.clock.set(it.clock.now() - 3_600_000);
    await openCircuit(it);
    await it.reconfigure({ main: { ...main, timeouts: { connectMs: 1_999 } } });
    expect((await it.ask()).outcome).toBe('circuit_open');
    await it.clock.advance(1_000);
    expect((await it.ask()).outcome).toBe(500);
  });

  it('keeps its budget of retries spent, unless that is another', async () => {
    const one: UpstreamConfiguration = { ...main, circuitBreaker: false, retry: { budgetRatio: 0, budgetMinPerSecond: 0.1 } };
    const it = new SimulatedUpstreams({ main: one });
    it.transport.backend('a', { status: 503 });
    expect((await it.passing()).exchange.attempts).toHaveLength(2);
    await it.reconfigure({ main: { ...one, retry: { ...one.retry, maxBackoffMs: 200 } } });
    expect((await it.passing()).exchange.attempts).toHaveLength(1);
    await it.reconfigure({ main: { ...one, retry: { ...one.retry, budgetMinPerSecond: 0.2 } } });
    expect((await it.passing()).exchange.attempts).toHaveLength(2);
  });

  it('goes on with what a discovery source has said, and with the ejections of what it named', async () => {
    const found: UpstreamConfiguration = {
      discovery: { kind: 'dns', name: 'orders.internal', port: 80 },
      balance: { policy: 'roundRobin' },
      retry: { retries: 0 },
      outlierEjection: { consecutiveFailures: 2 },
    };
    const it = new SimulatedUpstreams({ main: found });
    const endpoints = ['a', 'b'].map((address) => ({ address, port: undefined, weight: 1, priority: 0 }));
    it.discovered = () => ({ endpoints, ttlMs: 5_000 });
    it.transport.backend('a', failing).backend('b', {}).backend('c', {});
    for (let n = 0; n < 4; n++) await it.ask();
    expect([it.logger.events, it.resolved]).toEqual([['upstream.target.ejected'], 1]);
    await it.reconfigure({
      main: { ...found, discovery: { ...found.discovery!, maxTtlMs: 9_000 }, timeouts: { connectMs: 1_999 } },
    });
    it.discovered = () => ({ endpoints: [{ address: 'c', port: undefined, weight: 1, priority: 0 }, ...endpoints], ttlMs: 5_000 });
    for (let n = 0; n < 4; n++) await it.ask();
    expect([it.transport.count('a'), it.resolved]).toEqual([2, 1]);
    await it.clock.advance(5_000);
    for (let n = 0; n < 6; n++) await it.ask();
    expect([it.transport.count('a'), it.transport.count('c') > 0, it.resolved]).toEqual([2, true, 2]);
  });

  it('asks for a fall-back what the same configuration has by that name', async () => {
    const it = new SimulatedUpstreams({ main: { ...main, fallback: 'spare' }, spare });
    it.transport.backend('spare', { headers: { 'x-from': 'spare' } }).backend('other', { headers: { 'x-from': 'other' } });
    expect((await it.ask()).response?.headers.get('x-from')).toBe('spare');
    await it.reconfigure({ spare: { url: 'http://other' }, main: { ...main, fallback: 'spare' } });
    expect((await it.ask({ upstream: 'main' })).response?.headers.get('x-from')).toBe('other');
  });

  it('lets what is under way with a removed target end, over thousands of changes, of which nothing stays', async () => {
    const clock = new FakeClock();
    const it = new SimulatedUpstreams(
      { main: { targets: [a, b], healthCheck: {}, timeouts: { tryMs: 30_000 } } },
      { clock, server: true },
    );
    for (const name of ['a', 'b', 'c']) it.transport.backend(name, { afterMs: 40 });
    let most = 0;
    const asked: Promise<Result>[] = [];
    for (let n = 0; n < 2_000; n++) {
      asked.push(it.ask());
      const targets = [a, { url: `http://${n % 2 === 0 ? 'c' : 'b'}`, weight: 1 + (n % 3) }];
      await it.reconfigure({ main: { targets, healthCheck: {}, timeouts: { tryMs: 30_000 - n } }, [`other-${n}`]: b });
      await clock.advance(20);
      most = Math.max(most, clock.sleeping);
      expect(it.running.size).toBe(2);
    }
    await clock.advance(100);
    expect(new Set((await Promise.all(asked)).map(({ outcome }) => outcome))).toEqual(new Set([200]));
    expect(most).toBeLessThan(20);
    await it.upstreams.close();
    await clock.advance(0);
    expect([it.running.size, clock.sleeping, it.transport.inFlight, it.transport.profiles.length - it.transport.closed]).toEqual([
      0, 0, 0, 0,
    ]);
  });
});
