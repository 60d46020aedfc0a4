import type { UpstreamError, UpstreamErrorType } from '../../ports/transport.ts';

/**
 * What one try says about the health of who was asked. `throttled` (429) counts in ratios, not among failures in a row; `none` counts nowhere: the
 * client left, or the failure was our own.
 */
export type Outcome = 'failure' | 'none' | 'success' | 'throttled';

/** Failures before anybody was asked, which say nothing about the target. */
const local: ReadonlySet<UpstreamErrorType> = new Set([
  'connection_limit_reached',
  'destination_ip_prohibited',
  'proxy_configuration_error',
  'proxy_internal_error',
]);

/** 5xx is a failure, but for 501 and 505: those are right answers to a request nobody need understand, and a client can provoke them at will. */
export function outcomeOfStatus(status: number): Outcome {
  if (status === 429) return 'throttled';
  return status >= 500 && status !== 501 && status !== 505 ? 'failure' : 'success';
}

export function outcomeOfError({ type, requestSent }: UpstreamError): Outcome {
  // What cannot be written as HTTP was never sent.
  return local.has(type) || (type === 'http_protocol_error' && !requestSent) ? 'none' : 'failure';
}
