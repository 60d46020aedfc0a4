/** Logarithmic buckets: each is 10 % wider than the one before, so a quantile is right to about 5 %. */
const growth = 1.1;
const bucketCount = 128; // up to about 3 minutes

/** Counts of durations in milliseconds, enough to tell a quantile, in constant memory (a DDSketch with a fixed range). */
export class LatencySketch {
  readonly #buckets = new Uint32Array(bucketCount);
  #count = 0;

  add(durationMs: number): void {
    const bucket = durationMs <= 1 ? 0 : Math.min(bucketCount - 1, Math.ceil(Math.log(durationMs) / Math.log(growth)));
    this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + 1;
    this.#count++;
  }

  /** The sum of several, without changing them. */
  static merged(sketches: readonly LatencySketch[]): LatencySketch {
    const sum = new LatencySketch();
    for (const { buckets, count } of sketches.map((sketch) => ({ buckets: sketch.#buckets, count: sketch.#count }))) {
      for (let at = 0; at < bucketCount; at++) sum.#buckets[at] = (sum.#buckets[at] ?? 0) + (buckets[at] ?? 0);
      sum.#count += count;
    }
    return sum;
  }

  /** An upper bound of the quantile's bucket, milliseconds; `undefined` when nothing was added. */
  quantile(q: number): number | undefined {
    if (this.#count === 0) return undefined;
    let left = Math.ceil(this.#count * q);
    for (let at = 0; at < bucketCount; at++) {
      left -= this.#buckets[at] ?? 0;
      if (left <= 0) return growth ** at;
    }
    return growth ** (bucketCount - 1);
  }

  clear(): void {
    this.#buckets.fill(0);
    this.#count = 0;
  }
}
