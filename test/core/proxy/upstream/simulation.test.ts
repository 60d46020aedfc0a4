import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UpstreamError } from '../../../../core/ports/index.ts';
import type { UpstreamConfiguration } from '../../../../core/proxy/configuration.ts';
import { seededRandom } from '../../../support/seeded-random.ts';
import type { SimulatedAnswer } from '../../../support/simulated-transport.ts';
import { outcomes, SimulatedUpstreams } from '../../../support/simulated-upstreams.ts';
import type { Result } from '../../../support/simulated-upstreams.ts';

const three: UpstreamConfiguration = { targets: [{ url: 'http://a' }, { url: 'http://b' }, { url: 'http://c' }] };
const refused: SimulatedAnswer = { error: new UpstreamError('connection_refused', false) };
const reset: SimulatedAnswer = { afterMs: 5, error: new UpstreamError('connection_terminated', true) };
const unavailable: SimulatedAnswer = { afterMs: 5, status: 503 };
const ok: SimulatedAnswer = { afterMs: 10 };

function backends(it: SimulatedUpstreams, answers: Readonly<Record<string, SimulatedAnswer>>): void {
  for (const [name, answer] of Object.entries(answers)) it.transport.backend(name, answer);
}

function triesOf(results: readonly Result[]): number {
  return results.reduce((sum, { exchange }) => sum + exchange.attempts.length, 0);
}

function share(results: readonly Result[], outcome: number | string): number {
  return results.filter((result) => result.outcome === outcome).length / results.length;
}

describe('a total outage', () => {
  const failures = fc.constantFrom(refused, reset, unavailable, { afterMs: 200, status: 502 });

  it('sends no more than 1.2 tries a request, at any rate and with any number of retries, with the defaults of breaker and budget', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 0, max: 5 }),
        fc.integer({ min: 1, max: 3 }),
        failures,
        fc.nat(),
        async (rate, retries, targets, failure, seed) => {
          const it = new SimulatedUpstreams({ main: { targets: three.targets?.slice(0, targets), retry: { retries } } }, { seed });
          backends(it, { a: failure, b: failure, c: failure });
          const results = await it.traffic(rate, 30);
          expect(triesOf(results)).toBe(it.transport.sent.length);
          expect(it.transport.sent.length / results.length).toBeLessThanOrEqual(1.2);
        },
      ),
      { numRuns: 25 },
    );
  });

  it('sends no more than 1.2 tries a request without any breaker, from 15 requests a second on and over half a minute: the budget alone bounds it', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 15, max: 80 }),
        fc.integer({ min: 1, max: 5 }),
        failures,
        fc.nat(),
        async (rate, retries, failure, seed) => {
          const it = new SimulatedUpstreams({ main: { ...three, retry: { retries }, circuitBreaker: false } }, { seed });
          backends(it, { a: failure, b: failure, c: failure });
          const results = await it.traffic(rate, 30);
          expect(it.transport.sent.length / results.length).toBeLessThanOrEqual(1.2);
          expect(it.transport.sent.length).toBeGreaterThan(results.length);
        },
      ),
      { numRuns: 15 },
    );
  });

  it('sends nearly nothing once the circuit is open, and serves again within the open time of the upstream coming back', async () => {
    const it = new SimulatedUpstreams({ main: { url: 'http://a' } });
    backends(it, { a: refused });
    await it.traffic(100, 60);
    expect(it.transport.sent.length).toBeLessThan(30);
    backends(it, { a: ok });
    const back = await it.traffic(100, 65);
    expect(share(back.slice(-100), 200)).toBe(1);
    const open = await new SimulatedUpstreams({ main: { url: 'http://a' } }).traffic(10, 3);
    expect(Object.keys(outcomes(open)).toSorted()).toEqual(['circuit_open', 'connection_refused']);
  });

  it('of a short kind is over for clients about when it is over: the circuit opens for a second first', async () => {
    const it = new SimulatedUpstreams({ main: { url: 'http://a' } });
    backends(it, { a: ok });
    await it.traffic(50, 5);
    backends(it, { a: reset });
    await it.traffic(50, 1);
    backends(it, { a: ok });
    const after = await it.traffic(50, 5);
    expect(share(after.slice(100), 200)).toBe(1);
  });
});

