import { maxSecretBytes, PortError } from '../../../core/ports/index.ts';
import type { CallOptions, SecretVersion } from '../../../core/ports/index.ts';
import { assertSecretName } from '../../../core/secrets/secret-name.ts';

const operation = 'secrets.get';

/**
 * What every call checks before it looks anywhere.
 *
 * @throws {TypeError} a name outside the port's grammar
 * @throws {PortError} `cancelled`
 */
export function checkSecretCall(name: string, options: CallOptions | undefined): void {
  assertSecretName(name);
  if (options?.signal?.aborted === true) throw new PortError('cancelled', operation);
}

/** The end of every read: absence is an error for the current version and an answer for the previous one. */
export function absentSecret(version: SecretVersion): undefined {
  if (version === 'current') throw secretError('not_found');
  return undefined;
}

/**
 * Checks a payload.
 *
 * @throws {PortError} `out_of_range`, over `maxSecretBytes`; `data_loss`, empty: no secret is, so that is a set-up gone wrong
 */
export function checkSecretValue(value: string): void {
  if (Buffer.byteLength(value) > maxSecretBytes) throw secretError('out_of_range');
  if (value === '') throw secretError('data_loss', 'empty');
}

export function secretError(code: PortError['code'], reason?: string): PortError {
  return new PortError(code, operation, reason === undefined ? {} : { reason });
}
