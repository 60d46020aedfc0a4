import type { ClientHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { ConnectionProfile, EpochMillis, HttpRequest, HttpResponse, SendOptions } from '../../../core/ports/index.ts';
import { UpstreamError } from '../../../core/ports/index.ts';
import { readAuthority } from './authority.ts';
import type { Connector, Destination } from './connector.ts';
import type { Pending } from './http1-connection.ts';
import type { Http1Transport } from './http1-transport.ts';
import { Http2Exchange } from './http2-exchange.ts';
import type { Watch, Watched } from './watch.ts';

/** How long a session without streams is kept, in milliseconds. */
const keepAliveMs = 30_000;
const sweepEveryMs = 1_000;
/** Streams at once on one connection until the upstream says how many it takes (RFC 9113 section 5.1.2: at least 100 is recommended). */
const presumedStreams = 100;
/** Greatest header section, as `maxHeadBytes` of HTTP/1.1; and of one stream's and one connection's content under way, in bytes. */
const maxHeaderListSize = 65_536;
const maxHeaderFields = 2_000;
const streamWindow = 262_144;
const connectionWindow = 1_048_576;

/**
 * HTTP/2 to one upstream: over TLS where it is chosen by ALPN, else HTTP/1.1 on the same connection; in the clear with prior knowledge. Requests
 * share a connection as far as the upstream lets them.
 */
export class Http2Transport {
  readonly #profile: ConnectionProfile;
  readonly #connector: Connector;
  readonly #watch: Watch;
  readonly #http1: Http1Transport;
  readonly #origins = new Map<string, Origin>();
  #sweep: NodeJS.Timeout | undefined;

  constructor(profile: ConnectionProfile, connector: Connector, watch: Watch, http1: Http1Transport) {
    this.#profile = profile;
    this.#connector = connector;
    this.#watch = watch;
    this.#http1 = http1;
  }

  send(request: HttpRequest, options: SendOptions): Promise<HttpResponse> {
    return new Promise((resolve, reject) => {
      if (options.signal?.aborted === true) {
        reject(options.signal.reason as Error);
        return;
      }
      const pending = { request, options, resolve, reject };
      try {
        this.#origin(request, options).take(pending);
      } catch (error) {
        reject(error as Error);
      }
    });
  }

  async close(): Promise<void> {
    clearTimeout(this.#sweep);
    await Promise.all([...this.#origins.values()].map((origin) => origin.close()));
  }

  #origin({ scheme, authority }: HttpRequest, { address }: SendOptions): Origin {
    const key = `${scheme}://${authority} ${address ?? ''}`;
    let origin = this.#origins.get(key);
    if (origin === undefined) {
      const destination = { scheme, address, ...readAuthority(authority, scheme) };
      origin = new Origin(destination, this.#profile, this.#connector, this.#watch, this.#http1, {
        empty: () => this.#origins.delete(key),
        idle: () => {
          this.#sweepLater();
        },
      });
      this.#origins.set(key, origin);
    }
    return origin;
  }

  #sweepLater(): void {
    this.#sweep ??= setTimeout(() => {
      this.#sweep = undefined;
      let open = 0;
      for (const origin of this.#origins.values()) open += origin.sweep();
      if (open > 0) this.#sweepLater();
    }, sweepEveryMs).unref();
  }
}

interface OriginEvents {
  empty(): void;
  idle(): void;
}

/** A session and what is known of it. */
interface Open {
  readonly session: ClientHttp2Session;
  streams: number;
  /** It takes no new streams. */
  leaving: boolean;
  idleSince: EpochMillis;
  /** What ended it, for the streams it takes with it. */
  error: unknown;
}

/** The sessions to one scheme, host, port and address. */
class Origin {
  readonly #destination: Destination;
  readonly #profile: ConnectionProfile;
  readonly #connector: Connector;
  readonly #watch: Watch;
  readonly #http1: Http1Transport;
  readonly #events: OriginEvents;
  readonly #open = new Set<Open>();
  /** Who waits for the session that is being opened. */
  #waiting: Waiting[] = [];
  #connecting = false;
  #closed: (() => void) | undefined;

  constructor(
    destination: Destination,
    profile: ConnectionProfile,
    connector: Connector,
    watch: Watch,
    http1: Http1Transport,
    events: OriginEvents,
  ) {
    this.#destination = destination;
    this.#profile = profile;
    this.#connector = connector;
    this.#watch = watch;
    this.#http1 = http1;
    this.#events = events;
  }

