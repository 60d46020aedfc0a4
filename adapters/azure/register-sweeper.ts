import type { app } from '@azure/functions';
import type { Clock, Logger } from '../../core/ports/index.ts';
import { systemClock } from '../node/system-clock.ts';
import type { Sweeper } from './sweeper.ts';

/** The library's `app`, as far as timers go. */
export type FunctionsTimerApp = Pick<typeof app, 'timer'>;

export interface RegisterSweeperOptions {
  /** NCRONTAB; default every ten minutes. */
  readonly schedule?: string | undefined;
  /** How long one sweep may take, in milliseconds; default 240,000: a function of the consumption plan is stopped after five minutes. */
  readonly maxSweepMs?: number | undefined;
  /** Default: the system's. */
  readonly clock?: Clock | undefined;
  /** Told what each sweep did; default nobody. */
  readonly logger?: Logger | undefined;
}

/** Registers the sweep of expired rows on a timer. A sweep that fails fails the invocation: the platform counts it, and the next one tries again. */
export function registerSweeper(
  functions: FunctionsTimerApp,
  sweeper: Sweeper,
  { schedule = '0 */10 * * * *', maxSweepMs = 240_000, clock = systemClock, logger }: RegisterSweeperOptions = {},
): void {
  functions.timer('sweeper', {
    schedule,
    handler: async () => {
      const { scanned, deleted, lostRaces, more } = await sweeper.sweep({ deadline: clock.now() + maxSweepMs });
      logger?.log('info', 'sweeper.swept', { scanned, deleted, lost_races: lostRaces, more });
    },
  });
}
