import { constants, createSecureServer, createServer } from 'node:http2';
import type { Http2Server, ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import { createServer as createHttpsServer } from 'node:https';
import { connect, createServer as createTcpServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../../adapters/node/system-clock.ts';
import { nodeTransports } from '../../../../adapters/node/transport/node-transports.ts';
import { HeaderList } from '../../../../core/http/header-list.ts';
import type { ConnectionProfile, Transport } from '../../../../core/ports/index.ts';
import { createIssuer } from '../../../support/certificates.ts';
import type { Issuer } from '../../../support/certificates.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { UpstreamError } from '../../../../core/ports/index.ts';
import { atEnd, failure, failureOf, listen, open, pieces, profile, rawUpstream, request, textOf, within } from './support.ts';

interface Upstream {
  readonly authority: string;
  readonly sessions: ServerHttp2Session[];
  readonly sockets: Socket[];
  readonly streams: ServerHttp2Stream[];
}

type Answer = (stream: ServerHttp2Stream, fields: readonly string[]) => void;

async function started(server: Http2Server, answer: Answer): Promise<Upstream> {
  const sessions: ServerHttp2Session[] = [];
  const sockets: Socket[] = [];
  server.on('connection', (socket) => sockets.push(socket));
  const streams: ServerHttp2Stream[] = [];
  server.on('session', (session) => {
    sessions.push(session);
    session.on('error', () => undefined);
  });
  server.on('stream', (stream, _headers, _flags, rawHeaders) => {
    streams.push(stream);
    stream.on('error', () => undefined);
    answer(stream, rawHeaders);
  });
  const port = await listen(server as unknown as Server);
  atEnd(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  return { authority: `localhost:${port}`, sessions, sockets, streams };
}

const inTheClear = (answer: Answer, maxConcurrentStreams?: number): Promise<Upstream> =>
  started(createServer(maxConcurrentStreams === undefined ? {} : { settings: { maxConcurrentStreams } }), answer);

function http2(over: Partial<ConnectionProfile> = {}): Transport {
  return open({ protocol: 'http2', ...over });
}

/** Passes bytes on, both ways, until a connection is lost: from then on it says nothing, not even that it has ended. */
async function relayTo(port: number): Promise<{ readonly authority: string; readonly sockets: Socket[]; loseConnections(): void }> {
  const sockets: Socket[] = [];
  const lost = new Set<Socket>();
  const relay = createTcpServer((socket) => {
    sockets.push(socket);
    const onward = connect(port, 'localhost');
    for (const [from, to] of [
      [socket, onward],
      [onward, socket],
    ] as const) {
      from.on('error', () => undefined);
      from.on('data', (chunk) => lost.has(socket) || to.write(chunk));
    }
    socket.on('close', () => onward.destroy());
  });
  const own = await listen(relay);
  atEnd(() => {
    for (const socket of sockets) socket.destroy();
    relay.close();
  });
  return { authority: `localhost:${own}`, sockets, loseConnections: () => sockets.forEach((socket) => lost.add(socket)) };
}

const good: Answer = (stream) => {
  stream.respond({ ':status': 200 });
  stream.end('good');
};

describe('An HTTP/2 upstream', () => {
  it('in the clear is spoken to with prior knowledge; many requests share one connection', async () => {
    const upstream = await inTheClear((stream, fields) => {
      stream.respond({ ':status': 200 });
      stream.end(fields[fields.indexOf(':path') + 1]);
    });
    const transport = http2();
    const targets = Array.from({ length: 50 }, (_, at) => `/${at}?a=%2F`);
    const texts = await Promise.all(
      targets.map(async (target) => textOf(await transport.send(request(upstream.authority, { target }), within()))),
    );
    expect(texts).toEqual(targets);
    expect(upstream.sessions.length).toBe(1);
  });

  it('is spoken to over one connection by profiles that differ in their time-outs alone; each exchange has its own', async () => {
    const upstream = await inTheClear((stream, fields) => {
      if (fields[fields.indexOf(':path') + 1] !== '/silent') good(stream, []);
    });
    const transports = nodeTransports({ clock: systemClock, secrets: { current: () => expect.unreachable() } });
    const before = transports.open({ ...profile, protocol: 'http2', responseHeadersTimeoutMs: 60_000 });
    await textOf(await before.send(request(upstream.authority), within()));
    const after = transports.open({ ...profile, protocol: 'http2', connectTimeoutMs: 1_999 });
    const hasty = transports.open({ ...profile, protocol: 'http2', responseHeadersTimeoutMs: 100 });
    await before.close();
    await textOf(await after.send(request(upstream.authority), within()));
    await expect(hasty.send(request(upstream.authority, { target: '/silent' }), within())).rejects.toMatchObject({
      type: 'http_response_timeout',
    });
    expect(upstream.sessions.length).toBe(1);
    await Promise.all([after.close(), hasty.close()]);
  });

  it('that takes few streams at once gets more connections', async () => {
    // After the first, nobody is answered before all are there.
    const upstream = await inTheClear((stream) => {
      const { streams } = upstream;
      if (streams.length === 1) good(stream, []);
      if (streams.length === 7) for (const waiting of streams.slice(1)) good(waiting, []);
    }, 2);
    const transport = http2();
    await textOf(await transport.send(request(upstream.authority), within()));
    await Promise.all(Array.from({ length: 6 }, async () => textOf(await transport.send(request(upstream.authority), within()))));
    expect(upstream.sessions.length).toBe(3);
  });

  it('gets fields in order, the host as authority, no field of a connection, and the length of the content', async () => {
    let seen: readonly string[] = [];
    const upstream = await inTheClear((stream, fields) => {
      seen = [...fields];
      good(stream, fields);
    });
    const headers = HeaderList.of(
      ['host', 'public.example'],
      ['x-b', '1'],
      ['connection', 'x-a'],
      ['transfer-encoding', 'chunked'],
      ['te', 'trailers'],
      ['x-b', '2'],
      ['content-length', '99'],
      ['upgrade', 'h2c'],
    );
    await textOf(
      await http2().send(request(upstream.authority, { method: 'POST', target: '/p?q', headers, body: 'abc' }), within()),
    );
    expect(seen).toEqual([
      ...[':method', 'POST', ':scheme', 'http', ':authority', 'public.example', ':path', '/p?q'],
      ...['x-b', '1', 'te', 'trailers', 'x-b', '2', 'content-length', '3'],
    ]);
  });

  it('and a request pass streams and trailers both ways, and 1xx in order', async () => {
    const upstream = await inTheClear((stream) => {
      let content = '';
      let trailers: unknown;
      stream.on('data', (chunk: Buffer) => (content += chunk.toString()));
      stream.on('trailers', (_headers, _flags, raw: string[]) => (trailers = raw));
      stream.on('end', () => {
        stream.additionalHeaders({ ':status': 103, link: '</a>' });
        stream.respond({ ':status': 299, 'x-a': ['1', '2'] }, { waitForTrailers: true });
        stream.on('wantTrailers', () => {
          stream.sendTrailers({ 'x-sum': '7', authorization: 'evil' });
        });
        stream.end(`${content} ${JSON.stringify(trailers)}`);
      });
    });
    const informational: unknown[] = [];
    const trailers = (): HeaderList =>
      new HeaderList(['x-t', '1', 'content-length', '3', 'constructor', '2', '__proto__', '3', '__proto__', '4']);
    const response = await http2().send(
      request(upstream.authority, { method: 'POST', body: pieces('one', 'two'), trailers }),
      within({ onInformational: (status, headers) => informational.push(status, headers.flat()) }),
    );
    expect(informational).toEqual([103, ['link', '</a>']]);
    expect([response.status, response.protocolVersion, response.headers.getAll('x-a')]).toEqual([299, '2', ['1', '2']]);
    expect(await textOf(response)).toBe('onetwo ["x-t","1","constructor","2","__proto__","3","__proto__","4"]');
    expect(response.trailers?.()?.flat()).toEqual(['x-sum', '7']);
  });

  it('passes on fields and trailers that are repeated though they should not be', async () => {
    const upstream = await inTheClear((stream, raw) => {
      stream.respond({ ':status': 200 }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({}));
      stream.end(JSON.stringify(raw.filter((_, at) => raw[at & ~1]?.startsWith('if-') === true)));
    });
    const headers = new HeaderList(['if-match', '"a"', 'if-match', '"b"']);
    const trailers = (): HeaderList => new HeaderList(['x-sum', '1', 'etag', '"a"', 'etag', '"b"']);
    const response = await http2().send(
      request(upstream.authority, { method: 'POST', body: pieces('x'), headers, trailers }),
      within(),
    );
    expect(await textOf(response)).toBe('["if-match","\\"a\\"","if-match","\\"b\\""]');
  });

  it.each([204, 304])('answering %d has no content', async (status) => {
    const upstream = await inTheClear((stream) => {
      stream.respond({ ':status': status }, { endStream: true });
    });
    const response = await http2().send(request(upstream.authority), within());
    expect([response.status, response.body]).toEqual([status, undefined]);
  });

  it.each([
    ['refuses the stream', constants.NGHTTP2_REFUSED_STREAM, failure('connection_terminated', false)],
    ['breaks it off', constants.NGHTTP2_INTERNAL_ERROR, failure('connection_terminated', true)],
    ['cancels it', constants.NGHTTP2_CANCEL, failure('connection_terminated', true)],
    ['finds an error of protocol', constants.NGHTTP2_PROTOCOL_ERROR, failure('http_protocol_error', true)],
  ])('that %s before the response fails that exchange alone', async (_what, code, expected) => {
    let first = true;
    const upstream = await inTheClear((stream, fields) => {
      if (!first) good(stream, fields);
      else stream.close(code);
      first = false;
    });
    const transport = http2();
    expect(await failureOf(transport.send(request(upstream.authority), within()))).toEqual(expected);
    expect(await textOf(await transport.send(request(upstream.authority), within()))).toBe('good');
    expect(upstream.sessions.length).toBe(1);
  });

  it('that breaks the content off leaves it incomplete', async () => {
    const upstream = await inTheClear((stream) => {
      stream.respond({ ':status': 200 });
      stream.write('part');
      setTimeout(() => {
        stream.destroy(new Error('broken'));
      }, 30);
    });
    expect(await failureOf(http2().send(request(upstream.authority), within()))).toEqual(failure('http_response_incomplete', true));
  });

  it('that loses the connection leaves every exchange on it incomplete, and the next goes over another', async () => {
    const upstream = await inTheClear((stream) => {
      if (upstream.sessions.length > 1) {
        good(stream, []);
        return;
      }
      stream.respond({ ':status': 200 });
      stream.write('part');
    });
    const transport = http2();
    const both = await Promise.all([1, 2].map(() => transport.send(request(upstream.authority), within())));
    upstream.sockets[0]?.resetAndDestroy();
    expect(await Promise.all(both.map((response) => failureOf(Promise.resolve(response))))).toEqual([
      failure('http_response_incomplete', true),
      failure('http_response_incomplete', true),
    ]);
    expect(await textOf(await transport.send(request(upstream.authority), within()))).toBe('good');
  });

  it('that goes away lets the exchanges under way end and gets no new ones', async () => {
    const answers: (() => void)[] = [];
    const upstream = await inTheClear((stream) => {
      answers.push(() => {
        good(stream, []);
      });
      if (answers.length === 2) for (const answer of answers) answer();
    });
    const transport = http2();
    const first = transport.send(request(upstream.authority), within());
    await expect.poll(() => answers.length).toBe(1);
    upstream.sessions[0]?.goaway();
    // Who answers the ping has read what came before it.
    await new Promise((resolve) => upstream.sessions[0]?.ping(resolve));
    const second = transport.send(request(upstream.authority), within());
    expect(await Promise.all([first, second].map(async (sent) => textOf(await sent)))).toEqual(['good', 'good']);
    expect(upstream.sessions.length).toBe(2);
  });

  it('that is none is http_protocol_error', async () => {
    const upstream = await rawUpstream((socket) => socket.once('data', () => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n')));
    expect(await failureOf(http2().send(request(upstream.authority), within()))).toEqual(failure('http_protocol_error', true));
  });

  it('that never answers is http_response_timeout, and its stream is cancelled while the connection stays', async () => {
    const upstream = await inTheClear((stream, fields) => {
      if (upstream.streams.length > 1) good(stream, fields);
    });
    const clock = new FakeClock();
    const transport = open({ protocol: 'http2', responseHeadersTimeoutMs: 60 }, { clock });
    const late = failureOf(transport.send(request(upstream.authority), within()));
    await expect.poll(() => upstream.streams.length).toBe(1);
    await clock.advance(60);
    expect(await late).toEqual(failure('http_response_timeout', true));
    await expect.poll(() => upstream.streams[0]?.rstCode).toBe(constants.NGHTTP2_CANCEL);
    expect(await textOf(await transport.send(request(upstream.authority), within()))).toBe('good');
    expect(upstream.sessions.length).toBe(1);
  });

  it('that is reached by two upstreams makes neither give up for the other one’s impatience', async () => {
    const upstream = await rawUpstream(() => undefined);
    const clock = new FakeClock();
    const transports = nodeTransports({ clock, secrets: { current: () => expect.unreachable() } });
    const started: [number, ReturnType<typeof failureOf>][] = [3_000, 300, 900].map((connectTimeoutMs) => {
      const transport = transports.open({ ...profile, protocol: 'http2', connectTimeoutMs });
      atEnd(() => transport.close());
      return [connectTimeoutMs, failureOf(transport.send(request(upstream.authority), within({ deadline: clock.now() + 50_000 })))];
    });
    const over: number[] = [];
    for (const [connectTimeoutMs, failed] of started) void failed.then(() => over.push(connectTimeoutMs));
    await expect.poll(() => upstream.sockets.length).toBe(3);
    for (const soFar of [[300], [300, 900], [300, 900, 3_000]]) {
      await clock.advance(soFar.at(-1)! - (soFar.at(-2) ?? 0));
      await expect.poll(() => over).toEqual(soFar);
    }
  });

  it('answers who waits for another connection over the one that is there', async () => {
    const upstream = await inTheClear(good);
    const front = await rawUpstream((socket, connection) => {
      if (connection === 1) return;
      const behind = connect(Number(upstream.authority.split(':')[1]), 'localhost');
      behind.on('error', () => undefined);
      socket.pipe(behind).pipe(socket);
    });
    const transports = nodeTransports({ clock: systemClock, secrets: { current: () => expect.unreachable() } });
    const [patient, quick] = [60_000, 59_000].map((connectTimeoutMs) => {
      const transport = transports.open({ ...profile, protocol: 'http2', connectTimeoutMs });
      atEnd(() => transport.close());
      return transport;
    });
    const gone = new AbortController();
    const silent = patient!.send(request(front.authority), within({ signal: gone.signal }));
    const waits = patient!.send(request(front.authority), within());
    await expect.poll(() => front.sockets.length).toBe(1);
    expect(await textOf(await quick!.send(request(front.authority), within()))).toBe('good');
    expect(await textOf(await waits)).toBe('good');
    expect(front.sockets.length).toBe(2);
    gone.abort(new Error('gone'));
    await expect(silent).rejects.toThrow('gone');
    front.sockets[0]?.destroy();
  });

  it.each(['a time-out', 'a try that was given up'])(
    'that has gone without a word is found out after %s: the next request goes over another connection',
    async (what) => {
      const upstream = await inTheClear(good);
      const relay = await relayTo(Number(upstream.authority.split(':')[1]));
      const clock = new FakeClock();
      const transport = open({ protocol: 'http2', responseHeadersTimeoutMs: 800, connectTimeoutMs: 1_500 }, { clock });
      await textOf(await transport.send(request(relay.authority), within()));
      relay.loseConnections();
      const patience = new AbortController();
      const lost = failureOf(transport.send(request(relay.authority), within({ signal: patience.signal })));
      if (what === 'a time-out') await clock.advance(800);
      else patience.abort(new UpstreamError('http_response_timeout', true));
      expect(await lost).toEqual(failure('http_response_timeout', true));
      expect(await textOf(await transport.send(request(relay.authority), within()))).toBe('good');
      expect(upstream.sessions.length).toBe(2);
      expect(relay.sockets.map(({ destroyed }) => destroyed)).toEqual([false, false]);
      await clock.advance(1_500);
      await expect.poll(() => relay.sockets.map(({ destroyed }) => destroyed)).toEqual([true, false]);
    },
  );

  it('that stops within the content is connection_read_timeout', async () => {
    const upstream = await inTheClear((stream) => {
      stream.respond({ ':status': 200 });
      stream.write('part');
    });
    expect(await failureOf(http2({ idleTimeoutMs: 60 }).send(request(upstream.authority), within()))).toEqual(
      failure('connection_read_timeout', true),
    );
  });

  it('sees the stream cancelled when the request is aborted or the content is not wanted', async () => {
    const upstream = await inTheClear((stream) => {
      stream.respond({ ':status': 200 });
      stream.write('part');
    });
    const transport = http2();
    const abort = new AbortController();
    const response = await transport.send(request(upstream.authority), within({ signal: abort.signal }));
    abort.abort(new TypeError('gone'));
    await expect(textOf(response)).rejects.toThrow(new TypeError('gone'));
    const other = await transport.send(request(upstream.authority), within());
    await (other.body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]().return?.();
    await expect
      .poll(() => upstream.streams.map((stream) => stream.rstCode))
      .toEqual([constants.NGHTTP2_CANCEL, constants.NGHTTP2_CANCEL]);
  });

  it('that sends 1xx responses without end is http_protocol_error', async () => {
    const upstream = await inTheClear((stream) => {
      const timer = setInterval(() => {
        for (let at = 0; at < 20 && !stream.destroyed; at++) stream.additionalHeaders({ ':status': 103 });
      }, 5);
      stream.on('close', () => {
        clearInterval(timer);
      });
    });
    expect(await failureOf(http2().send(request(upstream.authority), within()))).toEqual(failure('http_protocol_error', true));
  });

  it('that is asked first is sent the content when it says so, and not when it refuses', async () => {
    const upstream = await inTheClear((stream, fields) => {
      let content = '';
      stream.on('data', (chunk: Buffer) => (content += chunk.toString()));
      stream.on('end', () => stream.end(content));
      if (fields.includes('/yes')) {
        stream.additionalHeaders({ ':status': 100 });
        stream.respond({ ':status': 200 });
      } else {
        stream.respond({ ':status': 417 }, { endStream: true });
      }
    });
    const headers = HeaderList.of(['expect', '100-continue']);
    const transport = http2();
    const ask = (target: string): Promise<{ status: number; text: string }> =>
      transport
        .send(request(upstream.authority, { method: 'PUT', target, body: pieces('data'), headers }), within())
        .then(async (response) => ({ status: response.status, text: await textOf(response) }));
    expect(await ask('/yes')).toEqual({ status: 200, text: 'data' });
    expect(await ask('/no')).toEqual({ status: 417, text: '' });
  });

  it('is not sent what is no message, and a request broken off is reset', async () => {
    let ended = false;
    const upstream = await inTheClear((stream) => {
      stream.resume().on('end', () => (ended = !stream.aborted && stream.rstCode === 0));
    });
    const transport = http2();
    for (const over of [
      { headers: new HeaderList(['x-a', '1\r\n2']) },
      { headers: new HeaderList(['x a', '1']) },
      { method: 'A B' },
    ]) {
      expect(await failureOf(transport.send(request(upstream.authority, over), within()))).toEqual(
        failure('http_protocol_error', false),
      );
    }
    expect(upstream.streams).toEqual([]);
    const body = (async function* () {
      yield Buffer.from('part');
      await sleep(30);
      throw new TypeError('gone');
    })();
    await expect(transport.send(request(upstream.authority, { method: 'PUT', body }), within())).rejects.toThrow(
      new TypeError('gone'),
    );
    await expect.poll(() => upstream.streams[0]?.destroyed).toBe(true);
    expect([upstream.streams[0]?.rstCode, ended]).toEqual([constants.NGHTTP2_INTERNAL_ERROR, false]);
  });

  it('waiting to be connected does not keep a request longer than its deadline or its client', async () => {
    const clock = new FakeClock();
    const transport = open({ protocol: 'http2', connectTimeoutMs: 2_000 }, { clock, resolve: () => new Promise(() => undefined) });
    atEnd(() => clock.advance(2_000));
    const late = failureOf(transport.send(request('slow.example'), { deadline: clock.now() + 40 }));
    const abort = new AbortController();
    const aborted = transport.send(request('slow.example'), within({ signal: abort.signal }));
    abort.abort(new TypeError('gone'));
    await expect(aborted).rejects.toThrow(new TypeError('gone'));
    await clock.advance(40);
    expect(await late).toEqual(failure('http_response_timeout', false));
  });

  it('that refuses connections is connection_refused for everybody who waited', async () => {
    const server = createServer();
    const port = await listen(server as unknown as Server);
    await new Promise<void>((resolve) => {
      server.close(() => {
        resolve();
      });
    });
    const transport = http2();
    const all = await Promise.all([1, 2, 3].map(() => failureOf(transport.send(request(`localhost:${port}`), within()))));
    expect(all.map(({ type, requestSent }) => [type, requestSent])).toEqual(all.map(() => ['connection_refused', false]));
  });
});

describe('ALPN', () => {
  let issuer: Issuer;
  beforeAll(() => {
    issuer = createIssuer();
  });
  afterAll(() => {
    issuer.remove();
  });
  const transport = (): Transport =>
    open({ protocol: 'http2', tls: { ca: 'ca' } }, { secrets: { current: () => ({ value: issuer.ca, version: '1' }) } });

  it('chooses HTTP/2 where the upstream has it', async () => {
    const upstream = await started(createSecureServer(issuer.issue('DNS:localhost')) as unknown as Http2Server, good);
    expect(await textOf(await transport().send(request(upstream.authority, { scheme: 'https' }), within()))).toBe('good');
    expect(upstream.sessions.length).toBe(1);
  });

  it('chooses HTTP/1.1 where it has not: every request is answered all the same', async () => {
    const server = createHttpsServer(issuer.issue('DNS:localhost'), (message, response) => response.end(message.httpVersion));
    const port = await listen(server as unknown as Server);
    atEnd(() => {
      server.closeAllConnections();
      server.close();
    });
    const both = transport();
    const texts = await Promise.all(
      [1, 2, 3].map(async () => textOf(await both.send(request(`localhost:${port}`, { scheme: 'https' }), within()))),
    );
    expect(texts).toEqual(['1.1', '1.1', '1.1']);
    expect(await textOf(await both.send(request(`localhost:${port}`, { scheme: 'https' }), within()))).toBe('1.1');
  });
});
