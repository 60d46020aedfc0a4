import type { Socket } from 'node:net';
import type { HttpRequest, HttpResponse, SendOptions } from '../../../core/ports/index.ts';
import { UpstreamError } from '../../../core/ports/index.ts';
import { readAuthority } from './authority.ts';
import type { Connector, Destination, Timeouts } from './connector.ts';
import { Http1Connection } from './http1-connection.ts';
import type { ConnectionOwner, Pending } from './http1-connection.ts';
import { doubtfulMs } from './watch.ts';
import type { Instant, Watch } from './watch.ts';

/** How long an idle connection is kept where the upstream does not say, in milliseconds: below what servers and balancers usually keep theirs. */
const keepAliveMs = 30_000;
/** An upstream's own word is kept within these, in milliseconds, and undercut: the way there takes time too. */
const maxKeepAliveMs = 600_000;
const keepAliveReserveMs = 1_000;
/** Idle connections kept to one origin. */
const maxIdle = 256;
const sweepEveryMs = 1_000;

/** HTTP/1.1 to one upstream: connections are kept and used again, the youngest first, each for one exchange at a time. */
export class Http1Transport {
  readonly #connector: Connector;
  readonly #watch: Watch;
  readonly #origins = new Map<string, Origin>();
  /** Nearly always asked for again: it needs no key. */
  #last: Origin | undefined;
  #sweep: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(connector: Connector, watch: Watch) {
    this.#connector = connector;
    this.#watch = watch;
  }

  send(request: HttpRequest, options: SendOptions, timeouts: Timeouts): Promise<HttpResponse> {
    return new Promise((resolve, reject) => {
      if (options.signal?.aborted === true) {
        reject(options.signal.reason as Error);
        return;
      }
      const origin = this.#origin(request, options);
      if (origin instanceof UpstreamError) reject(origin);
      else origin.take({ request, options, timeouts, resolve, reject });
    });
  }

  /** Sends over a connection that is open already. */
  sendOver(socket: Socket, pending: Pending): void {
    const origin = this.#origin(pending.request, pending.options);
    if (origin instanceof UpstreamError) pending.reject(origin);
    else origin.adopt(socket, pending);
  }

  /** Idle ones close at once, the others after their exchange; resolves when none is left. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#sweep);
    await Promise.all([...this.#origins.values()].map((origin) => origin.close()));
  }

  #origin({ scheme, authority }: HttpRequest, { address }: SendOptions): Origin | UpstreamError {
    if (this.#last?.is(scheme, authority, address) === true) return this.#last;
    const key = address === undefined ? `${scheme}://${authority}` : `${scheme}://${authority} ${address}`;
    const found = this.#origins.get(key);
    if (found !== undefined) return (this.#last = found);
    let destination: Destination;
    try {
      destination = { scheme, address, ...readAuthority(authority, scheme) };
    } catch (error) {
      return error as UpstreamError;
    }
    const origin = new Origin(authority, destination, this.#connector, this.#watch, {
      empty: () => {
        this.#origins.delete(key);
        this.#last = undefined;
      },
      idle: () => {
        this.#sweepLater();
      },
    });
    if (this.#closed) {
      // a late try of an exchange that goes on: its connection is not kept
      void origin.close();
      return origin;
    }
    this.#origins.set(key, origin);
    return (this.#last = origin);
  }

  /** Housekeeping, which must not keep a process alive. */
  #sweepLater(): void {
    this.#sweep ??= setTimeout(() => {
      this.#sweep = undefined;
      let idle = 0;
      for (const origin of this.#origins.values()) idle += origin.sweep();
      if (idle > 0) this.#sweepLater();
    }, sweepEveryMs).unref();
  }
}

interface OriginEvents {
  empty(): void;
  idle(): void;
}

interface Idle {
  readonly connection: Http1Connection;
  readonly since: Instant;
  readonly keepMs: number;
}

/** The connections to one scheme, host, port and address. */
class Origin implements ConnectionOwner {
  readonly #authority: string;
  readonly #destination: Destination;
  readonly #connector: Connector;
  readonly #watch: Watch;
  readonly #events: OriginEvents;
  #idle: Idle[] = [];
  readonly #open = new Set<Http1Connection>();
  #connecting = 0;
  /** Who goes over a connection that was used before, once it is known that nothing unasked has come on it. */
  #waiting: Pending[] = [];
  /** Its last connection may close for its age, and the next one is not there yet. */
  #starting = false;
  #closed: (() => void) | undefined;

