import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HeaderList } from '../../../../core/http/header-list.ts';
import type { HttpRequest, HttpResponse, RequestContext } from '../../../../core/ports/index.ts';
import { RequestRejected, UpstreamError } from '../../../../core/ports/index.ts';
import type { SplitConfiguration } from '../../../../core/proxy/configuration.ts';
import type { Exchange } from '../../../../core/proxy/exchange.ts';
import { sharedGate } from '../../../../core/proxy/migration/roll-backs.ts';
import { isNewSide, Split } from '../../../../core/proxy/migration/split.ts';
import { WatchedGate } from '../../../../core/proxy/migration/watched-gate.ts';
import { UpstreamRefused } from '../../../../core/proxy/upstream/upstream.ts';
import type { Upstream } from '../../../../core/proxy/upstream/upstream.ts';
import { durable } from '../../../../core/storage/durable.ts';
import { MemoryStore } from '../../../../core/storage/memory-store.ts';
import { StoreCounters } from '../../../../core/storage/store-counters.ts';
import { nodeCrypto } from '../../../../adapters/node/node-crypto.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

type Answer = () => Promise<HttpResponse> | HttpResponse;

const ok: Answer = () => ({ status: 200, headers: new HeaderList(), body: undefined });
const broken: Answer = () => ({ status: 500, headers: new HeaderList(), body: undefined });

/** Two backends, any number of instances on one store. */
function world(configuration: Partial<SplitConfiguration>, newSide: { answer: Answer }, options: { storeDown?: boolean } = {}) {
  const faults = { counters: false, rollBack: false };
  const clock = new FakeClock();
  const store = durable(new MemoryStore(), { clock, crypto: nodeCrypto });
  const counters = new StoreCounters(store, clock);
  const asked = { old: 0, new: 0 };
  const events: string[] = [];
  const upstream = (side: 'new' | 'old', answer: Answer): Upstream => ({
    name: side,
    async send() {
      asked[side]++;
      return answer();
    },
  });
  let operations = 0;
  const instance = (): Split => {
    const shared = sharedGate('route.1', { store, counters, clock, operationId: () => `op-${operations++}` });
    const down = (): Promise<never> => Promise.reject(new Error('down'));
    const gate =
      configuration.gate &&
      new WatchedGate('route', configuration.gate, {
        shared: {
          add: options.storeDown === true ? down : (delta, bucketMs) => (faults.counters ? down() : shared.add(delta, bucketMs)),
          rolledBack: options.storeDown === true ? down : () => shared.rolledBack(),
          rollBack: (rollBack) => (options.storeDown === true || faults.rollBack ? down() : shared.rollBack(rollBack)),
          hold: (rollBack) => (options.storeDown === true ? down() : shared.hold(rollBack)),
        },
        clock,
        logger: { log: (_severity, event) => void events.push(event) },
      });
    return new Split(
      { old: 'old', new: 'new', newPercent: 100, ...configuration },
      { old: upstream('old', ok), new: upstream('new', () => newSide.answer()), gate, clock },
    );
  };
  const pending: Promise<unknown>[] = [];
  const send = async (split: Split, given: Partial<HttpRequest> = {}): Promise<{ response: HttpResponse; exchange: Exchange }> => {
    const request: HttpRequest = {
      method: 'GET',
      scheme: 'http',
      authority: 'a.example',
      target: '/',
      headers: new HeaderList(),
      body: undefined,
      ...given,
    };
    const context: RequestContext = {
      source: 'test',
      requestId: 'r',
      clientAddress: '192.0.2.1',
      deadline: clock.now() + 10_000,
      waitUntil: (work) => void pending.push(work.catch(() => undefined)),
    };
    const exchange: Exchange = {
      request,
      context,
      clientAddress: context.clientAddress,
      startedAt: clock.now(),
      deadline: context.deadline,
      routeId: 'route',
      upstream: undefined,
      side: undefined,
      attempts: [],
      errorType: undefined,
    };
    const response = await split.send(request, request, exchange);
    await Promise.all(pending.splice(0));
    return { response, exchange };
  };
  return { clock, asked, events, faults, instance, send };
}

