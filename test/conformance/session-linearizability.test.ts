import { describe, expect, it } from 'vitest';
import type { Clock, KeyValueStore, StoredRecord } from '../../core/ports/index.ts';
import { expiring } from '../../core/storage/expiring.ts';
import { MemoryStore } from '../../core/storage/memory-store.ts';
import { RetryBudget, withRetry } from '../../core/storage/retry.ts';
import {
  sessionLinearizabilityCases,
  sessionLinearizabilityFixture,
  testSessionLinearizability,
} from './session-linearizability.ts';
import type { durableLayers } from './session-linearizability.ts';

testSessionLinearizability({ name: 'memory', makeStore: async () => ({ store: new MemoryStore() }), runs: 2_000 });

/** What the suite says about a store or about layers that are broken. */
async function failures(store: KeyValueStore, layers?: typeof durableLayers): Promise<string[]> {
  const failed: string[] = [];
  for (const { title, run } of sessionLinearizabilityCases) {
    try {
      await run(sessionLinearizabilityFixture(store, { runs: 400, ...(layers !== undefined && { layers }) }));
    } catch (error) {
      expect(String((error as Error).cause)).toMatch(/Not linearizable/);
      failed.push(title);
    }
  }
  return failed;
}

function delegating(store: KeyValueStore, changed: Partial<KeyValueStore>): KeyValueStore {
  return {
    get: (key, options) => store.get(key, options),
    create: (record, options) => store.create(record, options),
    replace: (record, version, options) => store.replace(record, version, options),
    delete: (key, version, options) => store.delete(key, version, options),
    list: (partition, options) => store.list(partition, options),
    check: (options) => store.check(options),
    ...changed,
  };
}

describe('the linearizability suite', () => {
  it('catches a store whose reads are stale', async () => {
    const store = new MemoryStore();
    const old = new Map<string, StoredRecord | undefined>();
    let n = 0;
    const stale = delegating(store, {
      async get(key, options) {
        const now = await store.get(key, options);
        const before = old.get(key.partition);
        if (n++ % 3 === 0) old.set(key.partition, now);
        return n % 5 === 0 && before !== undefined ? before : now;
      },
    });
    expect(await failures(stale)).not.toEqual([]);
  });

  it('catches a store that replaces whatever the version is', async () => {
    const store = new MemoryStore();
    const careless = delegating(store, {
      async replace(record, version, options) {
        const existing = await store.get(record);
        return store.replace(record, existing?.version ?? version, options);
      },
    });
    expect(await failures(careless)).not.toEqual([]);
  });

  it('catches a store that creates over what is there', async () => {
    const store = new MemoryStore();
    const careless = delegating(store, {
      async create(record, options) {
        const existing = await store.get(record);
        if (existing === undefined) return store.create(record, options);
        const result = await store.replace(record, existing.version, options);
        return result.replaced ? { created: true, version: result.version } : { created: false, existing: result.existing };
      },
    });
    expect(await failures(careless)).not.toEqual([]);
  });

  it('catches retries that take a lost acknowledgement for a lost race', async () => {
    const naive = (store: KeyValueStore, clock: Clock, random: () => number): KeyValueStore => {
      const retrier = { clock, random, policy: { maxAttempts: 4, baseDelayMs: 1, maxDelayMs: 1 }, budget: new RetryBudget(1, 100) };
      return expiring(
        delegating(store, {
          get: (key) => withRetry(retrier, () => store.get(key)),
          create: (record) => withRetry(retrier, () => store.create(record)),
          replace: (record, version) => withRetry(retrier, () => store.replace(record, version)),
        }),
        clock,
      );
    };
    expect(await failures(new MemoryStore(), naive)).toEqual([sessionLinearizabilityCases[1]?.title]);
  });
});
