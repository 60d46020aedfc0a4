import type { TargetState } from './target.ts';

/** What was learned about targets under one setting. It lasts as long as the setting and the target do, whatever else is configured meanwhile. */
export class TargetMemory<Learned> {
  /** Goes up when who may be asked has changed. */
  changes = 0;
  readonly #learned = new WeakMap<TargetState, Learned>();
  readonly #initially: () => Learned;

  constructor(initially: () => Learned) {
    this.#initially = initially;
  }

  /** `undefined`: nothing yet. */
  find(target: TargetState): Learned | undefined {
    return this.#learned.get(target);
  }

  of(target: TargetState): Learned {
    let learned = this.#learned.get(target);
    if (learned === undefined) {
      learned = this.#initially();
      this.#learned.set(target, learned);
    }
    return learned;
  }
}
