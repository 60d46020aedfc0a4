import type { BalanceConfiguration } from '../../configuration.ts';
import type { Exchange } from '../../exchange.ts';
import type { Target } from '../target.ts';
import { LeastRequests } from './least-requests.ts';
import { PowerOfTwo } from './power-of-two.ts';
import { RendezvousHash } from './rendezvous-hash.ts';
import { RoundRobin } from './round-robin.ts';

/** Chooses who is asked. */
export interface Balancer {
  /**
   * @param targets at least one
   * @param now monotonic milliseconds
   */
  pick(targets: readonly Target[], exchange: Exchange, now: number): Target;
  /** A target has answered or failed, after `durationMs`. */
  observe?(target: Target, durationMs: number, failed: boolean, now: number): void;
}

/** @param random uniform in [0, 1) */
export function createBalancer({ policy, key }: BalanceConfiguration, random: () => number): Balancer {
  switch (policy) {
    case 'hash':
      return new RendezvousHash(key ?? { by: 'client' }, random);
    case 'leastRequests':
      return new LeastRequests(random);
    case 'roundRobin':
      return new RoundRobin();
    case 'powerOfTwo':
      return new PowerOfTwo(random);
  }
}
