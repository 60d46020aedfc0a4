import { describe, expect, test } from 'vitest';
import { nodeCrypto } from '../../../adapters/node/node-crypto.ts';
import { PortError } from '../../../core/ports/index.ts';
import type { KeyValueStore } from '../../../core/ports/index.ts';
import { durable } from '../../../core/storage/durable.ts';
import { MemoryStore } from '../../../core/storage/memory-store.ts';
import { StoreCounters } from '../../../core/storage/store-counters.ts';
import { put } from '../../conformance/key-value-store/fixture.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const key = { partition: 'p', id: 'a' };

function countersOver(store: KeyValueStore, clock = new FakeClock({ autoAdvance: true })): StoreCounters {
  return new StoreCounters(store, clock, () => 0.5);
}

describe('counters by compare-and-set', () => {
  test('remember the last 16 operations and forget the one before', async () => {
    const counters = countersOver(new MemoryStore());
    for (let n = 0; n < 17; n++) await counters.increment({ key, operationId: `operation-${n}` });
    expect(await counters.increment({ key, operationId: 'operation-1' })).toBe(17);
    expect(await counters.increment({ key, operationId: 'operation-0' })).toBe(18);
  });

  test('wait between lost races, longer and longer up to 200 ms, and give up as aborted, never with a number', async () => {
    const clock = new FakeClock({ autoAdvance: true });
    const busy = Object.assign(new MemoryStore(), { create: async () => ({ created: false, existing: undefined }) });
    await expect(countersOver(busy, clock).increment({ key, operationId: 'x' })).rejects.toMatchObject({
      name: 'PortError',
      code: 'aborted',
      operation: 'counters.increment',
    });
    expect(clock.slept).toHaveLength(64);
    expect(clock.slept.slice(0, 7)).toEqual([2.5, 5, 10, 20, 40, 80, 100]);
    expect(Math.max(...clock.slept)).toBe(100);
  });

  test('can be cancelled while they wait', async () => {
    const clock = new FakeClock();
    const caller = new AbortController();
    const busy = Object.assign(new MemoryStore(), { create: async () => ({ created: false, existing: undefined }) });
    const call = countersOver(busy, clock).increment({ key, operationId: 'x' }, { signal: caller.signal });
    const outcome = expect(call).rejects.toMatchObject({ name: 'PortError', code: 'cancelled', operation: 'counters.increment' });
    await clock.advance(0);
    caller.abort();
    await outcome;
  });

  test.each([
    '',
    'no JSON',
    'null',
    '7',
    '[]',
    '{}',
    '{"n":1}',
    '{"n":"1","operations":[]}',
    '{"n":0.5,"operations":[]}',
    '{"n":1,"operations":{}}',
  ])('call a record that is no counter data_loss, and leave it: %s', async (value) => {
    const store = new MemoryStore();
    const version = await put(store, { ...key, value });
    for (const call of [countersOver(store).read(key), countersOver(store).increment({ key, operationId: 'x' })]) {
      await expect(call).rejects.toMatchObject({ name: 'PortError', code: 'data_loss' });
    }
    expect(await store.get(key)).toMatchObject({ value, version });
  });

  test('pass an outage on', async () => {
    const down = Object.assign(new MemoryStore(), {
      get: async () => {
        throw new PortError('permission_denied', 'key-value-store.get');
      },
    });
    await expect(countersOver(down).read(key)).rejects.toMatchObject({ code: 'permission_denied' });
    await expect(countersOver(down).increment({ key, operationId: 'x' })).rejects.toMatchObject({ code: 'permission_denied' });
  });

  test('judge misuse before anything is read', async () => {
    let reads = 0;
    const counted = Object.assign(new MemoryStore(), {
      get: async () => {
        reads++;
        return undefined;
      },
    });
    for (const wrong of [{ by: 0.5 }, { operationId: '' }, { expiresAt: -1 }, { key: { partition: 'p', id: '' } }]) {
      await expect(countersOver(counted).increment({ key, operationId: 'x', ...wrong })).rejects.toThrow(/must/);
    }
    expect(reads).toBe(0);
  });

  test('keep the expiry of a counter that is incremented', async () => {
    const clock = new FakeClock({ autoAdvance: true });
    const raw = new MemoryStore();
    const counters = countersOver(durable(raw, { clock, crypto: nodeCrypto }), clock);
    const expiresAt = clock.now() + 1_000;
    await counters.increment({ key, operationId: 'x', expiresAt });
    await counters.increment({ key, operationId: 'y' });
    expect(await raw.get(key)).toHaveProperty('expiresAt', expiresAt);
  });
});

describe('increments that come together', () => {
  const setUp = () => {
    const clock = new FakeClock({ autoAdvance: true });
    const memory = new MemoryStore();
    let writes = 0;
    const store: KeyValueStore = {
      get: (...call) => memory.get(...call),
      create: (...call) => (writes++, memory.create(...call)),
      replace: (...call) => (writes++, memory.replace(...call)),
      delete: (...call) => memory.delete(...call),
      list: (...call) => memory.list(...call),
      check: () => memory.check(),
    };
    const counters = new StoreCounters(durable(store, { clock, crypto: nodeCrypto }), clock);
    return { counters, writes: () => writes };
  };
  const key = { partition: 'p', id: 'hot' };

  test('are written together, and each gets its own value', async () => {
    const { counters, writes } = setUp();
    const values = await Promise.all(Array.from({ length: 100 }, (_, n) => counters.increment({ key, operationId: `o${n}` })));
    expect(values).toEqual(Array.from({ length: 100 }, (_, n) => n + 1));
    expect(writes()).toBeLessThanOrEqual(8);
  });

  test('do not fail with one that goes too far', async () => {
    const { counters } = setUp();
    await counters.increment({ key, by: Number.MAX_SAFE_INTEGER - 2, operationId: 'big' });
    const results = await Promise.allSettled([
      counters.increment({ key, operationId: 'a' }),
      counters.increment({ key, by: 5, operationId: 'b' }),
      counters.increment({ key, operationId: 'c' }),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(await counters.read(key)).toBe(Number.MAX_SAFE_INTEGER);
  });
});
