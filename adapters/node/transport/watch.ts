import type { Clock, EpochMillis } from '../../../core/ports/index.ts';

/** Something that has until `dueAt`. */
export interface Watched {
  readonly dueAt: EpochMillis;
  expire(): void;
}

/** An instant by both clocks: the wall's may be set back, and the other one may stand still while the process is frozen. */
export interface Instant {
  readonly wall: EpochMillis;
  readonly monotonic: number;
}

/** Not in use for so long, in milliseconds, a connection may have been frozen with its process, and closed meanwhile. */
export const doubtfulMs = 1_000;

/** Timers of Node go no further than 2^31 - 1 ms. */
const maxSleepMs = 86_400_000;

/**
 * Calls those whose time is over. One timer for all: an exchange costs a comparison, not a timer of its own, and nearly none ever expires.
 */
export class Watch {
  readonly #clock: Clock;
  readonly #watched = new Set<Watched>();
  #wakeAt: EpochMillis = Number.POSITIVE_INFINITY;
  #sleep: AbortController | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  now(): EpochMillis {
    return this.#clock.now();
  }

  instant(): Instant {
    return { wall: this.#clock.now(), monotonic: this.#clock.monotonic() };
  }

  /** How long ago that was, in milliseconds, by the clock that says more. */
  since({ wall, monotonic }: Instant): number {
    return Math.max(this.#clock.now() - wall, this.#clock.monotonic() - monotonic);
  }

  add(watched: Watched): void {
    this.#watched.add(watched);
    this.note(watched.dueAt);
  }

  delete(watched: Watched): void {
    this.#watched.delete(watched);
  }

  /** Something watched is due at this instant. */
  note(dueAt: EpochMillis): void {
    if (dueAt < this.#wakeAt) this.#sleepUntil(dueAt);
  }

  close(): void {
    this.#sleep?.abort();
    this.#wakeAt = Number.POSITIVE_INFINITY;
  }

  #sleepUntil(dueAt: EpochMillis): void {
    this.#sleep?.abort();
    const sleep = new AbortController();
    this.#sleep = sleep;
    this.#wakeAt = dueAt;
    const delayMs = Math.min(maxSleepMs, Math.max(0, dueAt - this.#clock.now()));
    this.#clock.sleep(delayMs, sleep.signal).then(
      () => {
        if (this.#sleep === sleep) this.#wake();
      },
      () => undefined,
    );
  }

  #wake(): void {
    this.#wakeAt = Number.POSITIVE_INFINITY;
    const now = this.#clock.now();
    let next = Number.POSITIVE_INFINITY;
    for (const watched of [...this.#watched]) {
      if (watched.dueAt <= now) watched.expire();
      if (this.#watched.has(watched)) next = Math.min(next, watched.dueAt);
    }
    if (next < this.#wakeAt) this.#sleepUntil(next);
  }
}
