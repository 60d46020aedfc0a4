import type { ClientHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { EpochMillis, HttpRequest, HttpResponse, SendOptions } from '../../../core/ports/index.ts';
import { UpstreamError } from '../../../core/ports/index.ts';
import { readAuthority } from './authority.ts';
import type { Connector, Destination, Timeouts } from './connector.ts';
import type { Pending } from './http1-connection.ts';
import type { Http1Transport } from './http1-transport.ts';
import { Http2Exchange } from './http2-exchange.ts';
import { toUpstreamError } from './upstream-errors.ts';
import { doubtfulMs } from './watch.ts';
import type { Instant, Watch, Watched } from './watch.ts';

/** How long a session without streams is kept, in milliseconds. */
const keepAliveMs = 30_000;
const sweepEveryMs = 1_000;
/** Streams at once on a connection whose upstream sets no limit (RFC 9113 section 6.5.2: no fewer than 100 is recommended). */
const minStreams = 100;
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
  readonly #connector: Connector;
  readonly #watch: Watch;
  readonly #http1: Http1Transport;
  readonly #origins = new Map<string, Origin>();
  #sweep: NodeJS.Timeout | undefined;

  constructor(connector: Connector, watch: Watch, http1: Http1Transport) {
    this.#connector = connector;
    this.#watch = watch;
    this.#http1 = http1;
  }

  send(request: HttpRequest, options: SendOptions, timeouts: Timeouts): Promise<HttpResponse> {
    return new Promise((resolve, reject) => {
      if (options.signal?.aborted === true) {
        reject(options.signal.reason as Error);
        return;
      }
      const pending = { request, options, timeouts, resolve, reject };
      try {
        this.#origin(request, options).take(pending);
      } catch (error) {
        reject(error as Error);
      }
    });
  }

  async close(): Promise<void> {
    clearTimeout(this.#sweep);
    // what is opened for a late try is swept, too
    this.#sweep = undefined;
    await Promise.all([...this.#origins.values()].map((origin) => origin.close()));
  }

  #origin({ scheme, authority }: HttpRequest, { address }: SendOptions): Origin {
    const key = `${scheme}://${authority} ${address ?? ''}`;
    let origin = this.#origins.get(key);
    if (origin === undefined) {
      const destination = { scheme, address, ...readAuthority(authority, scheme) };
      origin = new Origin(destination, this.#connector, this.#watch, this.#http1, {
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
  readonly socket: Socket;
  /** How long its upstream may take for what connections need: settings, an answer to a ping, a goodbye. */
  readonly timeoutMs: number;
  streams: number;
  /** The upstream has said how many streams it takes. */
  ready: boolean;
  /** It takes no new streams. */
  leaving: boolean;
  /** Whether anybody is still there is being asked: meanwhile it gets no new streams. */
  doubted: boolean;
  /** When its last exchange began or ended. */
  usedAt: Instant;
  /** It has been asked to end, and has so long for it. */
  ending: Watched | undefined;
}

/** The sessions to one scheme, host, port and address. */
class Origin {
  readonly #destination: Destination;
  readonly #connector: Connector;
  readonly #watch: Watch;
  readonly #http1: Http1Transport;
  readonly #events: OriginEvents;
  readonly #open = new Set<Open>();
  /** Who goes over a session that has not been used just now, once it is known what has come on it. */
  #looking: Pending[] = [];
  /** Who waits for the session that is being opened, by how long that may take: nobody gives up for another's impatience. */
  readonly #openings = new Map<number, Waiting[]>();
  #closed: (() => void) | undefined;

  constructor(destination: Destination, connector: Connector, watch: Watch, http1: Http1Transport, events: OriginEvents) {
    this.#destination = destination;
    this.#connector = connector;
    this.#watch = watch;
    this.#http1 = http1;
    this.#events = events;
  }

  take(pending: Pending): void {
    const open = this.#usable();
    if (open === undefined) this.#wait(pending);
    else if (this.#watch.since(open.usedAt) < doubtfulMs) this.#start(open, pending);
    // A close that has arrived is read in this turn of the loop, or in the next one: this one may work on what had arrived before a freeze.
    else if (this.#looking.push(pending) === 1) setImmediate(() => setImmediate(this.#startLooking));
  }

  close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#closed = resolve;
    });
    for (const open of this.#open) {
      if (open.streams === 0) this.#end(open);
      else open.session.close();
    }
    this.#settle();
    return closed;
  }

  sweep(): number {
    for (const open of this.#open) if (this.#isOld(open)) this.#end(open);
    return this.#open.size;
  }

  /** A session that takes another stream; those that are too old end. */
  #usable(): Open | undefined {
    for (const open of this.#open) {
      const { session, socket } = open;
      if (this.#isOld(open)) this.#end(open);
      if (!open.ready || open.leaving || open.doubted || session.closed || session.destroyed) continue;
      if (socket.readableEnded || socket.destroyed) continue;
      if (open.streams < (session.remoteSettings.maxConcurrentStreams ?? minStreams)) return open;
    }
    return undefined;
  }

  #isOld({ streams, usedAt }: Open): boolean {
    return streams === 0 && this.#watch.since(usedAt) >= keepAliveMs;
  }

  readonly #startLooking = (): void => {
    for (const pending of this.#looking.splice(0)) {
      const { signal } = pending.options;
      const open = this.#usable();
      if (signal?.aborted === true) pending.reject(signal.reason);
      else if (open === undefined) this.#wait(pending);
      else this.#start(open, pending);
    }
    this.#settle();
  };

  #wait(pending: Pending): void {
    const timeoutMs = pending.timeouts.connectTimeoutMs;
    const waiting = new Waiting(pending, this.#watch);
    const others = this.#openings.get(timeoutMs);
    if (others !== undefined) others.push(waiting);
    else {
      this.#openings.set(timeoutMs, [waiting]);
      void this.#connect(timeoutMs);
    }
  }

  async #connect(timeoutMs: number): Promise<void> {
    const { scheme } = this.#destination;
    try {
      const socket = await this.#connector.connect(this.#destination, {
        deadline: Number.MAX_SAFE_INTEGER,
        signal: undefined,
        timeoutMs,
        protocols: ['h2', 'http/1.1'],
      });
      const { connect } = await import('node:http2');
      if (scheme === 'https' && (socket as TLSSocket).alpnProtocol !== 'h2') {
        this.#speakHttp1(socket, this.#opened(timeoutMs));
        return;
      }
      // an upstream that closes its side has gone: nothing that waits for it on a half-open connection would ever hear of it
      socket.allowHalfOpen = false;
      const options = {
        createConnection: () => socket,
        maxHeaderListPairs: maxHeaderFields,
        settings: { enablePush: false, initialWindowSize: streamWindow, maxHeaderListSize },
        // what a client repeats is passed on as it is; the types have heard of it for servers alone
        strictSingleValueFields: false,
      };
      const session = connect(`${scheme}://portolan.invalid`, options);
      this.#adopt(session, socket, timeoutMs);
    } catch (error) {
      this.#giveUp(timeoutMs, error);
    }
  }

  /** Ends an opening. Those who wait for it and are still there: they wait no longer. */
  #opened(timeoutMs: number): Pending[] {
    const waiting = this.#openings.get(timeoutMs) ?? [];
    this.#openings.delete(timeoutMs);
    return waiting.flatMap((one) => (one.leave() ? [one.pending] : []));
  }

  #giveUp(timeoutMs: number, error: unknown): void {
    for (const pending of this.#opened(timeoutMs)) pending.reject(error);
    this.#settle();
  }

  #speakHttp1(socket: Socket, [first, ...others]: readonly Pending[]): void {
    if (first === undefined) socket.on('error', () => undefined).destroy();
    else this.#http1.sendOver(socket, first);
    for (const pending of others) {
      this.#http1.send(pending.request, pending.options, pending.timeouts).then(pending.resolve, pending.reject);
    }
    this.#settle();
  }

  #adopt(session: ClientHttp2Session, socket: Socket, timeoutMs: number): void {
    const open: Open = {
      session,
      socket,
      timeoutMs,
      streams: 0,
      ready: false,
      leaving: false,
      doubted: false,
      usedAt: this.#watch.instant(),
      ending: undefined,
    };
    let failure: Error | undefined;
    this.#open.add(open);
    this.#events.idle();
    const patience: Watched = {
      dueAt: this.#watch.now() + timeoutMs,
      expire: () => {
        failure = new UpstreamError('connection_timeout', false);
        socket.destroy();
      },
    };
    this.#watch.add(patience);
    session.once('remoteSettings', () => {
      this.#watch.delete(patience);
      open.ready = true;
      const left = this.#opened(timeoutMs);
      // one that takes nobody would be asked again and again, on one connection after the other
      if (session.remoteSettings.maxConcurrentStreams === 0) {
        for (const pending of left) pending.reject(new UpstreamError('connection_limit_reached', false));
      } else {
        for (const pending of left) this.take(pending);
        this.#relieve();
      }
      if (this.#closed !== undefined && open.streams === 0) this.#end(open);
    });
    session.on('connect', () => {
      session.setLocalWindowSize(connectionWindow);
    });
    session.on('goaway', () => {
      open.leaving = true;
      if (open.streams === 0) this.#end(open);
    });
    session.on('error', (error) => {
      failure = error;
    });
    session.on('close', () => {
      this.#watch.delete(patience);
      if (open.ending !== undefined) this.#watch.delete(open.ending);
      this.#open.delete(open);
      if (open.ready) this.#settle();
      else
        this.#giveUp(
          timeoutMs,
          failure === undefined ? new UpstreamError('connection_terminated', false) : toUpstreamError(failure, false),
        );
    });
    // the first need not wait for the settings: any upstream takes one stream
    const first = this.#openings.get(timeoutMs)?.find((one) => one.leave());
    if (first !== undefined) this.#start(open, first.pending);
  }

  /** Who waits for another session goes over one that is there, as far as it takes them. */
  #relieve(): void {
    for (const one of [...this.#openings.values()].flat()) {
      const open = this.#usable();
      if (open === undefined) return;
      if (one.leave()) this.#start(open, one.pending);
    }
  }

  #start(open: Open, pending: Pending): void {
    open.streams++;
    open.usedAt = this.#watch.instant();
    open.session.ref();
    const exchange: Watched & { start(): void } = new Http2Exchange(open.session, pending, this.#watch, {
      over: () => {
        this.#watch.delete(exchange);
        open.streams--;
        open.usedAt = this.#watch.instant();
        if (open.streams > 0) return;
        if (open.session.closed || open.session.destroyed || this.#closed !== undefined) this.#end(open);
        else open.session.unref();
      },
      silence: () => this.#doubt(open),
    });
    exchange.start();
  }

  /** Ends a connection without streams. Node would wait for the other side to end it too, and that may never be. */
  #end(open: Open): void {
    const { session, socket } = open;
    session.close();
    if (open.ending !== undefined || !this.#open.has(open)) return;
    const cut = (): void => {
      socket.destroy();
    };
    // all has been said
    socket.once('finish', cut);
    open.ending = { dueAt: this.#watch.now() + open.timeoutMs, expire: cut };
    this.#watch.add(open.ending);
  }

  /** A connection that has gone without a word would let every exchange on it wait for its time-out: who does not answer a ping is not there. */
  #doubt(open: Open): void {
    const { session } = open;
    if (open.doubted || session.destroyed) return;
    open.doubted = true;
    const patience: Watched = {
      dueAt: this.#watch.now() + open.timeoutMs,
      expire: () => open.socket.destroy(),
    };
    this.#watch.add(patience);
    session.ping(() => {
      this.#watch.delete(patience);
      open.doubted = false;
    });
  }

  #settle(): void {
    if (this.#open.size > 0 || this.#openings.size > 0 || this.#looking.length > 0) return;
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
