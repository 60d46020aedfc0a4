import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { afterEach, expect } from 'vitest';
import { nodeTransports } from '../../../../adapters/node/transport/node-transports.ts';
import type { NodeTransportsOptions } from '../../../../adapters/node/transport/node-transports.ts';
import { systemClock } from '../../../../adapters/node/system-clock.ts';
import { HeaderList } from '../../../../core/http/header-list.ts';
import { bodyBytes } from '../../../../core/http/body.ts';
import { UpstreamError } from '../../../../core/ports/index.ts';
import type {
  ConnectionProfile,
  HttpRequest,
  HttpResponse,
  SendOptions,
  Transport,
  UpstreamErrorType,
} from '../../../../core/ports/index.ts';

const cleanUps: (() => unknown)[] = [];

/** Runs after the test, last first. */
export function atEnd(work: () => unknown): void {
  cleanUps.push(work);
}

afterEach(async () => {
  for (const work of cleanUps.splice(0).toReversed()) await work();
});

export interface RawUpstream {
  readonly port: number;
  readonly authority: string;
  /** Connections so far. */
  readonly sockets: readonly Socket[];
}

/** An upstream that is a script over a socket. */
export async function rawUpstream(script: (socket: Socket, connection: number) => void): Promise<RawUpstream> {
  const sockets: Socket[] = [];
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined);
    sockets.push(socket);
    script(socket, sockets.length);
  });
  const port = await listen(server);
  atEnd(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return { port, authority: `127.0.0.1:${port}`, sockets };
}

export async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** Calls with each request's head (and what came with it), answers what the call returns. */
export function answering(answer: (head: string, socket: Socket) => string | undefined): (socket: Socket) => void {
  return (socket) => {
    let text = '';
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (!text.includes('\r\n\r\n')) return;
      const head = text;
      text = '';
      const written = answer(head, socket);
      if (written !== undefined) socket.write(written, 'latin1');
    });
  };
}

export const profile: ConnectionProfile = {
  protocol: 'http1',
  allowPrivate: true,
  allow: [],
  // Far more than a slow machine needs: what a test means to run out is short, or the clock is virtual.
  connectTimeoutMs: 30_000,
  responseHeadersTimeoutMs: 30_000,
  idleTimeoutMs: 30_000,
};

export function open(over: Partial<ConnectionProfile> = {}, options: Partial<NodeTransportsOptions> = {}): Transport {
  const transport = nodeTransports({
    clock: systemClock,
    secrets: {
      current(name) {
        throw new Error(`no secret ${name}`);
      },
    },
    ...options,
  }).open({ ...profile, ...over });
  atEnd(() => transport.close());
  return transport;
}

export function request(authority: string, over: Partial<HttpRequest> = {}): HttpRequest {
  return { method: 'GET', scheme: 'http', authority, target: '/', headers: new HeaderList(), body: undefined, ...over };
}

export function within(over: Partial<SendOptions> = {}): SendOptions {
  return { deadline: systemClock.now() + 50_000, ...over };
}

export async function textOf(response: HttpResponse): Promise<string> {
  return Buffer.from(await bodyBytes(response.body)).toString('latin1');
}

/** The failure of an exchange, from the promise or from the body. */
export async function failureOf(sent: Promise<HttpResponse>): Promise<UpstreamError> {
  try {
    await textOf(await sent);
  } catch (error) {
    expect(error).toBeInstanceOf(UpstreamError);
    return error as UpstreamError;
  }
  return expect.unreachable('the exchange succeeded');
}

export function failure(type: UpstreamErrorType, requestSent: boolean): unknown {
  return expect.objectContaining({ name: 'UpstreamError', type, requestSent });
}

/** Content of a request, piece by piece. */
export async function* pieces(...texts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

/** Resolves with true when the other side closes the socket within `ms`: by default sooner than any time-out would close it. */
export function closedWithin(socket: Socket, ms = 20_000): Promise<boolean> {
  if (socket.destroyed || socket.readableEnded) return Promise.resolve(true);
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      resolve(false);
    }, ms);
    const closed = (): void => {
      clearTimeout(timer);
      resolve(true);
    };
    socket.once('close', closed).once('end', closed);
    socket.resume();
  });
}
