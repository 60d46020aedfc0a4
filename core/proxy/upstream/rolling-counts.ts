import type { EpochMillis } from '../../ports/clock.ts';

/**
 * Two counts over a sliding window, in a ring of buckets that expire by themselves: exact for what lies between the window less one bucket
 * and the window. Time must not go back.
 */
export class RollingCounts {
  readonly #widthMs: number;
  readonly #size: number;
  readonly #good: Uint32Array;
  readonly #bad: Uint32Array;
  #newest = Number.NEGATIVE_INFINITY;
  #goodTotal = 0;
  #badTotal = 0;

  constructor(windowMs: number, buckets = 10) {
    this.#widthMs = windowMs / buckets;
    this.#size = buckets;
    this.#good = new Uint32Array(buckets);
    this.#bad = new Uint32Array(buckets);
  }

  addGood(now: EpochMillis): void {
    const at = this.#advance(now);
    this.#good[at] = (this.#good[at] ?? 0) + 1;
    this.#goodTotal++;
  }

  addBad(now: EpochMillis): void {
    const at = this.#advance(now);
    this.#bad[at] = (this.#bad[at] ?? 0) + 1;
    this.#badTotal++;
  }

  /** What was counted as good at `since` has turned out to be bad now. */
  turnBad(since: EpochMillis, now: EpochMillis): void {
    this.addBad(now);
    const slot = Math.floor(since / this.#widthMs);
    if (slot <= this.#newest - this.#size) return;
    const at = slot % this.#size;
    this.#good[at] = (this.#good[at] ?? 0) - 1;
    this.#goodTotal--;
  }

  good(now: EpochMillis): number {
    this.#advance(now);
    return this.#goodTotal;
  }

  bad(now: EpochMillis): number {
    this.#advance(now);
    return this.#badTotal;
  }

  clear(): void {
    this.#good.fill(0);
    this.#bad.fill(0);
    this.#goodTotal = 0;
    this.#badTotal = 0;
  }

  /** Empties the buckets whose time is over and answers where the present one is. */
  #advance(now: EpochMillis): number {
    const slot = Math.floor(now / this.#widthMs);
    if (slot > this.#newest) {
      const expired = Math.min(slot - this.#newest, this.#size);
      for (let step = 0; step < expired; step++) {
        const at = (slot - step) % this.#size;
        this.#goodTotal -= this.#good[at] ?? 0;
        this.#badTotal -= this.#bad[at] ?? 0;
        this.#good[at] = 0;
        this.#bad[at] = 0;
      }
      this.#newest = slot;
    }
    return slot % this.#size;
  }
}
