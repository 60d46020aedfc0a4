import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { brotliDecompressSync, createGunzip, gunzipSync } from 'node:zlib';
import { expect } from 'vitest';
import type { Configuration } from '../../core/config/configuration.ts';
import { bytes } from './gateway-backends.ts';
import type { GatewayBackends } from './gateway-backends.ts';

/** Where the scenario runs. */
export interface GatewayFront {
  /** `http://127.0.0.1:port`, without a slash. */
  readonly url: string;
  /** Whether it is called by the client's word (`Host`), and not by a name of its own. */
  readonly anyHost: boolean;
  /** Whether content reaches the client while there is more to come. */
  readonly streams: boolean;
  /** Whether it tells that a client is gone. */
  readonly tellsAborts: boolean;
  /** Whether it passes trailers on. */
  readonly trailers: boolean;
  /** Fields that the platform's front end puts there, where none runs here. */
  readonly adds?: Readonly<Record<string, string>>;
}

/** What every gateway of the scenario is configured with: routes alone, so that no store and no secret is ever asked for. */
export function gatewayConfiguration({ one, two, refused, garbage }: GatewayBackends['urls']): Configuration {
  const upstream = (url: string): object => ({ url, allowPrivate: true, retry: { retries: 0 }, circuitBreaker: false });
  return {
    proxy: { compression: { codings: ['br', 'gzip'] }, accessLog: { queryParameters: ['page'] } },
    upstreams: { one: upstream(one), two: upstream(two), refused: upstream(refused), garbage: upstream(garbage) },
    routes: [
      { id: 'beta', priority: 1, match: { paths: ['/orders/*'], headers: [{ name: 'x-beta', equals: '1' }] }, upstream: 'two' },
      { id: 'orders-get', match: { paths: ['/orders/{id}'], methods: ['GET'] }, upstream: 'one' },
      {
        id: 'by-host',
        match: { paths: ['/whose'], hosts: ['shop.example.com', '*.eu-central-1.amazonaws.com', '*.eu-central-1.on.aws'] },
        upstream: 'two',
      },
      { id: 'api', match: { paths: ['/api/v1/*'] }, rewrite: { stripPrefix: '/api/v1', addPrefix: '/v2' }, upstream: 'one' },
      { id: 'invoices', match: { paths: ['/customers/{id}/invoices/*'] }, rewrite: { path: '/i/{id}/{rest}' }, upstream: 'one' },
      {
        id: 'edited',
        match: { paths: ['/edited'] },
        upstream: 'one',
        requestFields: { remove: ['x-internal'], set: { 'x-version': '2' }, add: { 'x-list': 'ours' } },
        responseFields: { remove: ['server'], set: { 'x-frame-options': 'DENY' } },
      },
      { id: 'moved', match: { paths: ['/blog/*'] }, redirect: { to: 'https://blog.example.com/{rest}' } },
      {
        id: 'closed',
        match: { paths: ['/closed'] },
        respond: { status: 503, headers: { 'retry-after': '600', 'content-type': 'application/json' }, body: '{"back":"soon"}' },
      },
      { id: 'refused', match: { paths: ['/refused'] }, upstream: 'refused' },
      { id: 'garbage', match: { paths: ['/garbage'] }, upstream: 'garbage' },
      { id: 'small', match: { paths: ['/small'] }, upstream: 'one', maxRequestBytes: 10, maxRequestFieldBytes: 2_000 },
      {
        id: 'content',
        match: {
          paths: ['/echo', '/bytes', '/cookies', '/long', '/kept', '/trailers', '/halves', '/events', '/endless', '/broken'],
        },
        upstream: 'one',
      },
    ],
  };
}

/** The steps of the scenario for a front, in order. */
export function gatewaySteps({ streams, tellsAborts }: GatewayFront): readonly string[] {
  return [
    'path, method and field choose the route',
    'the host chooses the route',
    'the path is rewritten and the query stays',
    'fields are edited both ways, and the next hop is told who asks',
    'a redirect and a fixed answer ask no backend',
    'what no route takes, what is ill-formed and what is too long is refused',
    'a backend that cannot be reached, or talks nonsense, is a 502 with a problem and Proxy-Status',
    'content is compressed for clients that take it, and left alone where it must be',
    'bytes stay what they are, both ways',
    'cookies stay apart, and HEAD has no content',
    'trailers go where there is a way for them, and harm nobody elsewhere',
    streams ? 'content is streamed: the first byte is there before the last was sent' : 'content arrives whole',
    streams ? 'events come one by one, compressed too' : 'events arrive whole',
    ...(streams ? ['an answer that breaks off in the middle breaks off for the client'] : []),
    ...(tellsAborts ? ['a client that goes away ends the request to the backend'] : []),
  ];
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly trailers: IncomingMessage['trailers'];
  readonly body: Buffer;
}

interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string | Uint8Array;
}

/**
 * What a gateway promises, through a front: the same for every platform, but for what that front cannot do.
 *
 * @returns the names of the steps that passed
 */
export async function runGatewayScenario(front: GatewayFront, backends: GatewayBackends): Promise<readonly string[]> {
  const passed: string[] = [];
  const steps = gatewaySteps(front);
  const step = async (run: () => Promise<void>): Promise<void> => {
    const name = steps[passed.length] ?? 'more steps than names';
    backends.taken();
    try {
      await run();
    } catch (error) {
      throw new Error(`step "${name}" failed: ${(error as Error).message}`, { cause: error });
    }
    passed.push(name);
  };
  /** An answer whose content has not been read. */
  const open = async (path: string, { method = 'GET', headers = {}, body }: Asked = {}): Promise<IncomingMessage> => {
    const sent = httpRequest(`${front.url}${path}`, {
      method,
      agent: false,
      headers: {
        host: 'shop.example.com',
        ...front.adds,
        ...headers,
        ...(body !== undefined && { 'content-length': body.length }),
      },
    });
    sent.end(body);
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    return response;
  };
  const ask = async (path: string, asked?: Asked): Promise<Answer> => {
    const response = await open(path, asked);
    const body = Buffer.concat(await response.toArray());
    return { status: response.statusCode ?? 0, headers: response.headers, trailers: response.trailers, body };
  };
  const json = ({ body }: Answer): Record<string, unknown> => JSON.parse(body.toString()) as Record<string, unknown>;

  await step(async () => {
    expect(json(await ask('/orders/7'))).toEqual({ backend: 'one', method: 'GET', target: '/orders/7' });
    expect(json(await ask('/orders/7', { headers: { 'x-beta': '1' } }))).toMatchObject({ backend: 'two' });
    expect(json(await ask('/orders/7', { method: 'POST', headers: { 'x-beta': '1' }, body: 'x' }))).toMatchObject({
      method: 'POST',
    });
    expect((await ask('/orders/7', { method: 'DELETE' })).status).toBe(404);
    expect((await ask('/orders/7/items')).status).toBe(404);
  });
  await step(async () => {
    expect(json(await ask('/whose'))).toMatchObject({ backend: 'two' });
    if (front.anyHost) expect((await ask('/whose', { headers: { host: 'other.example.com' } })).status).toBe(404);
  });
  await step(async () => {
    expect(json(await ask('/api/v1/users?page=2&sort=name'))).toMatchObject({ target: '/v2/users?page=2&sort=name' });
    expect(json(await ask('/customers/7/invoices/2026/11?a=b'))).toMatchObject({ target: '/i/7/2026/11?a=b' });
  });
  await step(async () => {
    const headers = { 'x-internal': '1', 'x-version': '1', 'x-list': 'theirs', 'x-ms-client-principal': 'forged' };
    const answer = await ask('/edited', { headers });
    expect(answer.headers).toMatchObject({ 'x-frame-options': 'DENY', 'x-backend': 'one', via: expect.stringMatching(/portolan/) });
    expect(answer.headers).not.toHaveProperty('server');
    const [seen] = backends.taken();
    expect(seen?.headers).toMatchObject({
      'x-version': '2',
      'x-list': 'theirs, ours',
      via: expect.stringMatching(/portolan$/),
      'x-forwarded-for': expect.stringContaining('127.0.0.1'),
      'x-forwarded-host': expect.stringMatching(/^[a-z0-9.-]+$/),
      forwarded: expect.stringContaining('for=127.0.0.1'),
      traceparent: expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-0[0-3]$/),
    });
    expect(seen?.headers).not.toHaveProperty('x-internal');
    expect(seen?.headers).not.toHaveProperty('x-ms-client-principal');
  });
  await step(async () => {
    const moved = await ask('/blog/2026/hello?a=b');
    expect([moved.status, moved.headers.location]).toEqual([308, 'https://blog.example.com/2026/hello?a=b']);
    const closed = await ask('/closed');
    expect([closed.status, closed.headers['retry-after'], json(closed)]).toEqual([503, '600', { back: 'soon' }]);
    expect(backends.taken()).toEqual([]);
  });
  await step(async () => {
    const expected = [
      [await ask('/nowhere'), 404, 'no-route'],
      [await ask('/small', { method: 'POST', body: '0123456789A' }), 413, 'content-too-large'],
      [await ask('/small', { headers: { 'x-long': 'x'.repeat(2_000) } }), 431, 'header-fields-too-large'],
    ] as const;
    for (const [answer, status, type] of expected) {
      expect([answer.status, answer.headers['content-type']]).toEqual([status, 'application/problem+json']);
      expect(json(answer)['type']).toBe(`https://portolan.dev/problems/${type}`);
    }
    expect(backends.taken()).toEqual([]);
  });
  await step(async () => {
    for (const [path, error] of [
      ['/refused', 'connection_refused'],
      ['/garbage', 'http_protocol_error'],
    ] as const) {
      const answer = await ask(path);
      expect([answer.status, answer.headers['content-type']]).toEqual([502, 'application/problem+json']);
      expect(answer.headers['proxy-status']).toContain(`portolan; error=${error}`);
      expect(json(answer)).toMatchObject({ status: 502 });
      expect(answer.body.toString()).not.toMatch(/127\.0\.0\.1|ECONN/);
    }
  });
  await step(async () => {
    const plain = await ask('/long');
    expect([plain.status, plain.headers['content-encoding'], plain.headers.etag]).toEqual([200, undefined, '"long"']);
    const unpackers = { br: brotliDecompressSync, gzip: gunzipSync };
    for (const coding of ['br', 'gzip'] as const) {
      const packed = await ask('/long', { headers: { 'accept-encoding': coding } });
      expect(packed.headers).toMatchObject({ 'content-encoding': coding, vary: expect.stringMatching(/accept-encoding/i) });
      expect(packed.headers.etag).not.toBe('"long"');
      expect(packed.body.length).toBeLessThan(plain.body.length / 5);
      expect(unpackers[coding](packed.body).equals(plain.body)).toBe(true);
    }
    const kept = await ask('/kept', { headers: { 'accept-encoding': 'br, gzip' } });
    expect([kept.headers['content-encoding'], kept.body.equals(plain.body)]).toEqual([undefined, true]);
  });
  await step(async () => {
    const sent = await ask('/echo', { method: 'POST', headers: { 'content-type': 'application/octet-stream' }, body: bytes });
    expect([sent.status, sent.body.equals(bytes)]).toEqual([200, true]);
    expect(backends.taken()[0]?.body.equals(bytes)).toBe(true);
    expect((await ask('/bytes')).body.equals(bytes)).toBe(true);
    const umlauts = 'Grüße, ☃';
    const text = await ask('/echo', {
      method: 'PUT',
      headers: { 'content-type': 'text/plain; charset=utf-8' },
      body: Buffer.from(umlauts),
    });
    expect(text.body.toString()).toBe(umlauts);
  });
  await step(async () => {
    const cookies = await ask('/cookies');
    expect([cookies.status, cookies.headers['set-cookie'], cookies.body.length]).toEqual([
      204,
      ['a=1; Path=/', 'b=2; HttpOnly'],
      0,
    ]);
    const head = await ask('/bytes', { method: 'HEAD' });
    expect([head.status, head.headers['content-type'], head.body.length]).toEqual([200, 'image/png', 0]);
  });
  await step(async () => {
    const answer = await ask('/trailers', { headers: { te: 'trailers' } });
    expect(answer.body.toString()).toBe('with trailers');
    expect(answer.trailers).toEqual(front.trailers ? { 'x-sum': '13' } : {});
  });
  await step(async () => {
    const halves = open('/halves');
    if (!front.streams) {
      // The backend is asked first, and let go then.
      await expect.poll(() => backends.taken().length).toBe(1);
      backends.release();
    }
    const response = await halves;
    const content = response[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    if (front.streams) {
      expect(String((await content.next()).value)).toBe('first half, ');
      backends.release();
      expect(String((await content.next()).value)).toBe('second half');
      expect((await content.next()).done).toBe(true);
    } else {
      expect(Buffer.concat(await response.toArray()).toString()).toBe('first half, second half');
    }
  });
  await step(async () => {
    const asked = open('/events', { headers: { 'accept-encoding': 'gzip' } });
    if (!front.streams) {
      await expect.poll(() => backends.taken().length).toBe(1);
      backends.release();
    }
    const response = await asked;
    expect(response.headers).toMatchObject({ 'content-type': 'text/event-stream', 'content-encoding': 'gzip' });
    let text = '';
    const unpacked = response.pipe(createGunzip()).on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    const end = once(unpacked, 'end');
    if (front.streams) {
      await expect.poll(() => text).toBe('data: one\n\n');
      backends.release();
    }
    await end;
    expect(text).toBe('data: one\n\ndata: two\n\n');
  });
  if (front.streams) {
    await step(async () => {
      const response = await open('/broken');
      expect(response.statusCode).toBe(200);
      await expect(response.toArray()).rejects.toMatchObject({ code: 'ECONNRESET' });
      expect((await ask('/orders/7')).status).toBe(200);
    });
  }
  if (front.tellsAborts) {
    await step(async () => {
      const left = backends.left();
      const response = await open('/endless');
      await once(response, 'data');
      response.destroy();
      await left;
      expect((await ask('/orders/7')).status).toBe(200);
    });
  }
  return passed;
}
