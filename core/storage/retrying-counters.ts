import type { Counters } from '../ports/counters.ts';
import { withRetry } from './retry.ts';
import type { Retrier } from './retry.ts';

/** Retries transient failures of a platform's own counters. The operation id makes repeating an increment safe (see `Counters`). */
export function retryingCounters(counters: Counters, retrier: Retrier): Counters {
  return {
    exact: counters.exact,
    increment: (increment, options) => withRetry(retrier, () => counters.increment(increment, options), options),
    read: (key, options) => withRetry(retrier, () => counters.read(key, options), options),
  };
}
