import type { Target } from '../target.ts';
import type { Balancer } from './balancer.ts';

/** The target with the fewest requests in flight for its weight; among equals, one at random. */
export class LeastRequests implements Balancer {
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
  }

  pick(targets: readonly Target[]): Target {
    let best: Target | undefined;
    let least = Number.POSITIVE_INFINITY;
    let equals = 0;
    for (const target of targets) {
      const load = (target.state.inFlight + 1) / target.at.weight;
      if (load < least) {
        best = target;
        least = load;
        equals = 1;
      } else if (load === least && this.#random() * ++equals < 1) best = target;
    }
    if (best === undefined) throw new TypeError('Nobody to choose from');
    return best;
  }
}
