import type { Clock } from '../ports/clock.ts';
import type { Crypto } from '../ports/crypto.ts';
import type { KeyValueStore } from '../ports/key-value-store.ts';
import { expiring } from './expiring.ts';
import { newRetrier } from './retry.ts';
import { retrying } from './retrying.ts';

/**
 * What core puts over every adapter's store: retries that cannot be mistaken, then expiry judged exactly. Expiry is outermost, so that
 * taking over an expired record is one logical write with its own id.
 */
export function durable(
  store: KeyValueStore,
  { clock, crypto, random = Math.random }: { readonly clock: Clock; readonly crypto: Crypto; readonly random?: () => number },
): KeyValueStore {
  return expiring(retrying(store, crypto, newRetrier(clock, random)), clock);
}
