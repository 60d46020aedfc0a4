import type { EpochMillis } from './clock.ts';
import type { Cancellation, HeaderFields, HttpRequest, HttpResponse } from './http.ts';
import type { CallOptions } from './key-value-store.ts';

/**
 * Why an exchange with an upstream failed, in the words of RFC 9209 section 2.3 (proxy error types), with underscores.
 */
export type UpstreamErrorType =
  | 'connection_limit_reached'
  | 'connection_read_timeout'
  | 'connection_refused'
  | 'connection_terminated'
  | 'connection_timeout'
  | 'connection_write_timeout'
  | 'destination_ip_prohibited'
  | 'destination_ip_unroutable'
  | 'destination_unavailable'
  | 'dns_error'
  | 'dns_timeout'
  | 'http_protocol_error'
  | 'http_response_header_section_size'
  | 'http_response_incomplete'
  | 'http_response_timeout'
  | 'proxy_configuration_error'
  | 'proxy_internal_error'
  | 'tls_alert_received'
  | 'tls_certificate_error'
  | 'tls_protocol_error';

/** An exchange with an upstream failed. `requestSent` false proves that not a byte of the request left: a retry is safe. */
export class UpstreamError extends Error {
  override readonly name = 'UpstreamError';
  readonly type: UpstreamErrorType;
  readonly requestSent: boolean;

  constructor(type: UpstreamErrorType, requestSent: boolean) {
    super(type);
    this.type = type;
    this.requestSent = requestSent;
  }
}

/** How one upstream is connected to: the same for all its targets and requests, so that connections can be kept and shared. */
export interface ConnectionProfile {
  /** `http2` over TLS by ALPN, or in the clear with prior knowledge (RFC 9113 section 3.3). */
  readonly protocol: 'http1' | 'http2';
  /** May also reach loopback, private and shared addresses; never metadata or link-local ones. */
  readonly allowPrivate: boolean;
  /** Exceptions, as in `EgressRules.allow`. */
  readonly allow: readonly string[];
  readonly tls?:
    | {
        /** Names of secrets: PEM. */
        readonly ca?: string | undefined;
        readonly clientCertificate?: string | undefined;
        readonly serverName?: string | undefined;
      }
    | undefined;
  /** Name resolution, TCP and TLS, in milliseconds. */
  readonly connectTimeoutMs: number;
  /** From the end of the request to the end of the response's header section, in milliseconds. */
  readonly responseHeadersTimeoutMs: number;
  /** Between two pieces of content, in milliseconds. */
  readonly idleTimeoutMs: number;
}

export interface SendOptions {
  /**
   * Give up at this instant, epoch milliseconds: `UpstreamError('http_response_timeout')` before the response's header section; after it the
   * body fails with `UpstreamError('connection_read_timeout')`. `RequestRejected` 408 when the request's own content has not come by then, which is no
   * failure of the upstream.
   */
  readonly deadline: EpochMillis;
  /** Abort and free the connection. The promise rejects with the signal's reason. */
  readonly signal?: Cancellation | undefined;
  /** Connect to this address, not to what the authority's name resolves to; it is checked all the same. */
  readonly address?: string | undefined;
  /** Told each 1xx response but 101 (RFC 9110 section 15.2), in order, before the promise resolves. */
  readonly onInformational?: ((status: number, headers: HeaderFields) => void) | undefined;
  /** Ask for the protocol switch that the request's `upgrade` field names; a 101 then comes with `HttpResponse.upgraded`. Default false. */
  readonly upgrade?: boolean | undefined;
}

/**
 * Sends one request to one upstream and answers what it said, whatever the status: no redirects followed, no retry, no decoding of
 * content codings, no header added but what the protocol needs; `protocolVersion` says what it was said in. `request.authority` (host and port) and `request.scheme` name the upstream; the
 * `host` field, where there is one, is what it is told.
 *
 * The address that was checked is the address that is connected. Certificates are verified. A response body that is not read must be
 * cancelled (`return` of its iterator, or `cancel`), which frees the connection.
 *
 * Errors: `UpstreamError`, also from reading the body.
 */
export interface Transport {
  send(request: HttpRequest, options: SendOptions): Promise<HttpResponse>;
  /** Closes idle connections at once and the others with their last exchange. */
  close(): Promise<void>;
}

/** A secret of `ConnectionProfile.tls` that no connection can be secured with. */
export interface UnusableSecret {
  readonly member: 'ca' | 'clientCertificate';
  /** Its name. */
  readonly secret: string;
  /** A phrase that follows the name, and quotes nothing of what it holds: `holds no certificate in PEM`. */
  readonly detail: string;
}

/** Makes the transport of an upstream. Profiles that are equal but for their time-outs may share connections. */
export interface Transports {
  open(profile: ConnectionProfile): Transport;
  /**
   * Reads the secrets that a profile names, connects to nobody, and answers those that cannot be used as they are: missing ones, and such as are no PEM.
   *
   * @throws {PortError} one cannot be read at present, which says nothing about it
   */
  checkSecrets(tls: NonNullable<ConnectionProfile['tls']>, options?: CallOptions): Promise<readonly UnusableSecret[]>;
}
