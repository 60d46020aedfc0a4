import { PortError } from '../../core/ports/index.ts';
import type { PortErrorCode } from '../../core/ports/index.ts';

/** AWS's names for failures to our codes. A name that is missing is judged by its HTTP status. */
export type ErrorCodes = Readonly<Record<string, PortErrorCode>>;

/**
 * Failures every AWS service can answer with, and those of Node and the SDK that never got an answer.
 *
 * https://docs.aws.amazon.com/general/latest/gr/api-error-codes.html,
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html, https://nodejs.org/api/errors.html
 */
export const commonCodes: ErrorCodes = {
  AbortError: 'cancelled',
  AccessDenied: 'permission_denied',
  AccessDeniedException: 'permission_denied',
  BandwidthLimitExceeded: 'resource_exhausted',
  CredentialsProviderError: 'unauthenticated',
  ExpiredToken: 'unauthenticated',
  ExpiredTokenException: 'unauthenticated',
  IncompleteSignature: 'unauthenticated',
  IncompleteSignatureException: 'unauthenticated',
  InternalFailure: 'unavailable',
  InternalServerError: 'unavailable',
  InternalServiceError: 'unavailable',
  InvalidAccessKeyId: 'unauthenticated',
  InvalidClientTokenId: 'unauthenticated',
  InvalidSignatureException: 'unauthenticated',
  LimitExceededException: 'resource_exhausted',
  MissingAuthenticationToken: 'unauthenticated',
  MissingAuthenticationTokenException: 'unauthenticated',
  NotAuthorized: 'permission_denied',
  OptInRequired: 'permission_denied',
  PriorRequestNotComplete: 'resource_exhausted',
  RequestEntityTooLarge: 'out_of_range',
  RequestExpired: 'unauthenticated',
  RequestLimitExceeded: 'resource_exhausted',
  RequestThrottled: 'resource_exhausted',
  RequestThrottledException: 'resource_exhausted',
  RequestTimeout: 'deadline_exceeded',
  RequestTimeoutException: 'deadline_exceeded',
  RequestTimeTooSkewed: 'unauthenticated',
  SerializationException: 'invalid_argument',
  ServiceUnavailable: 'unavailable',
  ServiceUnavailableException: 'unavailable',
  SignatureDoesNotMatch: 'unauthenticated',
  SlowDown: 'resource_exhausted',
  ThrottledException: 'resource_exhausted',
  Throttling: 'resource_exhausted',
  ThrottlingException: 'resource_exhausted',
  TimeoutError: 'deadline_exceeded',
  TokenRefreshRequired: 'unauthenticated',
  TooManyRequestsException: 'resource_exhausted',
  UnknownOperationException: 'unimplemented',
  UnrecognizedClientException: 'unauthenticated',
  ValidationError: 'invalid_argument',
  ValidationException: 'invalid_argument',
  // Node: no connection, or it broke.
  EAI_AGAIN: 'unavailable',
  ECONNABORTED: 'unavailable',
  ECONNREFUSED: 'unavailable',
  ECONNRESET: 'unavailable',
  EHOSTUNREACH: 'unavailable',
  ENETUNREACH: 'unavailable',
  ENOTFOUND: 'unavailable',
  EPIPE: 'unavailable',
  ERR_STREAM_PREMATURE_CLOSE: 'unavailable',
  ETIMEDOUT: 'deadline_exceeded',
};

/** What an AWS SDK error may hold that we look at; its message, headers and item are never kept. */
interface SdkError {
  readonly name?: unknown;
  readonly code?: unknown;
  readonly $metadata?: { readonly httpStatusCode?: number | undefined };
}

/**
 * What an error of an AWS SDK means at a port. Keeps its short name only.
 *
 * Node's `code` is asked before the name, because the SDK calls a refused or reset connection a `TimeoutError`.
 *
 * @param serviceCodes the service's own names; they win over `commonCodes`
 */
export function toPortError(error: unknown, operation: string, serviceCodes: ErrorCodes): PortError {
  if (error instanceof PortError) return error;
  const { name, code, $metadata } = error as SdkError;
  for (const word of [code, name]) {
    if (typeof word !== 'string') continue;
    const known = Object.hasOwn(serviceCodes, word)
      ? serviceCodes[word]
      : Object.hasOwn(commonCodes, word)
        ? commonCodes[word]
        : undefined;
    if (known !== undefined) return new PortError(known, operation, { reason: word });
  }
  return new PortError(codeOfStatus($metadata?.httpStatusCode), operation, {
    reason: typeof name === 'string' && /^[A-Za-z]{1,64}$/.test(name) ? name : 'Unknown',
  });
}

function codeOfStatus(status: number | undefined): PortErrorCode {
  if (status === undefined || status < 400) return 'internal';
  if (status === 401) return 'unauthenticated';
  if (status === 403) return 'permission_denied';
  if (status === 408 || status === 504) return 'deadline_exceeded';
  if (status === 413) return 'out_of_range';
  if (status === 429) return 'resource_exhausted';
  if (status === 501) return 'unimplemented';
  return status >= 500 ? 'unavailable' : 'invalid_argument';
}
