import { inject } from 'vitest';
import { FirestoreStore } from '../../../adapters/gcp/firestore-store.ts';
import { testSessionLinearizability } from '../../conformance/index.ts';

const { firestore, 'firestore-google': google } = inject('emulators');
const legs: readonly (readonly [name: string, emulatorHost: string | undefined, runs: number])[] = [
  ['Firestore (npm)', firestore, 40],
  ['Firestore (Google)', google, 15],
];

for (const [name, emulatorHost, runs] of legs) {
  if (emulatorHost !== undefined) {
    testSessionLinearizability({
      name,
      makeStore: async () => ({
        store: new FirestoreStore({ projectId: 'linearizability', collection: 'records', emulatorHost, attemptTimeoutMs: 10_000 }),
      }),
      runs,
      clients: 3,
      operations: 4,
    });
  }
}
