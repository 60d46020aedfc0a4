import { PortError } from '../../core/ports/index.ts';
import type { PortErrorCode, PortErrorOptions } from '../../core/ports/index.ts';

/**
 * Google's canonical codes (https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto) as ports name them; what is an
 * outcome (a lost race, a missing version of a secret) the adapters recognise before.
 *
 * Not one to one: `not_found` stands for records nowhere, so NOT_FOUND is a missing database. UNKNOWN and INTERNAL are HTTP's 500, and
 * what the client makes of a broken connection. CANCELLED without our doing so came from the way, not from the caller.
 */
export const statuses: Readonly<Record<number, readonly [name: string, code: PortErrorCode]>> = {
  1: ['CANCELLED', 'unavailable'],
  2: ['UNKNOWN', 'unavailable'],
  3: ['INVALID_ARGUMENT', 'invalid_argument'],
  4: ['DEADLINE_EXCEEDED', 'deadline_exceeded'],
  5: ['NOT_FOUND', 'failed_precondition'],
  6: ['ALREADY_EXISTS', 'aborted'],
  7: ['PERMISSION_DENIED', 'permission_denied'],
  8: ['RESOURCE_EXHAUSTED', 'resource_exhausted'],
  9: ['FAILED_PRECONDITION', 'failed_precondition'],
  10: ['ABORTED', 'aborted'],
  11: ['OUT_OF_RANGE', 'out_of_range'],
  12: ['UNIMPLEMENTED', 'unimplemented'],
  13: ['INTERNAL', 'unavailable'],
  14: ['UNAVAILABLE', 'unavailable'],
  15: ['DATA_LOSS', 'data_loss'],
  16: ['UNAUTHENTICATED', 'unauthenticated'],
};

/** What we look at in the errors of Google's clients; their messages may carry data. */
interface GoogleError {
  readonly code?: unknown;
  /** Decoded `google.rpc` details. */
  readonly statusDetails?: readonly { readonly retryDelay?: { readonly seconds?: number | string; readonly nanos?: number } }[];
}

/** The canonical code an error of Google's clients carries; `undefined` when it carries none. */
export function statusOf(error: unknown): number | undefined {
  const code = (error as GoogleError | undefined)?.code;
  return typeof code === 'number' ? code : undefined;
}

/** What an error of Google's clients means at a port. */
export function toPortError(error: unknown, operation: string, signal: AbortSignal | undefined): PortError {
  if (error instanceof PortError) return error;
  if (signal?.aborted === true) return new PortError('cancelled', operation);
  const status = statusOf(error);
  if (status === undefined) return withoutStatus(error, operation, 'internal');
  const [reason, code] = statuses[status] ?? [`STATUS_${status}`, 'internal'];
  return new PortError(code, operation, { reason, ...retryDelay(error as GoogleError) });
}

/** What it means that no credentials could be had: the metadata server is out of reach, or there are none. */
export function toCredentialsError(error: unknown, operation: string): PortError {
  return withoutStatus(error, operation, 'unauthenticated');
}

/** Node's own names (`ECONNREFUSED`) are those of a connection; other errors are known by their class at most. */
function withoutStatus(error: unknown, operation: string, code: PortErrorCode): PortError {
  const { code: system, name } = error as { readonly code?: unknown; readonly name?: unknown };
  if (typeof system === 'string' && /^E[A-Z_]{3,20}$/.test(system))
    return new PortError('unavailable', operation, { reason: system });
  return new PortError(code, operation, typeof name === 'string' ? { reason: name } : {});
}

/** `google.rpc.RetryInfo`, where the service says when to come back. */
function retryDelay({ statusDetails }: GoogleError): Pick<PortErrorOptions, 'retryAfterMs'> {
  const delay = Array.isArray(statusDetails) ? statusDetails.find((detail) => detail?.retryDelay)?.retryDelay : undefined;
  if (delay === undefined) return {};
  return { retryAfterMs: Number(delay.seconds ?? 0) * 1_000 + Math.ceil(Number(delay.nanos ?? 0) / 1e6) };
}
