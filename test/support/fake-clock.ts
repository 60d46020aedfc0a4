import type { Clock, EpochMillis } from '../../core/ports/index.ts';

interface Sleeper {
  readonly wakeAt: EpochMillis;
  readonly wake: () => void;
}

/**
 * Where a fake clock must start whose instants reach a service with an expiry of its own: ahead of the wall clock, by which that service
 * takes records away (DynamoDB Local sweeps all the time).
 */
export const aheadOfServices: EpochMillis = Date.UTC(2050, 0, 1);

/** A clock that moves only when told to. */
export class FakeClock implements Clock {
  /** Every delay asked for so far, in order. */
  readonly slept: number[] = [];
  readonly #autoAdvance: boolean;
  #now: EpochMillis;
  /** What `set` has added to the wall clock alone. */
  #stepped = 0;
  #sleepers: readonly Sleeper[] = [];
  /** Time passes by itself until nobody sleeps. */
  #passing = false;

  /**
   * @param options.now where it starts; default 2026-01-01T00:00:00Z
   * @param options.autoAdvance whether the clock moves on to the next sleeper's time by itself as soon as nobody can go on without time; default false: it
   * waits for `advance`
   */
  constructor(options: { readonly now?: EpochMillis; readonly autoAdvance?: boolean } = {}) {
    this.#now = options.now ?? Date.UTC(2026, 0, 1);
    this.#autoAdvance = options.autoAdvance ?? false;
  }

  now(): EpochMillis {
    return Math.floor(this.#now);
  }

  monotonic(): number {
    return this.#now - this.#stepped;
  }

  /** How many callers sleep right now. */
  get sleeping(): number {
    return this.#sleepers.length;
  }

  async sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    this.slept.push(delayMs);
    const wakeAt = this.#now + delayMs;
    await new Promise<void>((resolve, reject) => {
      const cancel = (): void => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
        reject(signal?.reason as Error);
      };
      const sleeper = {
        wakeAt,
        wake: () => {
          signal?.removeEventListener('abort', cancel);
          resolve();
        },
      };
      signal?.addEventListener('abort', cancel, { once: true });
      this.#sleepers = [...this.#sleepers, sleeper];
      if (this.#autoAdvance) void this.#passTime();
    });
  }

  /** One at a time: who wakes up may sleep again. */
  async #passTime(): Promise<void> {
    if (this.#passing) return;
    this.#passing = true;
    for (;;) {
      await settled();
      const next = this.#nextDue(Number.POSITIVE_INFINITY);
      if (next === undefined) break;
      this.#wake(next);
    }
    this.#passing = false;
  }

  #wake(sleeper: Sleeper): void {
    this.#now = Math.max(this.#now, sleeper.wakeAt);
    this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
    sleeper.wake();
  }

  /**
   * Lets everybody go on who can without time; then moves on by `delayMs` and wakes, in their order, everybody whose time has come, letting each go
   * on before the next; who goes back to sleep for less than what is left is woken again.
   */
  async advance(delayMs: number): Promise<void> {
    await settled();
    const until = this.#now + delayMs;
    for (let due = this.#nextDue(until); due !== undefined; due = this.#nextDue(until)) {
      this.#wake(due);
      await settled();
    }
    this.#now = until;
    await settled();
  }

  /** Sets the clock, forwards or backwards, without waking anybody: the step of a wall clock. */
  set(now: EpochMillis): void {
    this.#stepped += now - this.#now;
    this.#now = now;
  }

  #nextDue(until: EpochMillis): Sleeper | undefined {
    return this.#sleepers.filter(({ wakeAt }) => wakeAt <= until).toSorted((a, b) => a.wakeAt - b.wakeAt)[0];
  }
}

/** Lets every promise that can go on without time or I/O go on. */
function settled(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
