import { once } from 'node:events';
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { startHttpServer } from '../../../../adapters/local/server/http-server.ts';
import type { HttpServer, HttpServerOptions } from '../../../../adapters/local/server/http-server.ts';
import { systemClock } from '../../../../adapters/node/system-clock.ts';
import { bodyBytes, readBody } from '../../../../core/http/body.ts';
import { HeaderList } from '../../../../core/http/header-list.ts';
import type { HttpHandler, HttpRequest, LogAttributes, Logger, RequestContext } from '../../../../core/ports/index.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { exchange, statuses } from './raw-socket.ts';

let servers: HttpServer[] = [];
afterEach(async () => {
  await Promise.all(servers.map((server) => server.close()));
  servers = [];
});

const logged: (readonly [event: string, attributes: LogAttributes | undefined])[] = [];
const logger: Logger = { log: (_, event, attributes) => void logged.push([event, attributes]) };

async function start(handler: HttpHandler, options: Partial<HttpServerOptions> = {}): Promise<HttpServer> {
  const server = await startHttpServer({ handler, host: '127.0.0.1', port: 0, clock: systemClock, logger, ...options });
  servers.push(server);
  return server;
}

const ok: HttpHandler = () => ({ status: 200, headers: new HeaderList(), body: 'ok' });

/** Serves and keeps what the handler saw. */
async function startRecording(
  options: Partial<HttpServerOptions> = {},
): Promise<{ port: number; seen: HttpRequest[]; contexts: RequestContext[] }> {
  const seen: HttpRequest[] = [];
  const contexts: RequestContext[] = [];
  const { port } = await start(async (request, context) => {
    seen.push({ ...request, body: await bodyBytes(request.body) });
    contexts.push(context);
    return { status: 200, headers: new HeaderList(), body: 'ok' };
  }, options);
  return { port, seen, contexts };
}

const get = (target: string, fields = ''): string =>
  `GET ${target} HTTP/1.1\r\nHost: a.example\r\n${fields}Connection: close\r\n\r\n`;

describe('a client that takes nothing', () => {
  it('of an answer that was whole at once is let go', { timeout: 20_000 }, async () => {
    const asked = Promise.withResolvers<void>();
    const large: HttpHandler = () => {
      asked.resolve();
      return { status: 200, headers: new HeaderList(), body: new Uint8Array(64 * 1_024 * 1_024) };
    };
    const server = await start(large, { limits: { sendTimeoutMs: 300, closeTimeoutMs: 120_000 } });
    const socket = connect(server.port, '127.0.0.1');
    socket.on('error', () => undefined).pause();
    socket.write(get('/').repeat(2));
    await asked.promise;
    // No request stays in flight.
    await server.close();
    socket.destroy();
  });
});

it('lets no time of a former answer end a later one on its connection', { timeout: 20_000 }, async () => {
  const size = 64 * 1_024 * 1_024;
  const slow = Promise.withResolvers<void>();
  const { port } = await start(
    async ({ target }) => {
      if (target === '/slow') await slow.promise;
      return { status: 200, headers: new HeaderList(), body: target === '/slow' ? 'late' : new Uint8Array(size) };
    },
    { limits: { sendTimeoutMs: 300 } },
  );
  const socket = connect(port, '127.0.0.1');
  socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  socket.write(get('/slow'));
  let received = 0;
  let last = '';
  socket.on('data', (chunk) => {
    received += chunk.length;
    last = chunk.toString('latin1');
    // the backend takes longer than a client may
    if (received > size && received - chunk.length <= size) setTimeout(slow.resolve, 1_000);
  });
  await once(socket, 'close');
  expect(last).toMatch(/late$/);
});