describe('one target of three', () => {
  it.each([
    ['refusing connections', refused],
    ['resetting them', reset],
    ['answering 503', unavailable],
  ])('%s costs clients nothing: its requests go to the others, then it is out', async (_what, failure) => {
    const it = new SimulatedUpstreams({ main: { ...three, balance: { policy: 'roundRobin' } } });
    backends(it, { a: failure, b: ok, c: ok });
    const results = await it.traffic(50, 20);
    expect(outcomes(results)).toEqual({ 200: 1_000 });
    expect(it.transport.count('a')).toBeLessThanOrEqual(6);
    expect(it.logger.events).toEqual(['upstream.target.ejected']);
  });

  it.each(['roundRobin', 'leastRequests', 'powerOfTwo', 'hash'] as const)(
    'failing is left to the others by %s, and used again after its recovery',
    async (policy) => {
      const it = new SimulatedUpstreams({ main: { ...three, balance: { policy, key: { by: 'path' } } } });
      backends(it, { a: refused, b: ok, c: ok });
      const paths = (n: number) => ({ request: { target: `/${n % 50}` } });
      const during = await it.traffic(50, 20, paths);
      expect(share(during, 200)).toBe(1);
      backends(it, { a: ok });
      const before = it.transport.count('a');
      await it.traffic(50, 120, paths);
      expect(it.transport.count('a') - before).toBeGreaterThan(200);
    },
  );

  it('being slow gets a small part of the traffic by power of two, and an equal one by round robin', async () => {
    const shareOfSlow = async (policy: 'powerOfTwo' | 'roundRobin'): Promise<number> => {
      const it = new SimulatedUpstreams({ main: { ...three, balance: { policy } } });
      backends(it, { a: { afterMs: 400 }, b: ok, c: ok });
      await it.traffic(50, 30);
      return it.transport.count('a') / it.transport.sent.length;
    };
    expect(await shareOfSlow('powerOfTwo')).toBeLessThan(0.08);
    expect(await shareOfSlow('roundRobin')).toBeCloseTo(1 / 3, 2);
  });

  it('being stuck for ever costs each client only its bounded try', async () => {
    const it = new SimulatedUpstreams({ main: { ...three, timeouts: { tryMs: 100 }, balance: { policy: 'roundRobin' } } });
    backends(it, { a: { afterMs: Infinity }, b: ok, c: ok });
    const results = await it.traffic(50, 10);
    expect(share(results, 200)).toBe(1);
    expect(Math.max(...results.map(({ durationMs }) => durationMs))).toBeLessThan(250);
  });

  it('answering errors fast does not draw the traffic of power of two', async () => {
    const it = new SimulatedUpstreams({ main: { ...three, outlierEjection: false, circuitBreaker: false } });
    backends(it, { a: { afterMs: 1, status: 500 }, b: { afterMs: 50 }, c: { afterMs: 50 } });
    await it.traffic(50, 20);
    expect(it.transport.count('a') / it.transport.sent.length).toBeLessThan(0.15);
  });
});

describe('a brown-out', () => {
  it('in which three in ten fail is bridged by retries as far as their budget goes, with the circuit closed', async () => {
    const it = new SimulatedUpstreams({ main: { url: 'http://a' } });
    const random = seededRandom(7);
    it.transport.backend('a', () => (random() < 0.3 ? unavailable : ok));
    const results = await it.traffic(100, 30);
    expect(it.logger.events.filter((event) => event === 'upstream.circuit.opened').length).toBeLessThan(15);
    const tried = results.filter(({ exchange }) => exchange.attempts.length > 0);
    expect(triesOf(results) / results.length).toBeLessThanOrEqual(1.12);
    // 0.3 of the tries fail and one in ten may be tried again.
    expect(share(tried, 200)).toBeGreaterThan(0.73);
  });

  it('of one in twenty is hidden from clients by retries altogether', async () => {
    const it = new SimulatedUpstreams({ main: { url: 'http://a' } });
    const random = seededRandom(8);
    it.transport.backend('a', () => (random() < 0.05 ? unavailable : ok));
    expect(share(await it.traffic(100, 20), 200)).toBeGreaterThan(0.99);
  });

  it('of latency over the whole upstream is not made worse by hedges', async () => {
    const it = new SimulatedUpstreams({ main: { ...three, hedge: {} } });
    backends(it, { a: { afterMs: 50 }, b: { afterMs: 50 }, c: { afterMs: 50 } });
    await it.traffic(50, 10);
    const before = it.transport.sent.length;
    backends(it, { a: { afterMs: 500 }, b: { afterMs: 500 }, c: { afterMs: 500 } });
    const results = await it.traffic(50, 20);
    expect((it.transport.sent.length - before) / results.length).toBeLessThanOrEqual(1.06);
  });

  it('of one target in three has the tail that hedges leave of it', async () => {
    const p99 = async (hedge: UpstreamConfiguration['hedge']): Promise<number> => {
      const it = new SimulatedUpstreams({ main: { ...three, balance: { policy: 'roundRobin' }, hedge } });
      const random = seededRandom(9);
      const sometimes = () => ({ afterMs: random() < 0.03 ? 1_000 : 20 });
      for (const name of ['a', 'b', 'c']) it.transport.backend(name, sometimes);
      const results = await it.traffic(50, 40);
      return results.map(({ durationMs }) => durationMs).toSorted((x, y) => x - y)[Math.floor(results.length * 0.99)] ?? 0;
    };
    expect(await p99(undefined)).toBe(1_000);
    expect(await p99({})).toBeLessThan(100);
  });
});

