import { FirestoreStore } from '../../../adapters/gcp/firestore-store.ts';
import { testSessionLinearizability } from '../../conformance/index.ts';
import { withEmulator } from '../../support/emulators/with-emulator.ts';

for (const [emulator, name, runs] of [
  ['firestore', 'Firestore (npm)', 40],
  ['firestore-google', 'Firestore (Google)', 15],
] as const) {
  withEmulator(emulator, (emulatorHost) => {
    testSessionLinearizability({
      name,
      makeStore: async () => ({
        store: new FirestoreStore({ projectId: 'linearizability', collection: 'records', emulatorHost, attemptTimeoutMs: 10_000 }),
      }),
      runs,
      clients: 3,
      operations: 4,
    });
  });
}
