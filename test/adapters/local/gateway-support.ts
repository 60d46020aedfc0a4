import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttpServer, request as httpRequest } from 'node:http';
import type { Agent, IncomingMessage, Server as HttpServer, ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { connect, createServer as createTcpServer } from 'node:net';
import type { AddressInfo, Server as TcpServer, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { Server as ProxyServer } from 'proxy-chain';

export interface Listening {
  readonly port: number;
  close(): Promise<void>;
}

async function listen(server: TcpServer, host: string): Promise<Listening> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** A key and a certificate for localhost and 127.0.0.1, signed by itself. */
export function selfSigned(): { key: string; cert: string } {
  const folder = mkdtempSync(join(tmpdir(), 'portolan-tls-'));
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const args = [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-days',
    '2',
    '-subj',
    '/CN=localhost',
  ];
  execFileSync('openssl', [...args, '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-keyout', key, '-out', cert], {
    stdio: 'pipe',
  });
  const pair = { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
  rmSync(folder, { recursive: true });
  return pair;
}

/** What an origin saw of a request. */
export interface Seen {
  readonly from: string | undefined;
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly rawHeaders: readonly string[];
  readonly body: string;
}

/** Answers what it saw as JSON; `/redirect` redirects, `/cut` ends halfway, `/big` has 1 MiB, `/hang` never answers. */
async function echo(request: IncomingMessage, response: ServerResponse, seen: Seen[]): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const { method, url, rawHeaders } = request;
  const entry: Seen = { from: request.socket.remoteAddress, method, url, rawHeaders, body: Buffer.concat(chunks).toString() };
  seen.push(entry);
  if (url === '/redirect') response.writeHead(302, { location: 'http://169.254.169.254/' }).end();
  else if (url === '/cut') response.writeHead(200, { 'content-length': 100 }).write('half', () => response.destroy());
  else if (url === '/big') response.end(Buffer.alloc(1_048_576, 'x'));
  else if (url === '/599') response.writeHead(599, { 'x-own': 'yes' }).end('own');
  else if (url !== '/hang')
    response
      .writeHead(200, { 'content-type': 'application/json', connection: 'x-hop', 'x-hop': '1', 'set-cookie': ['a=1', 'b=2'] })
      .end(JSON.stringify(entry));
}

export interface Origin extends Listening {
  readonly seen: Seen[];
}

export async function startOrigin(tls?: { key: string; cert: string }): Promise<Origin> {
  const seen: Seen[] = [];
  const handler = (request: IncomingMessage, response: ServerResponse): void => {
    echo(request, response, seen).catch(() => undefined);
  };
  const server: HttpServer = tls === undefined ? createHttpServer(handler) : (createHttpsServer(tls, handler) as HttpServer);
  return { ...(await listen(server, '127.0.0.1')), seen };
}

export async function startTcp(onConnection: (socket: Socket) => void): Promise<Listening> {
  return listen(createTcpServer({ allowHalfOpen: true }, onConnection), '127.0.0.1');
}

export interface UpstreamProxy extends Listening {
  /** The credentials of each request. */
  readonly credentials: { username: string; password: string }[];
  readonly rawHeaders: (readonly string[])[];
}

/** A vendor's proxy that leaves from `localAddress`. */
export async function startUpstream(localAddress: string, options: { refuse?: boolean } = {}): Promise<UpstreamProxy> {
  const credentials: { username: string; password: string }[] = [];
  const rawHeaders: (readonly string[])[] = [];
  const server = new ProxyServer({
    host: '127.0.0.1',
    port: 0,
    prepareRequestFunction: ({ username, password, request }) => {
      credentials.push({ username, password });
      rawHeaders.push(request.rawHeaders);
      return { requestAuthentication: options.refuse === true, localAddress };
    },
  });
  await server.listen();
  return { port: server.port, close: () => server.close(true), credentials, rawHeaders };
}

/** A SOCKS5 proxy with a password that leaves from `localAddress`; only what the gateway asks of it. */
export async function startSocks(localAddress: string, password: string): Promise<Listening & { readonly asked: string[] }> {
  const asked: string[] = [];
  const listening = await startTcp((socket) => {
    let step = 0;
    socket.on('data', function receive(data: Buffer) {
      step++;
      if (step === 1) socket.write(Uint8Array.of(5, data[2] ?? 255));
      else if (step === 2) {
        const at = 2 + (data[1] ?? 0);
        socket.write(Uint8Array.of(1, data.subarray(at + 1).toString() === password ? 0 : 1));
      } else {
        socket.off('data', receive);
        const isName = data[3] === 3;
        const host = isName ? data.subarray(5, data.length - 2).toString() : data.subarray(4, 8).join('.');
        const port = data.readUInt16BE(data.length - 2);
        asked.push(`${host}:${port}`);
        const target = connect({ host: '127.0.0.1', port, localAddress });
        target.on('error', () => socket.end(Uint8Array.of(5, 5, 0, 1, 0, 0, 0, 0, 0, 0)));
        target.on('connect', () => {
          socket.write(Uint8Array.of(5, 0, 0, 3, 2, 104, 105, 0, 80));
          socket.pipe(target).pipe(socket);
        });
      }
    });
  });
  return { ...listening, asked };
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export const basic = (username: string, password = ''): string =>
  `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;

async function readAnswer(response: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return { status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks).toString() };
}

/** Plain HTTP through the proxy, as curl does it: absolute target, `Proxy-Authorization`. */
export function throughProxy(
  proxyPort: number,
  url: string,
  authorization?: string,
  options: { method?: string; headers?: Record<string, string | string[]>; body?: string; agent?: Agent } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { host } = new URL(url);
    const headers = { host, ...(authorization !== undefined && { 'proxy-authorization': authorization }), ...options.headers };
    const { method = 'GET', agent } = options;
    const sent = httpRequest(
      { host: '127.0.0.1', port: proxyPort, method, path: url, headers, ...(agent !== undefined && { agent }) },
      (response) => {
        readAnswer(response).then(resolve, reject);
      },
    );
    sent.on('error', reject);
    sent.end(options.body);
  });
}

/** CONNECT: the tunnel, or the answer that refused it. */
export function openTunnel(proxyPort: number, authority: string, authorization?: string): Promise<Socket | Answer> {
  return new Promise((resolve, reject) => {
    const headers = { host: authority, ...(authorization !== undefined && { 'proxy-authorization': authorization }) };
    const sent = httpRequest({ host: '127.0.0.1', port: proxyPort, method: 'CONNECT', path: authority, headers });
    sent.on('error', reject);
    sent.on('connect', (response, socket: Socket, head: Buffer) => {
      socket.on('error', () => undefined);
      if (response.statusCode === 200) {
        if (head.length > 0) socket.unshift(head);
        resolve(socket);
        return;
      }
      const chunks = [head];
      socket.on('data', (chunk: Buffer) => chunks.push(chunk));
      socket.on('close', () => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks).toString() });
      });
    });
    sent.end();
  });
}

/** A tunnel that must open. */
export async function tunnelTo(proxyPort: number, authority: string, authorization?: string): Promise<Socket> {
  const opened = await openTunnel(proxyPort, authority, authorization);
  if ('status' in opened) throw new Error(`The tunnel was refused: ${opened.status} ${opened.body}`);
  return opened;
}

/** HTTPS inside a tunnel. */
export function overTunnel(socket: Socket, path: string, ca: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const secure = connectTls({ socket, servername: 'localhost', ca });
    const sent = httpRequest(
      { createConnection: () => secure, path, headers: { host: 'localhost', connection: 'close' } },
      (response) => {
        readAnswer(response).then(resolve, reject);
      },
    );
    secure.on('error', reject);
    sent.on('error', reject);
    sent.end();
  });
}
