import type { Clock } from '../ports/clock.ts';
import type { Crypto } from '../ports/crypto.ts';
import { PortError } from '../ports/errors.ts';
import type { CallOptions, KeyValueStore } from '../ports/key-value-store.ts';
import type { Pool } from './exits.ts';
import type { UpstreamIdentity } from './session.ts';
import { mustReserveTokens, newUpstreamToken } from './vendors/token.ts';

/** A token is not used again for the longer of the vendor's own limit and this: the next tenant must not inherit an exit. */
const quarantineMs = 7 * 86_400_000;
/** A token is reserved for at least so long after the end of its session. */
const releaseMs = 86_400_000;
/** The session's own expiry is counted from a little later than its token's. */
const requestMs = 60_000;
const maxAttempts = 8;

/**
 * Makes what a vendor will know the session by: a fresh token, reserved in the store where the vendor's space is so small that two could
 * be equal. Such a space has a capacity: one of 10,000 ports takes that many creates and rotations a week and account.
 *
 * @throws {PortError} `resource_exhausted`: no free token found
 */
export async function newUpstreamIdentity(
  { store, clock, crypto }: { readonly store: KeyValueStore; readonly clock: Clock; readonly crypto: Crypto },
  pool: Pool,
  ttlSeconds: number,
  options?: CallOptions,
): Promise<UpstreamIdentity> {
  const startedAt = clock.now();
  const { template } = pool;
  if (template === undefined) return { startedAt, ttlSeconds };
  const ttl = Math.min(ttlSeconds, template.ttl.maxSeconds ?? ttlSeconds);
  for (let attempt = 0; attempt < maxAttempts; attempt++) {
    const token = newUpstreamToken(template, (size) => crypto.randomBytes(size));
    if (!mustReserveTokens(template)) return { token, startedAt, ttlSeconds: ttl };
    const expiresAt =
      startedAt + Math.max(quarantineMs, (template.ttl.maxSeconds ?? 0) * 1_000, ttlSeconds * 1_000 + requestMs + releaseMs);
    const reserved = await store.create({ partition: `tokens.${pool.account}`, id: token, value: '', expiresAt }, options);
    if (reserved.created) return { token, startedAt, ttlSeconds: ttl, usableUntil: expiresAt - releaseMs };
  }
  throw new PortError('resource_exhausted', 'sessions.token', { reason: 'NoFreeToken' });
}
