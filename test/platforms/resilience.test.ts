import type { Socket } from 'node:net';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { lambdaHandler } from '../../adapters/aws/lambda-handler.ts';
import { systemClock } from '../../adapters/node/system-clock.ts';
import type { ProxyConfiguration, UpstreamConfiguration } from '../../core/proxy/configuration.ts';
import { responseText } from '../probe/arena.ts';
import { Origin } from '../probe/origin.ts';
import type { OriginScript } from '../probe/origin.ts';
import { httpV2Event } from '../support/aws/events.ts';
import { readResult } from '../support/aws/results.ts';
import { fronts } from '../support/fronts.ts';
import type { Front } from '../support/fronts.ts';
import { realGateway } from '../support/real-gateway.ts';
import type { RealGateway } from '../support/real-gateway.ts';

/** What stands between a request and a backend, by every way in; in virtual time and in all its detail it is shown in `test/core/proxy/upstream`. */

const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const work of cleanUps.splice(0).toReversed()) await work();
});

beforeAll(() => {
  // The library of Azure says at each use that it is in its test mode.
  vi.spyOn(console, 'warn').mockImplementation(() => undefined);
});

interface Scene {
  readonly front: Front;
  readonly origin: Origin;
  readonly gateway: RealGateway;
}

const honest: OriginScript = { onRequest: (_seen, socket) => socket.write(responseText(200, [], 'honest')) };
const silent: OriginScript = {};
/** Nobody listens there. */
const dead = 'http://127.0.0.1:1';

async function originOf(script: OriginScript): Promise<{ readonly origin: Origin; readonly url: string }> {
  const origin = new Origin(script);
  const url = `http://127.0.0.1:${await origin.listen()}`;
  cleanUps.push(() => origin.close());
  return { origin, url };
}

function gatewayOf(upstream: UpstreamConfiguration, more: ProxyConfiguration = {}): RealGateway {
  const gateway = realGateway({
    routes: [{ id: 'all', match: { paths: ['/*'] }, upstream: 'origin', ...more.routes?.[0] }],
    upstreams: { origin: { allowPrivate: true, ...upstream }, ...more.upstreams },
  });
  cleanUps.push(() => gateway.close());
  return gateway;
}

async function scene(
  name: string,
  script: OriginScript,
  upstream: (url: string) => UpstreamConfiguration = (url) => ({ url }),
  more: (url: string) => ProxyConfiguration = () => ({}),
): Promise<Scene> {
  const { origin, url } = await originOf(script);
  const gateway = gatewayOf(upstream(url), more(url));
  const front = await (fronts[name] ?? expect.unreachable(name))(gateway.handler, gateway.logger);
  cleanUps.push(() => front.close());
  return { front, origin, gateway };
}

const all = Object.keys(fronts);
const retryAfter = (headers: readonly string[]): string | undefined => headers[headers.indexOf('retry-after') + 1];

