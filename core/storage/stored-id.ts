import { PortError } from '../ports/errors.ts';
import { decodeKeyPart } from './record-key.ts';

/**
 * The id of a record that a list found, out of its encoded form.
 *
 * @throws {PortError} `data_loss`: nothing we write has such a key, so that something else wrote into the store
 */
export function storedId(encoded: string): string {
  try {
    return decodeKeyPart(encoded);
  } catch {
    throw new PortError('data_loss', 'key-value-store.list', { reason: 'NotARecord' });
  }
}
