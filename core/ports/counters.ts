import type { EpochMillis } from './clock.ts';
import type { CallOptions, RecordKey } from './key-value-store.ts';

export interface Increment {
  readonly key: RecordKey;
  /** A safe integer, may be negative; default 1. The sum must stay a safe integer. */
  readonly by?: number | undefined;
  /** Names this logical increment: 1 to 64 characters of `[A-Za-z0-9_-]`. Repeating it must not count twice (see `Counters`). */
  readonly operationId: string;
  /** From this instant a counter is absent and starts at zero again, epoch milliseconds. Applies when the counter is new. */
  readonly expiresAt?: EpochMillis | undefined;
}

/**
 * Atomic counters for rate limits, quotas and usage.
 *
 * - Concurrent increments are never lost.
 * - A repeated `operationId` is recognised among the last 16 increments of that counter and answers the present value without
 *   counting. A store with a native counter may instead count a repetition again after a lost answer: at most once per lost
 *   answer, always upwards for a positive `by`, so a limit errs on the strict side. `exact` says which.
 * - Service failures are thrown `PortError`s; misuse is a `TypeError` or `RangeError` before any I/O.
 */
export interface Counters {
  /** True when a repeated `operationId` is recognised. */
  readonly exact: boolean;

  /** Adds and answers the new value. A missing or expired counter counts as zero. */
  increment(increment: Increment, options?: CallOptions): Promise<number>;

  /** The present value; zero when missing or expired. Strongly consistent. */
  read(key: RecordKey, options?: CallOptions): Promise<number>;
}