describe('a split', () => {
  it('moves keys to the new side and none back when the percentage goes up', () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.float({ min: 0, max: 100, noNaN: true }),
        fc.float({ min: 0, max: 100, noNaN: true }),
        (key, a, b) => {
          const [less, more] = [Math.min(a, b), Math.max(a, b)];
          expect(!isNewSide(key, less) || isNewSide(key, more)).toBe(true);
        },
      ),
    );
    expect(isNewSide('x', 0)).toBe(false);
    expect(isNewSide('x', 100)).toBe(true);
  });

  it('gives the new side its share of keys, to a hundredth of a percent', () => {
    for (const percent of [0.5, 1, 12.34, 50]) {
      const share = Array.from({ length: 200_000 }, (_, at) => isNewSide(`customer-${at}`, percent)).filter(Boolean).length / 2_000;
      expect(Math.abs(share - percent)).toBeLessThan(0.5);
    }
  });

  it('goes by the client where the request does not carry the key', async () => {
    const { instance, send, asked } = world({ newPercent: 50, key: { header: 'x-customer' } }, { answer: ok });
    const split = instance();
    for (let at = 0; at < 20; at++) await send(split);
    expect([asked.old, asked.new].toSorted((a, b) => a - b)).toEqual([0, 20]);
  });

  it('answers from the old side what fails on the new one and may be sent again', async () => {
    const newSide = { answer: broken };
    const { instance, send } = world({ gate: { minRequests: 1_000 } }, newSide);
    const split = instance();
    expect((await send(split)).response.status).toBe(200);
    expect((await send(split)).exchange.side).toBe('old');
    // not asked twice: nobody knows what the first time did
    expect((await send(split, { method: 'POST', body: 'x' })).response.status).toBe(500);
    newSide.answer = () => Promise.reject(new UpstreamError('connection_refused', false));
    expect((await send(split, { method: 'POST', body: 'x' })).response.status).toBe(200);
    newSide.answer = () => Promise.reject(new UpstreamRefused('circuit_open', 1));
    expect((await send(split, { method: 'POST', body: 'x' })).response.status).toBe(200);
    newSide.answer = () => Promise.reject(new UpstreamError('connection_terminated', true));
    await expect(send(split, { method: 'POST', body: 'x' })).rejects.toMatchObject({ type: 'connection_terminated' });
    const stream = (async function* () {
      yield new Uint8Array(1);
    })();
    await expect(send(split, { method: 'PUT', body: stream })).rejects.toMatchObject({ type: 'connection_terminated' });
  });

  it('does not rescue where that is switched off, or where there is no gate', async () => {
    for (const gate of [undefined, { rescue: false }]) {
      const { instance, send } = world({ gate }, { answer: broken });
      expect((await send(instance())).response.status).toBe(500);
    }
  });
});

