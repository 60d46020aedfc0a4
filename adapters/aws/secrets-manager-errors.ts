import type { ErrorCodes } from './to-port-error.ts';

/**
 * Secrets Manager's own failures
 * (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html#API_GetSecretValue_Errors).
 */
export const secretsManagerCodes: ErrorCodes = {
  /** The key that encrypts the secret may not be used, or is gone. */
  DecryptionFailure: 'permission_denied',
  InvalidParameterException: 'invalid_argument',
  /** Marked for deletion, or in another state that forbids reading. */
  InvalidRequestException: 'failed_precondition',
  ResourceNotFoundException: 'not_found',
};
