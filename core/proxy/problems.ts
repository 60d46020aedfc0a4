import { problemResponse } from '../http/problem.ts';
import { rejectedResponse } from '../http/reject.ts';
import { HeaderList } from '../http/header-list.ts';
import { PortError } from '../ports/errors.ts';
import { RequestRejected } from '../ports/http.ts';
import type { HttpResponse } from '../ports/http.ts';
import { UpstreamError } from '../ports/transport.ts';
import type { UpstreamErrorType } from '../ports/transport.ts';
import { LoopDetected } from './forwarding/forward-request.ts';
import { proxyStatus } from './forwarding/proxy-status.ts';
import { UpstreamRefused } from './upstream/upstream.ts';
import type { RefusalReason } from './upstream/upstream.ts';

/** The one table from why the gateway answers itself to what the client is told. */

/** What a failure means, apart from the request it happened to. */
export interface GatewayProblem {
  readonly status: number;
  /** Last part of the stable type URI; a row of `docs/problems.md`. */
  readonly type: string;
  readonly title: string;
  /** `error` of `Proxy-Status` (RFC 9209 section 2.3). */
  readonly error: string;
}

const unreachable = { status: 502, type: 'upstream-unreachable', title: 'The backend cannot be reached' } as const;
const untrusted = { status: 502, type: 'upstream-untrusted', title: 'No secure connection to the backend could be made' } as const;
const garbled = { status: 502, type: 'upstream-garbled', title: 'The backend did not answer properly' } as const;
const unavailable = { status: 503, type: 'upstream-unavailable', title: 'The backend is not available at present' } as const;
const overloaded = { status: 503, type: 'upstream-overloaded', title: 'The backend has as much to do as it can' } as const;
const late = { status: 504, type: 'upstream-timeout', title: 'The backend did not answer in time' } as const;
const outage = { status: 503, type: 'service-unavailable', title: 'A service we need is not available' } as const;
const misconfigured = { status: 500, type: 'gateway-misconfigured', title: 'The gateway is not set up for this request' } as const;

const ofUpstreamError: Readonly<Record<UpstreamErrorType, Omit<GatewayProblem, 'error'>>> = {
  connection_limit_reached: overloaded,
  connection_read_timeout: late,
  connection_refused: unreachable,
  connection_terminated: garbled,
  connection_timeout: late,
  connection_write_timeout: late,
  destination_ip_prohibited: unreachable,
  destination_ip_unroutable: unreachable,
  destination_unavailable: unavailable,
  dns_error: unreachable,
  dns_timeout: late,
  http_protocol_error: garbled,
  http_response_header_section_size: garbled,
  http_response_incomplete: garbled,
  http_response_timeout: late,
  proxy_configuration_error: misconfigured,
  proxy_internal_error: outage,
  tls_alert_received: untrusted,
  tls_certificate_error: untrusted,
  tls_protocol_error: untrusted,
};

const ofRefusal: Readonly<Record<RefusalReason, GatewayProblem>> = {
  circuit_open: { ...unavailable, error: 'destination_unavailable' },
  no_healthy_target: { ...unavailable, error: 'destination_unavailable' },
  overloaded: { ...overloaded, error: 'connection_limit_reached' },
  shed: { ...overloaded, error: 'connection_limit_reached' },
};

const noRoute: GatewayProblem = {
  ...{ status: 404, type: 'no-route', title: 'No route of the gateway fits this request' },
  error: 'http_request_error',
};
const loop: GatewayProblem = {
  ...{ status: 508, type: 'loop-detected', title: 'The request has passed this gateway before' },
  error: 'proxy_loop_detected',
};
const service: GatewayProblem = { ...outage, error: 'proxy_internal_error' };
const bug: GatewayProblem = {
  ...{ status: 500, type: 'internal-error', title: 'Something went wrong on our side' },
  error: 'proxy_internal_error',
};

/** No route fits. */
export class NoRoute extends Error {
  override readonly name = 'NoRoute';
}

/** Status of a request whose client went before there was an answer: for the log alone (nginx has made it known). */
export const clientGoneStatus = 499;

/** What was thrown, as a row of the table; `undefined` for `RequestRejected`, whose answer depends on itself. */
export function problemOf(error: unknown): GatewayProblem | undefined {
  if (error instanceof UpstreamError) return { ...ofUpstreamError[error.type], error: error.type };
  if (error instanceof UpstreamRefused) return ofRefusal[error.reason];
  if (error instanceof RequestRejected) return undefined;
  if (error instanceof NoRoute) return noRoute;
  if (error instanceof PortError) return service;
  return error instanceof LoopDetected ? loop : bug;
}

/** A short stable name of a failure, for the access line's `error.type`: RFC 9209's, or why an upstream was spared. */
export function errorTypeOf(error: unknown): string {
  if (error instanceof UpstreamRefused) return error.reason;
  return problemOf(error)?.error ?? 'http_request_error';
}

/**
 * The answer to a failure: problem details with `Proxy-Status`, and `Retry-After` where waiting may help.
 *
 * @param pseudonym ours, as in `Via`
 * @param upstream name of the upstream, if one was chosen
 * @param incident correlates a bug with the log
 */
export function failureResponse(error: unknown, pseudonym: string, upstream: string | undefined, incident?: string): HttpResponse {
  const problem = problemOf(error);
  const status = proxyStatus(pseudonym, upstream, `error=${problem?.error ?? 'http_request_error'}`);
  if (problem === undefined) {
    const { headers, ...rejected } = rejectedResponse(error as RequestRejected);
    return { ...rejected, headers: new HeaderList([...headers.flat(), 'proxy-status', status]) };
  }
  const fields = ['proxy-status', status];
  if (problem.status === 503) fields.push('retry-after', `${retryAfterSeconds(error)}`);
  return problemResponse(
    { status: problem.status, type: problem.type, title: problem.title, incident: problem === bug ? incident : undefined },
    fields,
  );
}

function retryAfterSeconds(error: unknown): number {
  if (error instanceof UpstreamRefused) return error.retryAfterSeconds;
  return error instanceof PortError && error.retryAfterMs !== undefined ? Math.max(1, Math.ceil(error.retryAfterMs / 1_000)) : 1;
}
