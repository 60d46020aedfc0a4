import type { EpochMillis } from '../../ports/clock.ts';
import type { AdmissionSettings } from './settings.ts';

/** What `admit` answers when the request is to be refused. */
export const shed = -1;
const bucketCount = 30;
/** Requests younger than this have not had the time to succeed. */
const leastGraceMs = 1_000;
const smoothing = 0.1;

/**
 * Refuses requests at random as the share of those that succeed falls: with n requests and s successes over the window each new one is refused
 * with the probability (n - s / successRatio) / (n + 1), at most `maxRejectRatio`.
 *
 * A request counts from when it is sent and its success is credited to that moment, so that an upstream which only stalls is seen before its
 * time-outs. Those sent within twice the usual latency (1 s at least) are left out: a slow upstream is not a failing one. What is refused counts
 * nowhere, so that a quiet upstream recovers.
 */
export class AdmissionControl {
  readonly #settings: AdmissionSettings;
  readonly #random: () => number;
  readonly #widthMs: number;
  readonly #sent = new Uint32Array(bucketCount);
  readonly #succeeded = new Uint32Array(bucketCount);
  #newest = Number.NEGATIVE_INFINITY;
  #latencyMs = 0;

  constructor(settings: AdmissionSettings, random: () => number) {
    this.#settings = settings;
    this.#random = random;
    this.#widthMs = settings.windowMs / bucketCount;
  }

  /** `shed`, or a ticket for `succeeded` or `forgotten`; one that is not given back stands for a failure. */
  admit(now: EpochMillis): number {
    const slot = this.#advance(now);
    const rejectRatio = this.rejectRatio(now);
    if (rejectRatio > 0 && this.#random() < rejectRatio) return shed;
    this.#add(this.#sent, slot, 1);
    return slot;
  }

  succeeded(ticket: number, durationMs: number, now: EpochMillis): void {
    this.#latencyMs += (durationMs - this.#latencyMs) * smoothing;
    if (this.#isLive(ticket, now)) this.#add(this.#succeeded, ticket, 1);
  }

  /** The request counts for neither side: the client left, or we refused it for another reason. */
  forgotten(ticket: number, now: EpochMillis): void {
    if (this.#isLive(ticket, now)) this.#add(this.#sent, ticket, -1);
  }

  /** Share of requests refused right now, from 0 to `maxRejectRatio`. */
  rejectRatio(now: EpochMillis): number {
    const newest = this.#advance(now);
    const graceMs = Math.max(leastGraceMs, 2 * this.#latencyMs);
    const until = Math.floor((now - graceMs) / this.#widthMs);
    let requests = 0;
    let successes = 0;
    for (let slot = newest - bucketCount + 1; slot <= newest; slot++) {
      const at = slot % bucketCount;
      const succeeded = this.#succeeded[at] ?? 0;
      // of the young ones only what is known to have succeeded
      requests += slot < until ? (this.#sent[at] ?? 0) : succeeded;
      successes += succeeded;
    }
    const ratio = (requests - successes / this.#settings.successRatio) / (requests + 1);
    return Math.min(this.#settings.maxRejectRatio, Math.max(0, ratio));
  }

  #add(counts: Uint32Array, slot: number, by: number): void {
    const at = slot % bucketCount;
    counts[at] = (counts[at] ?? 0) + by;
  }

  #isLive(slot: number, now: EpochMillis): boolean {
    return slot > this.#advance(now) - bucketCount;
  }

  #advance(now: EpochMillis): number {
    const slot = Math.floor(now / this.#widthMs);
    const expired = Math.min(slot - this.#newest, bucketCount);
    for (let step = 0; step < expired; step++) {
      const at = (slot - step) % bucketCount;
      this.#sent[at] = 0;
      this.#succeeded[at] = 0;
    }
    if (slot > this.#newest) this.#newest = slot;
    return slot;
  }
}
