import type { EpochMillis } from '../../ports/clock.ts';

/**
 * Wall time that never goes back: a clock that steps back must neither keep a circuit open nor hold a target out for as long as the step. Wall
 * time and not monotonic time, which may stand still while a function is frozen.
 */
export class SteadyTime {
  #last: EpochMillis = Number.NEGATIVE_INFINITY;
  /** How far the clock has stepped back in all. */
  #behindMs = 0;

  /** @param now what the clock says */
  at(now: EpochMillis): EpochMillis {
    if (now < this.#last) this.#behindMs += this.#last - now;
    this.#last = now;
    return now + this.#behindMs;
  }
}
