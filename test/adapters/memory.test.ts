import { nodeCrypto } from '../../adapters/node/node-crypto.ts';
import { durable } from '../../core/storage/durable.ts';
import { MemoryStore } from '../../core/storage/memory-store.ts';
import { StoreCounters } from '../../core/storage/store-counters.ts';
import { outageTitles, testCounters, testKeyValueStore, testRetrySafety } from '../conformance/index.ts';

testKeyValueStore({
  name: 'memory',
  makeStore: async () => ({ store: new MemoryStore() }),
  skips: Object.fromEntries(
    Object.values(outageTitles)
      .flat()
      .map((title) => [title, 'a map in the same process is never out of service']),
  ),
});

testCounters({
  name: 'memory',
  makeCounters: async (clock) => ({
    counters: new StoreCounters(durable(new MemoryStore(), { clock, crypto: nodeCrypto }), clock),
  }),
});

testRetrySafety({
  name: 'memory',
  makeStore: async () => ({ store: new MemoryStore() }),
  drops: 10_000,
  contention: 20,
});
