/**
 * The closed list of ways a service behind a port can fail, in gRPC's words
 * (https://grpc.github.io/grpc/core/md_doc_statuscodes.html).
 *
 * | code | means | a retry may help |
 * | --- | --- | --- |
 * | `unavailable` | unreachable, connection lost, 5xx | yes |
 * | `deadline_exceeded` | no answer in time; a write may have happened | yes |
 * | `resource_exhausted` | throttled or out of quota | yes |
 * | `aborted` | contention, or an outcome that cannot be proved | yes |
 * | `cancelled` | the caller's signal aborted | no |
 * | `permission_denied` | credentials valid, action refused | no |
 * | `unauthenticated` | credentials missing, wrong or expired | no |
 * | `failed_precondition` | the resource is not ready: table or database missing | no |
 * | `not_found` | a named secret or version does not exist (never used for records) | no |
 * | `invalid_argument` | the service refused what we sent: a bug of the adapter | no |
 * | `out_of_range` | larger than the service takes | no |
 * | `data_loss` | stored data that cannot be read back | no |
 * | `unimplemented` | the service cannot do this | no |
 * | `internal` | anything else the service said | no |
 */
export type PortErrorCode =
  | 'aborted'
  | 'cancelled'
  | 'data_loss'
  | 'deadline_exceeded'
  | 'failed_precondition'
  | 'internal'
  | 'invalid_argument'
  | 'not_found'
  | 'out_of_range'
  | 'permission_denied'
  | 'resource_exhausted'
  | 'unauthenticated'
  | 'unavailable'
  | 'unimplemented';

const retryable: ReadonlySet<PortErrorCode> = new Set(['aborted', 'deadline_exceeded', 'resource_exhausted', 'unavailable']);

export interface PortErrorOptions {
  /** What the service asked us to wait before the next try, in milliseconds. */
  readonly retryAfterMs?: number;
  /** The service's own short error name (`ThrottlingException`): a name, never a message, which may carry data. */
  readonly reason?: string;
}

/**
 * A service behind a port failed. Never means absence, never means a lost race: those are return values.
 *
 * It carries no `cause`: an SDK's error object was seen to hold the authorization header and the stored value.
 */
export class PortError extends Error {
  override readonly name = 'PortError';
  readonly code: PortErrorCode;
  /** `<port>.<method>`, for example `key-value-store.create`. */
  readonly operation: string;
  readonly reason: string | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(code: PortErrorCode, operation: string, options: PortErrorOptions = {}) {
    super(`${operation}: ${code}${options.reason === undefined ? '' : ` (${options.reason})`}`);
    this.code = code;
    this.operation = operation;
    this.reason = options.reason;
    this.retryAfterMs = options.retryAfterMs;
  }

  /** Whether the same call may succeed later without anybody changing anything. */
  get retryable(): boolean {
    return retryable.has(this.code);
  }
}
