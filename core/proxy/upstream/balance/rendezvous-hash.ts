import type { HashKey } from '../../configuration.ts';
import type { Exchange } from '../../exchange.ts';
import { hash32, hashKeyOf } from '../../hash-key.ts';
import type { Target } from '../target.ts';
import type { Balancer } from './balancer.ts';

/**
 * The same target for the same key: each target's hash with the key is a draw in (0, 1), and the greatest `-weight / ln(draw)` wins. When a target goes,
 * only its own keys move. A request without the key goes by the client, and without that at random.
 */
export class RendezvousHash implements Balancer {
  readonly #key: HashKey;
  readonly #random: () => number;

  constructor(key: HashKey, random: () => number) {
    this.#key = key;
    this.#random = random;
  }

  pick(targets: readonly Target[], { request, clientAddress }: Exchange): Target {
    const key = hashKeyOf(this.#key, request, clientAddress) ?? clientAddress ?? String(this.#random());
    let best: Target | undefined;
    let greatest = Number.NEGATIVE_INFINITY;
    for (const target of targets) {
      const draw = (hash32(key, target.hash) + 0.5) / 0x1_0000_0000;
      const score = -target.at.weight / Math.log(draw);
      if (score > greatest) {
        best = target;
        greatest = score;
      }
    }
    if (best === undefined) throw new TypeError('Nobody to choose from');
    return best;
  }
}
