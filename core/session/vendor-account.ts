import { PortError } from '../ports/errors.ts';

export interface VendorAccount {
  readonly password: string;
  /** Further account fields the secret holds. */
  readonly fields: Readonly<Record<string, string>>;
}

/**
 * Reads the secret of a vendor account: a JSON object of strings with `password`, or the password itself.
 *
 * @throws {PortError} `data_loss` with reason `VendorSecretInvalid`: never prints the value
 */
export function parseVendorAccount(secret: string): VendorAccount {
  if (!secret.trimStart().startsWith('{')) return { password: secret.replace(/\r?\n$/, ''), fields: {} };
  let parsed: unknown;
  try {
    parsed = JSON.parse(secret);
  } catch {
    throw invalid();
  }
  const { password, ...fields } = parsed as Record<string, unknown>;
  if (typeof password !== 'string' || !Object.values(fields).every((field) => typeof field === 'string')) throw invalid();
  return { password, fields: fields as Record<string, string> };
}

function invalid(): PortError {
  return new PortError('data_loss', 'sessions.credentials', { reason: 'VendorSecretInvalid' });
}