describe('flapping', () => {
  it('between up and down every second lets through what it can and never sends more than a fifth too much', async () => {
    const it = new SimulatedUpstreams({ main: { url: 'http://a' } });
    it.transport.backend('a', () => (Math.floor(it.clock.now() / 1_000) % 2 === 0 ? ok : reset));
    const results = await it.traffic(50, 40);
    expect(it.transport.sent.length / results.length).toBeLessThanOrEqual(1.2);
    expect(share(results, 200)).toBeGreaterThan(0.25);
  });

  it('of the DNS between two addresses and failures keeps every request answered', async () => {
    const it = new SimulatedUpstreams({ main: { discovery: { kind: 'dns', name: 'orders.internal', port: 80 } } });
    backends(it, { '192.0.2.1': ok, '192.0.2.2': ok });
    const of = (address: string) => ({ endpoints: [{ address, port: undefined, weight: 1, priority: 0 }], ttlMs: 1_000 });
    it.discovered = () => {
      if (it.resolved % 3 === 0) throw new UpstreamError('dns_timeout', false);
      return of(it.resolved % 2 === 0 ? '192.0.2.1' : '192.0.2.2');
    };
    expect(outcomes(await it.traffic(20, 60))).toEqual({ 200: 1_200 });
    expect(it.resolved).toBeGreaterThan(50);
  });
});

describe('overload', () => {
  it('of 100 requests at once over a limit of 5 serves them all, 5 at a time, and refuses those the queue has no room for', async () => {
    const it = new SimulatedUpstreams({ main: { url: 'http://a', concurrency: { max: 5, queueTimeoutMs: 10_000 } } });
    backends(it, { a: { afterMs: 50 } });
    const all = Promise.all(Array.from({ length: 100 }, () => it.ask()));
    await it.clock.advance(1_000);
    expect(outcomes(await all)).toEqual({ 200: 100 });
    expect(it.transport.mostInFlight).toBe(5);
    const small = new SimulatedUpstreams({
      main: { url: 'http://a', concurrency: { max: 5, maxQueued: 10, queueTimeoutMs: 10_000 } },
    });
    backends(small, { a: { afterMs: 50 } });
    const some = Promise.all(Array.from({ length: 100 }, () => small.ask()));
    await small.clock.advance(1_000);
    expect(outcomes(await some)).toEqual({ 200: 15, overloaded: 85 });
  });

  it('here ejects no target, opens no circuit and is no failure of anybody', async () => {
    const it = new SimulatedUpstreams({
      main: {
        ...three,
        concurrency: { max: 3, maxQueued: 2, queueTimeoutMs: 20 },
        outlierEjection: { consecutiveFailures: 1 },
        circuitBreaker: { consecutiveFailures: 1 },
        admission: {},
      },
    });
    backends(it, { a: { afterMs: 100 }, b: { afterMs: 100 }, c: { afterMs: 100 } });
    const results = await it.traffic(200, 10);
    const { 200: served = 0, overloaded = 0, ...rest } = outcomes(results);
    expect(rest).toEqual({});
    expect(overloaded).toBeGreaterThan(1_000);
    expect(served).toBeGreaterThan(250);
    expect(it.logger.events).toEqual([]);
  });

  it('keeps nobody waiting past its deadline: who cannot be served in time is told at once, and all who are let in get their answer', async () => {
    const it = new SimulatedUpstreams({
      main: { url: 'http://a', concurrency: { max: 2, maxQueued: 1_000, queueTimeoutMs: 60_000 } },
    });
    backends(it, { a: { afterMs: 100 } });
    // 20 a second can be served, 40 come.
    const results = await it.traffic(40, 20, { timeoutMs: 1_000 });
    const refusedNow = results.filter(({ outcome }) => outcome === 'overloaded');
    expect(refusedNow.length).toBeGreaterThan(250);
    expect(refusedNow.filter(({ durationMs }) => durationMs === 0).length / refusedNow.length).toBeGreaterThan(0.9);
    expect(Math.max(...results.map(({ durationMs }) => durationMs))).toBeLessThanOrEqual(1_000);
    expect(outcomes(results)[200]).toBeGreaterThan(350);
  });

  it('of an upstream that works on 20 at once is found by the gradient: latency stays near the ideal while the limit alone would queue', async () => {
    const run = async (
      concurrency: UpstreamConfiguration['concurrency'],
    ): Promise<{ readonly p90: number; readonly served: number }> => {
      const it = new SimulatedUpstreams({ main: { url: 'http://a', concurrency, retry: { retries: 0 } } });
      // A backend with 20 workers, 50 ms each, and its own queue: it answers later the more are in it.
      const workers = Array.from({ length: 20 }, () => 0);
      it.transport.backend('a', () => {
        const now = it.clock.now();
        const free = workers.indexOf(Math.min(...workers));
        const ends = Math.max(now, workers[free] ?? now) + 50;
        workers[free] = ends;
        return { afterMs: ends - now };
      });
      // 400 a second can be served, 500 come.
      const results = await it.traffic(500, 8, { timeoutMs: 10_000 });
      const tries = results.slice(-2_000).flatMap(({ exchange }) => exchange.attempts.map(({ durationMs }) => durationMs));
      const p90 = tries.toSorted((x, y) => x - y)[Math.floor(tries.length * 0.9)] ?? 0;
      return { p90, served: share(results.slice(-2_000), 200) };
    };
    const limits = { max: 1_000, maxQueued: 10, queueTimeoutMs: 50 };
    expect((await run(limits)).p90).toBeGreaterThan(1_000);
    const { p90, served } = await run({ ...limits, adaptive: true });
    expect(p90).toBeLessThan(120);
    // Four in five is what there is.
    expect(served).toBeGreaterThan(0.7);
  });
});

