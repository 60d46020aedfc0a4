import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { RequestError, Server } from 'proxy-chain';
import type { PrepareRequestFunctionOpts, PrepareRequestFunctionResult } from 'proxy-chain';
import type { EgressPolicy } from '../../../core/egress/egress-policy.ts';
import { PortError, UpstreamError } from '../../../core/ports/index.ts';
import type { Clock, Logger } from '../../../core/ports/index.ts';
import type { ProxyEndpoint } from '../../../core/session/vendors/render.ts';
import { whenIdle } from '../../node/unless-moved.ts';
import { systemResolve } from '../../node/transport/open-socket.ts';
import type { Resolve } from '../../node/transport/open-socket.ts';
import { readDestination } from './destination.ts';
import type { Destination } from './destination.ts';
import { dialOrigin, dialThrough, dialUpstream, SocketAgent } from './dial.ts';
import type { DialOptions } from './dial.ts';
import { forwardedFields } from './forwarded-fields.ts';
import { readProxyCredentials } from './proxy-credentials.ts';
import type { ProxyCredentials } from './proxy-credentials.ts';
import {
  credentialsRefused,
  failureBehind,
  proxyName,
  proxyStatus,
  refusedDestination,
  statusOf,
  toRequestError,
} from './refusals.ts';

export type Authorization =
  | {
      readonly allowed: true;
      readonly tenant: string;
      readonly sessionId: string;
      /** Names this session among all that ever had its id: its usage is counted under it. */
      readonly creationId: string;
      /** Goes up with each rotation. */
      readonly generation: number;
      /** The proxy to go through; `undefined` connects directly. */
      readonly upstream: ProxyEndpoint | undefined;
    }
  | { readonly allowed: false };

/** A session id is its tenant's own: two tenants may have the same. */
export interface SessionName {
  readonly tenant: string;
  readonly sessionId: string;
}

/** What has ended: this generation of the session, and those before. */
export interface EndedSession extends SessionName {
  readonly generation: number;
}

function keyOf({ tenant, sessionId }: SessionName): string {
  return `${tenant}/${sessionId}`;
}

/** What went through for one session since the last report of the same exchange. */
export interface GatewayUsage {
  readonly tenant: string;
  readonly sessionId: string;
  readonly creationId: string;
  /** Bytes towards the destination, as written to the connection behind us: with framing and handshakes. */
  readonly bytesUp: number;
  readonly bytesDown: number;
  /** 1 in the first report of an exchange, 0 in those that follow while a tunnel is open. */
  readonly requests: number;
}

export interface ForwardGatewayLimits {
  /** For name resolution, connection and handshake, in milliseconds; then 504; default 10,000. */
  readonly connectTimeoutMs: number;
  /** After so long without a byte an exchange is cut, in milliseconds; default 120,000. */
  readonly idleTimeoutMs: number;
  /** How often an open tunnel's credentials are judged again, and its usage reported, in milliseconds; default 30,000. */
  readonly reauthorizeEveryMs: number;
  /** How long `close` waits for what runs, in milliseconds; then it is cut; default 25,000, less than orchestrators wait; 0 cuts at once. */
  readonly closeTimeoutMs: number;
}

export const defaultForwardGatewayLimits: ForwardGatewayLimits = {
  connectTimeoutMs: 10_000,
  idleTimeoutMs: 120_000,
  reauthorizeEveryMs: 30_000,
  closeTimeoutMs: 25_000,
};

export interface ForwardGatewayOptions {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /** Asked for every request, also on a kept connection. A thrown `PortError` is an outage: 503, and open tunnels stay. */
  readonly authorize: (credentials: ProxyCredentials) => Promise<Authorization>;
  readonly egress: EgressPolicy;
  readonly logger: Logger;
  readonly clock: Clock;
  /** `close` waits for what it answers, which must not reject. */
  readonly onUsage: (usage: GatewayUsage) => Promise<void> | void;
  /** Default the system's resolver. */
  readonly resolve?: Resolve | undefined;
  readonly limits?: Partial<ForwardGatewayLimits> | undefined;
}

export interface ForwardGateway {
  readonly port: number;
  /** Cuts everything that runs for what has ended at once, also what is only being connected. */
  closeSession(ended: EndedSession): void;
  /** Takes no more connections, lets requests and tunnels end within `closeTimeoutMs` and cuts the rest; all usage is reported then. */
  close(): Promise<void>;
}

