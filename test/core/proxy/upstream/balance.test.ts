import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { HashKey } from '../../../../core/proxy/configuration.ts';
import { createBalancer } from '../../../../core/proxy/upstream/balance/balancer.ts';
import type { Balancer } from '../../../../core/proxy/upstream/balance/balancer.ts';
import { addressOfUrl, Target } from '../../../../core/proxy/upstream/target.ts';
import { HeaderList } from '../../../../core/http/header-list.ts';
import { newExchange, newRequest } from '../../../support/exchanges.ts';
import { seededRandom } from '../../../support/seeded-random.ts';

const exchange = newExchange(newRequest(), 0);

function targetsOf(...weights: readonly number[]): Target[] {
  return weights.map((weight, at) => new Target(addressOfUrl({ url: `http://t${at}`, weight })));
}

function countPicks(balancer: Balancer, targets: readonly Target[], picks: number, asked = exchange): number[] {
  const counts = new Map(targets.map((target) => [target, 0]));
  for (let n = 0; n < picks; n++) {
    const target = balancer.pick(targets, asked, 0);
    counts.set(target, (counts.get(target) ?? 0) + 1);
  }
  return targets.map((target) => counts.get(target) ?? 0);
}

describe('round robin', () => {
  it('gives each target exactly its share in every whole turn, and the heavy one no long run of its own', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 1, max: 5 }),
        (weights, turns) => {
          const total = weights.reduce((sum, weight) => sum + weight, 0);
          const targets = targetsOf(...weights);
          expect(countPicks(createBalancer({ policy: 'roundRobin' }, Math.random), targets, total * turns)).toEqual(
            weights.map((weight) => weight * turns),
          );
        },
      ),
    );
    const targets = targetsOf(5, 1, 1);
    const balancer = createBalancer({ policy: 'roundRobin' }, Math.random);
    const order = Array.from({ length: 7 }, () => targets.indexOf(balancer.pick(targets, exchange, 0)));
    expect(order).toEqual([0, 0, 1, 0, 2, 0, 0]);
  });
});

describe('least requests', () => {
  it('takes the target with the fewest requests for its weight', () => {
    const targets = targetsOf(1, 4, 1);
    for (const [at, inFlight] of [3, 10, 2].entries()) Object.assign(targets[at]?.state ?? {}, { inFlight });
    expect(createBalancer({ policy: 'leastRequests' }, Math.random).pick(targets, exchange, 0)).toBe(targets[1]);
  });

  it('spreads evenly among equals', () => {
    const counts = countPicks(createBalancer({ policy: 'leastRequests' }, seededRandom(1)), targetsOf(1, 1, 1, 1), 8_000);
    for (const count of counts) expect(Math.abs(count - 2_000)).toBeLessThan(200);
  });
});