describe('a gate', () => {
  it('does not judge fewer requests than it should', async () => {
    const { instance, send, asked } = world({ gate: { minRequests: 20 } }, { answer: broken });
    const split = instance();
    for (let at = 0; at < 19; at++) await send(split);
    expect(asked.new).toBe(19);
    await send(split);
    await send(split);
    expect(asked.new).toBe(20);
  });

  it('is not crossed by what any client can bring about: 501 and 505 are right answers', async () => {
    for (const status of [501, 505]) {
      const { instance, send, asked } = world(
        { gate: { minRequests: 20 } },
        {
          answer: () => ({ status, headers: new HeaderList(), body: undefined }),
        },
      );
      const split = instance();
      for (let at = 0; at < 40; at++) expect((await send(split)).response.status).toBe(status);
      expect(asked).toEqual({ old: 0, new: 40 });
    }
  });

  it('sends everything to the old side once errors cross it, and says so once', async () => {
    const newSide = { answer: ok };
    const { instance, send, asked, events } = world({ gate: { maxErrorPercent: 5, minRequests: 20 } }, newSide);
    const split = instance();
    for (let at = 0; at < 96; at++) await send(split);
    newSide.answer = broken;
    for (let at = 0; at < 100; at++) await send(split);
    // 96 right ones allow 5 wrong ones at 5 %; the sixth is over it
    expect(asked.new).toBe(102);
    expect(events).toEqual(['migration.rolled_back']);
  });

  it('crosses by latency too', async () => {
    const { instance, send, asked, clock } = world(
      { gate: { maxLatencyMs: 100, minRequests: 20 } },
      {
        answer: async () => {
          await clock.advance(200);
          return ok();
        },
      },
    );
    const split = instance();
    for (let at = 0; at < 30; at++) await send(split);
    expect(asked.new).toBe(20);
  });

  it('does not take a step of the clock for latency', async () => {
    const { instance, send, clock, events } = world(
      { gate: { maxLatencyMs: 100, minRequests: 1 } },
      {
        answer: () => {
          clock.set(clock.now() + 10_000);
          return ok();
        },
      },
    );
    const split = instance();
    for (let at = 0; at < 3; at++) await send(split);
    expect(events).toEqual([]);
  });

  it('forgets what is older than its window', async () => {
    const newSide = { answer: broken };
    const { instance, send, asked, clock, events } = world({ gate: { windowMs: 30_000, minRequests: 20 } }, newSide);
    const split = instance();
    for (let at = 0; at < 19; at++) await send(split);
    clock.set(clock.now() + 40_000);
    newSide.answer = ok;
    for (let at = 0; at < 100; at++) await send(split);
    expect([asked.new, events]).toEqual([119, []]);
  });

  it('tells other instances within a second of theirs, and judges errors on the totals of all', async () => {
    const newSide = { answer: broken };
    const { instance, send, asked, clock } = world({ gate: { minRequests: 20 } }, newSide);
    const instances = Array.from({ length: 10 }, instance);
    // none sees 20 of its own
    for (let round = 0; round < 6; round++) {
      for (const split of instances) await send(split);
      clock.set(clock.now() + 1_000);
    }
    expect(asked.new).toBeLessThanOrEqual(40);
    const before = asked.new;
    for (const split of [...instances, instance()]) await send(split);
    expect(asked.new).toBe(before);
  });

  it('hears of a roll-back also while the counters fail', async () => {
    const { instance, send, asked, clock, faults } = world({ gate: { minRequests: 20 } }, { answer: broken });
    const [one, two] = [instance(), instance()];
    for (let at = 0; at < 10; at++) await send(two);
    for (let at = 0; at < 20; at++) await send(one);
    faults.counters = true;
    clock.set(clock.now() + 2_000);
    await send(two);
    const before = asked.new;
    await send(two);
    expect(asked.new).toBe(before);
  });

  it('tells the others of a roll-back once it can, when the store was down for a moment', async () => {
    const { instance, send, asked, clock, faults, events } = world({ gate: { minRequests: 20 } }, { answer: broken });
    const [one, two] = [instance(), instance()];
    faults.rollBack = true;
    faults.counters = true;
    for (let at = 0; at < 25; at++) await send(one);
    faults.rollBack = false;
    clock.set(clock.now() + 1_000);
    await send(one);
    const before = asked.new;
    await send(two);
    expect([asked.new, events.filter((event) => event === 'migration.rolled_back')]).toEqual([before, ['migration.rolled_back']]);
  });

  it('does not count what the client did wrong', async () => {
    const tooLarge = (): never => {
      throw new RequestRejected(413, 'Content must have at most 1 bytes');
    };
    const { instance, send, asked, events } = world({ gate: { minRequests: 20 } }, { answer: tooLarge });
    const split = instance();
    for (let at = 0; at < 50; at++) await expect(send(split)).rejects.toBeInstanceOf(RequestRejected);
    expect([asked, events]).toEqual([{ old: 0, new: 50 }, []]);
  });

  it('goes on telling and listening when the clock was set back', async () => {
    const { instance, send, asked, clock } = world({ gate: { minRequests: 20 } }, { answer: broken });
    const [one, two] = [instance(), instance()];
    await send(two);
    clock.set(clock.now() - 3_600_000);
    for (let at = 0; at < 20; at++) await send(one);
    const before = asked.new;
    await send(two);
    await send(two);
    expect(asked.new).toBeLessThanOrEqual(before + 1);
  });

  it('lets the split apply again after retryAfterMs', async () => {
    const newSide = { answer: broken };
    const { instance, send, asked, clock } = world({ gate: { minRequests: 20, retryAfterMs: 60_000 } }, newSide);
    const split = instance();
    for (let at = 0; at < 25; at++) await send(split);
    expect(asked.new).toBe(20);
    newSide.answer = ok;
    clock.set(clock.now() + 61_000);
    for (const one of [split, instance()]) await send(one);
    expect(asked.new).toBe(22);
  });

  it('goes on with what the instance knows itself while the store is down', async () => {
    const { instance, send, asked, events } = world({ gate: { minRequests: 20 } }, { answer: broken }, { storeDown: true });
    const split = instance();
    for (let at = 0; at < 30; at++) expect((await send(split)).response.status).toBe(200);
    expect(asked.new).toBe(20);
    expect(events).toContain('migration.gate_not_shared');
    expect(events).toContain('migration.rolled_back');
  });
});
