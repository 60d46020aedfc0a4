import { LatencySketch } from '../migration/latency-sketch.ts';
import type { HedgeSettings } from './settings.ts';

const quantile = 0.95;
const leastMs = 20;
/** Nothing is known from fewer. */
const minSamples = 20;
/** Latencies are forgotten by halves: the older half when the younger has so many. */
const halfSamples = 500;

/** When a try is so slow that another one is sent beside it: after a fixed time, or the p95 of recent latencies. */
export class HedgeDelay {
  readonly #fixedMs: number | undefined;
  #young = new LatencySketch();
  #old = new LatencySketch();
  #count = 0;
  #derivedMs: number | undefined;

  constructor({ delayMs }: Pick<HedgeSettings, 'delayMs'>) {
    this.#fixedMs = delayMs;
  }

  add(durationMs: number): void {
    if (this.#fixedMs !== undefined) return;
    this.#young.add(durationMs);
    this.#count++;
    if (this.#count % minSamples === 0) {
      this.#derivedMs = Math.max(leastMs, LatencySketch.merged([this.#old, this.#young]).quantile(quantile) ?? 0);
    }
    if (this.#count % halfSamples === 0) {
      this.#old = this.#young;
      this.#young = new LatencySketch();
    }
  }

  /** `undefined` while too little is known. */
  get delayMs(): number | undefined {
    return this.#fixedMs ?? this.#derivedMs;
  }
}
