import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { KeyVault } from '../../adapters/azure/key-vault.ts';
import { recordsTable } from '../../adapters/azure/records-table.ts';
import { TableStore } from '../../adapters/azure/table-store.ts';
import { systemClock } from '../../adapters/node/system-clock.ts';
import { connectionString } from '../support/azure/azurite-table.ts';
import { FakeKeyVault } from '../support/azure/fake-key-vault.ts';
import { startFunctionsHost } from '../support/azure/functions-host.ts';
import type { FunctionsHost } from '../support/azure/functions-host.ts';
import { startRecorder } from '../support/recorder.ts';
import type { RecordedRequest, Recorder } from '../support/recorder.ts';
import { runSessionScenario, sessionSteps } from '../e2e/session-scenario.ts';
import { canPlan, onlyResource, planDeployment, resourcesOf } from './deployment.ts';
import type { Deployment } from './deployment.ts';
import { runStoreConformance } from './store-conformance.ts';

const azurite = inject('emulators').azurite;

const entities = 'Microsoft.Storage/storageAccounts/tableServices/tables/entities';
const secretsOf = 'Microsoft.KeyVault/vaults/secrets';

/**
 * The data actions of the built-in roles that our code needs, as Azure documents them
 * (https://learn.microsoft.com/azure/role-based-access-control/built-in-roles). Narrower ones there are none.
 */
const dataActions: Readonly<Record<string, readonly string[]>> = {
  'Storage Table Data Contributor': [
    `${entities}/add/action`,
    `${entities}/delete`,
    `${entities}/read`,
    `${entities}/update/action`,
    `${entities}/write`,
  ],
  'Key Vault Secrets User': [`${secretsOf}/getSecret/action`, `${secretsOf}/readMetadata/action`],
};

/** What the Functions host does in the app's name: leases and the package, and telemetry. No code of ours asks for it. */
const platformRoles = ['Monitoring Metrics Publisher', 'Storage Blob Data Owner'];