describe.each(all)('by way of %s', (name) => {
  it('connections to a backend are kept from one request, and one invocation, to the next', async () => {
    const { front, origin } = await scene(name, honest);
    for (let n = 0; n < 10; n++) expect((await front.ask(`/${n}`)).status).toBe(200);
    expect(origin.sockets).toHaveLength(1);
  });

  it('a connection that the backend closed meanwhile costs nobody anything, and a POST arrives once', async () => {
    const { front, origin, gateway } = await scene(name, honest);
    await front.ask('/first');
    for (const socket of origin.sockets) socket.destroy();
    // It travels; an invocation that came in the very same turn of the loop could not know.
    await systemClock.sleep(5);
    const body = Buffer.from('once');
    expect((await front.ask({ method: 'POST', target: '/second', body })).status).toBe(200);
    expect(origin.requests.map(({ target }) => target)).toEqual(['/first', '/second']);
    expect(gateway.lines().map((line) => line['upstream.attempts'])).toEqual([1, 1]);
  });

  it('a try that failed is followed by one at another target, and the log says so', async () => {
    const { front, gateway } = await scene(name, honest, (url) => ({
      targets: [{ url: dead }, { url }],
      balance: { policy: 'roundRobin' },
    }));
    expect(await front.ask('/')).toMatchObject({ status: 200, body: 'honest' });
    expect(gateway.lines()[0]).toMatchObject({ 'upstream.attempts': 2, 'http.response.status_code': 200 });
  });

  it('a backend that says nothing is given up when the route’s time is over, whatever retries there could be', async () => {
    const { front, origin } = await scene(
      name,
      silent,
      (url) => ({ url, timeouts: { tryMs: 300 }, retry: { retries: 5, budgetMinPerSecond: 10 } }),
      () => ({ routes: [{ id: 'all', timeoutMs: 1_000 }] }),
    );
    expect(await front.ask('/')).toMatchObject({ status: 504, error: 'http_response_timeout' });
    expect(origin.requests.length).toBeGreaterThan(1);
    expect(origin.requests.length).toBeLessThanOrEqual(4);
  });

  it('a backend that keeps failing is left alone, clients are told when to come back, and it is asked again then', async () => {
    const answers = { status: 500 };
    const { front, origin, gateway } = await scene(
      name,
      { onRequest: (_seen, socket) => socket.write(responseText(answers.status, [], 'mine')) },
      (url) => ({ url, circuitBreaker: { consecutiveFailures: 3, openMs: 1_000, probes: 1 } }),
    );
    for (let n = 0; n < 3; n++) expect(await front.ask('/')).toMatchObject({ status: 500, error: undefined });
    const refused = await front.ask('/');
    expect(refused).toMatchObject({ status: 503, error: 'destination_unavailable' });
    expect(retryAfter(refused.headers)).toBe('1');
    expect(origin.requests).toHaveLength(3);
    expect(gateway.lines()[3]).toMatchObject({ 'error.type': 'circuit_open', 'upstream.attempts': 0 });
    answers.status = 200;
    await systemClock.sleep(1_010);
    expect(await front.ask('/')).toMatchObject({ status: 200, body: 'mine' });
    expect(gateway.logged.map(({ event }) => event).filter((event) => event.startsWith('upstream.circuit'))).toEqual([
      'upstream.circuit.opened',
      'upstream.circuit.closed',
    ]);
  });

  it('over the limit requests wait in a short queue, and over that they are refused at once', async () => {
    const held: Socket[] = [];
    let released = false;
    const answer = (socket: Socket): void => void socket.write(responseText(200, [], 'honest'));
    const { front, origin } = await scene(
      name,
      { onRequest: (_seen, socket) => (released ? answer(socket) : held.push(socket)) },
      (url) => ({ url, concurrency: { max: 2, maxQueued: 2, queueTimeoutMs: 20_000 } }),
    );
    let over = 0;
    const asked = Array.from({ length: 8 }, async (_, n) => {
      const given = await front.ask(`/${n}`);
      over++;
      return given;
    });
    await expect.poll(() => [over, held.length], { timeout: 20_000 }).toEqual([4, 2]);
    released = true;
    held.forEach(answer);
    const got = await Promise.all(asked);
    const statuses = got.map(({ status }) => status);
    expect([statuses.filter((status) => status === 200).length, statuses.filter((status) => status === 503).length]).toEqual([
      4, 4,
    ]);
    expect(got.find(({ status }) => status === 503)?.error).toBe('connection_limit_reached');
    expect(origin.sockets.length).toBeLessThanOrEqual(2);
  });

  it('a fall-back answers when the backend cannot', async () => {
    const { front, gateway } = await scene(
      name,
      honest,
      () => ({ url: dead, fallback: 'spare' }),
      (url) => ({ upstreams: { spare: { url, allowPrivate: true } } }),
    );
    expect(await front.ask('/')).toMatchObject({ status: 200, body: 'honest' });
    expect(gateway.lines()[0]).toMatchObject({ upstream: 'spare' });
  });
});

describe('the deadline of a platform', () => {
  it('ends a request in time to answer it, although the route would wait longer', async () => {
    const { url } = await originOf(silent);
    const gateway = gatewayOf({ url }, { routes: [{ id: 'all', timeoutMs: 60_000 }] });
    const invoke = lambdaHandler(gateway.handler, { logger: gateway.logger, source: 'aws-http-v2' });
    const event: unknown = httpV2Event({
      method: 'GET',
      scheme: 'https',
      authority: 'api.example.com',
      target: '/',
      headers: ['host', 'api.example.com'],
      body: undefined,
      clientAddress: '192.0.2.1',
    });
    const endsAt = performance.now() + 1_500;
    const context = { awsRequestId: 'request-1', getRemainingTimeInMillis: () => endsAt - performance.now() };
    const { status } = readResult('aws-http-v2', await invoke(JSON.parse(JSON.stringify(event)), context));
    expect(status).toBe(504);
    expect(endsAt - performance.now()).toBeGreaterThan(0);
  });
});
