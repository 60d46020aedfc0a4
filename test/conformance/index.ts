export { keyValueStoreCases, testKeyValueStore } from './key-value-store.ts';
export type { KeyValueStoreHarness } from './key-value-store.ts';
export type { Outage } from './key-value-store/fixture.ts';
export type { ConformanceCase, ConformanceMeta, Skips } from './suite.ts';