describe('everything on at once', () => {
  it('gives back every place and connection and answers every request, whatever the backends do', async () => {
    const behaviour = fc.record({
      afterMs: fc.constantFrom(0, 5, 40, 300, Infinity),
      kind: fc.constantFrom('ok', 'ok', 'ok', 'status', 'error', 'broken body'),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(behaviour, { minLength: 1, maxLength: 12 }), fc.nat(), async (behaviours, seed) => {
        const it = new SimulatedUpstreams(
          {
            main: {
              ...three,
              hedge: { delayMs: 30, budgetRatio: 0.5 },
              timeouts: { tryMs: 200 },
              retry: { retries: 3 },
              admission: {},
              concurrency: { max: 8, maxQueued: 5, adaptive: true },
              circuitBreaker: { openMs: 100 },
              fallback: 'spare',
            },
            spare: { url: 'http://spare', concurrency: { max: 4 } },
          },
          { seed },
        );
        const random = seededRandom(seed);
        const respond = (): SimulatedAnswer => {
          const { afterMs, kind } = behaviours[Math.floor(random() * behaviours.length)] ?? { afterMs: 0, kind: 'ok' };
          if (kind === 'error') return { afterMs, error: new UpstreamError('connection_terminated', true) };
          const body = (async function* () {
            yield new Uint8Array(10);
            if (kind === 'broken body') throw new UpstreamError('http_response_incomplete', true);
          })();
          return { afterMs, status: kind === 'status' ? 503 : 200, body };
        };
        for (const name of ['a', 'b', 'c', 'spare']) it.transport.backend(name, respond);
        const answered: unknown[] = [];
        const asking = Array.from({ length: 120 }, async (_, n) => {
          await it.clock.sleep(n * 15);
          const caller = new AbortController();
          if (n % 7 === 0) void it.clock.sleep(25).then(() => caller.abort(new Error('client gone')));
          const method = n % 3 === 0 ? 'POST' : 'GET';
          const asked = it.ask({ request: { method }, timeoutMs: 1_000, context: { signal: caller.signal } });
          answered.push((await Promise.allSettled([asked]))[0]);
        });
        await it.clock.advance(10_000);
        await Promise.all(asking);
        expect(answered).toHaveLength(120);
        expect([it.transport.openBodies, it.transport.inFlight]).toEqual([0, 0]);
        expect(it.clock.sleeping).toBe(0);
        // Every place is free: as many as the limits allow get one without waiting.
        for (const name of ['a', 'b', 'c', 'spare']) it.transport.backend(name, { body: (async function* () {})() });
        it.transport.backend('spare', () => ({
          body: (async function* () {
            yield new Uint8Array(1);
          })(),
        }));
        const held = await Promise.all([1, 2, 3, 4].map(() => it.askOnly({ upstream: 'spare' })));
        const { outcome } = await it.askOnly({
          upstream: 'spare',
          context: { signal: AbortSignal.abort(new Error('client gone')) },
        });
        expect([...held.map((result) => result.outcome), outcome]).not.toContain('overloaded');
      }),
      { numRuns: 30 },
    );
  });
});
