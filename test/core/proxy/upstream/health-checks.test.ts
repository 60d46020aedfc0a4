import { describe, expect, it } from 'vitest';
import { UpstreamError } from '../../../../core/ports/index.ts';
import type { SimulatedAnswer } from '../../../support/simulated-transport.ts';
import { SimulatedUpstreams } from '../../../support/simulated-upstreams.ts';

const refused: SimulatedAnswer = { error: new UpstreamError('connection_refused', false) };

function checked(targets: readonly string[], more = {}, server = true) {
  const it = new SimulatedUpstreams(
    {
      main: {
        targets: targets.map((name) => ({ url: `http://${name}` })),
        balance: { policy: 'roundRobin' },
        retry: { retries: 0 },
        healthCheck: { intervalMs: 1_000, timeoutMs: 500 },
        ...more,
      },
    },
    { server },
  );
  /** A backend whose checks are answered otherwise than its traffic. */
  const backend = (name: string, check: SimulatedAnswer, answer: SimulatedAnswer = { headers: { 'x-from': name } }): void => {
    it.transport.backend(name, (request) => (request.target.startsWith('/healthz') ? check : answer));
  };
  const traffic = (name: string): number =>
    it.transport.sent.filter(({ authority, request }) => authority === name && request.target === '/').length;
  return { it, backend, traffic };
}

describe('active health checks', () => {
  it('take a target out after three failures and back after two successes, and ask all targets at each round', async () => {
    const { it, backend, traffic } = checked(['a', 'b', 'c']);
    for (const name of ['a', 'b', 'c']) backend(name, {});
    await it.clock.advance(5_000);
    expect(['a', 'b', 'c'].every((name) => it.transport.count(name) >= 4)).toBe(true);
    backend('a', { status: 500 });
    await it.clock.advance(4_000);
    for (let n = 0; n < 6; n++) await it.ask();
    expect([traffic('a'), traffic('b'), traffic('c')]).toEqual([0, 3, 3]);
    backend('a', { status: 204 });
    await it.clock.advance(3_500);
    for (let n = 0; n < 6; n++) await it.ask();
    expect(traffic('a')).toBe(2);
    expect(it.logger.events).toEqual(['upstream.target.unhealthy', 'upstream.target.healthy']);
    await it.upstreams.close();
  });

  it.each<[string, SimulatedAnswer]>([
    ['a connection that is refused', refused],
    ['an answer that comes too late', { afterMs: 600 }],
    ['a redirect', { status: 302 }],
  ])('take %s for a failure', async (_what, answer) => {
    const { it, backend } = checked(['a', 'b']);
    backend('a', answer);
    backend('b', {});
    await it.clock.advance(6_000);
    expect(it.logger.lines).toEqual([
      { severity: 'warn', event: 'upstream.target.unhealthy', attributes: { upstream: 'main', target: 'a:80' } },
    ]);
    await it.upstreams.close();
  });

  it('ask for the configured page with the host of requests, take the configured statuses, and free their connections', async () => {
    const { it } = checked(['a', 'b'], {
      host: 'shop.example',
      healthCheck: { path: '/up?x', statuses: [418], intervalMs: 1_000 },
    });
    it.transport.backend('a', () => ({ status: 418, body: (async function* () {})() })).backend('b', { status: 200 });
    await it.clock.advance(5_000);
    expect(it.transport.sent[0]?.request).toMatchObject({ method: 'GET', target: '/up?x' });
    expect(it.transport.sent[0]?.request.headers.get('host')).toBe('shop.example');
    expect(it.transport.openBodies).toBe(0);
    expect(it.logger.lines.map(({ attributes }) => attributes['target'])).toEqual(['b:80']);
    await it.upstreams.close();
  });

  it('never make an outage of one target whose check fails while it answers', async () => {
    const { it, backend } = checked(['a'], { concurrency: { max: 5 } });
    backend('a', refused, { afterMs: 40 });
    const results = await it.traffic(100, 30);
    expect(results.filter(({ outcome }) => outcome !== 200)).toEqual([]);
    expect(it.logger.events).toEqual(['upstream.target.unhealthy']);
    await it.upstreams.close();
  });

  it('do not wait in the queue of a busy upstream, nor count for its breaker', async () => {
    const { it, backend } = checked(['a', 'b'], { concurrency: { max: 1, maxQueued: 1, queueTimeoutMs: 60_000 } });
    backend('a', {}, { afterMs: 20_000 });
    backend('b', refused, { afterMs: 20_000 });
    const busy = [it.ask({ timeoutMs: 60_000 }), it.ask({ timeoutMs: 60_000 })];
    await it.clock.advance(10_000);
    expect(it.transport.count('a')).toBeGreaterThan(8);
    expect(it.logger.events).toEqual(['upstream.target.unhealthy']);
    await it.clock.advance(40_000);
    expect((await Promise.all(busy)).map(({ outcome }) => outcome)).toEqual([200, 200]);
    await it.upstreams.close();
  });

  it('are not run where a process does not live between requests, and end when the upstreams are closed', async () => {
    const frozen = checked(['a'], {}, false);
    frozen.backend('a', refused);
    await frozen.it.clock.advance(10_000);
    expect(frozen.it.transport.sent).toEqual([]);
    const { it, backend } = checked(['a']);
    backend('a', {});
    await it.clock.advance(3_000);
    await it.upstreams.close();
    const before = it.transport.count('a');
    await it.clock.advance(10_000);
    expect(it.transport.count('a')).toBe(before);
    expect(it.clock.sleeping).toBe(0);
  });

  it('come a tenth sooner or later than the interval, so that instances do not ask all at once', async () => {
    const { it, backend } = checked(['a']);
    backend('a', {});
    await it.clock.advance(60_000);
    const waits = it.transport.sent.slice(1).map(({ at }, n) => at - (it.transport.sent[n]?.at ?? 0));
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(899);
    expect(Math.max(...waits)).toBeLessThanOrEqual(1_101);
    expect(Math.max(...waits) - Math.min(...waits)).toBeGreaterThan(100);
    await it.upstreams.close();
  });

  it('say nothing about a target that we could not ask', async () => {
    const { it, backend } = checked(['a', 'b']);
    backend('a', { error: new UpstreamError('proxy_internal_error', false) });
    backend('b', { error: new UpstreamError('connection_limit_reached', false) });
    await it.clock.advance(10_000);
    expect(it.transport.count('a')).toBeGreaterThan(5);
    expect(it.logger.events).toEqual([]);
    await it.upstreams.close();
  });

  it('that fail by a fault of ours say so, and harm no request', async () => {
    const { it } = checked(['a']);
    it.transport.backend('a', (request) => {
      if (request.target === '/healthz') throw new TypeError('ours');
      return {};
    });
    await it.clock.advance(5_000);
    expect(it.logger.lines).toEqual([{ severity: 'error', event: 'upstream.health_check.stopped', attributes: {} }]);
    expect((await it.ask()).outcome).toBe(200);
    await it.upstreams.close();
  });

  it('find the targets by themselves where they are discovered, and go on when the source fails', async () => {
    const { it } = checked([], { targets: undefined, discovery: { kind: 'dns', name: 'orders.internal', port: 80 } });
    await it.clock.advance(3_000);
    expect(it.resolved).toBeGreaterThan(1);
    it.discovered = () => ({ endpoints: [{ address: '192.0.2.1', port: undefined, weight: 1, priority: 0 }], ttlMs: 1_000 });
    it.transport.backend('192.0.2.1', {});
    await it.clock.advance(3_000);
    expect(it.transport.count('192.0.2.1')).toBeGreaterThan(1);
    await it.upstreams.close();
  });
});