describe('power of two choices', () => {
  it('prefers the faster and the less busy of two, and gives the worst of several nothing', () => {
    const targets = targetsOf(1, 1, 1);
    const balancer = createBalancer({ policy: 'powerOfTwo' }, seededRandom(2));
    for (const [at, ms] of [10, 12, 100].entries())
      balancer.observe?.(targets[at] ?? new Target(addressOfUrl({ url: 'http://x' })), ms, false, 0);
    const [fast = 0, middle = 0, slow = 0] = countPicks(balancer, targets, 3_000);
    expect(slow).toBe(0);
    expect(fast).toBeGreaterThan(middle);
    Object.assign(targets[0]?.state ?? {}, { inFlight: 50 });
    Object.assign(targets[1]?.state ?? {}, { inFlight: 50 });
    expect(countPicks(balancer, targets, 3_000)[2]).toBeGreaterThan(1_500);
  });

  it('takes a worse latency at once, a better one slowly, and a fast failure for a slow answer', () => {
    const [target] = targetsOf(1);
    const balancer = createBalancer({ policy: 'powerOfTwo' }, seededRandom(3));
    if (target === undefined) throw new TypeError('no target');
    balancer.observe?.(target, 10, false, 0);
    balancer.observe?.(target, 500, false, 1);
    expect(target.state.latencyMs).toBe(500);
    balancer.observe?.(target, 10, false, 2);
    expect(target.state.latencyMs).toBeGreaterThan(490);
    balancer.observe?.(target, 10, false, 60_000);
    expect(target.state.latencyMs).toBeLessThan(15);
    balancer.observe?.(target, 1, true, 60_001);
    expect(target.state.latencyMs).toBe(1_000);
  });

  it('asks a target again that was slow long ago', () => {
    const targets = targetsOf(1, 1);
    const [slow, fast] = targets;
    const balancer = createBalancer({ policy: 'powerOfTwo' }, seededRandom(4));
    if (slow === undefined || fast === undefined) throw new TypeError('no target');
    balancer.observe?.(slow, 1_000, false, 0);
    balancer.observe?.(fast, 10, false, 0);
    expect(balancer.pick(targets, exchange, 1_000)).toBe(fast);
    for (let now = 0; now < 100_000; now += 1_000) balancer.observe?.(fast, 10, false, now);
    expect(balancer.pick(targets, exchange, 100_000)).toBe(slow);
  });

  it('takes the less busy of two that are equally fast, and of two nobody has heard from', () => {
    for (const latencyMs of [undefined, 10]) {
      const targets = targetsOf(1, 1);
      const [busy, free] = targets;
      if (busy === undefined || free === undefined) throw new TypeError('no target');
      Object.assign(busy.state, { latencyMs, inFlight: 1 });
      Object.assign(free.state, { latencyMs });
      const balancer = createBalancer({ policy: 'powerOfTwo' }, seededRandom(6));
      expect(countPicks(balancer, targets, 50)).toEqual([0, 50]);
    }
  });

  it('draws by weight where weights differ', () => {
    const [heavy = 0, light = 0] = countPicks(createBalancer({ policy: 'powerOfTwo' }, seededRandom(5)), targetsOf(9, 1), 10_000);
    expect(heavy / (heavy + light)).toBeGreaterThan(0.8);
    expect(light).toBeGreaterThan(0);
  });
});

describe('rendezvous hash', () => {
  const ofClient = (n: number) => newExchange(newRequest(), 0, { context: { clientAddress: `192.0.2.${n}` } });

  it('gives one key one target, shares by weight, and moves only the keys of a target that goes', () => {
    const balancer = createBalancer({ policy: 'hash', key: { header: 'X-User' } }, Math.random);
    const targets = targetsOf(1, 2, 1);
    const keyed = (n: number) => newExchange(newRequest({ headers: new HeaderList(['x-user', `user-${n}`]) }), 0);
    const before = Array.from({ length: 8_000 }, (_, n) => balancer.pick(targets, keyed(n), 0));
    const share = (target: Target | undefined): number => before.filter((picked) => picked === target).length / before.length;
    expect(share(targets[0])).toBeCloseTo(0.25, 1);
    expect(share(targets[1])).toBeCloseTo(0.5, 1);
    const without = targets.filter((target) => target !== targets[1]);
    for (const [n, target] of before.entries()) {
      const after = balancer.pick(without, keyed(n), 0);
      if (target !== targets[1]) expect(after).toBe(target);
    }
  });

  it.each<[HashKey, Partial<ReturnType<typeof newRequest>>]>([
    [{ cookie: 'sid' }, { headers: new HeaderList(['cookie', 'a=b; sid=7']) }],
    [{ query: 'user' }, { target: '/x?user=7' }],
    [{ by: 'path' }, { target: '/x/7?other' }],
  ])('takes the key by %j', (key, given) => {
    const balancer = createBalancer({ policy: 'hash', key }, Math.random);
    const targets = targetsOf(1, 1, 1, 1, 1, 1, 1, 1);
    const request = newRequest(given);
    const picked = Array.from({ length: 20 }, (_, n) =>
      balancer.pick(targets, newExchange(request, 0, { context: { clientAddress: `192.0.2.${n}` } }), 0),
    );
    expect(new Set(picked).size).toBe(1);
  });

  it('goes by the client where the request has no key, and at random where there is no client either', () => {
    const balancer = createBalancer({ policy: 'hash', key: { header: 'x-user' } }, seededRandom(6));
    const targets = targetsOf(1, 1, 1, 1);
    expect(new Set(Array.from({ length: 20 }, () => balancer.pick(targets, ofClient(1), 0))).size).toBe(1);
    expect(new Set(Array.from({ length: 50 }, (_, n) => balancer.pick(targets, ofClient(n), 0))).size).toBe(4);
    const nobody = newExchange(newRequest(), 0, { context: { clientAddress: undefined } });
    expect(new Set(Array.from({ length: 50 }, () => balancer.pick(targets, nobody, 0))).size).toBe(4);
  });
});
