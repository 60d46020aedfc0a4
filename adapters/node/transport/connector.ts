import { isIP } from 'node:net';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { createEgressPolicy } from '../../../core/egress/egress-policy.ts';
import type { EgressPolicy } from '../../../core/egress/egress-policy.ts';
import { UpstreamError } from '../../../core/ports/index.ts';
import type { Cancellation, Clock, ConnectionProfile, EpochMillis, UpstreamErrorType } from '../../../core/ports/index.ts';
import type { ValidityWarnings } from '../certificate-validity.ts';
import { TlsIdentity } from './tls-identity.ts';
import type { SecretSource } from './tls-identity.ts';
import { addressesOf, connectTo, ignore, opened } from './open-socket.ts';
import type { Resolve } from './open-socket.ts';
import { toUpstreamError } from './upstream-errors.ts';

/** Where one connection goes. */
export interface Destination {
  readonly scheme: 'http' | 'https';
  readonly host: string;
  readonly port: number;
  /** Instead of what the host resolves to. */
  readonly address: string | undefined;
}

/** What a profile says of time: it is each exchange's, whatever connection that goes over. */
export type Timeouts = Pick<ConnectionProfile, 'connectTimeoutMs' | 'idleTimeoutMs' | 'responseHeadersTimeoutMs'>;

/** What it says of connections. */
export type ConnectionKind = Omit<ConnectionProfile, keyof Timeouts>;

export interface ConnectorOptions {
  readonly profile: ConnectionKind;
  readonly clock: Clock;
  readonly secrets: SecretSource;
  readonly resolve: Resolve;
  /** Told of client certificates that are not valid, or not for long. */
  readonly warnings?: ValidityWarnings | undefined;
}

export interface ConnectOptions {
  readonly deadline: EpochMillis;
  readonly signal: Cancellation | undefined;
  /** Name resolution, TCP and TLS, in milliseconds. */
  readonly timeoutMs: number;
  /** Protocols to offer by ALPN, best first. */
  readonly protocols: readonly string[];
}

/** Opens the connections of one upstream: judges every address, connects to what it has judged and to nothing else, verifies certificates. */
export class Connector {
  readonly #profile: ConnectionKind;
  readonly #clock: Clock;
  readonly #resolve: Resolve;
  readonly #egress: EgressPolicy;
  readonly #identity: TlsIdentity;
  readonly #sessions = new Map<string, Buffer>();

  constructor({ profile, clock, secrets, resolve, warnings }: ConnectorOptions) {
    this.#profile = profile;
    this.#clock = clock;
    this.#resolve = resolve;
    this.#egress = createEgressPolicy({
      allowLoopback: profile.allowPrivate,
      allowPrivate: profile.allowPrivate,
      allow: profile.allow,
    });
    this.#identity = new TlsIdentity(secrets, profile.tls, warnings);
  }

  /**
   * @throws {UpstreamError} `requestSent` is always false
   * @throws the signal's reason
   */
  async connect(destination: Destination, { deadline, signal, timeoutMs, protocols }: ConnectOptions): Promise<Socket> {
    const stage: Stage = { timeoutType: 'dns_timeout', since: this.#clock.monotonic() };
    const over = new AbortController();
    const isOver = new Promise<never>((_, reject) => {
      over.signal.addEventListener('abort', () => {
        reject(over.signal.reason as Error);
      });
    });
    const onAbort = (): void => {
      over.abort(signal?.reason);
    };
    if (signal?.aborted === true) onAbort();
    signal?.addEventListener('abort', onAbort, { once: true });
    const finished = new AbortController();
    const late = this.#timeOut(deadline, timeoutMs, stage, finished.signal).then(
      (type) => {
        over.abort(new UpstreamError(type, false));
      },
      () => undefined,
    );
    try {
      return await Promise.race([this.#open(destination, protocols, stage, over.signal), isOver]);
    } catch (error) {
      throw error === signal?.reason ? error : toUpstreamError(error, false);
    } finally {
      finished.abort();
      signal?.removeEventListener('abort', onAbort);
      await late;
    }
  }

  /** Waits until the time for a connection is over, and answers what it was over for. @throws the signal's reason */
  async #timeOut(deadline: EpochMillis, timeoutMs: number, stage: Stage, signal: AbortSignal): Promise<UpstreamErrorType> {
    const clock = this.#clock;
    for (;;) {
      const leftMs = Math.max(0, deadline - clock.now());
      const dueAt = clock.monotonic() + timeoutMs;
      await clock.sleep(Math.min(leftMs, timeoutMs), signal);
      if (leftMs < timeoutMs) return 'http_response_timeout';
      // in time it would have been too late for this step: the process stood still, and the next step has had no time at all
      if (stage.since < dueAt) return stage.timeoutType;
    }
  }

  async #open(destination: Destination, protocols: readonly string[], stage: Stage, signal: AbortSignal): Promise<Socket> {
    const { scheme, port } = destination;
    const decision = this.#egress.decideHost(destination.host, port);
    if (!decision.allowed) throw new UpstreamError('destination_ip_prohibited', false);
    const { host } = decision;
    const name = host.kind === 'name' ? host.text : undefined;
    const candidates = await this.#addresses(destination.address, host.text, name);
    const allowed = candidates.filter((address) => this.#egress.decideAddress(address, port, name).allowed);
    if (allowed.length === 0) throw new UpstreamError('destination_ip_prohibited', false);
    this.#step(stage);
    const identity = scheme === 'https' ? await this.#identity.read() : undefined;
    signal.throwIfAborted();
    const socket = connectTo(allowed, port);
    await opened(socket, 'connect', signal);
    if (scheme === 'http') return socket;
    this.#step(stage);

    // what befalls it from here on is told by the one over it
    socket.on('error', ignore);
    const { connect: connectTls } = await import('node:tls');
    const serverName = this.#profile.tls?.serverName ?? host.text;
    const key = `${serverName} ${port} ${identity?.versions ?? ''}`;
    const session = this.#sessions.get(key);
    const secure: TLSSocket = connectTls({
      socket,
      host: serverName,
      ...(isIP(serverName) === 0 && { servername: serverName }),
      ...(identity !== undefined && { secureContext: identity.context }),
      ...(session !== undefined && { session }),
      ALPNProtocols: [...protocols],
    });
    // kept for the next connection, which then needs no full handshake
    secure.on('session', (ticket: Buffer) => {
      if (this.#sessions.size >= maxSessions) this.#sessions.clear();
      this.#sessions.set(key, ticket);
    });
    await opened(secure, 'secureConnect', signal);
    return secure;
  }

  #step(stage: Stage): void {
    stage.timeoutType = 'connection_timeout';
    stage.since = this.#clock.monotonic();
  }

  async #addresses(pinned: string | undefined, text: string, name: string | undefined): Promise<readonly string[]> {
    if (pinned !== undefined) return [pinned];
    if (name === undefined) return [text];
    return addressesOf(name, this.#resolve);
  }
}

/** What a connection is waiting for. */
interface Stage {
  timeoutType: 'connection_timeout' | 'dns_timeout';
  /** When it began to, by the monotonic clock. */
  since: number;
}

const maxSessions = 256;