it('that closes sends the whole of an answer that its client is slow to take', async () => {
  // Node closes idle connections, and takes one for idle whose answer has been written, though it has not left.
  const asked = Promise.withResolvers<void>();
  const server = await start(() => {
    asked.resolve();
    return { status: 200, headers: new HeaderList(), body: new Uint8Array(64 * 1_024 * 1_024) };
  });
  const socket = connect(server.port, '127.0.0.1');
  socket.pause();
  socket.write(get('/'));
  await asked.promise;
  const closed = server.close();
  let received = 0;
  socket.on('data', (chunk) => {
    received += chunk.length;
  });
  socket.resume();
  await once(socket, 'end');
  await closed;
  expect(received).toBeGreaterThan(64 * 1_024 * 1_024);
});

describe('what the handler sees', () => {
  it.each([
    '/',
    '//evil.example/x',
    '/a/../b',
    '/a/./b//',
    '/%2F%3f%23%00',
    '/a?b=c?d&e=%zz',
    '/a;b=c',
    "/!$&'()*+,;=:@-._~",
    '/a|b"<>\\^`{}',
    '/%252e%252e/',
  ])('is the target %s byte for byte', async (target) => {
    const { port, seen } = await startRecording();
    await exchange(port, get(target));
    expect(seen[0]).toMatchObject({ method: 'GET', scheme: 'http', authority: 'a.example', target });
  });

  it('is the path of an absolute target, whose host overrides Host', async () => {
    const { port, seen } = await startRecording();
    await exchange(port, get('http://B.example:81/x/../y?q#'.slice(0, -1)));
    await exchange(port, get('HTTPS://c.example'));
    await exchange(port, get('http://c.example?q=1'));
    expect(seen.map(({ authority, target }) => [authority, target])).toEqual([
      ['b.example:81', '/x/../y?q'],
      ['c.example', '/'],
      ['c.example', '/?q=1'],
    ]);
  });

  it('is * for OPTIONS, any method, and HTTP/1.0 without Host', async () => {
    const { port, seen } = await startRecording();
    expect(statuses(await exchange(port, 'OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'))).toEqual([200]);
    expect(statuses(await exchange(port, 'PROPFIND /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'))).toEqual([200]);
    expect(statuses(await exchange(port, 'GET /x HTTP/1.0\r\n\r\n'))).toEqual([200]);
    expect(seen.map(({ method, target, authority }) => [method, target, authority])).toEqual([
      ['OPTIONS', '*', 'a'],
      ['PROPFIND', '/x', 'a'],
      ['GET', '/x', ''],
    ]);
  });

  it('are the header fields in their order, repetitions kept, names in lower case', async () => {
    const { port, seen } = await startRecording();
    await exchange(
      port,
      get('/', 'X-B: 1\r\nX-A: 2\r\nx-b: 3\r\nCookie: a=1\r\nCookie: b=2\r\nAuthorization: one\r\nAuthorization: two\r\n'),
    );
    const headers = seen[0]?.headers;
    expect(headers?.flat().slice(2, 6)).toEqual(['x-b', '1', 'x-a', '2']);
    expect(headers?.getAll('x-b')).toEqual(['1', '3']);
    expect([headers?.get('cookie'), headers?.get('authorization')]).toEqual(['a=1; b=2', 'one, two']);
  });

  it('is the content, by length or chunked, short or long, none as undefined', async () => {
    const bodies: unknown[] = [];
    const { port } = await start(async ({ body }) => {
      bodies.push(body === undefined ? undefined : (await bodyBytes(body)).length);
      return { status: 200, headers: new HeaderList(), body: undefined };
    });
    const post = (framing: string, content: string): string =>
      `POST / HTTP/1.1\r\nHost: a\r\n${framing}\r\nConnection: close\r\n\r\n${content}`;
    await exchange(port, post('Content-Length: 5', 'hello'));
    await exchange(port, post('Content-Length: 0', ''));
    await exchange(port, [post('Content-Length: 70000', ''), 'x'.repeat(35_000), 'x'.repeat(35_000)]);
    await exchange(port, post('Transfer-Encoding: chunked', '3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n'));
    await exchange(port, get('/'));
    expect(bodies).toEqual([5, 0, 70_000, 7, undefined]);
  });

  it('is the socket\u2019s address, whatever X-Forwarded-For says', async () => {
    const { port, contexts } = await startRecording();
    await exchange(port, get('/', 'X-Forwarded-For: 8.8.8.8\r\nForwarded: for=9.9.9.9\r\n'));
    expect(contexts[0]?.clientAddress).toBe('127.0.0.1');
  });

  it('is an IPv4 client\u2019s address without the mapping of a dual-stack socket', async () => {
    const { port, contexts } = await startRecording({ host: '::' });
    await exchange(port, get('/'));
    expect(contexts[0]?.clientAddress).toBe('127.0.0.1');
  });

  it('is a context with its own id, deadline, trace and the first request marked', async () => {
    const clock = new FakeClock({ now: 1_000 });
    const { port, contexts } = await startRecording({ clock, limits: { handlerTimeoutMs: 500 } });
    await exchange(
      port,
      get('/', 'traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\nX-Request-Id: forged\r\n'),
    );
    await exchange(port, get('/'));
    expect(contexts[0]).toMatchObject({ source: 'http-server', deadline: 1_500, coldStart: true });
    expect(contexts[0]?.traceId).toBe('00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01');
    expect(contexts[1]).toMatchObject({ coldStart: false, traceId: undefined });
    expect(contexts[0]?.requestId).toMatch(/^[0-9a-f]{12}-[0-9a-z]+$/);
    expect(contexts[0]?.requestId).not.toBe(contexts[1]?.requestId);
  });

  it('is a signal that aborts when the client goes away, and does not when it is answered', async () => {
    const signals: AbortSignal[] = [];
    let entered = (): void => undefined;
    const { port } = await start(async ({ target }, { signal }) => {
      if (signal !== undefined) signals.push(signal);
      entered();
      if (target === '/wait') await new Promise((resolve) => signal?.addEventListener('abort', resolve));
      return { status: 200, headers: new HeaderList(), body: 'ok' };
    });
    await exchange(port, get('/'));
    const inHandler = new Promise<void>((resolve) => (entered = resolve));
    const socket = connect(port, '127.0.0.1');
    socket.write(get('/wait'));
    await inHandler;
    socket.destroy();
    await once(signals[1] as AbortSignal, 'abort');
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, true]);
  });

  it('is a cancellation, too, and a signal asked for later knows what has been', async () => {
    let entered: (context: RequestContext) => void = () => undefined;
    const { port } = await start(async (_request, context) => {
      entered(context);
      await new Promise<void>((resolve) => context.cancellation?.addEventListener('abort', resolve, { once: true }));
      return { status: 200, headers: new HeaderList(), body: 'ok' };
    });
    const inHandler = new Promise<RequestContext>((resolve) => (entered = resolve));
    const socket = connect(port, '127.0.0.1');
    socket.write(get('/'));
    const context = await inHandler;
    expect(context.cancellation?.aborted).toBe(false);
    socket.destroy();
    await expect.poll(() => context.cancellation?.aborted).toBe(true);
    expect(context.signal).toMatchObject({ aborted: true, reason: context.cancellation?.reason });
    expect(context.cancellation?.reason).toMatchObject({ name: 'AbortError' });
  });
});

