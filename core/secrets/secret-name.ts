/** The grammar of a secret's logical name: a lower-case letter, then up to 62 of `[a-z0-9-]`. It fits every cloud's, with room for a prefix. */
export const secretNamePattern = '^[a-z][a-z0-9-]{0,62}$';

const secretName = new RegExp(secretNamePattern);

/**
 * Checks a secret's name before any I/O.
 *
 * @throws {TypeError} outside the grammar; the name is not repeated, it might be a secret put in the wrong place
 */
export function assertSecretName(name: string): void {
  if (typeof name !== 'string' || !secretName.test(name)) {
    throw new TypeError('A secret name is a lower-case letter, then up to 62 of [a-z0-9-]');
  }
}
