import { createServer } from 'node:http';
import type { IncomingMessage, Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { Server as NetServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import type { Clock, HttpHandler, Logger } from '../../../core/ports/index.ts';
import { breakOff } from './break-off.ts';
import { followHandshakes } from './handshakes.ts';
import { serveHttp1 } from './http1-front.ts';
import { Http2Front } from './http2-front.ts';
import { switchProtocols } from './protocol-switch.ts';
import { Serving } from './server-exchange.ts';
import { mayUpgrade, Upgrades } from './upgrades.ts';

export interface HttpServerLimits {
  /** Request line and header fields together, in bytes; over it 431; default 16,384. */
  readonly maxHeaderBytes: number;
  /** Content of a request in bytes; over it 413; default 10 MiB. */
  readonly maxBodyBytes: number;
  /** For the TLS handshake, and for the header section to arrive, in milliseconds; then 408; default 10,000. */
  readonly headersTimeoutMs: number;
  /** For the whole request to arrive, in milliseconds; then 408; default 60,000. */
  readonly requestTimeoutMs: number;
  /** How long an idle connection is kept, in milliseconds; default 65,000, more than load balancers keep theirs. */
  readonly keepAliveTimeoutMs: number;
  /** How long a client may take nothing of an answer that waits for it, in milliseconds; default 60,000. */
  readonly sendTimeoutMs: number;
  /** What `context.deadline` gives a request, in milliseconds; default 30,000. */
  readonly handlerTimeoutMs: number;
  /** How long a tunnel (WebSocket) in which nothing moves is kept, in milliseconds; default 600,000. */
  readonly tunnelIdleTimeoutMs: number;
  /** How long `close` waits for requests in flight, in milliseconds; default 25,000, less than orchestrators wait before they kill. */
  readonly closeTimeoutMs: number;
}

export const defaultHttpServerLimits: HttpServerLimits = {
  maxHeaderBytes: 16_384,
  maxBodyBytes: 10 * 1_024 * 1_024,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 60_000,
  keepAliveTimeoutMs: 65_000,
  sendTimeoutMs: 60_000,
  handlerTimeoutMs: 30_000,
  tunnelIdleTimeoutMs: 600_000,
  closeTimeoutMs: 25_000,
};

/** A certificate chain and its private key. */
export interface CertificatePem {
  readonly cert: string;
  readonly key: string;
}

export interface HttpServerOptions {
  readonly handler: HttpHandler;
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits?: Partial<HttpServerLimits> | undefined;
  /** With it the server speaks TLS, and nothing in the clear; default in the clear. */
  readonly tls?: CertificatePem | undefined;
  /** Speak HTTP/2 too: over TLS where the client chooses it by ALPN, in the clear where it begins with it (RFC 9113 section 3.3); default true. */
  readonly http2?: boolean | undefined;
}

export interface HttpServer {
  readonly port: number;
  /**
   * Connections that are made from now on get this certificate; those that are open go on, over HTTP/1.1 and HTTP/2.
   *
   * @throws {TypeError} the server speaks in the clear; OpenSSL's error for a certificate or key it does not take, and then nothing changes
   */
  useCertificate(renewed: CertificatePem): void;
  /** Goes on as before, but keeps no connection over HTTP/1.1 beyond its next answer: what comes before `close` while load balancers look elsewhere. */
  announceClose(): void;
  /** Takes no more requests, finishes those in flight and their `waitUntil` work, then closes every connection. */
  close(): Promise<void>;
}

/**
 * Serves a handler over HTTP/1.1 on `node:http` and HTTP/2 on `node:http2`. The target is passed on byte for byte and header fields in their
 * order; what is ill-formed is answered with a problem by the server itself.
 *
 * Methods are those that Node's parser knows (`http.METHODS`): any other is answered 501 over HTTP/1.1, and passes over HTTP/2.
 *
 * @throws the system's error, when it cannot listen; OpenSSL's for a certificate or key it does not take
 */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { handler, clock, logger, tls, http2 = true } = options;
  const limits = { ...defaultHttpServerLimits, ...options.limits };
  const serving = new Serving(handler, clock, logger, limits);
  const encrypted = tls !== undefined;
  const parsing = {
    maxHeaderSize: limits.maxHeaderBytes,
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    connectionsCheckingInterval: Math.min(limits.headersTimeoutMs, 1_000),
    noDelay: true,
    // one full read of a connection to a backend, with a head before it, need not wait for this one to drain
    highWaterMark: 131_072,
    // a request without content needs no stream: a twentieth of what a request costs
    optimizeEmptyRequests: true,
    // checked by `readHead`, which answers with a problem
    requireHostHeader: false,
    // since Node 24.9; the types have not heard of it
    shouldUpgradeCallback: (message: IncomingMessage) => mayUpgrade(message),
  };
  const tlsServer =
    tls === undefined
      ? undefined
      : createTlsServer({
          ...parsing,
          cert: tls.cert,
          key: tls.key,
          ALPNProtocols: http2 ? ['h2', 'http/1.1'] : ['http/1.1'],
          handshakeTimeout: limits.headersTimeoutMs,
        });
  const endHandshakes = tlsServer === undefined ? undefined : followHandshakes(tlsServer);
  const server: Server = tlsServer ?? createServer(parsing);
  const closeLetGo = serveHttp1(server, serving, encrypted);
  const upgrades = new Upgrades(server, serving, encrypted);
  const front = new Http2Front(serving, encrypted);
  const closeSilent = http2 ? switchProtocols(server, encrypted, front, limits.headersTimeoutMs) : undefined;

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, () => {
      server.off('error', reject);
      resolve();
    });
  });

  return {
    port: (server.address() as AddressInfo).port,
    useCertificate({ cert, key }) {
      if (tlsServer === undefined) throw new TypeError('The server speaks in the clear');
      tlsServer.setSecureContext({ cert, key });
    },
    announceClose() {
      serving.announceClose();
    },
    async close() {
      const drained = serving.drain();
      const closed = new Promise<void>((resolve) => {
        // that of HTTP takes a connection for idle when its answer was ended, and cuts off what has not left yet
        NetServer.prototype.close.call(server, () => {
          resolve();
        });
      });
      front.close();
      const finished = new AbortController();
      const patience = clock.sleep(limits.closeTimeoutMs, finished.signal).catch(() => undefined);
      await Promise.race([drained, patience]);
      finished.abort();
      if (serving.inFlight > 0) logger.log('warn', 'http_server.cut', { running: serving.inFlight });
      for (const response of serving.unframed) breakOff(response, serving);
      // a connection that never sent a request is not idle in Node's eyes
      server.closeAllConnections();
      endHandshakes?.();
      closeLetGo();
      closeSilent?.();
      upgrades.close();
      front.destroy();
      await closed;
    },
  };
}
