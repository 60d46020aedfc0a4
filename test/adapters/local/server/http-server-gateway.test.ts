import { once } from 'node:events';
import { request as requestHttp1 } from 'node:https';
import { connect as connectHttp2, constants } from 'node:http2';
import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { startHttpServer } from '../../../../adapters/local/server/http-server.ts';
import type { HttpServer, HttpServerOptions } from '../../../../adapters/local/server/http-server.ts';
import { nodeTransports } from '../../../../adapters/node/transport/node-transports.ts';
import { systemClock } from '../../../../adapters/node/system-clock.ts';
import { bodyBytes } from '../../../../core/http/body.ts';
import { HeaderList } from '../../../../core/http/header-list.ts';
import type {
  BodySink,
  HttpHandler,
  HttpRequest,
  LogAttributes,
  Logger,
  PushBody,
  RequestContext,
} from '../../../../core/ports/index.ts';
import { selfSigned } from '../../../support/self-signed.ts';
import { exchange, statuses } from './raw-socket.ts';

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const work of cleanUps.splice(0).toReversed()) await work();
});

const logged: (readonly [event: string, attributes: LogAttributes | undefined])[] = [];
const logger: Logger = { log: (_, event, attributes) => void logged.push([event, attributes]) };

async function start(handler: HttpHandler, options: Partial<HttpServerOptions> = {}): Promise<HttpServer> {
  const server = await startHttpServer({
    handler,
    host: '127.0.0.1',
    port: 0,
    clock: systemClock,
    logger,
    ...options,
    limits: { closeTimeoutMs: 500, ...options.limits },
  });
  cleanUps.push(() => server.close());
  return server;
}

const empty = new HeaderList();
const text = (body: string): { status: number; headers: HeaderList; body: string } => ({ status: 200, headers: empty, body });

/** A body that a test pushes. */
class Pushed implements PushBody {
  sink: BodySink | undefined;
  resumed = 0;
  cancelled = 0;
  readonly #ready: (sink: BodySink) => void;
  readonly ready: Promise<BodySink>;

  constructor() {
    let resolve: (sink: BodySink) => void = () => undefined;
    this.ready = new Promise((done) => (resolve = done));
    this.#ready = resolve;
  }

  pushTo(sink: BodySink): { resume(): void; cancel(): void } {
    this.#ready(sink);
    return { resume: () => this.resumed++, cancel: () => this.cancelled++ };
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return expect.unreachable('it can push');
  }
}

