import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../../adapters/node/node-crypto.ts';
import type { Counters } from '../../../core/ports/index.ts';
import { PortError } from '../../../core/ports/index.ts';
import { durable } from '../../../core/storage/durable.ts';
import { MemoryStore } from '../../../core/storage/memory-store.ts';
import { newRetrier } from '../../../core/storage/retry.ts';
import { retryingCounters } from '../../../core/storage/retrying-counters.ts';
import { StoreCounters } from '../../../core/storage/store-counters.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const key = { partition: 'p', id: 'c' };

/** Counters whose next calls fail: before they count, or after (the answer is lost). */
function failing(
  failures: ('before' | 'after')[],
  code: 'unavailable' | 'permission_denied',
): { counters: Counters; clock: FakeClock } {
  const clock = new FakeClock({ autoAdvance: true });
  const inner = new StoreCounters(durable(new MemoryStore(), { clock, crypto: nodeCrypto }), clock);
  const call = async <T>(work: () => Promise<T>): Promise<T> => {
    const failure = failures.shift();
    if (failure === 'before') throw new PortError(code, 'counters.increment');
    const result = await work();
    if (failure === 'after') throw new PortError(code, 'counters.increment');
    return result;
  };
  return {
    clock,
    counters: {
      exact: true,
      increment: (increment, options) => call(() => inner.increment(increment, options)),
      read: (of, options) => call(() => inner.read(of, options)),
    },
  };
}

describe('counters that retry', () => {
  it('count once however often an answer is lost', async () => {
    const { counters, clock } = failing(['before', 'after', 'after'], 'unavailable');
    const retrying = retryingCounters(counters, newRetrier(clock));
    expect(await retrying.increment({ key, operationId: 'one' })).toBe(1);
    expect(await retrying.read(key)).toBe(1);
  });

  it('pass on what no retry can mend', async () => {
    const { counters, clock } = failing(['before'], 'permission_denied');
    await expect(retryingCounters(counters, newRetrier(clock)).increment({ key, operationId: 'one' })).rejects.toThrow(PortError);
  });
});
