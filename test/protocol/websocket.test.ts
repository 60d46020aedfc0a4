import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import type { ClientOptions, RawData, ServerOptions } from 'ws';
import { selfSigned } from '../support/self-signed.ts';
import { startStack } from './stack.ts';
import type { Stack, StackOptions } from './stack.ts';

/** WebSocket (RFC 6455) through the gateway, with a client and a server that are not ours. */

interface Backend {
  readonly url: string;
  readonly server: Server;
  readonly requests: IncomingMessage[];
  readonly sockets: WebSocket[];
}

async function startBackend(
  onConnection: (socket: WebSocket) => void = () => undefined,
  options: Partial<ServerOptions> = {},
): Promise<Backend> {
  const server = createServer((_request, response) => {
    response.writeHead(426, { upgrade: 'websocket' }).end('a WebSocket, please');
  });
  const accepting = new WebSocketServer({ maxPayload: 64 * 1_024 * 1_024, ...options, noServer: false, server });
  const requests: IncomingMessage[] = [];
  const sockets: WebSocket[] = [];
  accepting.on('connection', (socket, request) => {
    requests.push(request);
    sockets.push(socket);
    socket.on('error', () => undefined);
    onConnection(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.terminate();
    accepting.close();
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server, requests, sockets };
}

function open({ port }: Stack, options: ClientOptions = {}, protocols: string[] = [], scheme = 'ws'): WebSocket {
  const socket = new WebSocket(`${scheme}://127.0.0.1:${port}/chat?room=1`, protocols, options);
  onTestFinished(() => {
    socket.on('error', () => undefined);
    socket.terminate();
  });
  return socket;
}

async function through(
  backend: Backend,
  options: StackOptions = {},
): Promise<{ readonly stack: Stack; readonly socket: WebSocket }> {
  const stack = await startStack(backend.url, options);
  const socket = open(stack);
  await once(socket, 'open');
  return { stack, socket };
}

const closed = async (socket: WebSocket): Promise<readonly [code: number, reason: string]> => {
  const [code, reason] = (await once(socket, 'close')) as [number, Buffer];
  return [code, reason.toString()];
};

const echo = (socket: WebSocket): void => {
  socket.on('message', (data: RawData, isBinary) => {
    socket.send(data, { binary: isBinary });
  });
};

describe('a WebSocket through the gateway', () => {
  it('carries text and binary messages in order, pings, and the subprotocol that was agreed', async () => {
    const backend = await startBackend(echo, { handleProtocols: (offered) => ([...offered].includes('v2') ? 'v2' : false) });
    const stack = await startStack(backend.url);
    const socket = open(stack, { headers: { authorization: 'Bearer a', cookie: 'a=1' } }, ['v1', 'v2']);
    await once(socket, 'open');
    expect(socket.protocol).toBe('v2');
    const received: string[] = [];
    socket.on('message', (data: Buffer, isBinary) => received.push(`${isBinary ? 'binary' : 'text'} ${data.toString()}`));
    for (let n = 0; n < 100; n++) socket.send(n % 2 === 0 ? `${n}` : Buffer.from(`${n}`));
    await expect.poll(() => received.length).toBe(100);
    expect(received).toEqual(Array.from({ length: 100 }, (_, n) => `${n % 2 === 0 ? 'text' : 'binary'} ${n}`));
    const ponged = once(socket, 'pong') as Promise<[Buffer]>;
    socket.ping('are you there');
    expect((await ponged)[0].toString()).toBe('are you there');
    const [request] = backend.requests;
    expect(request).toMatchObject({ url: '/chat?room=1', headers: { authorization: 'Bearer a', cookie: 'a=1' } });
    expect(request?.headers).toMatchObject({ 'x-forwarded-for': '127.0.0.1', via: '1.1 portolan', connection: 'upgrade' });
  });

  it('carries messages of 16 MiB both ways, byte for byte', async () => {
    const backend = await startBackend(echo);
    const { socket } = await through(backend);
    const message = randomBytes(16 * 1_024 * 1_024);
    const answered = once(socket, 'message') as Promise<[Buffer]>;
    socket.send(message);
    expect((await answered)[0].equals(message)).toBe(true);
  });

  it.each([
    ['the client', 1_000, 'done'],
    ['the client', 4_001, 'my own reason'],
    ['the backend', 1_001, 'going away'],
    ['the backend', 4_999, ''],
  ])('is closed by %s with code %i and its reason, as the other side sees', async (side, code, reason) => {
    const backend = await startBackend();
    const { socket } = await through(backend);
    await expect.poll(() => backend.sockets.length).toBe(1);
    const [other] = backend.sockets as [WebSocket];
    const [from, to] = side === 'the client' ? [socket, other] : [other, socket];
    const seen = closed(to);
    from.close(code, reason);
    expect(await seen).toEqual([code, reason]);
  });

  it('ends at the client when the backend dies, and at the backend when the client does: 1006, no close frame', async () => {
    const backend = await startBackend();
    const first = await through(backend);
    const atClient = closed(first.socket);
    backend.sockets[0]?.terminate();
    expect(await atClient).toEqual([1_006, '']);
    const second = open(first.stack);
    await once(second, 'open');
    const [, other] = backend.sockets as [WebSocket, WebSocket];
    const atBackend = closed(other);
    second.terminate();
    expect(await atBackend).toEqual([1_006, '']);
  });

  it('that the backend refuses is refused to the client, with the status, fields and content', async () => {
    const backend = await startBackend(undefined, {
      verifyClient: (_info, answer) => {
        answer(false, 401, 'sign in first', { 'www-authenticate': 'Bearer' });
      },
    });
    const stack = await startStack(backend.url);
    const socket = open(stack);
    const [, answer] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage];
    const content: Buffer[] = [];
    for await (const chunk of answer) content.push(chunk as Buffer);
    expect([answer.statusCode, answer.headers['www-authenticate'], Buffer.concat(content).toString()]).toEqual([
      401,
      'Bearer',
      'sign in first',
    ]);
    expect(stack.gateway.lines()).toMatchObject([{ 'http.response.status_code': 401, 'http.route': 'all' }]);
  });

  it('to a backend that is not there is a 502 problem, and to a route without upgrade an ordinary request', async () => {
    const stack = await startStack('http://127.0.0.1:1');
    const [, answer] = (await once(open(stack), 'unexpected-response')) as [unknown, IncomingMessage];
    expect([answer.statusCode, answer.headers['content-type']]).toEqual([502, 'application/problem+json']);
    answer.destroy();
    const backend = await startBackend(echo);
    const plain = await startStack(backend.url, { route: { upgrade: false } });
    const [, refused] = (await once(open(plain), 'unexpected-response')) as [unknown, IncomingMessage];
    expect(refused.statusCode).toBe(426);
    expect(backend.sockets).toHaveLength(0);
    refused.destroy();
  });

  it('over TLS is one too, and HTTP/2 does not get in its way', async () => {
    const tls = selfSigned();
    const backend = await startBackend(echo);
    const stack = await startStack(backend.url, { server: { tls } });
    const socket = open(stack, { ca: tls.cert }, [], 'wss');
    await once(socket, 'open');
    const answered = once(socket, 'message') as Promise<[Buffer]>;
    socket.send('secret');
    expect((await answered)[0].toString()).toBe('secret');
    expect(backend.requests[0]?.headers['x-forwarded-proto']).toBe('https');
  });

  it('leaves one access line with its 101', async () => {
    const backend = await startBackend(echo);
    const { stack, socket } = await through(backend);
    socket.close(1_000);
    await closed(socket);
    expect(stack.gateway.lines()).toMatchObject([{ 'http.response.status_code': 101, 'http.route': 'all', upstream: 'backend' }]);
    expect(stack.gateway.logged.filter(({ event }) => event === 'bug')).toEqual([]);
  });

  it('many at once, each its own messages', async () => {
    const backend = await startBackend(echo);
    const stack = await startStack(backend.url);
    const answers = await Promise.all(
      Array.from({ length: 50 }, async (_, n) => {
        const socket = open(stack);
        await once(socket, 'open');
        const answered = once(socket, 'message') as Promise<[Buffer]>;
        socket.send(`message of ${n}`);
        return (await answered)[0].toString();
      }),
    );
    expect(answers).toEqual(Array.from({ length: 50 }, (_, n) => `message of ${n}`));
  });
});
