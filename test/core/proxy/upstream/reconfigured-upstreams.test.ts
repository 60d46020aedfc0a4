import { describe, expect, it } from 'vitest';
import { UpstreamError } from '../../../../core/ports/index.ts';
import type { UpstreamConfiguration } from '../../../../core/proxy/configuration.ts';
import { SimulatedUpstreams } from '../../../support/simulated-upstreams.ts';

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

async function openCircuit(it: SimulatedUpstreams): Promise<void> {
  it.transport.backend('a', failing);
  for (let n = 0; n < 5; n++) await it.ask();
  expect((await it.ask()).outcome).toBe('circuit_open');
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

  it('keeps its transport open until no configuration has it, however often one is closed', async () => {
    const it = new SimulatedUpstreams({ main });
    const first = it.upstreams;
    await it.reconfigure({ main, other: { url: 'http://b' } });
    await first.close();
    expect([it.transport.profiles.length, it.transport.closed]).toEqual([2, 0]);
    await it.reconfigure({ other: { url: 'http://b' } });
    expect(it.transport.closed).toBe(1);
    await it.upstreams.close();
    expect(it.transport.closed).toBe(2);
    await it.reconfigure({ main });
    expect([it.transport.profiles.length, it.transport.closed]).toEqual([3, 2]);
  });

  it('is found at the end of thousands that fall back to each other, each known by its own settings alone', async () => {
    const length = 4_000;
    const chain = Object.fromEntries(
      Array.from({ length }, (_, n) => [`u${n}`, { ...main, fallback: n + 1 < length ? `u${n + 1}` : undefined }]),
    );
    const it = new SimulatedUpstreams(chain);
    await it.reconfigure(chain);
    expect([it.transport.profiles.length, it.transport.closed]).toEqual([length, 0]);
    await it.upstreams.close();
    expect(it.transport.closed).toBe(length);
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
    expect([it.transport.profiles.length, it.transport.closed]).toEqual([2, 1]);
    await it.reconfigure(next);
    await it.clock.advance(60_000);
    expect(it.transport.count('b')).toBeGreaterThan(4);
    await it.upstreams.close();
    expect([it.transport.profiles.length, it.transport.closed]).toEqual([3, 3]);
  });
});

describe('an upstream that is another', () => {
  const spare: UpstreamConfiguration = { url: 'http://spare' };

  it.each<[string, Readonly<Record<string, UpstreamConfiguration>>]>([
    ['in a setting', { main: { ...main, fallback: 'spare', timeouts: { connectMs: 1_999 } }, spare }],
    [
      'in its targets',
      { main: { ...main, fallback: 'spare', url: undefined, targets: [{ url: 'http://a' }, { url: 'http://b' }] }, spare },
    ],
    ['in its name', { renamed: { ...main, fallback: 'spare' }, spare }],
    [
      'in what it falls back to',
      { main: { ...main, fallback: 'spare' }, spare: { url: 'http://spare', timeouts: { connectMs: 1 } } },
    ],
  ])('%s begins afresh', async (_what, next) => {
    const it = new SimulatedUpstreams({ main: { ...main, fallback: 'spare' }, spare });
    it.transport.backend('a', failing).backend('spare', {});
    for (let n = 0; n < 6; n++) await it.ask();
    expect(it.logger.events).toEqual(['upstream.circuit.opened']);
    await it.reconfigure(next);
    it.transport.backend('a', {}).backend('b', {});
    const [upstream = ''] = Object.keys(next);
    expect((await it.ask({ upstream })).exchange.upstream).toBe(upstream);
  });

  it('is asked for a fall-back by an upstream that is the same: the one it was', async () => {
    const it = new SimulatedUpstreams({ main: { ...main, fallback: 'spare' }, spare });
    await it.reconfigure({ spare, main: { ...main, fallback: 'spare' }, other: main });
    it.transport.backend('spare', { headers: { 'x-from': 'spare' } });
    expect((await it.ask({ upstream: 'main' })).response?.headers.get('x-from')).toBe('spare');
    expect(it.transport.profiles).toHaveLength(3);
  });
});
