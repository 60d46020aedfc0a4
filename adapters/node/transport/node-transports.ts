import type { Clock, HttpRequest, HttpResponse, Logger, SendOptions, Transport, Transports } from '../../../core/ports/index.ts';
import { ValidityWarnings } from '../certificate-validity.ts';
import { Connector } from './connector.ts';
import type { ConnectionKind, Timeouts } from './connector.ts';
import { Http1Transport } from './http1-transport.ts';
import { Http2Transport } from './http2-transport.ts';
import { systemResolve } from './open-socket.ts';
import type { Resolve } from './open-socket.ts';
import { checkTlsSecrets } from './tls-identity.ts';
import type { SecretSource } from './tls-identity.ts';
import { Watch } from './watch.ts';

export interface NodeTransportsOptions {
  readonly clock: Clock;
  /** Where CA and client certificates are. */
  readonly secrets: SecretSource;
  /** Told of client certificates that are not valid, or not for long; default nobody. */
  readonly logger?: Logger | undefined;
  /** Default: the system's resolver. */
  readonly resolve?: Resolve | undefined;
}

export interface NodeTransports extends Transports {
  /** Loads what the first request would wait for; for servers. */
  warm(): Promise<void>;
}

/** Transports on Node's own sockets. Profiles that are equal but for their time-outs share connections, from one configuration to the next. */
export function nodeTransports({ clock, secrets, logger, resolve = systemResolve }: NodeTransportsOptions): NodeTransports {
  // one for all upstreams: what they share is told once
  const warnings = logger === undefined ? undefined : new ValidityWarnings(clock, logger, 'client');
  const shared = new Map<string, SharedTransport>();
  return {
    open(profile) {
      const { connectTimeoutMs, responseHeadersTimeoutMs, idleTimeoutMs, ...kind } = profile;
      const key = JSON.stringify(kind);
      let transport = shared.get(key);
      if (transport === undefined) {
        transport = new SharedTransport(
          kind,
          new Connector({ profile: kind, clock, secrets, resolve, warnings }),
          new Watch(clock),
          () => {
            shared.delete(key);
          },
        );
        shared.set(key, transport);
      }
      return transport.open({ connectTimeoutMs, responseHeadersTimeoutMs, idleTimeoutMs });
    },
    checkSecrets: (tls, options) => checkTlsSecrets(secrets, tls, options, warnings),
    async warm() {
      await Promise.all([import('node:tls'), import('node:http2')]);
    },
  };
}

/** The connections of one kind, closed when the last who opened it closes it. */
class SharedTransport {
  readonly #http1: Http1Transport;
  /** A switch of protocols is HTTP/1.1's. */
  readonly #http2: Http2Transport | undefined;
  readonly #watch: Watch;
  readonly #onClosed: () => void;
  #users = 0;

  constructor({ protocol }: ConnectionKind, connector: Connector, watch: Watch, onClosed: () => void) {
    this.#http1 = new Http1Transport(connector, watch);
    this.#http2 = protocol === 'http2' ? new Http2Transport(connector, watch, this.#http1) : undefined;
    this.#watch = watch;
    this.#onClosed = onClosed;
  }

  open(timeouts: Timeouts): Transport {
    this.#users++;
    let closed: Promise<void> | undefined;
    return {
      send: (request, options) => this.#send(request, options, timeouts),
      close: () => (closed ??= this.#leave()),
    };
  }

  #send(request: HttpRequest, options: SendOptions, timeouts: Timeouts): Promise<HttpResponse> {
    return options.upgrade === true || this.#http2 === undefined
      ? this.#http1.send(request, options, timeouts)
      : this.#http2.send(request, options, timeouts);
  }

  async #leave(): Promise<void> {
    if (--this.#users > 0) return;
    this.#onClosed();
    await Promise.all([this.#http1.close(), this.#http2?.close()]);
    this.#watch.close();
  }
}
