import { MemoryStore } from '../../core/storage/memory-store.ts';
import { testKeyValueStore } from '../conformance/index.ts';

testKeyValueStore({
  name: 'memory',
  makeStore: async () => ({ store: new MemoryStore() }),
});
