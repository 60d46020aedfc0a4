import { afterAll } from 'vitest';
import { FirestoreStore } from '../../../adapters/gcp/firestore-store.ts';
import { nodeCrypto } from '../../../adapters/node/node-crypto.ts';
import { durable } from '../../../core/storage/durable.ts';
import { StoreCounters } from '../../../core/storage/store-counters.ts';
import { testCounters, testKeyValueStore } from '../../conformance/index.ts';
import { failingFirestore } from '../../support/gcp/failing-firestore.ts';
import type { FailingFirestore } from '../../support/gcp/failing-firestore.ts';
import { withEmulator } from '../../support/emulators/with-emulator.ts';

const failing: FailingFirestore[] = [];

function store(emulatorHost: string, databaseId?: string): FirestoreStore {
  return new FirestoreStore({
    projectId: 'conformance',
    databaseId,
    collection: 'records',
    emulatorHost,
    attemptTimeoutMs: 10_000,
  });
}

async function storeThatFails(code: number): Promise<FirestoreStore> {
  const service = await failingFirestore({ code });
  failing.push(service);
  return store(service.address);
}

afterAll(() => failing.forEach((service) => service.stop()));

withEmulator('firestore', (address) => {
  testKeyValueStore({
    name: 'Firestore (npm)',
    makeStore: async () => ({ store: store(address) }),
    outages: {
      unreachable: async () => store('127.0.0.1:1'),
      missing: async () => store(address, 'no-such-database'),
      denied: () => storeThatFails(7),
    },
    contention: 5,
  });
  testCounters({
    name: 'Firestore (npm)',
    makeCounters: async (clock) => ({
      counters: new StoreCounters(durable(store(address), { clock, crypto: nodeCrypto }), clock),
    }),
    contention: 5,
  });
});

withEmulator('firestore-google', (address) => {
  testKeyValueStore({
    name: 'Firestore (Google)',
    makeStore: async () => ({ store: store(address) }),
    outages: {
      unreachable: async () => store('127.0.0.1:1'),
      // Google's emulator makes a database the moment it is named.
      missing: () => storeThatFails(5),
      denied: () => storeThatFails(16),
    },
    contention: 5,
  });
  testCounters({
    name: 'Firestore (Google)',
    makeCounters: async (clock) => ({
      counters: new StoreCounters(durable(store(address), { clock, crypto: nodeCrypto }), clock),
    }),
    contention: 5,
  });
});
