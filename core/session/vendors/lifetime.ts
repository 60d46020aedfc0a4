import { writesTtl } from './compile.ts';
import type { VendorTemplate } from './template.ts';

/** How long a session really lasts at the vendor. */
export interface Lifetime {
  /** For how long the exit can be counted on, from first use: the shorter of what was asked for and what the vendor keeps. Seconds. */
  readonly ttlSeconds: number;
  /** What is told to the vendor, seconds; at least `ttlSeconds`. Absent when the grammar has no lifetime. */
  readonly upstreamTtlSeconds: number | undefined;
  /** Without traffic for so long, the vendor may drop the exit; absent when not published. */
  readonly idleTimeoutSeconds: number | undefined;
  /** How the vendor counts: from first use, from last use, no published limit. */
  readonly ttlKind: 'fixed' | 'sliding' | 'none';
  /** True when the vendor keeps it for less than was asked for. */
  readonly shortened: boolean;
}

/**
 * What becomes of a wished lifetime. The vendor gets it rounded up to its unit and its minimum: a session ends by our clock, never earlier
 * by the vendor's. Over the vendor's maximum it is shortened, and says so.
 *
 * @param requestedTtlSeconds a positive number
 * @param failClosed whether the fail-closed switch is on: with some vendors it leaves no place for a lifetime. Default false.
 */
export function planLifetime(template: VendorTemplate, requestedTtlSeconds: number, failClosed = false): Lifetime {
  const { kind, unit, minSeconds = 1, maxSeconds, defaultSeconds, idleSeconds } = template.ttl;
  const requested = Math.ceil(requestedTtlSeconds);
  const unitSeconds = unit === 'minute' ? 60 : 1;
  const rounded = Math.max(Math.ceil(requested / unitSeconds) * unitSeconds, minSeconds);
  const upstreamTtlSeconds = writesTtl(template, failClosed) ? Math.min(rounded, maxSeconds ?? rounded) : undefined;
  // What is not told to the vendor is the vendor's own default; a sliding one never ends while it is used.
  const kept = upstreamTtlSeconds ?? (kind === 'fixed' ? defaultSeconds : undefined) ?? maxSeconds ?? requested;
  return {
    ttlSeconds: Math.min(requested, kept),
    upstreamTtlSeconds,
    idleTimeoutSeconds: idleSeconds,
    ttlKind: kind,
    shortened: kept < requested,
  };
}

/** What a session of this vendor can promise when its exit is lost: an error instead of another exit, or no promise. */
export function guarantee(template: VendorTemplate, onPeerLoss: 'fail' | 'rotate'): 'fail-closed' | 'best-effort' {
  return onPeerLoss === 'fail' && template.peerLoss.failClosed !== undefined ? 'fail-closed' : 'best-effort';
}
