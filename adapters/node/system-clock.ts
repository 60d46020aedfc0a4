import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../../core/ports/index.ts';

/** The process's own clock and timers. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (delayMs, signal) => sleep(delayMs, undefined, signal === undefined ? undefined : { signal }),
};