/**
 * The forward proxy that session URLs point at: plain HTTP and CONNECT, each request authorized by its session's token and sent out
 * directly or through the session's upstream proxy. Built on proxy-chain's server.
 *
 * No `Via` is added and no address of the client passed on: what a destination sees is the exit.
 *
 * @throws the system's error, when it cannot listen
 */
export async function startForwardGateway(options: ForwardGatewayOptions): Promise<ForwardGateway> {
  const server = new GatewayServer(options);
  await server.listen();
  return {
    port: server.port,
    closeSession: (ended) => {
      server.closeSession(ended);
    },
    close: () => server.drain(),
  };
}

/** One request or tunnel that was let in. */
interface Exchange {
  readonly credentials: ProxyCredentials;
  readonly tenant: string;
  readonly sessionId: string;
  readonly creationId: string;
  readonly generation: number;
  readonly upstream: ProxyEndpoint | undefined;
  readonly destination: Destination;
  readonly client: Socket;
  /** Aborts when the client's connection closes. */
  readonly gone: AbortSignal;
}

/**
 * proxy-chain listens, parses, forwards plain HTTP and writes error answers. Connections are opened here: proxy-chain closes a failed
 * direct tunnel without an answer, connects without a time limit, cannot send a vendor's header fields, and answers with statuses of
 * its own (590 to 599).
 */
class GatewayServer extends Server {
  readonly #options: ForwardGatewayOptions;
  readonly #limits: ForwardGatewayLimits;
  readonly #exchanges = new Map<string, Set<Exchange>>();
  readonly #gone = new WeakMap<Socket, AbortSignal>();
  /** Per authorization on its way: what ended meanwhile, by session the last generation; it may have been read before. */
  readonly #pending = new Set<Map<string, number>>();
  readonly #reports = new Set<Promise<void>>();
  /** Requests, tunnels and connections behind them that have not ended. */
  #running = 0;
  #onIdle: (() => void) | undefined;

  constructor(options: ForwardGatewayOptions) {
    super({
      host: options.host,
      port: options.port,
      authRealm: proxyName,
      prepareRequestFunction: (request) => this.#prepare(request),
    });
    this.#options = options;
    this.#limits = { ...defaultForwardGatewayLimits, ...options.limits };
    this.on('requestFailed', ({ error }: { error: Error }) => {
      options.logger.log('error', 'gateway.request_failed', { 'error.type': error.name });
    });
  }

