import type { Target } from '../target.ts';
import type { Balancer } from './balancer.ts';

/**
 * Smooth weighted round robin: each turn every target is credited its weight, and the one with the most is asked and pays for the whole turn. Shares are
 * exact and a heavy target's turns are spread.
 */
export class RoundRobin implements Balancer {
  pick(targets: readonly Target[]): Target {
    let total = 0;
    let best: Target | undefined;
    for (const target of targets) {
      total += target.at.weight;
      target.credit += target.at.weight;
      if (best === undefined || target.credit > best.credit) best = target;
    }
    if (best === undefined) throw new TypeError('Nobody to choose from');
    best.credit -= total;
    return best;
  }
}
