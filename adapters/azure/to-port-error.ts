import { PortError } from '../../core/ports/index.ts';
import type { PortErrorCode } from '../../core/ports/index.ts';

/**
 * Azure's own names for failures, from Tables, storage in general and Key Vault.
 *
 * https://learn.microsoft.com/rest/api/storageservices/table-service-error-codes,
 * https://learn.microsoft.com/rest/api/storageservices/common-rest-api-error-codes,
 * https://learn.microsoft.com/azure/key-vault/general/rest-error-codes
 *
 * What is an outcome (`EntityAlreadyExists`, `ResourceNotFound`, `UpdateConditionNotSatisfied`) is answered by the adapter and stands here
 * for the case that it comes where nobody expects it.
 */
export const serviceCodes: Readonly<Record<string, PortErrorCode>> = {
  AccountBeingCreated: 'unavailable',
  AccountIsDisabled: 'permission_denied',
  AuthenticationFailed: 'unauthenticated',
  AuthorizationFailure: 'permission_denied',
  AuthorizationPermissionMismatch: 'permission_denied',
  AuthorizationSourceIPMismatch: 'permission_denied',
  ConditionNotMet: 'aborted',
  EntityAlreadyExists: 'aborted',
  EntityTooLarge: 'out_of_range',
  InsufficientAccountPermissions: 'permission_denied',
  InternalError: 'unavailable',
  InvalidAuthenticationInfo: 'unauthenticated',
  InvalidInput: 'invalid_argument',
  KeyValueTooLarge: 'out_of_range',
  NoAuthenticationInformation: 'unauthenticated',
  NotImplemented: 'unimplemented',
  OperationTimedOut: 'deadline_exceeded',
  OutOfRangeInput: 'invalid_argument',
  PropertyValueTooLarge: 'out_of_range',
  RequestBodyTooLarge: 'out_of_range',
  ResourceNotFound: 'failed_precondition',
  SecretDisabled: 'failed_precondition',
  SecretNotFound: 'not_found',
  ServerBusy: 'resource_exhausted',
  TableBeingDeleted: 'failed_precondition',
  TableNotFound: 'failed_precondition',
  Throttled: 'resource_exhausted',
  UpdateConditionNotSatisfied: 'aborted',
};

/** For a name we do not know, or none. Other statuses from 500 are `unavailable`, from 400 `invalid_argument`. */
export const statusCodes: Readonly<Record<number, PortErrorCode>> = {
  401: 'unauthenticated',
  403: 'permission_denied',
  404: 'failed_precondition',
  408: 'deadline_exceeded',
  409: 'aborted',
  412: 'aborted',
  413: 'out_of_range',
  429: 'resource_exhausted',
  501: 'unimplemented',
  504: 'deadline_exceeded',
};

/** Errors without an answer, by Node's and the SDK's names. */
export const connectionCodes: Readonly<Record<string, PortErrorCode>> = {
  AuthenticationRequiredError: 'unauthenticated',
  EAI_AGAIN: 'unavailable',
  ECONNABORTED: 'unavailable',
  ECONNREFUSED: 'unavailable',
  ECONNRESET: 'unavailable',
  EHOSTUNREACH: 'unavailable',
  ENETUNREACH: 'unavailable',
  ENOTFOUND: 'unavailable',
  EPIPE: 'unavailable',
  ETIMEDOUT: 'deadline_exceeded',
  PARSE_ERROR: 'unavailable',
  REQUEST_SEND_ERROR: 'unavailable',
};

/** What the SDK's errors may hold that we look at. `details` is the parsed answer with its header fields mixed in. */
interface SdkError {
  readonly name?: unknown;
  readonly code?: unknown;
  readonly statusCode?: unknown;
  readonly details?: {
    readonly errorCode?: unknown;
    readonly odataError?: { readonly code?: unknown };
    readonly error?: { readonly code?: unknown; readonly innerError?: { readonly code?: unknown } };
  };
  readonly response?: { readonly headers?: { get(name: string): string | undefined } };
}

/**
 * The service's own name of a failure; `undefined` when there was no answer or it names none. `error.code` is undefined for single
 * operations on a table, so the parsed body is read; Key Vault puts the telling name inside.
 */
export function serviceCodeOf(error: unknown): string | undefined {
  const { details } = error as SdkError;
  const named = [details?.error?.innerError?.code, details?.odataError?.code, details?.error?.code, details?.errorCode];
  return named.find((code): code is string => typeof code === 'string' && /^[A-Za-z]{1,64}$/.test(code));
}

/**
 * What an error of an Azure SDK means at a port. Nothing of its message is kept.
 *
 * @param signal the caller's
 * @param attempt aborts when the attempt's time is over
 */
export function toPortError(error: unknown, operation: string, signal?: AbortSignal, attempt?: AbortSignal): PortError {
  if (error instanceof PortError) return error;
  if (signal?.aborted === true) return new PortError('cancelled', operation);
  if (attempt?.aborted === true) return new PortError('deadline_exceeded', operation);
  const { name, code, statusCode, response } = error as SdkError;
  const reason = serviceCodeOf(error);
  if (typeof statusCode === 'number') {
    const retryAfterMs = retryAfter(response?.headers?.get('retry-after'));
    return new PortError((reason === undefined ? undefined : serviceCodes[reason]) ?? codeOfStatus(statusCode), operation, {
      reason: reason ?? `HTTP ${statusCode}`,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    });
  }
  const known = [code, name].find((word) => typeof word === 'string' && word in connectionCodes) as string | undefined;
  if (name === 'CredentialUnavailableError')
    return new PortError(codeOfCredential((error as Error).cause), operation, { reason: name });
  if (known !== undefined) return new PortError(connectionCodes[known] ?? 'internal', operation, { reason: known });
  return new PortError('internal', operation, typeof name === 'string' && name !== '' ? { reason: name } : {});
}

/** The credential has one error for everything: its cause tells whether there is no identity, or whether its endpoint had a bad moment. */
function codeOfCredential(cause: unknown): PortErrorCode {
  const { errorCode, status } = (cause ?? {}) as { readonly errorCode?: unknown; readonly status?: unknown };
  if (status === 429) return 'resource_exhausted';
  return errorCode === 'network_error' || (typeof status === 'number' && status >= 500) ? 'unavailable' : 'unauthenticated';
}

function codeOfStatus(status: number): PortErrorCode {
  return statusCodes[status] ?? (status >= 500 ? 'unavailable' : status >= 400 ? 'invalid_argument' : 'internal');
}

/** Seconds (RFC 9110 section 10.2.3); Azure sends no dates. */
function retryAfter(value: string | undefined): number | undefined {
  return value !== undefined && /^\d{1,6}$/.test(value) ? Number(value) * 1_000 : undefined;
}
