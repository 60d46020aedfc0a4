import { describe, expect, test } from 'vitest';
import { dynamoCodes } from '../../../adapters/aws/dynamo-errors.ts';
import { commonCodes, toPortError } from '../../../adapters/aws/to-port-error.ts';
import { PortError } from '../../../core/ports/index.ts';

describe('what an AWS error means', () => {
  test.each(Object.entries({ ...commonCodes, ...dynamoCodes }))('%s is %s', (name, code) => {
    const secret = 'AKIA-secret';
    const error = Object.assign(new Error(`said ${secret}`), {
      name,
      $metadata: { httpStatusCode: 400 },
      Item: { v: { S: secret } },
    });
    const mapped = toPortError(error, 'key-value-store.get', dynamoCodes);
    expect(mapped).toMatchObject({ code, reason: name, operation: 'key-value-store.get' });
    expect(JSON.stringify([mapped, mapped.message, mapped.stack, mapped.cause])).not.toContain(secret);
  });

  test('the names the port cares about most mean what it says', () => {
    const codes: Readonly<Record<string, string>> = { ...commonCodes, ...dynamoCodes };
    expect(
      Object.fromEntries(
        [
          'ProvisionedThroughputExceededException',
          'ThrottlingException',
          'RequestLimitExceeded',
          'TransactionConflictException',
          'ResourceNotFoundException',
          'AccessDeniedException',
          'UnrecognizedClientException',
          'ExpiredTokenException',
          'ValidationException',
          'ItemCollectionSizeLimitExceededException',
          'InternalServerError',
          'ServiceUnavailable',
          'TimeoutError',
          'ENOTFOUND',
        ].map((name) => [name, codes[name]]),
      ),
    ).toEqual({
      ProvisionedThroughputExceededException: 'resource_exhausted',
      ThrottlingException: 'resource_exhausted',
      RequestLimitExceeded: 'resource_exhausted',
      TransactionConflictException: 'aborted',
      ResourceNotFoundException: 'failed_precondition',
      AccessDeniedException: 'permission_denied',
      UnrecognizedClientException: 'unauthenticated',
      ExpiredTokenException: 'unauthenticated',
      ValidationException: 'invalid_argument',
      ItemCollectionSizeLimitExceededException: 'out_of_range',
      InternalServerError: 'unavailable',
      ServiceUnavailable: 'unavailable',
      TimeoutError: 'deadline_exceeded',
      ENOTFOUND: 'unavailable',
    });
  });

  test.each([
    [400, 'invalid_argument'],
    [401, 'unauthenticated'],
    [403, 'permission_denied'],
    [408, 'deadline_exceeded'],
    [413, 'out_of_range'],
    [429, 'resource_exhausted'],
    [500, 'unavailable'],
    [501, 'unimplemented'],
    [503, 'unavailable'],
    [504, 'deadline_exceeded'],
    [200, 'internal'],
    [undefined, 'internal'],
  ])('an unknown name with status %s is %s', (httpStatusCode, code) => {
    const error = Object.assign(new Error(), { name: 'BrandNewException', $metadata: { httpStatusCode } });
    expect(toPortError(error, 'x.y', {})).toMatchObject({ code, reason: 'BrandNewException' });
  });

  test('Node’s code comes before the name, which the SDK sets to TimeoutError for a refused connection', () => {
    const error = Object.assign(new Error(), { name: 'TimeoutError', code: 'ECONNREFUSED' });
    expect(toPortError(error, 'x.y', {})).toMatchObject({ code: 'unavailable', reason: 'ECONNREFUSED' });
  });

  test('a name that is no plain word, or one of Object’s own, is not repeated or looked up', () => {
    expect(toPortError(Object.assign(new Error(), { name: 'secret value' }), 'x.y', {})).toMatchObject({ reason: 'Unknown' });
    expect(toPortError(Object.assign(new Error(), { name: 'constructor' }), 'x.y', {})).toMatchObject({ code: 'internal' });
  });

  test('a PortError stays as it is', () => {
    const error = new PortError('data_loss', 'x.y');
    expect(toPortError(error, 'a.b', {})).toBe(error);
  });
});
