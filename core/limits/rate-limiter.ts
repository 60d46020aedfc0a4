import type { Clock, EpochMillis } from '../ports/clock.ts';

const minuteMs = 60_000;
const maxKeys = 10_000;
/** Sums of intervals such as 60,000/7 are not exact. */
const toleranceMs = 1e-6;

export interface RateDecision {
  readonly allowed: boolean;
  /** Requests left at once. */
  readonly remaining: number;
  /** Seconds until one more is allowed (refused), or until all are (allowed). */
  readonly resetSeconds: number;
}

/**
 * Limits requests per minute and key in this instance, by the generic cell rate algorithm: one number a key, the theoretical arrival
 * time. A burst of a whole minute's worth is allowed. With n instances a tenant may make up to n times the limit.
 */
export class RateLimiter {
  readonly limit: number;
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #arrivals = new Map<string, EpochMillis>();
  #lastNow: EpochMillis = Number.NEGATIVE_INFINITY;
  /** How far the clock has stepped back in all. */
  #behindMs = 0;

  constructor(clock: Clock, requestsPerMinute: number) {
    this.limit = requestsPerMinute;
    this.#clock = clock;
    this.#intervalMs = minuteMs / requestsPerMinute;
  }

  /** True when a request of this key is allowed now; it counts. Refused requests do not count. */
  allow(key: string): boolean {
    const now = this.#now();
    const arrival = Math.max(this.#arrivals.get(key) ?? now, now) + this.#intervalMs;
    if (arrival - now > minuteMs + toleranceMs) return false;
    if (this.#arrivals.size >= maxKeys && !this.#arrivals.has(key)) this.#arrivals.clear();
    this.#arrivals.set(key, arrival);
    return true;
  }

  /** Where the key stands, for header fields. */
  state(key: string): RateDecision {
    const now = this.#now();
    const used = Math.max(0, (this.#arrivals.get(key) ?? now) - now);
    const remaining = Math.max(0, Math.floor((minuteMs - used) / this.#intervalMs + 1e-9));
    return {
      allowed: remaining > 0,
      remaining,
      resetSeconds: Math.max(1, Math.ceil((remaining > 0 ? used : used + this.#intervalMs - minuteMs) / 1_000)),
    };
  }

  /** Time that never goes back: a clock that steps back must neither shut a tenant out for as long as the step nor give a second burst. */
  #now(): EpochMillis {
    const now = this.#clock.now();
    if (now < this.#lastNow) this.#behindMs += this.#lastNow - now;
    this.#lastNow = now;
    return now + this.#behindMs;
  }
}
