import type { ConcurrencySettings } from './settings.ts';

/** How long samples are gathered before the limit moves. */
const windowMs = 100;
/** Fewer samples say nothing; the window stays open. */
const minSamples = 10;
/** Kept of one window: the latest. */
const maxSamples = 500;
/** The least limit, which is also the one the ideal latency is measured at. */
const minLimit = 3;
/** How much slower than ideal is still taken for ideal. */
const tolerance = 1.25;
const idealSamples = 50;
const idealEveryMs = 60_000;
const idealJitter = 0.15;
/** Windows at the least limit after which the ideal latency is taken to have changed. */
const maxStuckWindows = 5;

/**
 * Finds how many requests at once an upstream answers without queueing them, by the gradient of latency (Envoy's adaptive concurrency): at the end of each
 * window `limit = gradient x limit + sqrt(limit)` with `gradient = 1.25 x ideal / median`, held between 0.5 and 2. The ideal latency is the median
 * of 50 requests at a limit of 3, measured at the start, about every minute, and when the limit has been least for 5 windows.
 */
export class GradientLimit {
  readonly #max: number;
  readonly #random: () => number;
  #limit = minLimit;
  /** `undefined` while it is being measured. */
  #idealMs: number | undefined;
  /** What the limit is again after measuring. */
  #limitBefore = minLimit;
  #samples: number[] = [];
  #next = 0;
  #measuringSince = Number.NEGATIVE_INFINITY;
  #windowEnd = Number.NEGATIVE_INFINITY;
  #measureAt = Number.POSITIVE_INFINITY;
  #stuckWindows = 0;

  constructor({ max }: Pick<ConcurrencySettings, 'max'>, random: () => number) {
    this.#max = Math.max(1, max);
    this.#random = random;
  }

  get limit(): number {
    return Math.min(this.#max, Math.floor(this.#limit));
  }

  /** @param now monotonic milliseconds */
  sample(durationMs: number, now: number): void {
    // Sent before the limit fell: it waited behind more than the limit lets through.
    if (now - durationMs < this.#measuringSince) return;
    this.#samples[this.#next++ % maxSamples] = durationMs;
    if (this.#idealMs === undefined) {
      if (this.#samples.length >= idealSamples) this.#measured(now);
    } else if (now >= this.#windowEnd && this.#samples.length >= minSamples) {
      this.#adjust(this.#idealMs, now);
    }
  }

  #measured(now: number): void {
    // A clock may say that no time has passed at all.
    this.#idealMs = Math.max(0.01, this.#takeMedian(now));
    this.#limit = this.#limitBefore;
    this.#stuckWindows = 0;
    this.#measureAt = now + idealEveryMs * (1 + idealJitter * this.#random());
  }

  #adjust(idealMs: number, now: number): void {
    const gradient = Math.min(2, Math.max(0.5, (tolerance * idealMs) / Math.max(0.01, this.#takeMedian(now))));
    this.#limit = Math.min(this.#max, Math.max(minLimit, gradient * this.#limit + Math.sqrt(this.#limit)));
    this.#stuckWindows = this.#limit <= minLimit + Math.sqrt(minLimit) && gradient < 1 ? this.#stuckWindows + 1 : 0;
    if (now >= this.#measureAt || this.#stuckWindows >= maxStuckWindows) {
      this.#idealMs = undefined;
      this.#measuringSince = now;
      this.#limitBefore = this.#limit;
      this.#limit = minLimit;
    }
  }

  #takeMedian(now: number): number {
    const sorted = this.#samples.toSorted((a, b) => a - b);
    this.#samples = [];
    this.#next = 0;
    this.#windowEnd = now + windowMs;
    return sorted[sorted.length >> 1] ?? 0;
  }
}
