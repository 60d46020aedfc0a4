import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { connectionString, newTable } from '../support/azure/azurite-table.ts';
import { FakeKeyVault } from '../support/azure/fake-key-vault.ts';
import { startFunctionsHost } from '../support/azure/functions-host.ts';
import type { FunctionsHost } from '../support/azure/functions-host.ts';
import { deployedConfiguration, makeDeployedSecrets, runSessionScenario, sessionSteps } from './session-scenario.ts';

const address = inject('emulators').azurite;

describe.runIf(address !== undefined)('dist/azure under the real @azure/functions, Azurite', () => {
  const secrets = makeDeployedSecrets();
  let vault: FakeKeyVault;
  let host: FunctionsHost;
  let table: Awaited<ReturnType<typeof newTable>>;

  beforeAll(async () => {
    vault = await FakeKeyVault.start();
    for (const [name, value] of Object.entries(secrets.values)) vault.put(`e2e-${name}`, value);
    table = await newTable(address ?? '');
    host = await startFunctionsHost({
      folder: 'dist/azure',
      env: {
        PORTOLAN_TABLE: table.tableName,
        PORTOLAN_TABLE_CONNECTION_STRING: connectionString(address ?? ''),
        PORTOLAN_KEY_VAULT_URL: vault.url,
        PORTOLAN_SECRET_PREFIX: 'e2e-',
        PORTOLAN_CONFIG: JSON.stringify(deployedConfiguration),
        PORTOLAN_ATTEMPT_TIMEOUT_MS: '10000',
        ...vault.identityEnvironment,
      },
    });
  });
  afterAll(async () => {
    await host?.stop();
    await vault?.stop();
  });

  test('a session lives its whole life', async () => {
    expect(await runSessionScenario(host.url, secrets)).toEqual(sessionSteps);
    expect(host.unanswered).toBe(0);
  });

  test('the timer sweeps expired rows away and leaves the others', async () => {
    const rows = async (): Promise<string[]> => {
      const found: string[] = [];
      for await (const { rowKey } of table.listEntities()) found.push(rowKey ?? '');
      return found;
    };
    const before = await rows();
    expect(before.length).toBeGreaterThan(0);
    await host.fireTimer('sweeper');
    expect(await rows()).toEqual(before);
    expect(host.output.join('')).toContain('sweeper.swept');
  });
});