  closeSession(ended: EndedSession): void {
    const key = keyOf(ended);
    for (const closed of this.#pending) closed.set(key, ended.generation);
    for (const { client, generation } of this.#exchanges.get(key) ?? []) if (generation <= ended.generation) client.destroy();
  }

  /** In place of `close`, which cuts or waits for ever. */
  async drain(): Promise<void> {
    // idle connections end with it, and those that stay carry one answer more
    const closed = new Promise<void>((resolve) => {
      this.server.close(() => {
        resolve();
      });
    });
    const idle = new Promise<void>((resolve) => {
      this.#onIdle = resolve;
      if (this.#running === 0) resolve();
    });
    const { clock, logger } = this.#options;
    if (this.#limits.closeTimeoutMs > 0) {
      const finished = new AbortController();
      const patience = clock.sleep(this.#limits.closeTimeoutMs, finished.signal).catch(() => undefined);
      await Promise.race([idle, patience]);
      finished.abort();
    }
    if (this.#running > 0) logger.log('warn', 'gateway.cut', { running: this.#running });
    this.closeConnections();
    await Promise.all([closed, idle]);
    await Promise.all(this.#reports);
  }

  /** Until `end` closes, if it has not yet. */
  #runUntilClosed(end: ServerResponse | Socket): void {
    this.#running++;
    const ended = (): void => {
      if (--this.#running === 0) this.#onIdle?.();
    };
    if (end.closed) ended();
    else end.once('close', ended);
  }

  /** Plain HTTP. proxy-chain forwards it after `#prepare`; only its answers to failures are put into standard words. */
  override async onRequest(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#runUntilClosed(response);
    // `#prepare` reads the raw fields: proxy-chain would answer 400 to credentials it cannot read
    delete request.headers['proxy-authorization'];
    const writeHead = response.writeHead.bind(response) as (status: number, ...rest: unknown[]) => ServerResponse;
    response.writeHead = (status: number, ...rest: unknown[]) => {
      if (this.#onIdle !== undefined) response.shouldKeepAlive = false;
      // only its own answers leave the head to Node
      if (rest.length > 0) return writeHead(status, ...rest);
      const failure = failureBehind(status);
      response.setHeader('proxy-status', proxyStatus(failure));
      return writeHead(statusOf(failure));
    };
    await super.onRequest(request, response);
  }

  /** 597, for an upstream that refuses our credentials, is the one private status that comes this way. */
  override sendSocketResponse(socket: Socket, status = 500, headers = {}, message = ''): void {
    if (status < 590) super.sendSocketResponse(socket, status, headers, message);
    else super.sendSocketResponse(socket, 502, { 'proxy-status': `${proxyName}; received-status=407` }, message);
  }

  async #prepare({ request }: PrepareRequestFunctionOpts): Promise<PrepareRequestFunctionResult> {
    return this.#exchange(request, async (exchange) => {
      const { destination, upstream } = exchange;
      const { authority, target } = destination;
      // A SOCKS proxy is a way to the origin and sees no HTTP.
      const isForwarding = upstream !== undefined && upstream.scheme !== 'socks5';
      const socket = await (isForwarding ? dialUpstream(upstream, this.#dialing(exchange)) : this.#dialTunnel(exchange));
      this.#attach(exchange, socket);
      request.rawHeaders = forwardedFields(request.rawHeaders, authority.replace(/:80$/, ''), isForwarding ? upstream.headers : {});
      // Where no proxy follows, the origin takes its place: it gets the target byte for byte, and no URL parser comes between.
      request.url = isForwarding ? `http://${authority}${target}` : target;
      return {
        upstreamProxyUrl: `http://${isForwarding ? userinfo(upstream) : ''}${authority}`,
        httpAgent: new SocketAgent(socket),
      };
    });
  }

  override async onConnect(request: IncomingMessage, client: Socket, head: Buffer): Promise<void> {
    this.#runUntilClosed(client);
    try {
      await this.#exchange(request, async (exchange) => {
        const socket = await this.#dialTunnel(exchange);
        const report = this.#attach(exchange, socket);
        join(client, socket, head);
        void this.#watch(exchange, report);
      });
    } catch (error) {
      this.failRequest(request, error as Error);
    }
  }

  /** Lets a request in and connects it; a failure comes out as the answer to it. */
  async #exchange<T>(request: IncomingMessage, open: (exchange: Exchange) => Promise<T>): Promise<T> {
    let exchange: Exchange | undefined;
    try {
      exchange = await this.#admit(request);
      return await open(exchange);
    } catch (error) {
      if (exchange !== undefined) this.#release(exchange);
      const answer = toRequestError(error);
      const status = answer instanceof RequestError ? answer.statusCode : 500;
      this.#options.logger.log(status >= 500 ? 'warn' : 'info', 'gateway.refused', {
        'http.request.method': request.method,
        'http.response.status_code': status,
        'error.type': error instanceof UpstreamError ? error.type : error instanceof PortError ? error.code : undefined,
        'session.id': exchange?.sessionId,
      });
      throw answer;
    }
  }

  /** Who is it, and may it go there? */
  async #admit(request: IncomingMessage): Promise<Exchange> {
    const coding = request.headers['transfer-encoding'];
    if (coding !== undefined && coding.toLowerCase() !== 'chunked')
      throw new RequestError('The only transfer coding is chunked.', 501);
    const credentials = readProxyCredentials(request.rawHeaders);
    const decision = credentials === undefined ? undefined : await this.#authorize(credentials);
    if (credentials === undefined || decision?.allowed !== true) throw credentialsRefused();
    const result = readDestination(request.method ?? '', request.url ?? '', this.#options.egress);
    if (!result.ok) throw refusedDestination(result.reason);
    const { tenant, sessionId, creationId, generation, upstream } = decision;
    const client: Socket = request.socket;
    const exchange = {
      credentials,
      tenant,
      sessionId,
      creationId,
      generation,
      upstream,
      destination: result.destination,
      client,
      gone: this.#goneSignal(client),
    };
    const exchanges = this.#exchanges.get(keyOf(exchange)) ?? new Set();
    this.#exchanges.set(keyOf(exchange), exchanges.add(exchange));
    return exchange;
  }

  #release(exchange: Exchange): void {
    const exchanges = this.#exchanges.get(keyOf(exchange));
    exchanges?.delete(exchange);
    if (exchanges?.size === 0) this.#exchanges.delete(keyOf(exchange));
  }

