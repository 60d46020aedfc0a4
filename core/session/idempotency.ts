import type { Clock, EpochMillis } from '../ports/clock.ts';
import type { Crypto } from '../ports/crypto.ts';
import { PortError } from '../ports/errors.ts';
import type { CallOptions, KeyValueStore } from '../ports/key-value-store.ts';

/** How long a key is remembered: 24 h, milliseconds. */
export const idempotencyMs = 86_400_000;

/** What a create was first going to make; a repetition makes the same, so whoever comes first, one session results. */
export interface IdempotencyClaim {
  readonly sessionId: string;
  readonly creationId: string;
  /** The ended session whose id was going to be used again, by its creation id. */
  readonly replaces?: string | undefined;
  readonly repeated: boolean;
  readonly expiresAt: EpochMillis;
}

type Proposed = Pick<IdempotencyClaim, 'sessionId' | 'creationId' | 'replaces'>;

type Claimed = Proposed & { readonly bodyHash: string };

/**
 * Claims an idempotency key for a create, or finds what it was claimed for (draft-ietf-httpapi-idempotency-key-header-07). Keys are the
 * tenant's own; only a digest is stored.
 *
 * No "running" state is needed: the claim fixes the session's id and creation id, and the session's own create is compare-and-set, so
 * a repetition that overtakes the first call makes the very same session. The session's record is kept longer than the claim
 * (`keepUntil`), so a repetition never makes it a second time.
 */
export async function claimIdempotencyKey(
  { store, clock, crypto }: { readonly store: KeyValueStore; readonly clock: Clock; readonly crypto: Crypto },
  tenant: string,
  idempotency: { readonly key: string; readonly bodyHash: string },
  proposed: Proposed,
  options?: CallOptions,
): Promise<IdempotencyClaim | 'mismatch'> {
  const expiresAt = clock.now() + idempotencyMs;
  const record = {
    partition: `idempotency.${tenant}`,
    id: crypto.sha256(idempotency.key),
    value: JSON.stringify({ ...proposed, bodyHash: idempotency.bodyHash } satisfies Claimed),
    expiresAt,
  };
  const result = await store.create(record, options);
  if (result.created) return { ...proposed, repeated: false, expiresAt };
  const existing = result.existing ?? (await store.get(record, options));
  if (existing === undefined) throw new PortError('aborted', 'idempotency.claim');
  const claimed = parseClaim(existing.value);
  if (claimed.bodyHash !== idempotency.bodyHash) return 'mismatch';
  return {
    sessionId: claimed.sessionId,
    creationId: claimed.creationId,
    replaces: claimed.replaces,
    repeated: true,
    expiresAt: existing.expiresAt ?? expiresAt,
  };
}

/** @throws {PortError} `data_loss`: not something we wrote */
function parseClaim(text: string): Claimed {
  let parsed: Partial<Claimed> | null | undefined;
  try {
    parsed = JSON.parse(text) as Partial<Claimed> | null;
  } catch {
    parsed = undefined;
  }
  const { sessionId, creationId, bodyHash, replaces } = parsed ?? {};
  if (typeof sessionId !== 'string' || typeof creationId !== 'string' || typeof bodyHash !== 'string') {
    throw new PortError('data_loss', 'idempotency.claim', { reason: 'UnknownForm' });
  }
  return { sessionId, creationId, bodyHash, replaces };
}
