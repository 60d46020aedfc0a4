import { randomUUID } from 'node:crypto';
import { inject } from 'vitest';
import { FirestoreStore } from '../../../adapters/gcp/firestore-store.ts';
import { testLiveConfiguration } from '../../support/live-configuration.ts';

const { firestore, 'firestore-google': google } = inject('emulators');

for (const [name, emulatorHost] of [
  ['Firestore (npm)', firestore],
  ['Firestore (Google)', google],
] as const) {
  if (emulatorHost !== undefined) {
    testLiveConfiguration(name, async () => ({
      store: new FirestoreStore({
        projectId: 'live-configuration',
        collection: `c-${randomUUID()}`,
        emulatorHost,
        attemptTimeoutMs: 10_000,
      }),
    }));
  }
}
