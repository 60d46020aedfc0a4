import { describe, expect, test } from 'vitest';
import { PortError } from '../../../core/ports/index.ts';
import type { PortErrorCode } from '../../../core/ports/index.ts';
import { TableStore } from '../../../adapters/azure/table-store.ts';
import { connectionCodes, serviceCodes, statusCodes, toPortError } from '../../../adapters/azure/to-port-error.ts';
import { failure, scriptedTable } from '../../support/azure/scripted-table.ts';

const key = { partition: 'p', id: 'a' };

async function failureOf(call: Promise<unknown>): Promise<PortError> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof PortError)) throw new Error(`Expected a PortError, not ${String(error)}`);
  return error;
}

/** The contract, written out once more: a slip in the table is a failing test. */
const expectedService: Record<string, PortErrorCode> = {
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

const expectedStatus: Record<number, PortErrorCode> = {
  302: 'internal',
  400: 'invalid_argument',
  401: 'unauthenticated',
  403: 'permission_denied',
  404: 'failed_precondition',
  405: 'invalid_argument',
  408: 'deadline_exceeded',
  409: 'aborted',
  412: 'aborted',
  413: 'out_of_range',
  415: 'invalid_argument',
  429: 'resource_exhausted',
  500: 'unavailable',
  501: 'unimplemented',
  502: 'unavailable',
  503: 'unavailable',
  504: 'deadline_exceeded',
  599: 'unavailable',
};

const expectedConnection: Record<string, PortErrorCode> = {
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

test('the tables hold what is listed here and nothing else', () => {
  expect(serviceCodes).toEqual(expectedService);
  expect(connectionCodes).toEqual(expectedConnection);
  expect(expectedStatus).toMatchObject(statusCodes);
});

describe('a failure that the service names', () => {
  // Through the real client, on a status that alone would mean `invalid_argument`.
  test.each(Object.entries(expectedService))('%s is %s', async (code, expected) => {
    // `check` reads one row, for which `ResourceNotFound` is the good answer: `list` has no such meaning.
    const store = new TableStore(scriptedTable(() => failure(418, code)));
    expect(await failureOf(store.list('p'))).toMatchObject({ code: expected, reason: code, operation: 'key-value-store.list' });
  });
});

describe('a failure without a name', () => {
  test.each(Object.entries(expectedStatus))('status %s is %s', async (status, expected) => {
    const store = new TableStore(scriptedTable(() => failure(Number(status))));
    expect(await failureOf(store.get(key))).toMatchObject({ code: expected, reason: `HTTP ${status}` });
  });

  test('a name we do not know is kept as the reason and judged by its status', async () => {
    const store = new TableStore(scriptedTable(() => failure(403, 'SomethingNew')));
    expect(await failureOf(store.get(key))).toMatchObject({ code: 'permission_denied', reason: 'SomethingNew' });
  });

  test('what is no name is not kept', async () => {
    const store = new TableStore(scriptedTable(() => failure(403, 'user@example.com said: x')));
    expect(await failureOf(store.get(key))).toMatchObject({ code: 'permission_denied', reason: 'HTTP 403' });
  });
});

describe('a failure without an answer', () => {
  test.each(Object.entries(expectedConnection))('%s is %s', (word, expected) => {
    const byCode = Object.assign(new Error('secret'), { code: word });
    const byName = Object.assign(new Error('secret'), { name: word });
    expect(toPortError(byCode, 'x')).toMatchObject({ code: expected, reason: word });
    expect(toPortError(byName, 'x')).toMatchObject({ code: expected, reason: word });
  });

  test('an error of a kind nobody expects is internal, with its name only', () => {
    expect(toPortError(new RangeError('secret'), 'x')).toMatchObject({ code: 'internal', reason: 'RangeError' });
  });
});

describe('a credential that gives no token', () => {
  const unavailable = (cause: unknown): Error =>
    Object.assign(new Error('secret', { cause }), { name: 'CredentialUnavailableError' });

  test.each([
    [{ errorCode: 'network_error' }, 'unavailable'],
    [{ status: 429 }, 'resource_exhausted'],
    [{ status: 500 }, 'unavailable'],
    [{ status: 400 }, 'unauthenticated'],
    [undefined, 'unauthenticated'],
  ])('because of %j is %s', (cause, expected) => {
    expect(toPortError(unavailable(cause), 'x')).toMatchObject({ code: expected, reason: 'CredentialUnavailableError' });
  });
});

test('a PortError stays what it is', () => {
  const error = new PortError('data_loss', 'x');
  expect(toPortError(error, 'y')).toBe(error);
});

test('the wait that the service asks for is handed on', async () => {
  const store = new TableStore(scriptedTable(() => failure(503, 'ServerBusy', { 'retry-after': '7' })));
  expect(await failureOf(store.get(key))).toMatchObject({ code: 'resource_exhausted', retryAfterMs: 7_000 });
});

test('nothing of the message, the value or the authorization reaches the error', async () => {
  const store = new TableStore(scriptedTable(() => failure(400, 'InvalidInput')));
  const error = await failureOf(store.create({ ...key, value: 'stored-value' }));
  expect(JSON.stringify(error) + error.message + String(error.stack)).not.toMatch(/secret-|stored-value|SharedKey/);
  expect(error.cause).toBeUndefined();
});
