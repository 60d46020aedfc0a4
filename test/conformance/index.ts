export { countersCases, testCounters } from './counters.ts';
export type { CountersFixture, CountersHarness } from './counters.ts';
export { keyValueStoreCases, testKeyValueStore } from './key-value-store.ts';
export type { KeyValueStoreHarness } from './key-value-store.ts';
export type { Outage, StoreFixture } from './key-value-store/fixture.ts';
export { secretsCases, testSecrets } from './secrets.ts';
export type { SecretsFailure, SecretsFixture, SecretsHarness, SecretsUnderTest } from './secrets.ts';
export type { ConformanceCase, ConformanceMeta, Skips } from './suite.ts';
