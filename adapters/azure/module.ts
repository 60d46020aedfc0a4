import { ContainerModule } from 'inversify';
import { tokens } from '../composition/tokens.ts';
import { stdoutSink } from '../node/console-logger.ts';
import { optionalInteger, requireVariable } from '../node/environment.ts';
import type { Environment } from '../node/environment.ts';
import type { Deployment } from '../node/load-deployment.ts';
import { nodeCrypto } from '../node/node-crypto.ts';
import { systemClock } from '../node/system-clock.ts';
import { KeyVault } from './key-vault.ts';
import { recordsTable } from './records-table.ts';
import type { RecordsTableOptions } from './records-table.ts';
import { TableStore } from './table-store.ts';

/**
 * What Azure binds.
 *
 * | variable | holds |
 * | --- | --- |
 * | `PORTOLAN_TABLE` | the table |
 * | `PORTOLAN_TABLE_ENDPOINT` | `https://<account>.table.core.windows.net`, used with the app's managed identity |
 * | `PORTOLAN_TABLE_CONNECTION_STRING` | instead of the endpoint: for emulators, holds the account's key |
 * | `PORTOLAN_KEY_VAULT_URL` | `https://<vault>.vault.azure.net` |
 * | `PORTOLAN_SECRET_PREFIX` | what stands before each secret's name; default nothing |
 * | `PORTOLAN_TRUSTED_HOPS` | proxies of one's own before App Service: 1 behind Front Door or API Management; default 0 |
 * | `AZURE_CLIENT_ID` | of a user-assigned identity; default the app's own |
 * | `PORTOLAN_ATTEMPT_TIMEOUT_MS` | how long one call of the table service may take; default 1000 |
 *
 * @param deployment see `loadDeployment`
 */
export function azureModule(env: Environment, { configuration, proxy }: Deployment): ContainerModule {
  return new ContainerModule(({ bind }) => {
    const attemptTimeoutMs = optionalInteger(env, 'PORTOLAN_ATTEMPT_TIMEOUT_MS', 50, 60_000);
    const vaultUrl = requireVariable(env, 'PORTOLAN_KEY_VAULT_URL', 'the URL of the key vault');
    const clientId = env['AZURE_CLIENT_ID'];
    const prefix = env['PORTOLAN_SECRET_PREFIX'];
    bind(tokens.clock).toConstantValue(systemClock);
    bind(tokens.crypto).toConstantValue(nodeCrypto);
    bind(tokens.proxy).toConstantValue(proxy);
    bind(tokens.logSink).toConstantValue(stdoutSink);
    bind(tokens.configuration).toConstantValue(configuration);
    bind(tokens.store).toConstantValue(new TableStore(recordsTable(tableOptions(env)), { attemptTimeoutMs }));
    bind(tokens.counters).toConstantValue(null);
    bind(tokens.secrets).toConstantValue(new KeyVault({ vaultUrl, prefix, clientId }, systemClock));
  });
}

/** Which table, and how to reach it. */
export function tableOptions(env: Environment): RecordsTableOptions {
  const table = requireVariable(env, 'PORTOLAN_TABLE', 'the name of the table');
  const connectionString = env['PORTOLAN_TABLE_CONNECTION_STRING'];
  if (connectionString !== undefined) return { table, connectionString };
  const endpoint = requireVariable(env, 'PORTOLAN_TABLE_ENDPOINT', "the table service's URL");
  return { table, endpoint, clientId: env['AZURE_CLIENT_ID'] };
}
