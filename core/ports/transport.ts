import type { EpochMillis } from './clock.ts';
import type { HttpRequest, HttpResponse } from './http.ts';

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
  | 'http_response_incomplete'
  | 'http_response_timeout'
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

export interface SendOptions {
  /** Give up at this instant, epoch milliseconds: `UpstreamError('http_response_timeout')`. */
  readonly deadline: EpochMillis;
  /** Abort and free the connection. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Sends one request to one upstream and answers what it said, whatever the status: no redirects followed, no retry, no decoding of
 * content codings, no header added but what the protocol needs. `request.authority` and `request.scheme` name the upstream.
 *
 * Errors: `UpstreamError`.
 */
export interface Transport {
  send(request: HttpRequest, options: SendOptions): Promise<HttpResponse>;
}
