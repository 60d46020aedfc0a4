import type { Clock, EpochMillis } from '../../ports/clock.ts';
import type { CircuitBreaker, ContentEnd } from './circuit-breaker.ts';
import type { SteadyTime } from './steady-time.ts';
import type { Timer, Timers } from './timers.ts';

/** A half-open circuit waits so long for the content of a probe: what goes on for longer, a stream of events, must not keep everybody else out. */
const probeMs = 1_000;

export interface AwaitedContentParts {
  readonly breaker: CircuitBreaker;
  /** Content that has flowed for so long has come well. */
  readonly windowMs: number;
  readonly clock: Clock;
  readonly time: SteadyTime;
  readonly timers: Timers;
}

/**
 * Tells the breaker, once, how the content of one good answer went. What has flowed for the breaker's window is taken for whole: that old streams end all
 * at once, when a server is replaced, says nothing about now. A stall counts, since nothing flows then, whenever it is noticed.
 */
export class AwaitedContent {
  readonly #parts: AwaitedContentParts;
  readonly #permit: number;
  readonly #answeredAt: EpochMillis;
  readonly #settledFrom: number;
  readonly #probe: Timer | undefined;
  #settled = false;

  /** @param answeredAt steady time, as the breaker was told */
  constructor(parts: AwaitedContentParts, permit: number, answeredAt: EpochMillis) {
    const { breaker, clock, timers, windowMs } = parts;
    this.#parts = parts;
    this.#permit = permit;
    this.#answeredAt = answeredAt;
    this.#settledFrom = clock.monotonic() + windowMs;
    this.#probe = breaker.isProbe(permit) ? timers.start(probeMs, () => this.ended('whole')) : undefined;
  }

  /** A piece of it has come. */
  flowed(): void {
    if (!this.#settled && this.#parts.clock.monotonic() >= this.#settledFrom) this.ended('whole');
  }

  ended(end: ContentEnd): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#probe?.cancel();
    const { breaker, clock, time } = this.#parts;
    breaker.contentEnded(this.#permit, end, this.#answeredAt, time.at(clock.now()));
  }
}
