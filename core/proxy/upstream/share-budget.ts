import type { EpochMillis } from '../../ports/clock.ts';
import { RollingCounts } from './rolling-counts.ts';

const windowMs = 10_000;

/**
 * Bounds what is sent beside the requests themselves (retries, hedges) to a share of the requests of the last 10 seconds, plus a floor so that little
 * traffic has some too. A window and not what is in flight: when everything fails at once, so many are in flight that their share is no bound.
 */
export class ShareBudget {
  readonly #ratio: number;
  readonly #floor: number;
  readonly #counts = new RollingCounts(windowMs);

  /** @param floor allowed in any 10 seconds, whatever the requests */
  constructor(ratio: number, floor: number) {
    this.#ratio = ratio;
    this.#floor = floor;
  }

  /** A request was sent for the first time. */
  deposit(now: EpochMillis): void {
    this.#counts.addGood(now);
  }

  /** Takes one more; false: spent. */
  withdraw(now: EpochMillis): boolean {
    if (this.#counts.bad(now) + 1 > this.#counts.good(now) * this.#ratio + this.#floor) return false;
    this.#counts.addBad(now);
    return true;
  }
}
