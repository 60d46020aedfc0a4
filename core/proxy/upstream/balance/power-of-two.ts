import type { Target } from '../target.ts';
import type { Balancer } from './balancer.ts';

/** Time in which an observation loses two thirds of its importance. */
const decayMs = 10_000;
/** A failed target is taken for at least so slow: an error is often fast, and must not draw traffic. So is one that nobody has heard from yet. */
const penaltyMs = 1_000;

/**
 * Two targets at random, then the one of them with the lesser load: smoothed latency times requests in flight. The smoothing takes a worse latency
 * at once and a better one slowly (peak EWMA). With unequal weights the two are drawn by weight and may be the same.
 */
export class PowerOfTwo implements Balancer {
  readonly #random: () => number;
  #weighed: readonly Target[] | undefined;
  /** Sum of the weights of `#weighed`; `undefined` when all are equal. */
  #totalWeight: number | undefined;

  constructor(random: () => number) {
    this.#random = random;
  }

  pick(targets: readonly Target[], _exchange: unknown, now: number): Target {
    if (targets !== this.#weighed) this.#weigh(targets);
    const [one, other] = this.#totalWeight === undefined ? this.#drawEven(targets) : this.#drawWeighted(targets, this.#totalWeight);
    if (one === undefined || other === undefined) throw new TypeError('Nobody to choose from');
    const difference = load(one, now) - load(other, now);
    return difference < 0 || (difference === 0 && one.state.inFlight <= other.state.inFlight) ? one : other;
  }

  observe({ state }: Target, durationMs: number, failed: boolean, now: number): void {
    const seenMs = failed ? Math.max(durationMs, penaltyMs) : durationMs;
    const before = state.latencyMs;
    if (before === undefined || seenMs >= before) state.latencyMs = seenMs;
    else state.latencyMs = seenMs + (before - seenMs) * Math.exp((state.latencyAt - now) / decayMs);
    state.latencyAt = now;
  }

  #drawEven(targets: readonly Target[]): readonly [Target | undefined, Target | undefined] {
    const first = Math.floor(this.#random() * targets.length);
    if (targets.length === 1) return [targets[0], targets[0]];
    const second = Math.floor(this.#random() * (targets.length - 1));
    return [targets[first], targets[second >= first ? second + 1 : second]];
  }

  #drawWeighted(targets: readonly Target[], total: number): readonly [Target | undefined, Target | undefined] {
    return [this.#draw(targets, total), this.#draw(targets, total)];
  }

  #draw(targets: readonly Target[], total: number): Target | undefined {
    let left = this.#random() * total;
    for (const target of targets) {
      left -= target.at.weight;
      if (left < 0) return target;
    }
    return targets.at(-1);
  }

  #weigh(targets: readonly Target[]): void {
    const weight = targets[0]?.at.weight;
    this.#weighed = targets;
    this.#totalWeight = targets.every(({ at }) => at.weight === weight)
      ? undefined
      : targets.reduce((sum, { at }) => sum + at.weight, 0);
  }
}

/** The latency fades while nobody is asked, so that a target that was slow is tried again. */
function load({ state: { latencyMs, latencyAt, inFlight } }: Target, now: number): number {
  if (latencyMs === undefined) return penaltyMs * inFlight;
  return latencyMs * Math.exp((latencyAt - now) / decayMs) * (inFlight + 1);
}
