import type {
  Clock,
  ConnectionProfile,
  HttpRequest,
  HttpResponse,
  SendOptions,
  Transport,
  Transports,
} from '../../../core/ports/index.ts';
import { Connector } from './connector.ts';

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
  /** Default: the system's resolver. */
  readonly resolve?: Resolve | undefined;
}

export interface NodeTransports extends Transports {
  /** Loads what the first request would wait for; for servers. */
  warm(): Promise<void>;
}

/** Transports on Node's own sockets. Profiles that are equal share connections, from one configuration to the next. */
export function nodeTransports({ clock, secrets, resolve = systemResolve }: NodeTransportsOptions): NodeTransports {
  const shared = new Map<string, SharedTransport>();
  return {
    open(profile) {
      const key = JSON.stringify(profile);
      let transport = shared.get(key);
      if (transport === undefined) {
        transport = new SharedTransport(profile, new Connector({ profile, clock, secrets, resolve }), new Watch(clock), () => {
          shared.delete(key);
        });
        shared.set(key, transport);
      }
      return transport.open();
    },
    checkSecrets: (tls, options) => checkTlsSecrets(secrets, tls, options),
    async warm() {
      await Promise.all([import('node:tls'), import('node:http2')]);
    },
  };
}

/** The connections of one profile, closed when the last who opened it closes it. */
class SharedTransport {
  readonly #http1: Http1Transport;
  /** A switch of protocols is HTTP/1.1's. */
  readonly #http2: Http2Transport | undefined;
  readonly #watch: Watch;
  readonly #onClosed: () => void;
  #users = 0;

  constructor(profile: ConnectionProfile, connector: Connector, watch: Watch, onClosed: () => void) {
    this.#http1 = new Http1Transport(profile, connector, watch);
    this.#http2 = profile.protocol === 'http2' ? new Http2Transport(profile, connector, watch, this.#http1) : undefined;
    this.#watch = watch;
    this.#onClosed = onClosed;
  }

  open(): Transport {
    this.#users++;
    let closed: Promise<void> | undefined;
    return {
      send: (request, options) => this.#send(request, options),
      close: () => (closed ??= this.#leave()),
    };
  }

  #send(request: HttpRequest, options: SendOptions): Promise<HttpResponse> {
    return options.upgrade === true || this.#http2 === undefined
      ? this.#http1.send(request, options)
      : this.#http2.send(request, options);
  }

  async #leave(): Promise<void> {
    if (--this.#users > 0) return;
    this.#onClosed();
    await Promise.all([this.#http1.close(), this.#http2?.close()]);
    this.#watch.close();
  }
}