  async #authorize(credentials: ProxyCredentials): Promise<Authorization> {
    const closed = new Map<string, number>();
    this.#pending.add(closed);
    try {
      const decision = await this.#options.authorize(credentials);
      return decision.allowed && decision.generation <= (closed.get(keyOf(decision)) ?? 0) ? { allowed: false } : decision;
    } finally {
      this.#pending.delete(closed);
    }
  }

  /** One signal per connection, however many requests it carries. */
  #goneSignal(client: Socket): AbortSignal {
    const known = this.#gone.get(client);
    if (known !== undefined) return known;
    const controller = new AbortController();
    if (client.destroyed) controller.abort();
    client.once('close', () => {
      controller.abort();
    });
    this.#gone.set(client, controller.signal);
    return controller.signal;
  }

  #dialing({ gone }: Exchange): DialOptions {
    const { egress, clock, resolve = systemResolve } = this.#options;
    return { egress, clock, resolve, connectTimeoutMs: this.#limits.connectTimeoutMs, signal: gone };
  }

  #dialTunnel(exchange: Exchange): Promise<Socket> {
    const { upstream, destination } = exchange;
    const dialing = this.#dialing(exchange);
    return upstream === undefined ? dialOrigin(destination, dialing) : dialThrough(upstream, destination, dialing);
  }

  /** Ties the connection behind us to its exchange. Answers how to report its usage so far; at its end that happens by itself. */
  #attach(exchange: Exchange, target: Socket): () => void {
    const { tenant, sessionId, creationId, gone, destination } = exchange;
    let up = 0;
    let down = 0;
    let requests = 1;
    const report = (): void => {
      const { bytesWritten, bytesRead } = target;
      if (requests === 0 && bytesWritten === up && bytesRead === down) return;
      this.#tell({ tenant, sessionId, creationId, bytesUp: bytesWritten - up, bytesDown: bytesRead - down, requests });
      [up, down, requests] = [bytesWritten, bytesRead, 0];
    };
    const cut = (): void => {
      // what a client that ended in order has sent is still to be written
      if (exchange.client.readableEnded) target.destroySoon();
      else target.destroy();
    };
    whenIdle(target, this.#limits.idleTimeoutMs, () => {
      target.destroy(Object.assign(new Error('idle'), { code: 'ETIMEDOUT' }));
    });
    target.once('close', () => {
      gone.removeEventListener('abort', cut);
      this.#release(exchange);
      report();
      this.#options.logger.log('debug', 'gateway.exchange_closed', {
        'session.id': sessionId,
        tenant,
        'server.address': destination.host.text,
        'server.port': destination.port,
        'bytes.up': up,
        'bytes.down': down,
      });
    });
    // after what reports
    this.#runUntilClosed(target);
    if (gone.aborted) cut();
    else gone.addEventListener('abort', cut, { once: true });
    return report;
  }

  #tell(usage: GatewayUsage): void {
    const report = this.#options.onUsage(usage);
    if (report === undefined) return;
    this.#reports.add(report);
    void report.then(() => this.#reports.delete(report));
  }

  /** A tunnel outlives what let it in, so that is judged again, and again. */
  async #watch({ credentials, client, sessionId, gone }: Exchange, report: () => void): Promise<void> {
    const { clock, logger } = this.#options;
    const wait = (): Promise<boolean> =>
      clock.sleep(this.#limits.reauthorizeEveryMs, gone).then(
        () => true,
        () => false,
      );
    while (await wait()) {
      report();
      try {
        if (!(await this.#authorize(credentials)).allowed) client.destroy();
      } catch (error) {
        // an outage refuses nobody: asked again next time
        const type = error instanceof PortError ? error.code : 'bug';
        logger.log('warn', 'gateway.reauthorization_failed', { 'session.id': sessionId, 'error.type': type });
      }
    }
  }
}

/** Opens the tunnel: bytes go both ways, and so do ends and cuts. */
function join(client: Socket, target: Socket, head: Buffer): void {
  if (client.destroyed) return;
  target.on('error', () => client.destroy());
  // not put back into the client's stream, which may have ended meanwhile
  if (head.length > 0) target.write(head);
  client.write('HTTP/1.1 200 Connection Established\r\n\r\n');
  client.pipe(target);
  target.pipe(client);
  // `pipe` passes on an end, but not a cut
  target.once('close', () => {
    if (target.readableEnded) client.destroySoon();
    else client.destroy();
  });
}

function userinfo({ username, password }: ProxyEndpoint): string {
  return username === '' && password === '' ? '' : `${encodeURIComponent(username)}:${encodeURIComponent(password)}@`;
}
