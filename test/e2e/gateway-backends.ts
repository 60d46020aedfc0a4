import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Server as HttpServer, IncomingMessage, ServerResponse } from 'node:http';
import { createServer as createSocketServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';

/** What the backends of the gateway's scenario saw of a request. */
export interface Seen {
  readonly backend: string;
  readonly method: string;
  readonly target: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

export interface GatewayBackends {
  /** URLs by name. `refused`: nobody listens there. `garbage`: what answers does not speak HTTP. */
  readonly urls: Readonly<Record<'garbage' | 'one' | 'refused' | 'two', string>>;
  /** Since the last look. */
  taken(): readonly Seen[];
  /** Lets answers that come in two pieces go on: `/halves`, `/events`. */
  release(): void;
  /** Resolves when the client of the next endless answer, `/endless`, is gone. */
  left(): Promise<void>;
  stop(): Promise<void>;
}

/** 256 KiB that no coding makes shorter and no text decoder leaves alone: every byte there is, in an order that does not repeat soon. */
export const bytes: Buffer = Buffer.from(Uint8Array.from({ length: 262_144 }, (_, at) => (at * at + (at >> 7) * 31) & 0xff));

export async function startGatewayBackends(): Promise<GatewayBackends> {
  let seen: Seen[] = [];
  let waiting = Promise.withResolvers<void>();
  let left = Promise.withResolvers<void>();
  const answers: Readonly<Record<string, (response: ServerResponse, body: Buffer) => unknown>> = {
    '/echo': (response, body) => response.writeHead(200, { 'content-type': 'application/octet-stream' }).end(body),
    '/bytes': (response) => response.writeHead(200, { 'content-type': 'image/png' }).end(bytes),
    '/cookies': (response) => response.writeHead(204, { 'set-cookie': ['a=1; Path=/', 'b=2; HttpOnly'] }).end(),
    '/long': (response) => response.writeHead(200, { 'content-type': 'application/json', etag: '"long"' }).end(long),
    '/kept': (response) =>
      response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-transform' }).end(long),
    '/trailers': (response) => {
      response.writeHead(200, { 'content-type': 'text/plain', trailer: 'x-sum' });
      response.write('with trailers');
      response.addTrailers({ 'x-sum': '13' });
      response.end();
    },
    '/halves': async (response) => {
      response.writeHead(200, { 'content-type': 'application/octet-stream' }).write('first half, ');
      await waiting.promise;
      response.end('second half');
    },
    '/events': async (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: one\n\n');
      await waiting.promise;
      response.end('data: two\n\n');
    },
    '/endless': (response) => {
      response.writeHead(200, { 'content-type': 'application/octet-stream' });
      const more = setInterval(() => response.write('more '), 20);
      response.once('close', () => {
        clearInterval(more);
        left.resolve();
      });
    },
    '/broken': (response) => {
      response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': '1000' }).write('not all');
      setTimeout(() => response.destroy(), 50);
    },
  };

  const start = (name: string): Promise<HttpServer> =>
    listening(
      createServer((request, response) => {
        void (async () => {
          const { method = '', url: target = '', headers } = request;
          const body = Buffer.concat(await request.toArray());
          seen.push({ backend: name, method, target, headers, body });
          const answer = answers[target.split('?')[0] ?? ''];
          if (answer !== undefined) return answer(response, body);
          response.writeHead(200, { 'content-type': 'application/json', server: 'secret/1.2', 'x-backend': name });
          return response.end(JSON.stringify({ backend: name, method, target }));
        })();
      }),
    );
  const garbage = await listening(
    // What is sent is read, or the end behind it is never seen and the socket never closed.
    createSocketServer(
      (socket) =>
        void socket
          .on('error', () => undefined)
          .resume()
          .end('SSH-2.0-none\r\n'),
    ),
  );
  const refused = await listening(createSocketServer());
  const refusedUrl = urlOf(refused);
  refused.close();
  const [one, two] = await Promise.all([start('one'), start('two')]);

  return {
    urls: { one: urlOf(one), two: urlOf(two), garbage: urlOf(garbage), refused: refusedUrl },
    taken() {
      const taken = seen;
      seen = [];
      return taken;
    },
    release() {
      waiting.resolve();
      waiting = Promise.withResolvers();
    },
    left() {
      left = Promise.withResolvers();
      return left.promise;
    },
    async stop() {
      one.closeAllConnections();
      two.closeAllConnections();
      await Promise.all([one, two, garbage].map((server) => once(server.close(), 'close')));
    },
  };
}

const long = JSON.stringify(Array.from({ length: 500 }, (_, at) => ({ id: at, name: 'something that repeats itself' })));

async function listening<Listener extends Server>(server: Listener): Promise<Listener> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

function urlOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