  take(pending: Pending): void {
    const now = this.#watch.now();
    for (const open of this.#open) {
      const { session } = open;
      if (open.streams === 0 && open.idleSince + keepAliveMs <= now) session.destroy();
      if (open.leaving || session.closed || session.destroyed) continue;
      if (open.streams < (session.remoteSettings.maxConcurrentStreams ?? presumedStreams)) {
        this.#start(open, pending);
        return;
      }
    }
    this.#waiting.push(new Waiting(pending, this.#watch));
    void this.#connect();
  }

  close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#closed = resolve;
    });
    for (const { session } of this.#open) session.close();
    this.#settle();
    return closed;
  }

  sweep(): number {
    const now = this.#watch.now();
    for (const { session, streams, idleSince } of this.#open) {
      if (streams === 0 && idleSince + keepAliveMs <= now) session.close();
    }
    return this.#open.size;
  }

  async #connect(): Promise<void> {
    if (this.#connecting) return;
    this.#connecting = true;
    const { scheme } = this.#destination;
    try {
      const socket = await this.#connector.connect(this.#destination, {
        deadline: Number.MAX_SAFE_INTEGER,
        signal: undefined,
        protocols: ['h2', 'http/1.1'],
      });
      const { connect } = await import('node:http2');
      this.#connecting = false;
      const waiting = this.#waiting.splice(0).filter((one) => one.leave());
      if (scheme === 'https' && (socket as TLSSocket).alpnProtocol !== 'h2') {
        this.#speakHttp1(socket, waiting);
        return;
      }
      const session = connect(`${scheme}://portolan.invalid`, {
        createConnection: () => socket,
        maxHeaderListPairs: maxHeaderFields,
        settings: { enablePush: false, initialWindowSize: streamWindow, maxHeaderListSize },
      });
      this.#adopt(session);
      for (const { pending } of waiting) this.take(pending);
    } catch (error) {
      this.#connecting = false;
      for (const one of this.#waiting.splice(0)) if (one.leave()) one.pending.reject(error);
      this.#settle();
    }
  }

  #speakHttp1(socket: Socket, [first, ...others]: readonly Waiting[]): void {
    if (first === undefined) socket.on('error', () => undefined).destroy();
    else this.#http1.sendOver(socket, first.pending);
    for (const { pending } of others) {
      this.#http1.send(pending.request, pending.options).then(pending.resolve, pending.reject);
    }
    this.#settle();
  }

  #adopt(session: ClientHttp2Session): void {
    const open: Open = { session, streams: 0, leaving: false, idleSince: this.#watch.now(), error: undefined };
    this.#open.add(open);
    this.#events.idle();
    session.on('connect', () => {
      session.setLocalWindowSize(connectionWindow);
    });
    session.on('goaway', () => {
      open.leaving = true;
    });
    session.on('error', (error) => {
      open.error = error;
    });
    session.on('close', () => {
      this.#open.delete(open);
      this.#settle();
    });
    if (this.#closed !== undefined) session.close();
  }

  #start(open: Open, pending: Pending): void {
    open.streams++;
    open.session.ref();
    const exchange: Watched & { start(): void } = new Http2Exchange(open.session, pending, this.#profile, this.#watch, {
      sessionError: () => open.error,
      over: () => {
        this.#watch.delete(exchange);
        open.streams--;
        if (open.streams > 0) return;
        open.idleSince = this.#watch.now();
        if (!open.session.destroyed) open.session.unref();
      },
    });
    exchange.start();
  }

  #settle(): void {
    if (this.#open.size > 0 || this.#connecting || this.#waiting.length > 0) return;
    this.#events.empty();
    this.#closed?.();
  }
}

/** A request that waits for a session: no longer than its own deadline, and not when nobody waits for it. */
class Waiting implements Watched {
  readonly pending: Pending;
  readonly dueAt: EpochMillis;
  readonly #watch: Watch;
  readonly #onAbort: () => void;
  #left = false;

  constructor(pending: Pending, watch: Watch) {
    const { deadline, signal } = pending.options;
    this.pending = pending;
    this.dueAt = deadline;
    this.#watch = watch;
    this.#onAbort = () => {
      if (this.leave()) pending.reject(signal?.reason);
    };
    signal?.addEventListener('abort', this.#onAbort, { once: true });
    watch.add(this);
  }

  /** False when it has left before. */
  leave(): boolean {
    if (this.#left) return false;
    this.#left = true;
    this.#watch.delete(this);
    this.pending.options.signal?.removeEventListener('abort', this.#onAbort);
    return true;
  }

  expire(): void {
    if (this.leave()) this.pending.reject(new UpstreamError('http_response_timeout', false));
  }
}
