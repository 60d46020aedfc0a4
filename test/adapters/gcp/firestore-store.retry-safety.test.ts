import { inject } from 'vitest';
import { FirestoreStore } from '../../../adapters/gcp/firestore-store.ts';
import { testRetrySafety } from '../../conformance/index.ts';

const { firestore, 'firestore-google': google } = inject('emulators');

function run(name: string, emulatorHost: string, drops: number): void {
  testRetrySafety({
    name,
    makeStore: async () => ({
      store: new FirestoreStore({ projectId: 'retry-safety', collection: 'records', emulatorHost, attemptTimeoutMs: 10_000 }),
    }),
    drops,
  });
}

if (firestore !== undefined) run('Firestore (npm)', firestore, 1_000);
// Google's emulator takes locks: its contention cases are slow, so that they are fewer.
if (google !== undefined) run('Firestore (Google)', google, 300);
