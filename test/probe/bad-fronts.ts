import { createServer, request as ask } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect, createServer as createRelay } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { StartFront } from './arena.ts';

/** Proxies that are wrong, each in its way: every check must find at least one of them wanting. */

/** As it is written in an afternoon: forwards what Node's parser gives it. */
export const startNaiveFront: StartFront = (originPort) =>
  serve(
    createServer((message, response) => {
      const upstream = ask(
        { host: '127.0.0.1', port: originPort, method: message.method, path: message.url, headers: message.headers },
        (answer) => {
          response.writeHead(answer.statusCode ?? 502, answer.headers);
          answer.on('error', () => undefined);
          answer.pipe(response);
        },
      );
      upstream.on('error', () => {
        if (!response.headersSent) response.writeHead(502);
        response.end();
      });
      response.on('error', () => undefined);
      message.on('error', () => undefined);
      message.pipe(upstream);
    }),
  );

/** Understands nothing: bytes in, bytes out. */
export const startRelay: StartFront = (originPort) =>
  serve(
    createRelay((socket) => {
      const upstream = connect(originPort, '127.0.0.1');
      for (const [from, to] of [
        [socket, upstream],
        [upstream, socket],
      ] as const) {
        from.on('error', () => undefined);
        from.on('close', () => to.end());
        from.pipe(to, { end: false });
      }
    }),
  );

/** Understands everything and sends something like it: waits for the whole, decodes, tidies up, guesses. */
export const startClumsyFront: StartFront = (originPort) =>
  serve(
    createServer((message, response) => {
      relayClumsily(message, response, originPort).catch(() => response.destroy());
    }),
  );

const usualMethods: ReadonlySet<string | undefined> = new Set(['DELETE', 'GET', 'HEAD', 'OPTIONS', 'POST', 'PUT']);

async function relayClumsily(message: IncomingMessage, response: ServerResponse, originPort: number): Promise<void> {
  const refusal = !usualMethods.has(message.method) ? 405 : message.url?.includes('..') === true ? 400 : undefined;
  if (refusal !== undefined) {
    response.writeHead(refusal).end();
    return;
  }
  const content = await buffer(message).catch(() => Buffer.from(''));
  const { pathname } = new URL(message.url ?? '/', 'http://host');
  const upstream = ask({
    host: '127.0.0.1',
    port: originPort,
    method: message.method,
    path: encodeURI(decodeURIComponent(pathname)),
    agent: false,
    headers: Object.fromEntries(
      Object.entries(message.headersDistinct).map(([name, values]) => [name, values?.at(-1)?.replaceAll(/[{}]/g, '') ?? '']),
    ),
  });
  upstream.end(content.subarray(0, 65_536));
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    upstream.on('information', () => {
      reject(new Error('no answer'));
    });
    upstream.on('response', resolve);
    upstream.on('error', reject);
  });
  const whole: Uint8Array[] = [];
  try {
    for await (const chunk of answer as AsyncIterable<Uint8Array>) whole.push(chunk);
  } catch {
    // What is here will do.
  }
  // What says no length has none, and what is old is wrong.
  if (answer.headers['content-length'] === undefined || answer.httpVersion === '1.0') whole.length = 0;
  const status = answer.statusCode ?? 500;
  const cookie = answer.headers['set-cookie']?.join(', ');
  response.writeHead([200, 301, 404].includes(status) ? status : 500, {
    ...(cookie !== undefined && { 'set-cookie': cookie }),
    date: 'now',
  });
  response.end(Buffer.concat(whole).toString('ascii').trim(), () => message.socket.destroySoon());
}

async function serve(server: Server): Promise<{ readonly port: number; close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
      });
    },
  };
}
