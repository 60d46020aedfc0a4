import type { Clock, EpochMillis } from '../../ports/clock.ts';
import type { ConcurrencySettings } from './settings.ts';
import type { Timers } from './timers.ts';
import { UpstreamRefused } from './upstream.ts';

const smoothing = 0.2;

interface Waiter {
  readonly admit: () => void;
}

/**
 * So many requests at once, and a bounded queue for the others, first come first served. Who waits is let in as soon as a place is free, or refused
 * when its wait is over; who would have to wait longer than it can is refused at once. Its wait is expected to be its place in the queue times the
 * interval at which the queue was moving; what it can wait for is its deadline less the usual time until an answer.
 */
export class ConcurrencyLimiter {
  readonly #settings: ConcurrencySettings;
  readonly #clock: Clock;
  readonly #timers: Timers;
  #limit: number;
  #inFlight = 0;
  /** In the order they came. */
  readonly #waiting = new Set<Waiter>();
  /** Smoothed time between two who were let in from the queue. */
  #intervalMs = 0;
  #movedAt = 0;
  #usualMs = 0;

  constructor(settings: ConcurrencySettings, clock: Clock, timers: Timers) {
    this.#settings = settings;
    this.#clock = clock;
    this.#timers = timers;
    this.#limit = settings.max;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get limit(): number {
    return this.#limit;
  }

  get queued(): number {
    return this.#waiting.size;
  }

  /** Changes the limit; a greater one lets in who waits, a smaller one takes effect as requests end. */
  setLimit(limit: number): void {
    this.#limit = limit;
    this.#admit();
  }

  /** A request was answered after so long. */
  observe(durationMs: number): void {
    this.#usualMs += (durationMs - this.#usualMs) * smoothing;
  }

  /** A place, to be given back with `release`; false: none is free. */
  tryAcquire(): boolean {
    if (this.#inFlight >= this.#limit || this.#waiting.size > 0) return false;
    this.#inFlight++;
    return true;
  }

  /**
   * Waits for a place.
   *
   * @throws {UpstreamRefused} `overloaded`: the queue is full, or too long for the deadline
   * @throws the signal's reason
   */
  async acquire(deadline: EpochMillis, signal: AbortSignal | undefined): Promise<void> {
    if (this.tryAcquire()) return;
    signal?.throwIfAborted();
    const { maxQueued, queueTimeoutMs } = this.#settings;
    const patienceMs = Math.min(queueTimeoutMs, deadline - this.#clock.now() - this.#usualMs);
    const expectedMs = (this.#waiting.size + 1) * this.#intervalMs;
    if (this.#waiting.size >= maxQueued || patienceMs <= 0 || expectedMs > patienceMs) {
      // What was learned must not shut the queue for good: without anybody in it nothing new would be learned.
      if (this.#waiting.size === 0) this.#intervalMs /= 2;
      throw new UpstreamRefused('overloaded', seconds(expectedMs));
    }
    await this.#wait(patienceMs, signal);
  }

  release(): void {
    this.#inFlight--;
    if (this.#waiting.size > 0) this.#admit();
  }

  #wait(patienceMs: number, signal: AbortSignal | undefined): Promise<void> {
    if (this.#waiting.size === 0) this.#movedAt = this.#clock.monotonic();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const leave = (error: Error): void => {
      this.#waiting.delete(waiter);
      settle();
      reject(error);
    };
    const timer = this.#timers.start(patienceMs, () => leave(new UpstreamRefused('overloaded', seconds(patienceMs))));
    const abort = (): void => leave(signal?.reason as Error);
    const settle = (): void => {
      timer.cancel();
      signal?.removeEventListener('abort', abort);
    };
    const waiter: Waiter = {
      admit: () => {
        settle();
        resolve();
      },
    };
    signal?.addEventListener('abort', abort, { once: true });
    this.#waiting.add(waiter);
    return promise;
  }

  #admit(): void {
    for (const waiter of this.#waiting) {
      if (this.#inFlight >= this.#limit) return;
      const now = this.#clock.monotonic();
      const intervalMs = now - this.#movedAt;
      this.#intervalMs = this.#intervalMs === 0 ? intervalMs : this.#intervalMs + (intervalMs - this.#intervalMs) * smoothing;
      this.#movedAt = now;
      this.#inFlight++;
      this.#waiting.delete(waiter);
      waiter.admit();
    }
  }
}

function seconds(ms: number): number {
  return Math.max(1, Math.ceil(ms / 1_000));
}
