import { describe, expect, test } from 'vitest';
import type { Clock, KeyValueStore } from '../../core/ports/index.ts';
import { expiring } from '../../core/storage/expiring.ts';
import { MemoryStore } from '../../core/storage/memory-store.ts';
import { RetryBudget, withRetry } from '../../core/storage/retry.ts';
import { coreLayers, retrySafetyCases, retrySafetyFixture } from './retry-safety.ts';

type Layers = typeof coreLayers;

/** Retries without write ids; `settle` decides what a refusal after a retry means. */
const naive =
  (settle: 'refused' | 'applied'): Layers =>
  (store: KeyValueStore, clock: Clock, random: () => number) => {
    const retrier = { clock, random, policy: { maxAttempts: 60, baseDelayMs: 1, maxDelayMs: 1 }, budget: new RetryBudget(1, 1e9) };
    const applied = (n: number): boolean => n > 0 && settle === 'applied';
    return expiring(
      {
        get: (key) => withRetry(retrier, () => store.get(key)),
        create: (record) =>
          withRetry(retrier, async (n) => {
            const result = await store.create(record);
            return !result.created && applied(n) ? { created: true, version: result.existing?.version ?? '' } : result;
          }),
        replace: (record, version) =>
          withRetry(retrier, async (n) => {
            const result = await store.replace(record, version);
            return !result.replaced && applied(n) ? { replaced: true, version: result.existing?.version ?? '' } : result;
          }),
        delete: (key, version) =>
          withRetry(retrier, async (n) => {
            const { deleted } = await store.delete(key, version);
            return { deleted: deleted || applied(n) };
          }),
        list: (partition, options) => withRetry(retrier, () => store.list(partition, options)),
        check: () => store.check(),
      },
      clock,
    );
  };

/** Writes with retries that take the newest version when theirs is gone. */
const overwriting: Layers = (store, clock, random) => {
  const whole = naive('refused')(store, clock, random);
  return {
    ...whole,
    replace: async (record, version) => {
      const result = await whole.replace(record, version);
      return result.replaced || result.existing === undefined ? result : whole.replace(record, result.existing.version);
    },
  };
};

async function failing(layers: Layers): Promise<string[]> {
  const failed: string[] = [];
  for (const { title, run } of retrySafetyCases) {
    try {
      await run(retrySafetyFixture(new MemoryStore(), { drops: 500, contention: 5, layers }));
    } catch {
      failed.push(title);
    }
  }
  return failed;
}

const [lone, creators, log, takeOver, counter] = retrySafetyCases.map(({ title }) => title);

describe('the suite of retry safety', () => {
  test("finds no fault in core's layers", async () => {
    expect(await failing(coreLayers)).toEqual([]);
  });

  test('catches a retry that takes its own write for a rival’s', async () => {
    expect(await failing(naive('refused'))).toEqual([lone, creators, log, takeOver]);
  });

  test('catches a retry that takes a rival’s write for its own', async () => {
    expect(await failing(naive('applied'))).toEqual(expect.arrayContaining([creators, log, takeOver, counter]));
  });

  test('catches a retry that overwrites what came in between', async () => {
    expect(await failing(overwriting)).toEqual(expect.arrayContaining([log, counter]));
  });

  test('catches layers that do not retry', async () => {
    expect(await failing((store, clock) => expiring(store, clock))).toEqual([lone, creators, log, takeOver, counter]);
  });
});
