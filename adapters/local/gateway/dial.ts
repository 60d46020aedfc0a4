import { Agent, request } from 'node:http';
import { isIP } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { EgressPolicy } from '../../../core/egress/egress-policy.ts';
import type { ProxyEndpoint } from '../../../core/session/vendors/render.ts';
import { UpstreamError } from '../../../core/ports/index.ts';
import type { Clock } from '../../../core/ports/index.ts';
import { addressesOf, connectTo, opened } from '../../node/transport/open-socket.ts';
import type { Resolve } from '../../node/transport/open-socket.ts';
import { toUpstreamError } from '../../node/transport/upstream-errors.ts';
import type { Destination } from './destination.ts';
import { socksConnect } from './socks5.ts';

/** An upstream proxy answered CONNECT with something else than success. */
export class UpstreamRefused extends Error {
  override readonly name = 'UpstreamRefused';
  readonly status: number;

  constructor(status: number) {
    super(`The upstream proxy answered ${status}`);
    this.status = status;
  }
}

export interface DialOptions {
  readonly egress: EgressPolicy;
  readonly resolve: Resolve;
  readonly clock: Clock;
  /** For name resolution and connection together, and again for an upstream's handshake, in milliseconds. */
  readonly connectTimeoutMs: number;
  /** Aborts when nobody waits any more. */
  readonly signal: AbortSignal;
}

/**
 * Connects to the origin itself. Every address its name resolves to is judged, and only what passed is connected to: a name that
 * resolves differently the next time gains nothing.
 *
 * @throws {UpstreamError}
 */
export function dialOrigin({ host, port }: Destination, options: DialOptions): Promise<Socket> {
  return timed(options, async (signal) => {
    const addresses = host.kind === 'address' ? [host.text] : await addressesOf(host.text, options.resolve);
    const allowed = addresses.filter(
      (address) => options.egress.decideAddress(address, port, host.kind === 'name' ? host.text : undefined).allowed,
    );
    if (allowed.length === 0) throw new UpstreamError('destination_ip_prohibited', false);
    return opened(connectTo(allowed, port), 'connect', signal);
  });
}

/**
 * Connects to an upstream proxy, which configuration names and the egress policy does not judge.
 *
 * @throws {UpstreamError}
 */
export function dialUpstream({ scheme, host, port }: ProxyEndpoint, options: DialOptions): Promise<Socket> {
  return timed(options, async (signal) => {
    const socket = await opened(
      connectTo(isIP(host) === 0 ? await addressesOf(host, options.resolve) : [host], port),
      'connect',
      signal,
    );
    if (scheme !== 'https') return socket;
    return opened(connectTls({ socket, ...(isIP(host) === 0 && { servername: host }) }), 'secureConnect', signal);
  });
}

/**
 * Connects to the origin through an upstream proxy: by its CONNECT, or by SOCKS5.
 *
 * @throws {UpstreamError}
 * @throws {UpstreamRefused}
 */
export async function dialThrough(
  upstream: ProxyEndpoint,
  { authority, host, port }: Destination,
  options: DialOptions,
): Promise<Socket> {
  const proxy = await dialUpstream(upstream, options);
  return timed(options, async (signal) => {
    if (upstream.scheme === 'socks5') {
      signal.addEventListener('abort', () => proxy.destroy(), { once: true });
      await socksConnect(proxy, upstream, host.text, port).catch((error: unknown) => {
        proxy.destroy();
        throw error;
      });
      return proxy;
    }
    const ask = request({
      method: 'CONNECT',
      path: authority,
      agent: new SocketAgent(proxy),
      headers: { host: authority, ...proxyAuthorization(upstream), ...upstream.headers },
      signal,
    });
    return new Promise<Socket>((resolve, reject) => {
      ask.once('error', (error) => {
        proxy.destroy();
        reject(toUpstreamError(error, true));
      });
      ask.once('connect', (response, socket: Socket, head) => {
        const status = response.statusCode ?? 0;
        if (status < 200 || status > 299) {
          socket.destroy();
          reject(new UpstreamRefused(status));
          return;
        }
        if (head.length > 0) socket.unshift(head);
        resolve(socket);
      });
      ask.end();
    });
  });
}

/** Basic credentials in UTF-8 (RFC 7617), or none. */
export function proxyAuthorization({ username, password }: ProxyEndpoint): { 'proxy-authorization'?: string } {
  if (username === '' && password === '') return {};
  return { 'proxy-authorization': `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` };
}

/** Gives one HTTP client one connection that is already there. */
export class SocketAgent extends Agent {
  readonly #socket: Socket;

  constructor(socket: Socket) {
    super({ keepAlive: false });
    this.#socket = socket;
  }

  override createConnection(): Socket {
    return this.#socket;
  }
}

/** Runs `work` until it is done, the time is over, or nobody waits any more. */
async function timed<T>({ clock, connectTimeoutMs, signal }: DialOptions, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const over = new AbortController();
  const gone = (): void => {
    over.abort(new UpstreamError('connection_terminated', false));
  };
  if (signal.aborted) gone();
  signal.addEventListener('abort', gone, { once: true });
  const finished = new AbortController();
  const late = clock.sleep(connectTimeoutMs, finished.signal).then(
    () => {
      over.abort(new UpstreamError('connection_timeout', false));
    },
    () => undefined,
  );
  const cut = new Promise<never>((_, reject) => {
    over.signal.addEventListener('abort', () => {
      reject(over.signal.reason as Error);
    });
  });
  try {
    return await Promise.race([work(over.signal), cut]);
  } finally {
    finished.abort();
    signal.removeEventListener('abort', gone);
    await late;
  }
}