  constructor(authority: string, destination: Destination, connector: Connector, watch: Watch, events: OriginEvents) {
    this.#authority = authority;
    this.#destination = destination;
    this.#connector = connector;
    this.#watch = watch;
    this.#events = events;
  }

  is(scheme: string, authority: string, address: string | undefined): boolean {
    return this.#authority === authority && this.#destination.scheme === scheme && this.#destination.address === address;
  }

  take(pending: Pending): void {
    if (this.#idle.length <= this.#waiting.length) {
      this.#connect(pending);
      return;
    }
    // A close or an unsolicited response that has arrived already is read in this turn of the loop, before the request is written.
    if (this.#waiting.push(pending) === 1) setImmediate(this.#lookAgain);
  }

  adopt(socket: Socket, pending: Pending): void {
    const connection = new Http1Connection(socket, this);
    this.#open.add(connection);
    this.#watch.add(connection);
    connection.start(pending);
  }

  close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#closed = resolve;
    });
    for (const { connection } of this.#idle.splice(0)) connection.destroy();
    this.#settle();
    return closed;
  }

  /** Closes what has been idle for too long; answers how many stay. */
  sweep(): number {
    // each leaves the list
    for (const { connection } of this.#idle.filter((idle) => this.#isOld(idle))) connection.destroy();
    return this.#idle.length;
  }

  // --- ConnectionOwner

  now(): number {
    return this.#watch.now();
  }

  watch(connection: Http1Connection): void {
    this.#watch.note(connection.dueAt);
  }

  onIdle(connection: Http1Connection, promisedMs: number | undefined): void {
    const keepMs = promisedMs === undefined ? keepAliveMs : Math.min(maxKeepAliveMs, promisedMs - keepAliveReserveMs);
    if (this.#closed !== undefined || keepMs <= 0 || this.#idle.length >= maxIdle) {
      connection.destroy();
      return;
    }
    connection.ref(false);
    this.#idle.push({ connection, since: this.#watch.instant(), keepMs });
    this.#events.idle();
  }

  onGone(connection: Http1Connection): void {
    if (!this.#open.delete(connection)) return;
    this.#watch.delete(connection);
    const at = this.#idle.findIndex((idle) => idle.connection === connection);
    if (at !== -1) this.#idle.splice(at, 1);
    this.#settle();
  }

  #isOld({ since, keepMs }: Idle): boolean {
    return this.#watch.since(since) >= keepMs;
  }

  /**
   * This turn of the loop may work on what had arrived before the process was frozen, and only the next one sees what came meanwhile. A connection that was in
   * use just now need not wait for it.
   */
  readonly #lookAgain = (): void => {
    const last = this.#idle.at(-this.#waiting.length) ?? this.#idle[0];
    if (last !== undefined && this.#watch.since(last.since) >= doubtfulMs) setImmediate(this.#startWaiting);
    else this.#startWaiting();
  };

  readonly #startWaiting = (): void => {
    this.#starting = true;
    for (const pending of this.#waiting.splice(0)) this.#start(pending);
    this.#starting = false;
    this.#settle();
  };

  #start(pending: Pending): void {
    if (pending.options.signal?.aborted === true) {
      pending.reject(pending.options.signal.reason);
      return;
    }
    for (let idle = this.#idle.pop(); idle !== undefined; idle = this.#idle.pop()) {
      const { connection } = idle;
      if (connection.usable && !this.#isOld(idle)) {
        connection.ref(true);
        connection.start(pending);
        return;
      }
      connection.destroy();
    }
    this.#connect(pending);
  }

  #connect(pending: Pending): void {
    this.#connecting++;
    const { deadline, signal } = pending.options;
    const timeoutMs = pending.timeouts.connectTimeoutMs;
    this.#connector.connect(this.#destination, { deadline, signal, timeoutMs, protocols: ['http/1.1'] }).then(
      (socket) => {
        this.#connecting--;
        if (signal?.aborted === true) {
          pending.reject(signal.reason);
          socket.on('error', () => undefined).destroy();
          this.#settle();
        } else {
          this.adopt(socket, pending);
        }
      },
      (error: unknown) => {
        this.#connecting--;
        pending.reject(error);
        this.#settle();
      },
    );
  }

  #settle(): void {
    if (this.#open.size > 0 || this.#connecting > 0 || this.#waiting.length > 0 || this.#starting) return;
    this.#events.empty();
    this.#closed?.();
  }
}
