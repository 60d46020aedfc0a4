import type { EpochMillis } from '../../ports/clock.ts';
import type { GateConfiguration } from '../configuration.ts';
import { proxyDefaults } from '../defaults.ts';
import { LatencySketch } from './latency-sketch.ts';

/** Buckets of a window: what is judged is between 5/6 and the whole of it. */
const bucketCount = 6;

export type GateVerdict =
  { readonly reason: 'errors' | 'latency'; readonly observed: number; readonly allowed: number } | undefined;

interface Bucket {
  /** Which stretch of time it counts: instants divided by the width. */
  slot: number;
  requests: number;
  failures: number;
  /** Counted already by all instances together. */
  sharedRequests: number;
  sharedFailures: number;
  readonly latencies: LatencySketch;
}

/** What has not been told to the other instances yet. */
export interface GateDelta {
  readonly slot: number;
  readonly requests: number;
  readonly failures: number;
}

/**
 * Watches the new side of a split over a sliding window. Errors are judged on the totals of all instances as far as they are known, latency on this
 * instance's own requests.
 */
export class Gate {
  readonly bucketMs: number;
  readonly #maxErrorRatio: number;
  readonly #maxLatencyMs: number;
  readonly #minRequests: number;
  readonly #buckets: readonly Bucket[] = Array.from({ length: bucketCount }, () => ({
    slot: -1,
    requests: 0,
    failures: 0,
    sharedRequests: 0,
    sharedFailures: 0,
    latencies: new LatencySketch(),
  }));

  constructor(configuration: GateConfiguration) {
    const { gate } = proxyDefaults;
    const { maxErrorPercent = gate.maxErrorPercent, windowMs = gate.windowMs, minRequests = gate.minRequests } = configuration;
    this.bucketMs = Math.ceil(windowMs / bucketCount);
    this.#maxErrorRatio = maxErrorPercent / 100;
    this.#maxLatencyMs = configuration.maxLatencyMs ?? Number.POSITIVE_INFINITY;
    this.#minRequests = minRequests;
  }

  record(now: EpochMillis, failed: boolean, durationMs: number): void {
    const bucket = this.#bucketAt(Math.floor(now / this.bucketMs));
    bucket.requests++;
    if (failed) bucket.failures++;
    else bucket.latencies.add(durationMs);
  }

  /** Takes what this instance has counted since the last call. */
  takeDeltas(): readonly GateDelta[] {
    const deltas: GateDelta[] = [];
    for (const bucket of this.#buckets) {
      if (bucket.requests === 0) continue;
      deltas.push({ slot: bucket.slot, requests: bucket.requests, failures: bucket.failures });
      // until the totals are known, what was told stands for itself
      bucket.sharedRequests += bucket.requests;
      bucket.sharedFailures += bucket.failures;
      bucket.requests = 0;
      bucket.failures = 0;
    }
    return deltas;
  }

  /** The totals of all instances for one slot, as the counters told them. */
  learn(slot: number, requests: number, failures: number): void {
    const bucket = this.#buckets[slot % bucketCount];
    if (bucket?.slot !== slot) return;
    bucket.sharedRequests = Math.max(bucket.sharedRequests, requests);
    bucket.sharedFailures = Math.max(bucket.sharedFailures, failures);
  }

  judge(now: EpochMillis): GateVerdict {
    const oldest = Math.floor(now / this.bucketMs) - bucketCount + 1;
    const live = this.#buckets.filter(({ slot }) => slot >= oldest);
    const requests = live.reduce((sum, bucket) => sum + bucket.requests + bucket.sharedRequests, 0);
    if (requests < this.#minRequests) return undefined;
    const failures = live.reduce((sum, bucket) => sum + bucket.failures + bucket.sharedFailures, 0);
    if (failures / requests > this.#maxErrorRatio)
      return { reason: 'errors', observed: failures / requests, allowed: this.#maxErrorRatio };
    if (this.#maxLatencyMs === Infinity) return undefined;
    const p99 = LatencySketch.merged(live.map(({ latencies }) => latencies)).quantile(0.99);
    return p99 !== undefined && p99 > this.#maxLatencyMs
      ? { reason: 'latency', observed: p99, allowed: this.#maxLatencyMs }
      : undefined;
  }

  clear(): void {
    for (const bucket of this.#buckets) this.#reset(bucket, -1);
  }

  #bucketAt(slot: number): Bucket {
    const bucket = this.#buckets[slot % bucketCount];
    if (bucket === undefined) throw new TypeError('No such bucket');
    if (bucket.slot !== slot) this.#reset(bucket, slot);
    return bucket;
  }

  #reset(bucket: Bucket, slot: number): void {
    bucket.slot = slot;
    bucket.requests = 0;
    bucket.failures = 0;
    bucket.sharedRequests = 0;
    bucket.sharedFailures = 0;
    bucket.latencies.clear();
  }
}
