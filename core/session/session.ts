import type { PeerLoss } from '../config/configuration.ts';
import type { EpochMillis } from '../ports/clock.ts';

/** Where the exit should be. Normalised by the vendor's template, never pasted. */
export interface Geo {
  readonly country?: string | undefined;
  readonly region?: string | undefined;
  readonly city?: string | undefined;
}

/** What the vendor knows this session by. Made anew by each rotation; the public id never reaches a vendor. */
export interface UpstreamIdentity {
  /** From the template's alphabet; absent for the direct vendor. */
  readonly token?: string | undefined;
  /** When it was made: the vendor's clock starts at first use, which is not earlier. */
  readonly startedAt: EpochMillis;
  /** The lifetime told to the vendor, seconds; the same on every use of one identity. */
  readonly ttlSeconds: number;
  /** The session must not outlive this, epoch milliseconds: the token's reservation ends later. Absent where none is needed. */
  readonly usableUntil?: EpochMillis | undefined;
}

/** A sticky session as stored. Holds no credential and no URL. */
export interface Session {
  readonly tenant: string;
  readonly sessionId: string;
  readonly pool: string;
  readonly vendor: string;
  readonly label?: string | undefined;
  readonly tags: Readonly<Record<string, string>>;
  readonly geo: Geo;
  readonly onPeerLoss: PeerLoss;
  readonly createdAt: EpochMillis;
  readonly expiresAt: EpochMillis;
  readonly deletedAt?: EpochMillis | undefined;
  /** Goes up by one with each rotation, and when an id is used again. */
  readonly generation: number;
  /** Goes up by one with each write: the strong entity tag. */
  readonly revision: number;
  readonly upstream: UpstreamIdentity;
  /** Names the creating request, so that a repetition of it is recognised. */
  readonly creationId: string;
  /** The record is kept at least until then, so that a repeated create finds it. */
  readonly keepUntil?: EpochMillis | undefined;
}

export type SessionState = 'active' | 'expiring' | 'expired' | 'deleted';

/** With less than this left nothing is handed out and nothing extended: clocks of instances and vendors differ (milliseconds). */
export const expiryMarginMs = 5_000;

export function stateOf(session: Session, now: EpochMillis): SessionState {
  if (session.deletedAt !== undefined) return 'deleted';
  if (now >= session.expiresAt) return 'expired';
  return now >= session.expiresAt - expiryMarginMs ? 'expiring' : 'active';
}

/** Still there for its owner: not deleted, not expired. */
export function isLive(session: Session, now: EpochMillis): boolean {
  return session.deletedAt === undefined && now < session.expiresAt;
}

/** When the record may be purged: after the tombstone, and not while a repeated create could still ask for it. */
export function purgeAt(session: Session, tombstoneMs: number): EpochMillis {
  return Math.max(session.expiresAt + tombstoneMs, session.keepUntil ?? 0);
}

export function extended(session: Session, expiresAt: EpochMillis): Session {
  return { ...session, expiresAt, revision: session.revision + 1 };
}

export function rotated(session: Session, upstream: UpstreamIdentity): Session {
  return { ...session, upstream, generation: session.generation + 1, revision: session.revision + 1 };
}

/** The tombstone: keeps what answers 410 and what keeps the id taken, forgets the rest. */
export function deleted(session: Session, now: EpochMillis): Session {
  return { ...session, label: undefined, tags: {}, deletedAt: now, revision: session.revision + 1 };
}
