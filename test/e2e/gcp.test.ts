import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { fakeSecretManager } from '../support/gcp/fake-secret-manager.ts';
import type { FakeSecretManager } from '../support/gcp/fake-secret-manager.ts';
import { serveFunction } from '../support/gcp/functions-framework.ts';
import type { ServedFunction } from '../support/gcp/functions-framework.ts';
import { deployedConfiguration, makeDeployedSecrets, runSessionScenario, sessionSteps } from './session-scenario.ts';

const { firestore, 'firestore-google': google } = inject('emulators');
const legs = [
  ['the npm front', firestore],
  ["Google's emulator", google],
] as const;

for (const [leg, address] of legs) {
  describe.runIf(address !== undefined)(`dist/gcp under the Functions Framework, Firestore: ${leg}`, () => {
    const secrets = makeDeployedSecrets();
    let vault: FakeSecretManager;
    let served: ServedFunction;

    beforeAll(async () => {
      vault = await fakeSecretManager();
      for (const [name, value] of Object.entries(secrets.values)) {
        vault.add(`projects/portolan-test/secrets/e2e-${name}`, Buffer.from(value));
      }
      served = await serveFunction('dist/gcp', {
        env: {
          GOOGLE_CLOUD_PROJECT: 'portolan-test',
          FIRESTORE_EMULATOR_HOST: address ?? '',
          PORTOLAN_SECRET_MANAGER_EMULATOR_HOST: vault.address,
          PORTOLAN_SECRET_PREFIX: 'e2e-',
          PORTOLAN_COLLECTION: `e2e-${Date.now()}`,
          PORTOLAN_CONFIG: JSON.stringify(deployedConfiguration),
          PORTOLAN_ATTEMPT_TIMEOUT_MS: '10000',
        },
      });
    });
    afterAll(async () => {
      await served?.stop();
      vault?.stop();
    });

    test('a session lives its whole life', async () => {
      expect(await runSessionScenario(served.url, secrets)).toEqual(sessionSteps);
    });
  });
}
