import { systemClock } from '../../adapters/node/system-clock.ts';
import type { Clock, EpochMillis } from '../../core/ports/index.ts';

interface Sleeper {
  readonly dueAt: EpochMillis;
  readonly signal: AbortSignal | undefined;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** A clock that moves only while the process is frozen: who slept wakes up by the system's clock, whose timers are due before any socket has been read. */
export class FreezingClock implements Clock {
  readonly #sleepers = new Set<Sleeper>();
  #now: EpochMillis = Date.UTC(2026, 0, 1);

  now(): EpochMillis {
    return this.#now;
  }

  monotonic(): number {
    return this.#now;
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const sleeper: Sleeper = { dueAt: this.#now + delayMs, signal, resolve, reject };
      this.#sleepers.add(sleeper);
      signal?.addEventListener('abort', () => {
        if (this.#sleepers.delete(sleeper)) reject(signal.reason as Error);
      });
    });
  }

  /** Freezes the process as soon as it is between a look at its sockets and its timers. */
  freeze(delayMs: number, meanwhile?: () => void): Promise<void> {
    return new Promise((resolve) => {
      setImmediate(() => {
        this.freezeHere(delayMs, meanwhile);
        resolve();
      });
    });
  }

  /** @param meanwhile what the rest of the world does; it must be done when this returns, as a write to a socket is that has room */
  freezeHere(delayMs: number, meanwhile: () => void = () => undefined): void {
    meanwhile();
    this.#now += delayMs;
    for (const sleeper of this.#sleepers) {
      if (sleeper.dueAt > this.#now) continue;
      this.#sleepers.delete(sleeper);
      systemClock.sleep(0, sleeper.signal).then(sleeper.resolve, sleeper.reject);
    }
    // timers of a millisecond are due now
    for (const thawAt = performance.now() + 3; performance.now() < thawAt;);
  }
}
