import { randomUUID } from 'node:crypto';
import { FirestoreStore } from '../../../adapters/gcp/firestore-store.ts';
import { testLiveConfiguration } from '../../support/live-configuration.ts';
import { withEmulator } from '../../support/emulators/with-emulator.ts';

for (const [emulator, name] of [
  ['firestore', 'Firestore (npm)'],
  ['firestore-google', 'Firestore (Google)'],
] as const) {
  withEmulator(emulator, (emulatorHost) => {
    testLiveConfiguration(name, async () => ({
      store: new FirestoreStore({
        projectId: 'live-configuration',
        collection: `c-${randomUUID()}`,
        emulatorHost,
        attemptTimeoutMs: 10_000,
      }),
    }));
  });
}