describe('An answer over HTTP/1.1', () => {
  it('whose content pushes is written as it comes, and ends with its trailers', async () => {
    const body = new Pushed();
    const { port } = await start(() => ({ status: 200, headers: empty, body, trailers: () => new HeaderList(['x-sum', '7']) }));
    const received = exchange(port, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    const sink = await body.ready;
    sink.write(Buffer.from('one'));
    await sleep(10);
    sink.write(Buffer.from('two'));
    sink.end();
    expect(await received).toMatch(/\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\nx-sum: 7\r\n\r\n$/);
  });

  it.each([
    ['bytes', 'GET', '1.1', ['trailer', 'x-sum'], Buffer.from('abc'), undefined],
    ['no content', 'GET', '1.1', ['trailer', 'x-sum'], undefined, undefined],
    ['HEAD', 'HEAD', '1.1', ['trailer', 'x-sum'], 'stream', undefined],
    ['a stream that says its length', 'GET', '1.1', ['trailer', 'x-sum', 'content-length', '3'], 'stream', undefined],
    ['HTTP/1.0', 'GET', '1.0', ['trailer', 'x-sum'], 'stream', undefined],
    ['chunks', 'GET', '1.1', ['trailer', 'x-sum'], 'stream', 'x-sum'],
  ] as const)(
    'announces trailers only where there is room for them: %s',
    async (_what, method, version, fields, content, announced) => {
      const body =
        content === 'stream'
          ? (async function* () {
              yield Buffer.from('abc');
            })()
          : content;
      const { port } = await start(() => ({ status: 200, headers: new HeaderList(fields), body }));
      const answer = await exchange(port, `${method} / HTTP/${version}\r\nHost: a\r\nConnection: close\r\n\r\n`);
      expect(statuses(answer)).toEqual([200]);
      expect(/^trailer: (.*)\r$/im.exec(answer)?.[1]).toBe(announced);
    },
  );

  it('keeps the length its content said, and then has no room for trailers', async () => {
    const body = new Pushed();
    const headers = new HeaderList(['content-length', '3']);
    const { port } = await start(() => ({ status: 200, headers, body, trailers: () => new HeaderList(['x-sum', '7']) }));
    const received = exchange(port, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    const sink = await body.ready;
    sink.write(Buffer.from('one'));
    sink.end();
    expect(await received).toMatch(/content-length: 3\r\n[^]*\r\n\r\none$/);
  });

  it.each([
    ['breaks off', (sink: BodySink) => sink.abort(new Error('c4n4ry'))],
    ['is shorter than its length', (sink: BodySink) => sink.end()],
    ['is longer than its length', (sink: BodySink) => sink.write(Buffer.alloc(100))],
  ])('whose content %s destroys its connection (F10)', async (_what, fault) => {
    const body = new Pushed();
    const headers = new HeaderList(['content-length', '10']);
    const { port } = await start(() => ({ status: 200, headers, body }));
    const received = exchange(port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    const sink = await body.ready;
    sink.write(Buffer.from('half'));
    await sleep(10);
    logged.length = 0;
    fault(sink);
    const [, content = ''] = (await received).split('\r\n\r\n');
    expect(content.length).toBeLessThan(10);
    expect(logged.map(([event]) => event)).toEqual(['http_server.response_cut']);
    expect(JSON.stringify(logged)).not.toContain('c4n4ry');
  });

  it('asks its source to wait for a client that does not read, and goes on when he does', async () => {
    const body = new Pushed();
    const { port } = await start(() => ({ status: 200, headers: empty, body }));
    const socket = connect(port, '127.0.0.1').pause();
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    const sink = await body.ready;
    let written = 0;
    while (sink.write(Buffer.alloc(65_536))) {
      written += 65_536;
      if (written > 100_000_000) expect.unreachable('nothing slowed it down');
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(body.resumed).toBe(0);
    socket.resume();
    await expect.poll(() => body.resumed).toBeGreaterThan(0);
    socket.destroy();
    await expect.poll(() => body.cancelled).toBe(1);
  });

  it('frees content that HEAD does not want, and that comes when the client has gone', async () => {
    const [unwanted, late] = [new Pushed(), new Pushed()];
    const entered = Promise.withResolvers<void>();
    const { port } = await start(async ({ method }, { signal }) => {
      if (method === 'HEAD') return { status: 200, headers: new HeaderList(['content-length', '9']), body: unwanted };
      entered.resolve();
      if (signal !== undefined) await once(signal, 'abort');
      return { status: 200, headers: empty, body: late };
    });
    expect(await exchange(port, 'HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')).toMatch(
      /content-length: 9\r\n[^]*\r\n\r\n$/,
    );
    expect(unwanted.cancelled).toBe(1);
    const socket = connect(port, '127.0.0.1');
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await entered.promise;
    socket.destroy();
    await expect.poll(() => late.cancelled).toBe(1);
  });

  it('comes after the 1xx responses that the handler sends, which HTTP/1.0 does not get', async () => {
    const handler: HttpHandler = (_request, { sendInformational }) => {
      sendInformational?.(103, new HeaderList(['link', '</a>; rel=preload', 'link', '</b>']));
      sendInformational?.(199, new HeaderList(['x-evil', 'a\r\nb: c']));
      return text('ok');
    };
    const { port } = await start(handler);
    const received = await exchange(port, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    expect(received).toMatch(/^HTTP\/1\.1 103 Early Hints\r\nlink: <\/a>; rel=preload\r\nlink: <\/b>\r\n\r\nHTTP\/1\.1 200 OK\r\n/);
    expect(await exchange(port, 'GET / HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  });

  it('has a date, its own or ours', async () => {
    const { port } = await start(({ target }) =>
      target === '/own' ? { ...text(''), headers: new HeaderList(['date', 'Thu, 01 Jan 2026 00:00:00 GMT']) } : text(''),
    );
    const get = (target: string): string => `GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`;
    expect((await exchange(port, get('/own'))).match(/^date: .*$/gim)).toEqual(['date: Thu, 01 Jan 2026 00:00:00 GMT']);
    expect((await exchange(port, get('/'))).match(/^date: .*$/gim)).toHaveLength(1);
  });
});

describe('A request over HTTP/1.1', () => {
  const chunkedPost = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n';

  it('streams: what has come can be read before the rest is sent', async () => {
    const seen: string[] = [];
    const { port } = await start(async ({ body }) => {
      for await (const chunk of body as AsyncIterable<Uint8Array>) seen.push(Buffer.from(chunk).toString());
      return text('ok');
    });
    const socket = connect(port, '127.0.0.1');
    socket.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\none');
    await expect.poll(() => seen).toEqual(['one']);
    socket.write('two');
    await expect.poll(() => seen).toEqual(['one', 'two']);
    socket.destroy();
  });

  it('that has come with its head is given as bytes', async () => {
    let body: unknown;
    const { port } = await start((request) => ((body = request.body), text('ok')));
    await exchange(port, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc');
    expect(body).toBeInstanceOf(Uint8Array);
  });

  it('has trailers, without those that must come before the content', async () => {
    let trailers: unknown;
    const { port } = await start(async (request) => {
      await bodyBytes(request.body);
      trailers = request.trailers?.()?.flat();
      return text('ok');
    });
    await exchange(port, `${chunkedPost}3\r\nabc\r\n0\r\nX-Sum: 7\r\nHost: b\r\nAuthorization: evil\r\n\r\n`);
    expect(trailers).toEqual(['x-sum', '7']);
  });

  it('is read no faster than the handler takes it', async () => {
    let sink: BodySink | undefined;
    let received = 0;
    const flow: { resume(): void }[] = [];
    const { port } = await start(
      ({ body }) =>
        new Promise((resolve) => {
          sink = {
            write: (chunk) => ((received += chunk.length), false),
            end: () => {
              resolve(text('ok'));
            },
            abort: () => undefined,
          };
          flow.push((body as PushBody).pushTo(sink));
        }),
      { limits: { maxBodyBytes: 100_000_000 } },
    );
    const socket = connect(port, '127.0.0.1');
    socket.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50000000\r\nConnection: close\r\n\r\n');
    socket.write(Buffer.alloc(50_000_000));
    await expect.poll(() => received).toBeGreaterThan(0);
    await sleep(100);
    expect(received).toBeLessThan(1_000_000);
    const timer = setInterval(() => flow[0]?.resume(), 0);
    await once(socket, 'data');
    clearInterval(timer);
    expect(received).toBe(50_000_000);
  });

  it('that expects 100 gets it when its content is first read, and a refusal instead when it is not', async () => {
    const [entered, reading] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const { port } = await start(async ({ target, body }) => {
      if (target === '/no') return { status: 403, headers: empty, body: 'no' };
      entered.resolve();
      await reading.promise;
      return text((await bodyBytes(body)).length.toString());
    });
    const expecting = (target: string): string =>
      `POST ${target} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n`;
    const refused = await exchange(port, expecting('/no'));
    expect(statuses(refused)).toEqual([403]);
    expect(refused).toMatch(/connection: close/i);
    const socket = connect(port, '127.0.0.1').setEncoding('latin1');
    let isRead = false;
    const asked = once(socket, 'data').then(([first]: unknown[]) => [first, isRead]);
    socket.write(expecting('/yes'));
    await entered.promise;
    await sleep(50);
    isRead = true;
    reading.resolve();
    expect(await asked).toEqual(['HTTP/1.1 100 Continue\r\n\r\n', true]);
    socket.write('abc');
    const [second] = (await once(socket, 'data')) as [string];
    expect(second).toMatch(/^HTTP\/1\.1 200 [^]*\r\n\r\n3$/);
    socket.destroy();
  });

  it('that expects anything else is answered 417', async () => {
    const { port } = await start(() => text('ok'));
    expect(statuses(await exchange(port, 'GET / HTTP/1.1\r\nHost: a\r\nExpect: magic\r\n\r\n'))).toEqual([417]);
  });

  it('over the limit fails where it is read, with 413, also within a stream that has begun', async () => {
    const { port } = await start(async ({ body }) => text((await bodyBytes(body)).length.toString()), {
      limits: { maxBodyBytes: 10 },
    });
    const received = await exchange(port, `${chunkedPost}8\r\n12345678\r\n8\r\n12345678\r\n0\r\n\r\n`);
    expect(statuses(received)).toEqual([413]);
  });

  it.each([
    ['BREW', 501],
    ['X-CUSTOM', 501],
    ['GET(', 400],
    ['get', 501],
  ])('with the method %s, which Node does not parse, is %d', async (method, status) => {
    const { port } = await start(() => text('ok'));
    expect(statuses(await exchange(port, `${method} / HTTP/1.1\r\nHost: a\r\n\r\n`))).toEqual([status]);
  });

  it.each(['QUERY', 'PURGE', 'PROPFIND', 'M-SEARCH', 'TRACE', 'REPORT'])('with the method %s passes', async (method) => {
    const { port } = await start((request) => text(request.method));
    expect(await exchange(port, `${method} / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)).toMatch(new RegExp(`${method}$`));
  });

  it('tells its version', async () => {
    const { port } = await start((_request, { protocolVersion }) => text(protocolVersion ?? ''));
    expect(await exchange(port, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')).toMatch(/1\.1$/);
    expect(await exchange(port, 'GET / HTTP/1.0\r\n\r\n')).toMatch(/1\.0$/);
  });
});

/** Passes everything on to an upstream, as the gateway will. */
function passingTo(port: number): HttpHandler {
  const transport = nodeTransports({ clock: systemClock, secrets: { current: () => expect.unreachable() } }).open({
    protocol: 'http1',
    allowPrivate: true,
    allow: [],
    connectTimeoutMs: 30_000,
    responseHeadersTimeoutMs: 30_000,
    idleTimeoutMs: 30_000,
  });
  cleanUps.push(() => transport.close());
  return (request, { deadline, signal, canUpgrade, sendInformational }) =>
    transport.send(
      {
        method: request.method,
        scheme: 'http',
        authority: `127.0.0.1:${port}`,
        target: request.target,
        headers: request.headers,
        body: request.body,
        trailers: request.trailers,
      },
      { deadline, signal, upgrade: canUpgrade, onInformational: sendInformational },
    );
}

describe('An upgrade', () => {
  const ask = 'GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n';

  async function echoing(): Promise<{ port: number; sockets: Socket[] }> {
    const { createServer } = await import('node:net');
    const sockets: Socket[] = [];
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      sockets.push(socket);
      socket.on('error', () => undefined);
      socket.once('data', () => {
        socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: chat\r\nConnection: Upgrade\r\nX-A: 1\r\n\r\nwelcome ');
        socket.on('data', (chunk) => socket.write(chunk));
        socket.on('end', () => socket.end('bye'));
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    cleanUps.push(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    return { port: (server.address() as { port: number }).port, sockets };
  }

  it('joins client and upstream: what each has said already, both ways, and a half-closed end', async () => {
    const upstream = await echoing();
    const { port } = await start(passingTo(upstream.port));
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    let received = '';
    socket.on('data', (chunk: Buffer) => (received += chunk.toString()));
    // the first of the other protocol comes with the request
    socket.write(`${ask}early `);
    await expect.poll(() => received).toMatch(/welcome early $/);
    expect(received).toMatch(/^HTTP\/1\.1 101 Switching Protocols\r\nx-a: 1\r\nconnection: upgrade\r\nupgrade: chat\r\n\r\n/);
    socket.write('late ');
    await expect.poll(() => received).toMatch(/late $/);
    socket.end('last ');
    await once(socket, 'close');
    expect(received).toMatch(/late last bye$/);
  });

  it('ends on both sides when either breaks off', async () => {
    const upstream = await echoing();
    const { port } = await start(passingTo(upstream.port));
    for (const side of ['client', 'upstream'] as const) {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => undefined);
      socket.write(ask);
      await once(socket, 'data');
      const other = upstream.sockets.at(-1) as Socket;
      if (side === 'client') {
        socket.resetAndDestroy();
        await once(other, 'close');
      } else {
        other.resetAndDestroy();
        await once(socket, 'close');
      }
    }
  });

  it('is closed when nothing moves in it for too long, and with the server', async () => {
    const upstream = await echoing();
    const { port } = await start(passingTo(upstream.port), { limits: { tunnelIdleTimeoutMs: 60 } });
    const idle = connect(port, '127.0.0.1');
    idle.resume().write(ask);
    await once(idle, 'close');
    const server = await start(passingTo(upstream.port));
    const open = connect(server.port, '127.0.0.1');
    open.on('error', () => undefined);
    open.write(ask);
    await once(open, 'data');
    await Promise.all([once(open, 'close'), server.close()]);
  });

  it('that the handler does not make is an ordinary answer on a connection that ends', async () => {
    const { port } = await start((_request, { canUpgrade }) => text(`${canUpgrade}`));
    const received = await exchange(port, ask);
    expect(received).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*connection: close[^]*true$/i);
  });

  it('with content is an ordinary request: the content is not lost', async () => {
    const { port } = await start(async ({ body }, { canUpgrade }) =>
      text(`${canUpgrade} ${Buffer.from(await bodyBytes(body)).toString()}`),
    );
    const received = await exchange(
      port,
      'POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, close\r\nUpgrade: h2c\r\nContent-Length: 3\r\n\r\nabc',
    );
    expect(received).toMatch(/false abc$/);
  });

  it('that is ill-formed is refused like any other request', async () => {
    const { port } = await start(() => expect.unreachable());
    expect(
      statuses(await exchange(port, 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n')),
    ).toEqual([400]);
  });

  it('to a WebSocket carries messages of any size, and its close', async () => {
    const upstream = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    await once(upstream, 'listening');
    upstream.on('connection', (socket) => {
      socket.on('message', (data, isBinary) => {
        socket.send(data, { binary: isBinary });
      });
    });
    cleanUps.push(() => {
      for (const client of upstream.clients) client.terminate();
      upstream.close();
    });
    const { port } = await start(passingTo((upstream.address() as { port: number }).port));
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`);
    await once(socket, 'open');
    for (const size of [0, 1, 126, 65_536, 1_000_000]) {
      const data = Buffer.alloc(size, 97);
      socket.send(data);
      const [echo] = (await once(socket, 'message')) as [Buffer];
      expect(echo.equals(data)).toBe(true);
    }
    socket.close(4_001, 'done');
    const [code, reason] = (await once(socket, 'close')) as [number, Buffer];
    expect([code, reason.toString()]).toEqual([4_001, 'done']);
  });
});

interface Answered {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly informational: readonly (number | undefined)[];
  readonly trailers: IncomingHttpHeaders | undefined;
  readonly code: number | undefined;
}

function answerOf(stream: ClientHttp2Stream): Promise<Answered> {
  const informational: (number | undefined)[] = [];
  let headers: IncomingHttpHeaders & { ':status'?: number | undefined } = {};
  let trailers: IncomingHttpHeaders | undefined;
  let received = '';
  stream.on('headers', (fields: IncomingHttpHeaders & { ':status'?: number }) => informational.push(fields[':status']));
  stream.on('response', (fields) => (headers = fields));
  stream.on('trailers', (fields: IncomingHttpHeaders) => (trailers = fields));
  stream.on('data', (chunk: Buffer) => (received += chunk.toString()));
  stream.on('error', () => undefined);
  return new Promise((resolve) => {
    stream.on('close', () => {
      resolve({ status: headers[':status'], headers, text: received, informational, trailers, code: stream.rstCode });
    });
  });
}

describe('HTTP/2', () => {
  let tls: { cert: string; key: string };
  beforeAll(() => {
    tls = selfSigned();
  });

  function client(port: number, encrypted = false): ClientHttp2Session {
    const session = connectHttp2(`${encrypted ? 'https' : 'http'}://127.0.0.1:${port}`, encrypted ? { ca: tls.cert } : {});
    session.on('error', () => undefined);
    cleanUps.push(() => {
      session.destroy();
    });
    return session;
  }

  it('in the clear and HTTP/1.1 share a port, also when the preface comes in pieces', async () => {
    const { port } = await start((_request, { protocolVersion }) => text(protocolVersion ?? ''));
    expect((await answerOf(client(port).request({ ':path': '/' }))).text).toBe('2');
    expect(await exchange(port, ['PR', 'OPFIND / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'])).toMatch(/1\.1$/);
    const socket = connect(port, '127.0.0.1');
    for (const byte of 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n') {
      socket.write(byte);
      await sleep(1);
    }
    socket.write(Buffer.from('000000040000000000', 'hex'));
    const [settings] = (await once(socket, 'data')) as [Buffer];
    expect(settings[3]).toBe(4);
    socket.destroy();
  });

  it('over TLS is chosen by ALPN, and HTTP/1.1 where the client has nothing else', async () => {
    const seen: string[] = [];
    const { port } = await start(({ scheme }, { protocolVersion }) => (seen.push(`${scheme} ${protocolVersion}`), text('ok')), {
      tls,
    });
    expect((await answerOf(client(port, true).request({ ':path': '/' }))).text).toBe('ok');
    const status = await new Promise((resolve, reject) => {
      requestHttp1({ port, host: '127.0.0.1', ca: tls.cert, agent: false }, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
        .on('error', reject)
        .end();
    });
    expect([status, seen]).toEqual([200, ['https 2', 'https 1.1']]);
  });

  it('lets a client reset its stream while content of it waits to be read: the handler hears of it, its answer goes nowhere', async () => {
    const told: string[] = [];
    process.on('unhandledRejection', (reason) => told.push(String(reason)));
    cleanUps.push(() => {
      process.removeAllListeners('unhandledRejection');
    });
    const answering = Promise.withResolvers<void>();
    const answered = Promise.withResolvers<void>();
    const { port } = await start(async (_request, { signal, sendInformational }) => {
      signal?.addEventListener('abort', () => told.push('gone'));
      answering.resolve();
      await once(stream, 'close');
      // the reset has arrived when a request behind it is served
      await answered.promise;
      sendInformational?.(103, empty);
      return text('late');
    });
    const session = client(port);
    const stream = session.request({ ':method': 'POST', ':path': '/' });
    stream.on('error', () => undefined);
    stream.write('unread');
    await answering.promise;
    stream.close(constants.NGHTTP2_NO_ERROR);
    await once(stream, 'close');
    await new Promise<void>((resolve, reject) => {
      session.ping((error) => {
        if (error === null) resolve();
        else reject(error);
      });
    });
    answered.resolve();
    await sleep(50);
    expect(told).toEqual(['gone']);
  });

  it('lets no stream live on for content that nobody reads, whatever becomes of its client', async () => {
    const streamed = async function* (): AsyncGenerator<Uint8Array> {
      yield Buffer.from('o');
      yield Buffer.from('k');
    };
    const server = await start(
      async ({ target }) => {
        await sleep(target.startsWith('/late') ? 40 : 0);
        return { ...text('ok'), body: target.endsWith('stream') ? streamed() : 'ok' };
      },
      { limits: { closeTimeoutMs: 120_000 } },
    );
    for (const method of ['POST', 'HEAD']) {
      for (const path of ['/', '/stream', '/late', '/late-stream']) {
        for (const end of [true, false]) {
          for (const reset of [undefined, constants.NGHTTP2_NO_ERROR, constants.NGHTTP2_CANCEL]) {
            const session = client(server.port);
            const stream = session.request({ ':method': method, ':path': path }, { endStream: false });
            stream.on('error', () => undefined).resume();
            stream.write('unread');
            if (end) stream.end();
            await (reset === undefined ? once(stream, 'response') : sleep(20));
            if (reset !== undefined) stream.close(reset);
            await sleep(1);
            session.destroy();
          }
        }
      }
    }
    // Its patience is longer than this test's.
    await server.close();
  });

  it('tells a client that still sends when it has its whole answer that it need not', async () => {
    const { port } = await start(() => text('enough'));
    const stream = client(port).request({ ':method': 'POST', ':path': '/' });
    stream.write('more is to come');
    expect(await answerOf(stream)).toMatchObject({ status: 200, text: 'enough', code: constants.NGHTTP2_NO_ERROR });
  });

  it('frees the content of an answer that it cannot write', async () => {
    let freed = 0;
    const body = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise<never>(() => undefined),
        return: async () => ((freed += 1), { done: true as const, value: undefined }),
      }),
    };
    const { port } = await start(() => Promise.resolve({ status: 700, headers: empty, body }));
    const { status } = await answerOf(client(port).request({ ':path': '/' }));
    expect([status, freed]).toEqual([500, 1]);
  });

  it('carries fields by the names that every object has', async () => {
    const fields = ['constructor', '1', '__proto__', '2', 'valueof', '3'];
    const { port } = await start((_request, { sendInformational }) => {
      sendInformational?.(103, new HeaderList(fields));
      return { status: 200, headers: new HeaderList(fields), body: 'ok', trailers: () => new HeaderList(fields) };
    });
    const { status, headers, informational } = await answerOf(client(port).request({ ':path': '/' }));
    expect([
      status,
      headers['constructor'],
      Object.getOwnPropertyDescriptor(headers, '__proto__')?.value,
      headers['valueof'],
    ]).toEqual([200, '1', '2', '3']);
    expect(informational).toEqual([103]);
  });

  it('carries fields and trailers that are repeated though they should not be', async () => {
    const { port } = await start(() => ({
      status: 200,
      headers: new HeaderList(['content-language', 'de', 'content-language', 'en', 'x-content-type-options', 'a', 'etag', '"1"']),
      body: 'ok',
      trailers: () => new HeaderList(['x-sum', '1', 'etag', '"a"', 'etag', '"b"']),
    }));
    const { status, headers, trailers } = await answerOf(client(port).request({ ':path': '/' }));
    expect([status, headers['etag'], trailers?.['x-sum']]).toEqual([200, '"1"', '1']);
  });

  it('can be switched off', async () => {
    const { port } = await start(() => text('ok'), { http2: false });
    expect(statuses(await exchange(port, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'))).toEqual([400]);
  });

  it('gives the handler the same request: one cookie field, a host, any method, trailers', async () => {
    const seen: (HttpRequest & { trailerFields?: unknown })[] = [];
    const contexts: RequestContext[] = [];
    const { port } = await start(async (request, context) => {
      const body = await bodyBytes(request.body);
      seen.push({ ...request, headers: request.headers, body, trailerFields: request.trailers?.()?.flat() });
      contexts.push(context);
      return text('ok');
    });
    const stream = client(port).request(
      { ':method': 'BREW', ':path': '/a/../b?c=%2F', ':authority': 'A.example:81', cookie: ['a=1', 'b=2'], 'x-b': '1' },
      { endStream: false, waitForTrailers: true },
    );
    stream.on('wantTrailers', () => {
      stream.sendTrailers({ 'x-sum': '7', authorization: 'evil' });
    });
    stream.end('content');
    expect((await answerOf(stream)).status).toBe(200);
    const [request] = seen;
    expect(request).toMatchObject({
      method: 'BREW',
      scheme: 'http',
      authority: 'a.example:81',
      target: '/a/../b?c=%2F',
      trailerFields: ['x-sum', '7'],
    });
    expect(request?.headers.flat()).toEqual(['host', 'a.example:81', 'cookie', 'a=1; b=2', 'x-b', '1']);
    expect(Buffer.from(request?.body as Uint8Array).toString()).toBe('content');
    expect(contexts[0]).toMatchObject({ clientAddress: '127.0.0.1', protocolVersion: '2', canUpgrade: false });
  });

  it('answers with 1xx, repeated fields, content and trailers', async () => {
    const { port } = await start((_request, { sendInformational }) => {
      sendInformational?.(103, new HeaderList(['link', '</a>']));
      const body = (async function* () {
        yield Buffer.from('one');
        yield Buffer.from('two');
      })();
      const headers = new HeaderList(['set-cookie', 'a=1', 'connection', 'x', 'set-cookie', 'b=2']);
      return { status: 218, headers, body, trailers: () => new HeaderList(['x-sum', '7']) };
    });
    const answer = await answerOf(client(port).request({ ':path': '/' }));
    expect(answer).toMatchObject({ status: 218, text: 'onetwo', informational: [103], trailers: { 'x-sum': '7' }, code: 0 });
    expect(answer.headers['set-cookie']).toEqual(['a=1', 'b=2']);
    expect(answer.headers.date).toBeDefined();
  });

  it('asks for content that is expected to be asked for when it is first read', async () => {
    const { port } = await start(async ({ target, body }) =>
      target === '/no' ? { status: 403, headers: empty, body: undefined } : text(Buffer.from(await bodyBytes(body)).toString()),
    );
    const session = client(port);
    const yes = session.request({ ':method': 'PUT', ':path': '/yes', expect: '100-continue' });
    yes.on('continue', () => yes.end('data'));
    expect(await answerOf(yes)).toMatchObject({ status: 200, text: 'data', informational: [100] });
    const no = session.request({ ':method': 'PUT', ':path': '/no', expect: '100-continue' });
    const refused = answerOf(no);
    no.on('response', () => no.close());
    expect(await refused).toMatchObject({ status: 403, informational: [] });
  });

  it('resets a stream whose content breaks off: it never looks complete', async () => {
    const body = new Pushed();
    const { port } = await start(() => ({ status: 200, headers: empty, body }));
    const session = client(port);
    const stream = session.request({ ':path': '/' });
    const half = once(stream, 'data');
    const answer = answerOf(stream);
    const sink = await body.ready;
    sink.write(Buffer.from('half'));
    await half;
    sink.abort(new Error('broken'));
    expect(await answer).toMatchObject({ text: 'half', code: constants.NGHTTP2_INTERNAL_ERROR });
    expect(session.destroyed).toBe(false);
  });

  it('tells the handler that the client has gone, and frees the content', async () => {
    const body = new Pushed();
    let signal: AbortSignal | undefined;
    const { port } = await start((_request, context) => ((signal = context.signal), { status: 200, headers: empty, body }));
    const stream = client(port).request({ ':path': '/' });
    stream.on('error', () => undefined);
    const sink = await body.ready;
    sink.write(Buffer.from('x'));
    stream.close(constants.NGHTTP2_CANCEL);
    await expect.poll(() => [signal?.aborted, body.cancelled]).toEqual([true, 1]);
  });

  it('refuses what is ill-formed or too large', async () => {
    const { port } = await start(async ({ body }) => text((await bodyBytes(body)).length.toString()), {
      limits: { maxBodyBytes: 10 },
    });
    const session = client(port);
    const status = async (fields: Record<string, string>, content?: string): Promise<number | undefined> => {
      const stream = session.request(fields, { endStream: content === undefined });
      if (content !== undefined) stream.end(content);
      return (await answerOf(stream)).status;
    };
    expect(await status({ ':path': '/', ':authority': 'a', host: 'b' })).toBe(400);
    expect(await status({ ':method': 'CONNECT', ':authority': 'a:443' })).toBe(405);
    expect(await status({ ':method': 'POST', ':path': '/', 'content-length': '11' }, 'x'.repeat(11))).toBe(413);
    expect(await status({ ':method': 'POST', ':path': '/' }, 'x'.repeat(11))).toBe(413);
    expect(await status({ ':method': 'POST', ':path': '/' }, 'x'.repeat(10))).toBe(200);
  });

  it('is paced by the client, and many streams do not mix', async () => {
    const { port } = await start(({ target }) => {
      const body = (async function* () {
        for (let at = 0; at < 50; at++) yield Buffer.alloc(20_000, target.slice(1));
      })();
      return { status: 200, headers: empty, body };
    });
    const session = client(port);
    const answers = await Promise.all([...'abcdefgh'].map((letter) => answerOf(session.request({ ':path': `/${letter}` }))));
    expect(answers.map(({ text: content }) => [content.length, new Set(content).size])).toEqual(answers.map(() => [1_000_000, 1]));
  });

  it('ends with the server: streams under way are answered, no new ones are taken', async () => {
    const [entered, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    // Its patience is longer than this test's.
    const { port, close } = await start(
      async () => {
        entered.resolve();
        await gate.promise;
        return text('done');
      },
      { limits: { closeTimeoutMs: 120_000 } },
    );
    const session = client(port);
    const answer = answerOf(session.request({ ':path': '/' }));
    await entered.promise;
    const closed = close();
    await sleep(20);
    gate.resolve();
    expect((await answer).text).toBe('done');
    await closed;
    await expect.poll(() => session.closed).toBe(true);
  });
});
