import { FirestoreStore } from '../../../adapters/gcp/firestore-store.ts';
import { testRetrySafety } from '../../conformance/index.ts';
import { withEmulator } from '../../support/emulators/with-emulator.ts';

function run(name: string, emulatorHost: string, drops: number): void {
  testRetrySafety({
    name,
    makeStore: async () => ({
      store: new FirestoreStore({ projectId: 'retry-safety', collection: 'records', emulatorHost, attemptTimeoutMs: 10_000 }),
    }),
    drops,
  });
}

withEmulator('firestore', (address) => run('Firestore (npm)', address, 1_000));
// Google's emulator takes locks: its contention cases are slow, so that they are fewer.
withEmulator('firestore-google', (address) => run('Firestore (Google)', address, 300));
