import type { Clock } from '../ports/clock.ts';
import { PortError } from '../ports/errors.ts';
import type { CallOptions } from '../ports/key-value-store.ts';

export interface RetryPolicy {
  /** Attempts in all, the first included; default 5. */
  readonly maxAttempts: number;
  /** Full jitter: before retry n wait a random time up to `baseDelayMs` x 2^n, at most `maxDelayMs`; default 25. */
  readonly baseDelayMs: number;
  /** Default 2,000. */
  readonly maxDelayMs: number;
}

export const defaultRetryPolicy: RetryPolicy = { maxAttempts: 5, baseDelayMs: 25, maxDelayMs: 2_000 };

/**
 * Bounds retries to a share of the traffic, so that an outage is not amplified: each call adds `ratio` tokens, each retry takes one.
 * Starts full, so that rare calls may retry too.
 */
export class RetryBudget {
  readonly #ratio: number;
  readonly #capacity: number;
  #tokens: number;

  constructor(ratio = 0.1, capacity = 20) {
    this.#ratio = ratio;
    this.#capacity = capacity;
    this.#tokens = capacity;
  }

  deposit(): void {
    this.#tokens = Math.min(this.#capacity, this.#tokens + this.#ratio);
  }

  withdraw(): boolean {
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}

export interface Retrier {
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly policy: RetryPolicy;
  readonly budget: RetryBudget;
}

/** A retrier with a budget of its own. */
export function newRetrier(clock: Clock, random: () => number = Math.random, policy: RetryPolicy = defaultRetryPolicy): Retrier {
  return { clock, random, policy, budget: new RetryBudget() };
}

/**
 * Calls `attempt` until it answers, fails for good, or attempts, budget or the deadline run out; then throws the last failure. Only
 * `PortError`s that say so are retried.
 *
 * A service's own wait (`retryAfterMs`) is honoured as the least delay; one over `maxDelayMs` is not ours to spend, so the failure is thrown
 * at once, with the wait in it for the client.
 *
 * @param attempt gets the number of the attempt, from 0
 * @throws {PortError} `cancelled` when the signal aborts between attempts; `deadline_exceeded` without an attempt when the deadline has passed
 */
export async function withRetry<T>(
  { clock, random, policy, budget }: Retrier,
  attempt: (n: number) => Promise<T>,
  options: CallOptions = {},
): Promise<T> {
  budget.deposit();
  for (let n = 0; ; n++) {
    // Nothing is begun when the caller has stopped caring: many quick calls must not add up to more than the caller's time.
    if (options.deadline !== undefined && clock.now() >= options.deadline) {
      throw new PortError('deadline_exceeded', 'call', { reason: 'BudgetSpent' });
    }
    try {
      return await attempt(n);
    } catch (error) {
      if (!(error instanceof PortError && error.retryable) || n + 1 >= policy.maxAttempts) throw error;
      const leastMs = error.retryAfterMs ?? 0;
      const ceiling = Math.min(policy.maxDelayMs, policy.baseDelayMs * 2 ** n);
      const delayMs = Math.max(leastMs, random() * ceiling);
      const late = options.deadline !== undefined && clock.now() + delayMs >= options.deadline;
      if (late || leastMs > policy.maxDelayMs) throw error;
      if (!budget.withdraw()) throw error;
      await pause(clock, delayMs, options.signal, error.operation);
    }
  }
}

/** Waits, and says in the words of the ports when the caller gave up meanwhile. */
export async function pause(clock: Clock, delayMs: number, signal: AbortSignal | undefined, operation: string): Promise<void> {
  try {
    await clock.sleep(delayMs, signal);
  } catch (error) {
    throw signal?.aborted === true ? new PortError('cancelled', operation) : error;
  }
}