describe('an ill-formed request', () => {
  const line = 'GET / HTTP/1.1\r\nHost: a\r\n';
  const post = 'POST / HTTP/1.1\r\nHost: a\r\n';
  const cases: readonly (readonly [what: string, text: string, status: number])[] = [
    ['CL and TE (F2)', `${post}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
    ['TE and CL (F2)', `${post}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n`, 400],
    ['two lengths (F3)', `${post}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab`, 400],
    ['two equal lengths (F3)', `${post}Content-Length: 1\r\nContent-Length: 1\r\n\r\na`, 400],
    ['a list of lengths (F3)', `${post}Content-Length: 10,10\r\n\r\n`, 400],
    ['a length with a space (F3)', `${post}Content-Length: 10 10\r\n\r\n`, 400],
    ...['+5', '0x10', '-1', '1_0', '', '1e1', '99999999999999999999'].map(
      (value) => [`a length ${value} (F4)`, `${post}Content-Length: ${value}\r\n\r\n`, 400] as const,
    ),
    ['a bare LF (F5)', 'GET / HTTP/1.1\nHost: a\n\n', 400],
    ['a bare CR in a field (F5)', `${line}X: a\rb\r\n\r\n`, 400],
    ['a space before the colon (F6)', `${line}X : a\r\n\r\n`, 400],
    ['a folded transfer coding (F6)', `${post}Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n`, 400],
    ['a NUL in a field (F7)', `${line}X: a\0b\r\n\r\n`, 400],
    ['a NUL in Host (F7)', 'GET / HTTP/1.1\r\nHost: a\0\r\n\r\n', 400],
    ['a NUL in the target', 'GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n', 400],
    ['a raw non-ASCII target', 'GET /\xe9 HTTP/1.1\r\nHost: a\r\n\r\n', 400],
    ['a fragment', 'GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n', 400],
    ['no host', 'GET / HTTP/1.1\r\n\r\n', 400],
    ['two hosts', `${line}Host: b\r\n\r\n`, 400],
    ['a host with a path', 'GET / HTTP/1.1\r\nHost: a/b\r\n\r\n', 400],
    ['a host with userinfo', 'GET / HTTP/1.1\r\nHost: u@a\r\n\r\n', 400],
    ['userinfo in the target', 'GET http://u:p@a/ HTTP/1.1\r\nHost: a\r\n\r\n', 400],
    ['another scheme', 'GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n', 400],
    ['* for GET', 'GET * HTTP/1.1\r\nHost: a\r\n\r\n', 400],
    ['a target without a slash', 'GET a/b HTTP/1.1\r\nHost: a\r\n\r\n', 400],
    ['no HTTP', 'hello\r\n\r\n', 400],
    ['a TLS hello', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400],
    ['CONNECT', 'CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n', 405],
    ['a header section over the limit', `${line}X: ${'a'.repeat(20_000)}\r\n\r\n`, 431],
  ];
  it.each(cases)('is answered by the server, which lives: %s', async (_, text, status) => {
    let handled = 0;
    const { port } = await start((request, context) => {
      if (request.target !== '/alive') handled++;
      return ok(request, context);
    });
    const received = await exchange(port, text);
    expect(statuses(received)).toEqual([status]);
    expect(received).toMatch(/content-type: application\/problem\+json/i);
    expect(received).toMatch(/connection: close/i);
    expect(JSON.parse(received.slice(received.indexOf('\r\n\r\n') + 4))).toMatchObject({ status });
    expect(handled).toBe(0);
    expect(statuses(await exchange(port, get('/alive')))).toEqual([200]);
  });

  it.each(['xchunked', 'gzip', 'identity', '\xa0chunked', 'chunked, chunked', 'gzip, chunked', 'chunked;a=b'])(
    'never reaches the handler with the transfer coding %j (F1)',
    async (coding) => {
      let handled = 0;
      const { port } = await start((request, context) => {
        handled++;
        return ok(request, context);
      });
      const received = await exchange(port, `${post}Transfer-Encoding: ${coding}\r\n\r\n0\r\n\r\n`);
      expect([400, 501]).toContain(statuses(received)[0]);
      expect(statuses(received)).toHaveLength(1);
      expect(handled).toBe(0);
    },
  );

  it('does not let what follows it on its connection through', async () => {
    const { port, seen } = await startRecording();
    const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n';
    await exchange(port, `${post}Transfer-Encoding: identity\r\nContent-Length: ${smuggled.length}\r\n\r\n${smuggled}`);
    await exchange(port, `${post}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`);
    expect(seen).toEqual([]);
  });

  it.each(['1\nA\r\n0\r\n\r\n', '1\r\nA\n0\r\n\r\n', '1;a\nb\r\nA\r\n0\r\n\r\n', 'g\r\n', '-1\r\nA\r\n', '1\r\nAB\r\n0\r\n\r\n'])(
    'in its chunks, %j, fails where the handler reads it, and is answered once (F5)',
    async (chunks) => {
      const { port, seen } = await startRecording();
      const received = await exchange(port, `${post}Transfer-Encoding: chunked\r\n\r\n${chunks}`);
      expect(statuses(received)).toEqual([400]);
      expect(seen).toEqual([]);
      expect(statuses(await exchange(port, get('/alive')))).toEqual([200]);
    },
  );

  it('in its chunks, after the answer began, cuts the connection and adds nothing to the answer', async () => {
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (;;) {
        yield Buffer.from('answer');
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    }
    const { port } = await start(() => ({ status: 200, headers: new HeaderList(), body: endless() }));
    const socket = connect(port, '127.0.0.1');
    let received = '';
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      if (received === '') socket.write('no chunk\r\n');
      received += chunk.toString();
    });
    socket.write(`${post}Transfer-Encoding: chunked\r\n\r\n`);
    await once(socket, 'close');
    expect(statuses(received)).toEqual([200]);
    expect(received).not.toMatch(/problem|\r\n0\r\n\r\n$/);
  });

  it('is answered 408 when its header section does not arrive in time', async () => {
    const { port } = await start(ok, { limits: { headersTimeoutMs: 50, requestTimeoutMs: 100 } });
    const received = await exchange(port, 'GET / HTTP/1.1\r\nHost: a\r\nX: ');
    expect(statuses(received)).toEqual([408]);
  });
});

describe('content over the limit', () => {
  const limits = { maxBodyBytes: 100_000 };
  it('is refused by its length, before the handler (R1)', async () => {
    const { port, seen } = await startRecording({ limits });
    const received = await exchange(port, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100001\r\n\r\n');
    expect(statuses(received)).toEqual([413]);
    expect(seen).toEqual([]);
  });

  it('is refused when chunks add up to it (R1)', async () => {
    const { port } = await start(
      async ({ body }) => {
        await bodyBytes(body);
        return { status: 200, headers: new HeaderList(), body: 'ok' };
      },
      { limits },
    );
    const chunk = `${(50_000).toString(16)}\r\n${'x'.repeat(50_000)}\r\n`;
    const received = await exchange(
      port,
      ['POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n', chunk, chunk, chunk],
      /\r\n\r\n\{/,
    );
    expect(statuses(received)).toEqual([413]);
  });

  it('can be refused by the handler, which answers although it stopped reading', async () => {
    const { port } = await start(async ({ body }) => {
      await readBody(body, 10);
      return { status: 200, headers: new HeaderList(), body: 'ok' };
    });
    const received = await exchange(
      port,
      ['POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n', 'x'.repeat(1_000)],
      /\r\n\r\n\{/,
    );
    expect(statuses(received)).toEqual([413]);
    expect(received).toMatch(/connection: close/i);
  });

  it('leaves a handler that never reads free to answer (R1)', async () => {
    const { port } = await start(ok);
    const received = await exchange(
      port,
      ['POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n', 'x'.repeat(1_000)],
      /ok$/,
    );
    expect(statuses(received)).toEqual([200]);
    expect(received).toMatch(/connection: close/i);
  });

  it('is asked for with 100 only when it is acceptable', async () => {
    const { port, seen } = await startRecording({ limits });
    const expecting = (length: number): string =>
      `POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nConnection: close\r\nContent-Length: ${length}\r\n\r\n`;
    expect(statuses(await exchange(port, expecting(200_000)))).toEqual([413]);
    expect(statuses(await exchange(port, [expecting(2), 'ab']))).toEqual([100, 200]);
    expect(seen).toHaveLength(1);
  });
});

describe('an answer', () => {
  const answered = async (handler: HttpHandler, method = 'GET'): Promise<string> => {
    const { port } = await start(handler);
    return exchange(port, `${method} / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
  };

  it('has its status, fields in order and repeated, length and content', async () => {
    const headers = new HeaderList([
      'set-cookie',
      'a=1; Expires=Thu, 01 Jan 2026 00:00:00 GMT',
      'x-b',
      '2',
      'set-cookie',
      'b=2',
      'x-a',
      '1',
    ]);
    const received = await answered(() => ({ status: 418, headers, body: 'h\u00e9llo' }));
    expect(received).toMatch(/^HTTP\/1\.1 418 /);
    expect(received).toMatch(
      /set-cookie: a=1; Expires=Thu, 01 Jan 2026 00:00:00 GMT\r\nx-b: 2\r\nset-cookie: b=2\r\nx-a: 1\r\ncontent-length: 6\r\n/,
    );
    expect(Buffer.from(received.slice(received.indexOf('\r\n\r\n') + 4), 'latin1').toString()).toBe('h\u00e9llo');
  });

  it('keeps binary content exactly', async () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, at) => at);
    const received = await answered(() => ({ status: 200, headers: new HeaderList(), body: bytes }));
    expect(Buffer.from(received.slice(received.indexOf('\r\n\r\n') + 4), 'latin1')).toEqual(Buffer.from(bytes));
  });

  it.each([
    ['HEAD', 200, 'content-length: 5'],
    ['GET', 204, undefined],
    ['GET', 304, undefined],
  ] as const)('to %s with status %i has no content', async (method, status, length) => {
    const received = await answered(
      () => ({ status, headers: new HeaderList(), body: status === 200 ? 'hello' : undefined }),
      method,
    );
    expect(received).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(received).toMatch(/\r\n\r\n$/);
    if (length === undefined) expect(received).not.toMatch(/content-length|transfer-encoding/i);
    else expect(received).toContain(length);
  });

  it('keeps the length a handler states for HEAD, and none otherwise', async () => {
    expect(
      await answered(() => ({ status: 200, headers: new HeaderList(['content-length', '77']), body: undefined }), 'HEAD'),
    ).toMatch(/content-length: 77\r\n/);
    const framed = new HeaderList([
      'content-length',
      '77',
      'transfer-encoding',
      'gzip',
      'connection',
      'x-a',
      'keep-alive',
      '1',
      'x-a',
      'kept',
    ]);
    const received = await answered(() => ({ status: 200, headers: framed, body: 'abc' }));
    expect(received).toMatch(/content-length: 3\r\n/);
    expect(received).not.toMatch(/77|gzip|connection: x-a/);
    expect(received).toMatch(/x-a: kept/);
  });

  it('streams, no faster than the client reads', async () => {
    let made = 0;
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    async function* endless(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) {
          made += 65_536;
          yield new Uint8Array(65_536);
        }
      } finally {
        release();
      }
    }
    const { port } = await start(() => ({ status: 200, headers: new HeaderList(), body: endless() }));
    const response = await new Promise<IncomingMessage>((resolve) =>
      request({ port, host: '127.0.0.1', path: '/' }, resolve).end(),
    );
    await once(response, 'readable');
    let before = -1;
    while (before !== made) {
      before = made;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(made).toBeLessThan(64 * 1_024 * 1_024);
    response.destroy();
    await released;
  });

  it('whose stream fails is cut, not ended (F10)', async () => {
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('first');
      await new Promise((resolve) => setImmediate(resolve));
      throw new Error('c4n4ry');
    }
    const received = await answered(() => ({ status: 200, headers: new HeaderList(), body: failing() }));
    expect(received).toContain('first');
    expect(received).not.toMatch(/0\r\n\r\n$/);
    expect(logged.at(-1)?.[0]).toBe('http_server.response_cut');
  });

  it.each(['8', '3'])('whose stream is not the %s bytes it said is cut', async (length) => {
    async function* five(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('hello');
    }
    const { port } = await start(() => ({ status: 200, headers: new HeaderList(['content-length', length]), body: five() }));
    const received = await exchange(port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    expect(received.slice(received.indexOf('\r\n\r\n') + 4)).not.toBe('hel');
    expect(received).not.toContain('lo\r\n');
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('c4n4ry');
      },
    ],
    ['rejects', () => Promise.reject(new Error('c4n4ry'))],
    [
      'makes an answer that cannot be sent',
      () => ({ status: 200, headers: new HeaderList(['x', 'a\r\nb: c4n4ry']), body: 'c4n4ry' }),
    ],
  ] satisfies [string, HttpHandler][])('is a 500 with an incident and nothing else when the handler %s', async (_, handler) => {
    logged.length = 0;
    const received = await answered(handler);
    expect(statuses(received)).toEqual([500]);
    expect(received).not.toContain('c4n4ry');
    const { incident } = JSON.parse(received.slice(received.indexOf('\r\n\r\n') + 4)) as { incident: string };
    expect(logged).toEqual([['http_server.handler_failed', expect.objectContaining({ incident })]]);
    expect(JSON.stringify(logged)).not.toContain('c4n4ry');
  });
});

