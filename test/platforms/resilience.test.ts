import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { lambdaHandler } from '../../adapters/aws/lambda-handler.ts';
import { systemClock } from '../../adapters/node/system-clock.ts';
import { responseText } from '../probe/arena.ts';
import type { OriginScript } from '../probe/origin.ts';
import { httpV2Event } from '../support/aws/events.ts';
import { readResult } from '../support/aws/results.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { allFronts, frontScene } from '../support/front-scene.ts';

/** What stands between a request and a backend, by every way in; in virtual time and in all its detail it is shown in `test/core/proxy/upstream`. */

const silent: OriginScript = {};
/** Nobody listens there. */
const dead = 'http://127.0.0.1:1';

const all = allFronts;
const retryAfter = (headers: readonly string[]): string | undefined => headers[headers.indexOf('retry-after') + 1];

describe.each(all)('by way of %s', (name) => {
  it('connections to a backend are kept from one request, and one invocation, to the next', async () => {
    const { front, origin } = await frontScene(name);
    for (let n = 0; n < 10; n++) expect((await front.ask(`/${n}`)).status).toBe(200);
    expect(origin.sockets).toHaveLength(1);
  });

  it('a connection that the backend closed meanwhile costs nobody anything, and a POST arrives once', async () => {
    const { front, origin, gateway } = await frontScene(name);
    await front.ask('/first');
    for (const socket of origin.sockets) socket.end();
    // It travels; an invocation that came in the very same turn of the loop could not know.
    await expect.poll(() => origin.sockets.every(({ destroyed }) => destroyed)).toBe(true);
    const body = Buffer.from('once');
    expect((await front.ask({ method: 'POST', target: '/second', body })).status).toBe(200);
    expect(origin.requests.map(({ target }) => target)).toEqual(['/first', '/second']);
    expect(gateway.lines().map((line) => line['upstream.attempts'])).toEqual([1, 1]);
  });

  it('a try that failed is followed by one at another target, and the log says so', async () => {
    const { front, gateway } = await frontScene(name, {
      upstream: (url) => ({ targets: [{ url: dead }, { url }], balance: { policy: 'roundRobin' } }),
    });
    expect(await front.ask('/')).toMatchObject({ status: 200, body: 'honest' });
    expect(gateway.lines()[0]).toMatchObject({ 'upstream.attempts': 2, 'http.response.status_code': 200 });
  });

  it('a backend that says nothing is given up when the route’s time is over, whatever retries there could be', async () => {
    const clock = new FakeClock({ now: systemClock.now() });
    const { front, origin } = await frontScene(name, {
      script: silent,
      upstream: (url) => ({ url, timeouts: { tryMs: 300 }, retry: { retries: 5, budgetMinPerSecond: 10 } }),
      more: () => ({ routes: [{ id: 'all', upstream: 'origin', timeoutMs: 1_000 }] }),
      clock,
    });
    const asked = front.ask('/');
    await origin.until(() => origin.requests.length === 1);
    await clock.advance(299);
    expect(origin.requests).toHaveLength(1);
    // The next one is made a little after the first is given up, and travels.
    const goneOn = async (): Promise<number> => {
      await clock.advance(10);
      return origin.requests.length;
    };
    await expect.poll(goneOn).toBe(2);
    await clock.advance(700);
    expect(await asked).toMatchObject({ status: 504, error: 'http_response_timeout' });
    expect(origin.requests.length).toBeLessThanOrEqual(4);
  });

  it('a backend that keeps failing is left alone, clients are told when to come back, and it is asked again then', async () => {
    const answers = { status: 500 };
    const clock = new FakeClock({ now: systemClock.now() });
    const { front, origin, gateway } = await frontScene(name, {
      script: { onRequest: (_seen, socket) => socket.write(responseText(answers.status, [], 'mine')) },
      upstream: (url) => ({ url, circuitBreaker: { consecutiveFailures: 3, openMs: 1_000, probes: 1 } }),
      clock,
    });
    for (let n = 0; n < 3; n++) expect(await front.ask('/')).toMatchObject({ status: 500, error: undefined });
    const refused = await front.ask('/');
    expect(refused).toMatchObject({ status: 503, error: 'destination_unavailable' });
    expect(retryAfter(refused.headers)).toBe('1');
    expect(origin.requests).toHaveLength(3);
    expect(gateway.lines()[3]).toMatchObject({ 'error.type': 'circuit_open', 'upstream.attempts': 0 });
    answers.status = 200;
    await clock.advance(1_000);
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
    const { front, origin } = await frontScene(name, {
      script: { onRequest: (_seen, socket) => (released ? answer(socket) : held.push(socket)) },
      upstream: (url) => ({ url, concurrency: { max: 2, maxQueued: 2, queueTimeoutMs: 20_000 } }),
    });
    let over = 0;
    const asked = Array.from({ length: 8 }, async (_, n) => {
      const given = await front.ask(`/${n}`);
      over++;
      return given;
    });
    await expect.poll(() => [over, held.length]).toEqual([4, 2]);
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
    const { front, gateway } = await frontScene(name, {
      upstream: () => ({ url: dead, fallback: 'spare' }),
      more: (url) => ({ upstreams: { spare: { url, allowPrivate: true } } }),
    });
    expect(await front.ask('/')).toMatchObject({ status: 200, body: 'honest' });
    expect(gateway.lines()[0]).toMatchObject({ upstream: 'spare' });
  });
});

describe('the deadline of a platform', () => {
  it('ends a request in time to answer it, although the route would wait longer', async () => {
    const clock = new FakeClock();
    const { gateway, origin } = await frontScene('server', {
      script: silent,
      more: () => ({ routes: [{ id: 'all', upstream: 'origin', timeoutMs: 60_000 }] }),
      clock,
    });
    const invoke = lambdaHandler(gateway.handler, { clock, logger: gateway.logger, source: 'aws-http-v2' });
    const event: unknown = httpV2Event({
      method: 'GET',
      scheme: 'https',
      authority: 'api.example.com',
      target: '/',
      headers: ['host', 'api.example.com'],
      body: undefined,
      clientAddress: '192.0.2.1',
    });
    const context = { awsRequestId: 'request-1', getRemainingTimeInMillis: () => 1_500 };
    const invoked = invoke(JSON.parse(JSON.stringify(event)), context);
    await origin.until(() => origin.requests.length === 1);
    await clock.advance(1_499);
    const { status } = readResult('aws-http-v2', await invoked);
    expect(status).toBe(504);
  });
});
