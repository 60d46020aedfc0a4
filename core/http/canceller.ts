import type { Cancellation } from '../ports/index.ts';

/** What an `AbortController` is to an `AbortSignal`: for what nobody outside ever sees, since a request has one and an `AbortSignal` costs more than its routing. */
export class Canceller implements Cancellation {
  aborted = false;
  reason: unknown;
  readonly #listeners: (() => void)[] = [];

  /** @param outer ends this one, too */
  constructor(outer?: Cancellation) {
    if (outer === undefined) return;
    if (outer.aborted) this.abort(outer.reason);
    else outer.addEventListener('abort', () => this.abort(outer.reason), { once: true });
  }

  /** Once; what is said later counts for nothing. */
  abort(reason: unknown): void {
    if (this.aborted) return;
    this.aborted = true;
    this.reason = reason;
    // one that is called may take others away
    for (let next = this.#listeners.shift(); next !== undefined; next = this.#listeners.shift()) next();
  }

  throwIfAborted(): void {
    if (this.aborted) throw this.reason;
  }

  addEventListener(_event: 'abort', listener: () => void): void {
    if (!this.aborted) this.#listeners.push(listener);
  }

  removeEventListener(_event: 'abort', listener: () => void): void {
    const at = this.#listeners.indexOf(listener);
    if (at !== -1) this.#listeners.splice(at, 1);
  }
}