describe('the server', () => {
  it('keeps connections, and answers pipelined requests in order', async () => {
    const { port } = await start(({ target }) => ({ status: 200, headers: new HeaderList(), body: `<${target}>` }));
    const received = await exchange(port, `GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n${get('/3')}`);
    expect([...received.matchAll(/<([^>]*)>/g)].map(([, target]) => target)).toEqual(['/1', '/2', '/3']);
  });

  it.each([
    ['behind another one', `GET /1 HTTP/1.1\r\nHost: a\r\n\r\n`, ''],
    ['with content', '', 'abc'],
  ])(
    'ends the connection with the answer to a request for another protocol that comes %s, and hangs nobody',
    async (_what, before, content) => {
      const { port } = await start(({ target }) => ({ status: 200, headers: new HeaderList(), body: `<${target}>` }));
      const length = content === '' ? '' : `Content-Length: ${content.length}\r\n`;
      const asking = `POST /2 HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: chat\r\n${length}\r\n${content}`;
      const received = await exchange(port, `${before}${asking}GET /3 HTTP/1.1\r\nHost: a\r\n\r\n`);
      expect(received).toMatch(/connection: close\r\n[^<]*<\/2>$/i);
    },
  );

  it('goes on when its end is announced, and keeps no connection over HTTP/1.1', async () => {
    const server = await start(ok);
    const session = connectHttp2(`http://127.0.0.1:${server.port}`);
    onTestFinished(() => {
      session.destroy();
    });
    const overHttp2 = async (): Promise<unknown> => {
      const stream = session.request({ ':path': '/' });
      const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
      stream.close();
      return headers[':status'];
    };
    const socket = connect(server.port, '127.0.0.1');
    onTestFinished(() => {
      socket.destroy();
    });
    let received = '';
    socket.on('data', (chunk: Buffer) => (received += chunk.toString()));
    socket.write('GET /1 HTTP/1.1\r\nHost: a\r\n\r\n');
    await expect.poll(() => received).toMatch(/ok$/);
    expect([received.includes('onnection: close'), await overHttp2()]).toEqual([false, 200]);
    server.announceClose();
    socket.write('GET /2 HTTP/1.1\r\nHost: a\r\n\r\n');
    await expect.poll(() => socket.closed).toBe(true);
    expect(received).toMatch(/200 OK[^]*200 OK\r\n[^]*connection: close\r\n[^]*ok$/i);
    // without a field of the client's own
    expect(await exchange(server.port, 'GET /3 HTTP/1.1\r\nHost: a\r\n\r\n')).toMatch(/200 OK\r\n[^]*connection: close\r\n/i);
    expect([await overHttp2(), session.closed]).toEqual([200, false]);
  });

  it('has no certificate to change in the clear', async () => {
    const server = await start(ok);
    expect(() => {
      server.useCertificate({ cert: '', key: '' });
    }).toThrow(TypeError);
  });

  it('finishes requests in flight and background work when it closes, and takes no more', async () => {
    let release = (): void => undefined;
    let entered = (): void => undefined;
    const inHandler = new Promise<void>((resolve) => (entered = resolve));
    const gate = new Promise<void>((resolve) => (release = resolve));
    let worked = false;
    const server = await startHttpServer({
      host: '127.0.0.1',
      port: 0,
      clock: new FakeClock(),
      logger,
      handler: async (_, context) => {
        entered();
        await gate;
        context.waitUntil(Promise.resolve().then(() => (worked = true)));
        return { status: 200, headers: new HeaderList(), body: 'done' };
      },
    });
    const answer = exchange(server.port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    const idle = exchange(server.port, '');
    await inHandler;
    const closed = server.close();
    await expect(fetch(`http://127.0.0.1:${server.port}/`)).rejects.toThrow('fetch failed');
    release();
    expect(await answer).toMatch(/connection: close[^]*done$/i);
    await closed;
    await idle;
    expect(worked).toBe(true);
  });

  it('stops waiting for a request that does not end', async () => {
    const clock = new FakeClock();
    let entered = (): void => undefined;
    const inHandler = new Promise<void>((resolve) => (entered = resolve));
    const server = await startHttpServer({
      host: '127.0.0.1',
      port: 0,
      clock,
      logger,
      handler: () => (entered(), new Promise(() => undefined)),
    });
    const answer = exchange(server.port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await inHandler;
    const closed = server.close();
    await clock.advance(25_000);
    await closed;
    expect(await answer).toBe('');
    expect(logged.at(-1)).toMatchObject(['http_server.cut', { running: 1 }]);
  });

  it('logs background work that fails, and lives', async () => {
    logged.length = 0;
    const { port } = await start((_, context) => {
      context.waitUntil(Promise.reject(new Error('c4n4ry')));
      return { status: 200, headers: new HeaderList(), body: 'ok' };
    });
    expect(statuses(await exchange(port, get('/')))).toEqual([200]);
    expect(logged[0]?.[0]).toBe('http_server.background_work_failed');
    expect(JSON.stringify(logged)).not.toContain('c4n4ry');
  });

  it.each([
    ['GARBAGE\r\n\r\n', 400, undefined, 'The request is no well-formed HTTP/1.1'],
    ['GET / HTTP/1.1\r\n\r\n', 400, 'GET', 'There must be a Host field'],
    ['FOO / HTTP/1.1\r\nHost: a\r\n\r\n', 501, undefined, 'The method is not implemented'],
    [`GET / HTTP/1.1\r\nHost: a\r\nX: ${'c4n4ry'.repeat(5_000)}\r\n\r\n`, 431, undefined, 'The header section is too large'],
    ['POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n', 413, 'POST', 'Content must have at most 10485760 bytes'],
    ['POST / HTTP/1.1\r\nHost: a\r\nExpect: c4n4ry\r\n\r\n', 417, 'POST', 'Expectation failed'],
    ['CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n', 405, 'CONNECT', 'Method not allowed'],
    ['GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n', 400, 'GET', 'There must be a Host field'],
  ])(
    'logs a request that no handler saw like any other, by its status and what is wrong: %#',
    async (text, status, method, detail) => {
      logged.length = 0;
      const { port } = await start(() => Promise.reject(new Error('asked')));
      expect(statuses(await exchange(port, text))).toEqual([status]);
      expect(logged).toEqual([
        [
          'http.request',
          {
            'http.request.method': method,
            'http.response.status_code': status,
            source: 'http-server',
            'client.address': '127.0.0.1',
            'error.type': 'http_request_error',
            detail,
          },
        ],
      ]);
    },
  );

  it('logs nothing of a connection on which nothing was ever sent', async () => {
    logged.length = 0;
    const { port } = await start(ok, { limits: { headersTimeoutMs: 50 } });
    await exchange(port, []);
    expect(logged).toEqual([]);
  });

  it('says so when it cannot listen', async () => {
    const { port } = await start(ok);
    await expect(start(ok, { port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });
});
