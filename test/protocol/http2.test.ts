import { once } from 'node:events';
import { connect, constants, createServer } from 'node:http2';
import type {
  ClientHttp2Session,
  ClientHttp2Stream,
  IncomingHttpHeaders,
  OutgoingHttpHeaders,
  ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { responseText } from '../probe/arena.ts';
import { Origin } from '../probe/origin.ts';
import type { OriginScript } from '../probe/origin.ts';
import { selfSigned } from '../support/self-signed.ts';
import { startStack } from './stack.ts';
import type { Stack, StackOptions } from './stack.ts';

/** HTTP/2 to clients (RFC 9113) through the whole stack, with Node's own client. */

let tls: { readonly cert: string; readonly key: string };
beforeAll(() => {
  tls = selfSigned();
});

async function startOrigin(script: OriginScript): Promise<{ readonly origin: Origin; readonly url: string }> {
  const origin = new Origin(script);
  const port = await origin.listen();
  onTestFinished(() => origin.close());
  return { origin, url: `http://127.0.0.1:${port}` };
}

function client({ port }: Stack, encrypted = false): ClientHttp2Session {
  const session = connect(`${encrypted ? 'https' : 'http'}://127.0.0.1:${port}`, encrypted ? { ca: tls.cert } : {});
  session.on('error', () => undefined);
  onTestFinished(() => {
    session.destroy();
  });
  return session;
}

interface Answer {
  readonly headers: IncomingHttpHeaders & { readonly ':status'?: number };
  readonly text: string;
  readonly trailers: IncomingHttpHeaders | undefined;
  readonly informational: readonly IncomingHttpHeaders[];
  /** RST_STREAM's; 0 for a whole answer. */
  readonly code: number | undefined;
}

function answerOf(stream: ClientHttp2Stream): Promise<Answer> {
  const informational: IncomingHttpHeaders[] = [];
  let headers: IncomingHttpHeaders = {};
  let trailers: IncomingHttpHeaders | undefined;
  let text = '';
  stream.on('headers', (fields: IncomingHttpHeaders) => informational.push(fields));
  stream.on('response', (fields) => (headers = fields));
  stream.on('trailers', (fields: IncomingHttpHeaders) => (trailers = Object.fromEntries(Object.entries(fields))));
  stream.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
  stream.on('error', () => undefined);
  return new Promise((resolve) => {
    stream.on('close', () => {
      resolve({ headers, text, trailers, informational, code: stream.rstCode });
    });
  });
}

const ask = (session: ClientHttp2Session, fields: OutgoingHttpHeaders = {}, content?: string): Promise<Answer> => {
  const stream = session.request(
    { ':path': '/', ':authority': 'api.example.com', ...fields },
    { endStream: content === undefined },
  );
  if (content !== undefined) stream.end(content);
  return answerOf(stream);
};

const telling: OriginScript = {
  onRequest: (seen, socket) => socket.write(responseText(200, [], `${seen.method} ${seen.target} ${seen.body}`)),
};

describe.each([
  ['in the clear, with prior knowledge', false],
  ['over TLS, by ALPN', true],
])('HTTP/2 %s', (_, encrypted) => {
  const stackOf = (url: string, options: StackOptions = {}): Promise<Stack> =>
    startStack(url, { ...options, server: { ...options.server, ...(encrypted && { tls }) } });

  it('reaches a backend that speaks HTTP/1.1 as an ordinary request, and says so in Via', async () => {
    const { origin, url } = await startOrigin(telling);
    const session = client(await stackOf(url), encrypted);
    const { headers, text, code } = await ask(
      session,
      { ':method': 'POST', ':path': '/a%20b?c', cookie: ['a=1', 'b=2'] },
      'content',
    );
    expect([headers[':status'], text, code]).toEqual([200, 'POST /a%20b?c content', 0]);
    expect(headers.via).toBe('1.1 portolan');
    expect(session.alpnProtocol).toBe(encrypted ? 'h2' : 'h2c');
    const { last } = origin;
    expect([last.field('via'), last.field('host'), last.field('cookie')]).toEqual(['2 portolan', 'api.example.com', 'a=1; b=2']);
    expect([last.field('x-forwarded-proto'), last.field('x-forwarded-host')]).toEqual([
      encrypted ? 'https' : 'http',
      'api.example.com',
    ]);
  });

  it('has many streams at once on one connection, each with its own answer', async () => {
    const waiting: (() => void)[] = [];
    const { origin, url } = await startOrigin({
      onRequest: (seen, socket) => {
        waiting.push(() => socket.write(responseText(200, [], seen.target)));
        // The last come first, and none before all are there.
        if (waiting.length === 40) for (const answer of waiting.toReversed()) answer();
      },
    });
    const session = client(await stackOf(url), encrypted);
    const answers = await Promise.all(Array.from({ length: 40 }, (_each, n) => ask(session, { ':path': `/${n}` })));
    expect(answers.map(({ text }) => text)).toEqual(answers.map((_each, n) => `/${n}`));
    expect(origin.sockets).toHaveLength(40);
  });

  it('a stream that the client resets ends its request at the backend, and no other', async () => {
    const { origin, url } = await startOrigin({
      onRequest: (seen, socket) => {
        if (seen.target === '/slow') socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n');
        else if (seen.target !== '/silent') socket.write(responseText(200, [], 'honest'));
      },
    });
    const stack = await stackOf(url);
    const session = client(stack, encrypted);
    for (const path of ['/slow', '/silent']) {
      const stream = session.request({ ':path': path });
      stream.on('error', () => undefined);
      if (path === '/slow') await once(stream, 'data');
      else await origin.until(() => origin.last.target === '/silent');
      const socket = origin.sockets.at(-1);
      stream.close(constants.NGHTTP2_CANCEL);
      await expect.poll(() => socket?.destroyed).toBe(true);
      expect(await ask(session, { ':path': `/after${path}` })).toMatchObject({ text: 'honest', code: 0 });
    }
    await expect.poll(() => stack.gateway.lines().length).toBe(4);
    expect(stack.gateway.lines().map((line) => line['error.type'])).toContain('client_gone');
    expect(stack.gateway.logged.filter(({ event }) => event === 'bug')).toEqual([]);
  });

  it('a client that goes away takes all its requests with it', async () => {
    const { origin, url } = await startOrigin({});
    const session = client(await stackOf(url), encrypted);
    for (let n = 0; n < 5; n++) session.request({ ':path': `/${n}` }).on('error', () => undefined);
    await origin.until(() => origin.requests.length === 5);
    session.destroy();
    await expect.poll(() => origin.sockets.every(({ destroyed }) => destroyed)).toBe(true);
  });

  it('a client that says it goes away (GOAWAY) still gets what it has asked for', async () => {
    let answer = (): void => undefined;
    const { origin, url } = await startOrigin({
      onRequest: (_seen, socket) => {
        answer = () => void socket.write(responseText(200, [], 'late'));
      },
    });
    const session = client(await stackOf(url), encrypted);
    const asked = ask(session);
    await origin.until(() => origin.requests.length === 1);
    session.close();
    answer();
    expect(await asked).toMatchObject({ text: 'late', code: 0 });
  });

  it('the server says that it goes away when it closes, and finishes what it has', async () => {
    let answer = (): void => undefined;
    const { origin, url } = await startOrigin({
      onRequest: (_seen, socket) => {
        answer = () => void socket.write(responseText(200, [], 'last'));
      },
    });
    const stack = await stackOf(url);
    const session = client(stack, encrypted);
    const goingAway = once(session, 'goaway');
    const asked = ask(session);
    await origin.until(() => origin.requests.length === 1);
    const closed = stack.close();
    expect((await goingAway)[0]).toBe(constants.NGHTTP2_NO_ERROR);
    answer();
    expect(await asked).toMatchObject({ text: 'last', code: 0 });
    await closed;
  });

  it('passes 103, and trailers both ways, but not those that may not come late', async () => {
    const { origin, url } = await startOrigin({
      onRequest: (_seen, socket) =>
        socket.write(
          'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n' +
            'X-Sum: abc\r\nSet-Cookie: a=1\r\n\r\n',
        ),
    });
    const session = client(await stackOf(url), encrypted);
    const stream = session.request({ ':method': 'POST', ':path': '/', te: 'trailers' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => {
      stream.sendTrailers({ 'x-sum': 'def', authorization: 'late' });
    });
    stream.end('content');
    const { text, trailers, informational } = await answerOf(stream);
    expect([text, trailers]).toEqual(['ok', { 'x-sum': 'abc' }]);
    expect(informational).toMatchObject([{ ':status': 103, link: '</a.css>; rel=preload' }]);
    expect([origin.last.body, origin.last.trailers, origin.last.field('te')]).toEqual(['content', [['x-sum', 'def']], 'trailers']);
  });

  it('resets a stream whose answer the backend breaks off: it never looks whole (F10)', async () => {
    const { url } = await startOrigin({
      onRequest: (_seen, socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc'),
    });
    const session = client(await stackOf(url), encrypted);
    const { headers, code } = await ask(session);
    if (headers[':status'] === 200) expect(code).not.toBe(0);
    else expect(headers[':status']).toBe(502);
    expect(session.destroyed).toBe(false);
  });

  it('tells a client that expects 100 when the backend does, and a refusal instead', async () => {
    const { origin, url } = await startOrigin({
      onHead: (seen, socket) => {
        if (seen.target === '/no') socket.write(responseText(401, [], 'no'));
        else socket.write('HTTP/1.1 100 Continue\r\n\r\n');
      },
      onRequest: (_seen, socket) => socket.write(responseText(200, [], 'yes')),
    });
    const session = client(await stackOf(url), encrypted);
    const asking = (path: string): ClientHttp2Stream =>
      session.request({ ':method': 'POST', ':path': path, expect: '100-continue', 'content-length': 4 }, { endStream: false });
    const good = asking('/yes');
    await once(good, 'continue');
    good.end('body');
    expect((await answerOf(good)).text).toBe('yes');
    expect(origin.last.body).toBe('body');
    const refused = asking('/no');
    let continued = 0;
    refused.on('continue', () => continued++);
    const [fields] = (await once(refused, 'response')) as [IncomingHttpHeaders & { ':status'?: number }];
    expect([fields[':status'], continued]).toEqual([401, 0]);
    refused.close();
    expect(origin.requests.map(({ target }) => target)).toEqual(['/yes']);
  });

  it('offers no extended CONNECT, and refuses CONNECT', async () => {
    const { origin, url } = await startOrigin(telling);
    const session = client(await stackOf(url), encrypted);
    if (session.connecting) await once(session, 'remoteSettings');
    expect((await answerOf(session.request({ ':method': 'CONNECT', ':authority': 'other.example:443' }))).headers[':status']).toBe(
      405,
    );
    expect(session.remoteSettings.enableConnectProtocol ?? false).toBe(false);
    expect(origin.sockets).toHaveLength(0);
  });

  it('survives a client that opens and resets streams as fast as it can (CVE-2023-44487)', async () => {
    const { origin, url } = await startOrigin(telling);
    const stack = await stackOf(url);
    const hostile = client(stack, encrypted);
    await once(hostile, 'remoteSettings');
    for (let n = 0; n < 2_000 && !hostile.destroyed && !hostile.closed; n++) {
      const stream = hostile.request({ ':path': `/${n}` });
      stream.on('error', () => undefined);
      stream.close(constants.NGHTTP2_CANCEL);
      if (n % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await ask(client(stack, encrypted), { ':path': '/honest' })).toMatchObject({ text: 'GET /honest ' });
    hostile.destroy();
    await expect.poll(() => origin.sockets.filter(({ destroyed }) => !destroyed).length).toBeLessThanOrEqual(2);
  });
});

describe('HTTP/2 on both sides', () => {
  async function startBackend(answer: (stream: ServerHttp2Stream, fields: IncomingHttpHeaders) => void): Promise<string> {
    const server = createServer();
    server.on('stream', (stream, fields) => {
      stream.on('error', () => undefined);
      answer(stream, fields);
    });
    const sessions = new Set<{ destroy(): void }>();
    server.on('session', (session) => sessions.add(session));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => {
      for (const session of sessions) session.destroy();
      server.close();
    });
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  it('passes what gRPC needs: fields, messages both ways as they come, and trailers with the status', async () => {
    const seen: IncomingHttpHeaders[] = [];
    const url = await startBackend((stream, fields) => {
      seen.push(fields);
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => {
        stream.sendTrailers({ 'grpc-status': '0', 'grpc-message': 'fine' });
      });
      stream.on('data', (chunk: Buffer) => stream.write(`echo ${chunk.toString()}`));
      stream.on('end', () => stream.end());
    });
    const stack = await startStack(url, { upstream: { protocol: 'http2' } });
    const stream = client(stack).request({
      ':method': 'POST',
      ':path': '/service/Method',
      te: 'trailers',
      'content-type': 'application/grpc',
    });
    const answered = answerOf(stream);
    const [fields] = (await once(stream, 'response')) as [IncomingHttpHeaders];
    expect(fields.via).toBe('2 portolan');
    for (const message of ['one', 'two', 'three']) {
      const back = once(stream, 'data') as Promise<[Buffer]>;
      stream.write(message);
      expect((await back)[0].toString()).toBe(`echo ${message}`);
    }
    stream.end();
    const { trailers, code } = await answered;
    expect([trailers, code]).toEqual([{ 'grpc-status': '0', 'grpc-message': 'fine' }, 0]);
    expect(seen[0]).toMatchObject({ te: 'trailers', via: '2 portolan', ':path': '/service/Method' });
  });

  it('passes a reset on, both ways', async () => {
    const closed: (number | undefined)[] = [];
    const url = await startBackend((stream, fields) => {
      stream.on('close', () => closed.push(stream.rstCode));
      stream.respond({ ':status': 200 });
      stream.write('begun');
      if (fields[':path'] === '/break') setTimeout(() => stream.destroy(new Error('broken')), 20);
    });
    const session = client(await startStack(url, { upstream: { protocol: 'http2' } }));
    const broken = await ask(session, { ':path': '/break' });
    expect([broken.headers[':status'], broken.text, broken.code === 0]).toEqual([200, 'begun', false]);
    const stream = session.request({ ':path': '/hang' });
    stream.on('error', () => undefined);
    await once(stream, 'data');
    closed.length = 0;
    stream.close(constants.NGHTTP2_CANCEL);
    await expect.poll(() => closed).toEqual([constants.NGHTTP2_CANCEL]);
    expect(session.destroyed).toBe(false);
  });
});
