import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect as connectHttp2, constants as constants2, createServer as createHttp2Server } from 'node:http2';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { constants, gunzipSync } from 'node:zlib';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../adapters/node/system-clock.ts';
import { readMessage } from '../probe/wire.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { startStack } from './stack.ts';
import type { Stack, StackOptions } from './stack.ts';

/** Content on its way: at the pace of whoever is slower, with bounded memory, byte for byte, and event by event. */

const mebibyte = 1_024 * 1_024;
const total = 50 * mebibyte;
const piece = Buffer.from(Array.from({ length: 65_536 }, (_, n) => (n * 7 + (n >> 8)) & 0xff));
const digestOfAll = (() => {
  const hash = createHash('sha256');
  for (let at = 0; at < total; at += piece.length) hash.update(piece);
  return hash.digest('hex');
})();

async function listen(onSocket: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    onSocket(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Answers GET; `asked` is when the first request is there. */
async function startOrigin(protocol: 'http1' | 'http2'): Promise<{ readonly url: string; readonly asked: Promise<void> }> {
  const server = protocol === 'http1' ? createHttpServer() : createHttp2Server();
  const asked = Promise.withResolvers<void>();
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    asked.resolve();
    request.on('error', () => undefined);
    if (request.method === 'GET') response.end('honest');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked: asked.promise };
}

function client(port: number): Socket {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  onTestFinished(() => {
    socket.destroy();
  });
  return socket;
}

/** Writes everything as fast as it is taken, and tells how much has left this process. */
class Pour {
  #written = 0;
  readonly #to: Socket;

  constructor(to: Socket, head: string) {
    this.#to = to;
    to.write(head);
    to.on('drain', () => {
      this.#go();
    });
    this.#go();
  }

  get closed(): boolean {
    return this.#to.destroyed;
  }

  get gone(): number {
    return this.#written - this.#to.writableLength;
  }

  #go(): void {
    while (this.#written < total) {
      this.#written += piece.length;
      if (!this.#to.write(piece)) return;
    }
  }
}

/** What is on its way when nothing moves any more, seen three times. */
async function settled(pour: () => Pour | undefined): Promise<number> {
  const seen: number[] = [];
  for (;;) {
    const now = pour()?.gone ?? 0;
    if (now > 0 && seen.at(-1) === now && seen.at(-2) === now) return now;
    seen.push(now);
    await sleep(100);
  }
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Bytes that Node holds outside its heap, and that somebody still needs: sockets' buffers are there. */
function held(): number {
  collectGarbage();
  return process.memoryUsage().arrayBuffers;
}

/** What two pairs of sockets hold in the kernel at most, with its largest windows, and some chunks of ours. */
const inFlightAtMost = 24 * mebibyte;
const heldAtMost = 12 * mebibyte;

class Digest {
  readonly #hash = createHash('sha256');
  length = 0;

  add(chunk: Uint8Array): void {
    this.#hash.update(chunk);
    this.length += chunk.length;
  }

  get text(): string {
    return this.#hash.digest('hex');
  }
}

interface Pouring {
  readonly port: number;
  readonly stack: Stack;
  readonly pour: () => Pour | undefined;
}

async function pouring(options: StackOptions): Promise<Pouring> {
  let pour: Pour | undefined;
  const url = await listen((socket) => {
    socket.once('data', () => {
      pour = new Pour(socket, `HTTP/1.1 200 OK\r\nContent-Length: ${total}\r\n\r\n`);
    });
  });
  const stack = await startStack(url, options);
  return { port: stack.port, stack, pour: () => pour };
}

describe('an answer of 50 MiB', () => {
  const idleMs = 200;
  const upstream = { timeouts: { idleMs } };

  it('waits with the backend for a client that does not read, and arrives byte for byte when it does', async () => {
    const clock = new FakeClock({ now: systemClock.now() });
    const { port, pour } = await pouring({ upstream, clock });
    const before = held();
    const socket = client(port);
    socket.pause();
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    expect(await settled(pour)).toBeLessThan(inFlightAtMost);
    // No time-out of the backend runs while the client is the slow one.
    await clock.advance(10 * idleMs);
    expect(held() - before).toBeLessThan(heldAtMost);
    const digest = new Digest();
    let head = '';
    socket.on('data', (chunk: Buffer) => {
      if (digest.length > 0 || head.includes('\r\n\r\n')) {
        digest.add(chunk);
        return;
      }
      head += chunk.toString('latin1');
      const end = head.indexOf('\r\n\r\n');
      if (end !== -1) digest.add(Buffer.from(head.slice(end + 4), 'latin1'));
    });
    socket.resume();
    await expect.poll(() => digest.length).toBe(total);
    expect(digest.text).toBe(digestOfAll);
  });

  it('does so over HTTP/2 too, and another stream on the connection is not kept waiting', async () => {
    const clock = new FakeClock({ now: systemClock.now() });
    const { port, pour } = await pouring({ upstream, clock });
    const before = held();
    const session = connectHttp2(`http://127.0.0.1:${port}`, { settings: { initialWindowSize: 65_535 } });
    session.on('error', () => undefined);
    onTestFinished(() => {
      session.destroy();
    });
    const stream = session.request({ ':path': '/' });
    await once(stream, 'response');
    expect(await settled(pour)).toBeLessThan(inFlightAtMost);
    await clock.advance(10 * idleMs);
    expect(held() - before).toBeLessThan(heldAtMost);
    const other = session.request({ ':path': '/other' });
    await once(other, 'response');
    other.on('error', () => undefined);
    other.close(8);
    const digest = new Digest();
    for await (const chunk of stream) digest.add(chunk as Buffer);
    expect([digest.length, digest.text]).toEqual([total, digestOfAll]);
  });

  it('of which the client has had enough ends at the backend', async () => {
    const { port, pour } = await pouring({});
    const socket = client(port);
    socket.pause();
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    const gone = await settled(pour);
    socket.destroy();
    await sleep(300);
    expect(pour()?.gone).toBeLessThan(gone + 8 * mebibyte);
  });
});

describe('an answer of which its client takes nothing for as long as may be', () => {
  const server = { limits: { sendTimeoutMs: 300, closeTimeoutMs: 120_000 } };

  it('ends with its connection, and at the backend, and the log says who went', async () => {
    const { port, stack, pour } = await pouring({ server });
    const socket = client(port);
    socket.pause();
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await expect.poll(() => stack.gateway.lines()).toHaveLength(1);
    expect(stack.gateway.lines()[0]).toMatchObject({ 'http.response.status_code': 200, 'error.type': 'client_gone' });
    await expect.poll(() => pour()?.closed).toBe(true);
    await stack.close();
  });

  it('ends over HTTP/2 too, where its connection goes on', async () => {
    const { port, stack, pour } = await pouring({ server });
    const session = connectHttp2(`http://127.0.0.1:${port}`, { settings: { initialWindowSize: 65_535 } });
    session.on('error', () => undefined);
    const stream = session.request({ ':path': '/' });
    const ended = once(stream, 'close');
    stream.on('error', () => undefined);
    await once(stream, 'response');
    await expect.poll(() => pour()?.closed).toBe(true);
    expect(stack.gateway.lines()).toHaveLength(1);
    stream.resume();
    await ended;
    expect(stream.rstCode).toBe(constants2.NGHTTP2_CANCEL);
    await new Promise((resolve) => {
      session.ping(resolve);
    });
    session.destroy();
    await stack.close();
  });

  it('does not end when the backend is the slow one', async () => {
    const url = await listen((socket) => {
      socket.once('data', () => {
        // more than the connection takes at once, so that there was something to wait for
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${4 * mebibyte + 4}\r\n\r\n`);
        socket.write(Buffer.alloc(4 * mebibyte));
        setTimeout(() => socket.write('late'), 1_000);
      });
    });
    const { port } = await startStack(url, { server });
    for (const socket of [client(port)]) {
      const digest = new Digest();
      socket.on('data', (chunk: Buffer) => {
        digest.add(chunk);
      });
      socket.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
      await once(socket, 'end');
      expect(digest.length).toBeGreaterThan(4 * mebibyte + 4);
    }
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    session.on('error', () => undefined);
    const digest = new Digest();
    for await (const chunk of session.request({ ':path': '/' })) digest.add(chunk as Buffer);
    expect(digest.length).toBe(4 * mebibyte + 4);
    session.destroy();
  });
});

describe('a request of 50 MiB', () => {
  it('waits with the client for a backend that does not read, and arrives byte for byte when it does', async () => {
    const digest = new Digest();
    let head = '';
    let at: Socket | undefined;
    const url = await listen((socket) => {
      at = socket;
      socket.pause();
      socket.on('data', (chunk: Buffer) => {
        if (head.includes('\r\n\r\n')) {
          digest.add(chunk);
        } else {
          head += chunk.toString('latin1');
          const end = head.indexOf('\r\n\r\n');
          if (end !== -1) digest.add(Buffer.from(head.slice(end + 4), 'latin1'));
        }
        if (digest.length === total) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      });
      socket.pause();
    });
    const { port } = await startStack(url, {
      route: { maxRequestBytes: total },
      server: { limits: { maxBodyBytes: total } },
    });
    const before = held();
    const socket = client(port);
    const pour = new Pour(socket, `PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: ${total}\r\n\r\n`);
    expect(await settled(() => pour)).toBeLessThan(inFlightAtMost);
    expect(held() - before).toBeLessThan(heldAtMost);
    at?.resume();
    let answer = '';
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')));
    await expect.poll(() => answer).toMatch(/^HTTP\/1\.1 200 [^]*ok$/);
    expect([digest.length, digest.text]).toEqual([total, digestOfAll]);
    expect(head).toContain(`\r\ncontent-length: ${total}\r\n`);
  });
});

describe('a client whose content comes in drops', () => {
  it.each([
    ['http1', 'route', 500, undefined],
    ['http1', 'try', 3_000, 500],
    ['http2', 'route', 500, undefined],
    ['http2', 'try', 3_000, 500],
  ] as const)(
    'is told so when the time is over, and nobody takes it for a failure of the backend: %s, the time of the %s (R7)',
    async (protocol, _, timeoutMs, tryMs) => {
      const { url, asked } = await startOrigin(protocol);
      const clock = new FakeClock({ now: systemClock.now() });
      const { port, gateway } = await startStack(url, {
        clock,
        route: { timeoutMs },
        upstream: {
          protocol,
          timeouts: { tryMs },
          circuitBreaker: { consecutiveFailures: 1 },
          outlierEjection: { consecutiveFailures: 1 },
        },
      });
      const dripping = client(port);
      let answer = '';
      dripping.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')));
      dripping.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n');
      const timer = setInterval(() => dripping.write('x'), 20);
      onTestFinished(() => {
        clearInterval(timer);
      });
      await asked;
      await clock.advance(499);
      expect(answer).toBe('');
      await clock.advance(1);
      await expect.poll(() => answer).toMatch(/^HTTP\/1\.1 408 [^]*problems\/request-timeout/);
      expect(gateway.lines()).toMatchObject([{ 'http.response.status_code': 408 }]);
      const honest = client(port);
      let received = '';
      honest.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')));
      honest.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
      await once(honest, 'close');
      expect(received).toMatch(/^HTTP\/1\.1 200 [^]*honest/);
    },
  );
});

describe('server-sent events', () => {
  it.each(['identity', 'gzip'])('arrive one by one, and their head before the first, in the coding %s', async (coding) => {
    let backend: Socket | undefined;
    const url = await listen((socket) => {
      backend = socket;
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n');
      });
    });
    const { port, gateway } = await startStack(url);
    const socket = client(port);
    let received = '';
    socket.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')));
    const events = (): string => {
      const bytes = Buffer.from(readMessage(received)?.body ?? '', 'latin1');
      if (coding === 'identity' || bytes.length === 0) return bytes.toString();
      return gunzipSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH }).toString();
    };
    socket.write(`GET /events HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\nAccept-Encoding: ${coding}\r\n\r\n`);
    await expect.poll(() => received).toContain('\r\n\r\n');
    expect(received.includes('content-encoding: gzip')).toBe(coding === 'gzip');
    for (let n = 1; n <= 3; n++) {
      const event = `id: ${n}\ndata: ${'x'.repeat(2_000)}\n\n`;
      backend?.write(`${event.length.toString(16)}\r\n${event}\r\n`);
      await expect.poll(events).toMatch(new RegExp(`id: ${n}\ndata: x{2000}\n\n$`));
    }
    expect(gateway.lines()).toEqual([]);
    socket.destroy();
    await expect.poll(() => backend?.destroyed).toBe(true);
    await expect.poll(() => gateway.logged.length).toBe(1);
    expect(gateway.lines()).toMatchObject([{ 'http.response.status_code': 200, 'error.type': 'client_gone' }]);
  });
});

describe('a client that leaves', () => {
  it('while its request waits for an answer, a hundred times, leaves no connection and no answer behind', async () => {
    const open = new Set<Socket>();
    const waiting = new Map<string, () => void>();
    const url = await listen((socket) => {
      open.add(socket);
      socket.on('close', () => open.delete(socket));
      socket.on('data', (chunk: Buffer) => {
        const [, target = ''] = /^GET (\S+)/.exec(chunk.toString('latin1')) ?? [];
        const answer = `HTTP/1.1 200 OK\r\nContent-Length: ${target.length}\r\n\r\n${target}`;
        if (target.startsWith('/slow')) waiting.set(target, () => socket.write(answer));
        else socket.write(answer);
      });
    });
    const { port, gateway } = await startStack(url);
    for (let round = 0; round < 10; round++) {
      const leaving = Array.from({ length: 10 }, (_, n) => {
        const socket = client(port);
        socket.write(`GET /slow-${round}-${n} HTTP/1.1\r\nHost: a\r\n\r\n`);
        return socket;
      });
      // By turns when all their requests have come to the backend, and soon.
      if (round % 2 === 0)
        await expect.poll(() => [...waiting.keys()].filter((one) => one.startsWith(`/slow-${round}-`)).length).toBe(10);
      else await sleep(10);
      for (const socket of leaving) socket.destroy();
      const target = `/honest-${round}`;
      const honest = client(port);
      let received = '';
      honest.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')));
      honest.write(`GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
      await once(honest, 'close');
      for (const answer of waiting.values()) answer();
      waiting.clear();
      expect(received.slice(received.indexOf('\r\n\r\n') + 4)).toBe(target);
    }
    await expect.poll(() => open.size).toBeLessThanOrEqual(10);
    await expect
      .poll(() => gateway.lines().filter((line) => line['http.response.status_code'] === 499).length)
      .toBeGreaterThanOrEqual(50);
    expect(gateway.logged.filter(({ event }) => event !== 'http.request')).toEqual([]);
  });
});