describe.runIf(canPlan && azurite !== undefined)('what terraform/azure deploys', () => {
  let deployment: Deployment;
  let vault: FakeKeyVault;
  let records: Recorder;
  let host: FunctionsHost | undefined;
  let settings: Readonly<Record<string, string>>;

  /**
   * The only settings that the test makes: where the emulators are, and the platform's own for a managed identity. Azurite knows no
   * identities, so the table is reached with its account's key; the rest is Terraform's.
   */
  const overrides = (): Record<string, string> => ({
    PORTOLAN_TABLE_CONNECTION_STRING: connectionString(records.address),
    PORTOLAN_KEY_VAULT_URL: vault.url,
    ...vault.identityEnvironment,
  });

  beforeAll(async () => {
    vault = await FakeKeyVault.start();
    records = await startRecorder(azurite ?? '');
    deployment = await planDeployment('azure', [{ name: 'managed', variables: {} }]);
    const state = deployment.states.get('managed');
    settings = onlyResource(state, 'azurerm_function_app_flex_consumption')['app_settings'] as Record<string, string>;
    for (const { values } of resourcesOf(state, 'azurerm_key_vault_secret')) {
      const name = String(values['name']);
      const logical = Object.keys(deployment.secrets.values).find((one) => name.endsWith(`-${one}`)) ?? '';
      vault.put(name, deployment.secrets.values[logical] ?? '');
    }
    await tableOf(azurite ?? '').createTable();
  });
  afterAll(async () => {
    await tableOf(azurite ?? '').deleteTable();
    await Promise.all([host?.stop(), records?.stop(), vault?.stop()]);
    deployment?.remove();
  });

  const tableOf = (address: string): ReturnType<typeof recordsTable> =>
    recordsTable({ table: settings['PORTOLAN_TABLE'] ?? '', connectionString: connectionString(address) });

  test('the package, as unpacked and set up, answers the session scenario, and its timer runs', async () => {
    const state = deployment.states.get('managed');
    const folder = deployment.unpack(onlyResource(state, 'azurerm_storage_blob')['source']);
    host = await startFunctionsHost({ folder, env: { ...settings, ...overrides() } });
    expect(await runSessionScenario(host.url, deployment.secrets)).toEqual(sessionSteps);
    await host.fireTimer('sweeper');
    expect(host.unanswered).toBe(0);
  });

  test('the settings are what the code and the host read, and nothing else', () => {
    expect(Object.keys(settings).toSorted()).toEqual([
      'APPLICATIONINSIGHTS_AUTHENTICATION_STRING',
      'AZURE_CLIENT_ID',
      'AzureWebJobsStorage__accountName',
      'AzureWebJobsStorage__clientId',
      'AzureWebJobsStorage__credential',
      'PORTOLAN_ATTEMPT_TIMEOUT_MS',
      'PORTOLAN_CONFIG',
      'PORTOLAN_KEY_VAULT_URL',
      'PORTOLAN_SECRET_PREFIX',
      'PORTOLAN_TABLE',
      'PORTOLAN_TABLE_ENDPOINT',
      'PORTOLAN_TRUSTED_HOPS',
      'azurewebjobsstorage',
    ]);
    expect(settings['PORTOLAN_TABLE_ENDPOINT']).toMatch(/^https:\/\/[a-z0-9]+\.table\.core\.windows\.net$/);
    expect(settings['PORTOLAN_KEY_VAULT_URL']).toMatch(/^https:\/\/[a-z0-9-]+\.vault\.azure\.net$/);
  });

  test('no secret is in what Terraform printed: plans, states, outputs', () => {
    expect(deployment.output).toContain('PORTOLAN_TABLE');
    for (const value of Object.values(deployment.secrets.values)) {
      expect(deployment.output).not.toContain(value);
      expect(deployment.output).not.toContain(JSON.stringify(value).slice(1, -1));
    }
  });

  test('the roles hold the data actions that conformance runs and the scenario use, and no others', async () => {
    await runStoreConformance(new TableStore(tableOf(records.address), { attemptTimeoutMs: 10_000 }));
    const credential = {
      getToken: () => Promise.resolve({ token: 'token-of-the-managed-identity', expiresOnTimestamp: Infinity }),
    };
    const reader = new KeyVault({ vaultUrl: vault.url, prefix: settings['PORTOLAN_SECRET_PREFIX'], credential }, systemClock);
    for (const version of ['current', 'previous'] as const) await reader.get('api-keys', version as 'previous');
    const alternatives = [...records.requests.map(tableActions), ...vault.requests.flatMap((line) => vaultActions(line))];
    const roles = resourcesOf(deployment.states.get('managed'), 'azurerm_role_assignment')
      .filter(({ address }) => address.includes('.function['))
      .map(({ values }) => String(values['role_definition_name']));
    const ours = [...new Set(roles)].filter((role) => !platformRoles.includes(role));
    const granted = ours.flatMap((role) => dataActions[role] ?? [`${role}, which is not in the table above`]);
    // Where Azure takes one of two actions for an operation, either grants it, and both count as used.
    expect(alternatives.filter((actions) => !actions.some((action) => granted.includes(action)))).toEqual([]);
    expect(granted.filter((action) => !alternatives.some((actions) => actions.includes(action)))).toEqual([]);
    expect(platformRoles.filter((role) => !roles.includes(role))).toEqual([]);
  });
});

/** Any of these allows the request (https://learn.microsoft.com/rest/api/storageservices/authorize-with-azure-active-directory). */
function tableActions({ method, path, headers }: RecordedRequest): readonly string[] {
  switch (method) {
    case 'GET':
      return [`${entities}/read`];
    case 'POST':
      return [`${entities}/add/action`, `${entities}/write`];
    case 'PUT':
    case 'PATCH':
    case 'MERGE':
      // Without a condition it would be an upsert, which is more than an update.
      return headers['if-match'] === undefined ? [`${entities}/write`] : [`${entities}/update/action`, `${entities}/write`];
    case 'DELETE':
      return [`${entities}/delete`];
    default:
      throw new Error(`${method} ${path} is no operation on a table that is known here`);
  }
}

/** `GET /secrets/name/`, `GET /secrets/name/version`, `GET /secrets/name/versions`; the identity's endpoint needs no role. */
function vaultActions(line: string): readonly (readonly string[])[] {
  if (/^GET \/msi\/token$/.test(line)) return [];
  if (/^GET \/secrets\/[^/]+\/versions$/.test(line)) return [[`${secretsOf}/readMetadata/action`]];
  if (/^GET \/secrets\/[^/]+\/[^/]*$/.test(line)) return [[`${secretsOf}/getSecret/action`]];
  throw new Error(`${line} is no operation on a vault that is known here`);
}
