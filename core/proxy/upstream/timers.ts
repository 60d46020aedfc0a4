import type { Clock } from '../../ports/clock.ts';

/** Timers may fire so much early: the process's own are no more exact. */
const toleranceMs = 0.5;

class Timer {
  readonly at: number;
  callback: (() => void) | undefined;
  readonly #onCancel: () => void;

  constructor(at: number, callback: () => void, onCancel: () => void) {
    this.at = at;
    this.callback = callback;
    this.#onCancel = onCancel;
  }

  cancel(): void {
    if (this.callback === undefined) return;
    this.callback = undefined;
    this.#onCancel();
  }
}

export type { Timer };

/**
 * Many timers, most of which are cancelled, over few sleeps of the clock: a sleep that can be cancelled costs tens of microseconds, an entry in
 * this list less than one. For delays that are much alike, since new entries are sorted in from the end: each use has its own.
 */
export class Timers {
  readonly #clock: Clock;
  #entries: Timer[] = [];
  /** When a sleep under way will look again. */
  readonly #wakeUps = new Set<number>();
  /** Neither fired nor cancelled. */
  #live = 0;
  #closed = false;
  /** Ends the sleeps under way; `undefined` where there are none to end. */
  #sleeps: AbortController | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls back after `delayMs` unless cancelled. */
  start(delayMs: number, callback: () => void): Timer {
    const timer = new Timer(this.#clock.monotonic() + delayMs, callback, this.#onCancel);
    this.#live++;
    let at = this.#entries.length;
    while (at > 0 && (this.#entries[at - 1]?.at ?? 0) > timer.at) at--;
    if (at === this.#entries.length) this.#entries.push(timer);
    else this.#entries.splice(at, 0, timer);
    if (at === 0) this.#sleepUntil(timer.at);
    return timer;
  }

  /** From now on nothing sleeps that nobody waits for: what is cancelled keeps no process alive. Timers go on, and new ones may be started. */
  close(): void {
    this.#closed = true;
    this.#rest();
  }

  readonly #onCancel = (): void => {
    this.#live--;
    this.#rest();
  };

  #rest(): void {
    if (!this.#closed || this.#live > 0) return;
    this.#sleeps?.abort();
    this.#sleeps = undefined;
    this.#entries = [];
    this.#wakeUps.clear();
  }

  #sleepUntil(at: number): void {
    for (const planned of this.#wakeUps) if (planned <= at) return;
    this.#wakeUps.add(at);
    this.#sleeps ??= new AbortController();
    this.#clock.sleep(Math.max(0, at - this.#clock.monotonic()), this.#sleeps.signal).then(
      () => {
        this.#wakeUps.delete(at);
        this.#wake();
      },
      () => undefined,
    );
  }

  #wake(): void {
    const now = this.#clock.monotonic() + toleranceMs;
    let due = 0;
    for (let entry = this.#entries[due]; entry !== undefined; entry = this.#entries[due]) {
      if (entry.callback !== undefined && entry.at > now) break;
      due++;
    }
    const ended = this.#entries.splice(0, due);
    const [next] = this.#entries;
    if (next !== undefined) this.#sleepUntil(next.at);
    for (const timer of ended) {
      const { callback } = timer;
      if (callback === undefined) continue;
      timer.callback = undefined;
      this.#live--;
      callback();
    }
    this.#rest();
  }
}
