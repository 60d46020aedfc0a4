import { ContainerModule } from 'inversify';
import { tokens } from '../composition/tokens.ts';
import { stdoutSink } from '../node/console-logger.ts';
import { optionalInteger, requireVariable } from '../node/environment.ts';
import type { Environment } from '../node/environment.ts';
import type { Deployment } from '../node/load-deployment.ts';
import { nodeCrypto } from '../node/node-crypto.ts';
import { systemClock } from '../node/system-clock.ts';
import { dynamoClient } from './dynamo-client.ts';
import { DynamoCounters } from './dynamo-counters.ts';
import { DynamoStore } from './dynamo-store.ts';
import { SecretsManager } from './secrets-manager.ts';

/**
 * What AWS binds.
 *
 * | variable | holds |
 * | --- | --- |
 * | `PORTOLAN_TABLE` | the DynamoDB table |
 * | `PORTOLAN_SECRET_PREFIX` | what stands before each secret's name; default nothing |
 * | `PORTOLAN_ATTEMPT_TIMEOUT_MS` | how long one call of a service may take; default 1000 |
 *
 * Region and endpoints are the SDK's own (`AWS_REGION`, `AWS_ENDPOINT_URL_DYNAMODB`...). Credentials too where this is imported as a
 * library; the bundle takes them from the environment alone (`lambda-credentials.ts`).
 *
 * @param deployment see `loadDeployment`
 */
export function awsModule(env: Environment, { configuration, proxy }: Deployment): ContainerModule {
  return new ContainerModule(({ bind }) => {
    const table = requireVariable(env, 'PORTOLAN_TABLE', 'the name of the DynamoDB table');
    const attemptTimeoutMs = optionalInteger(env, 'PORTOLAN_ATTEMPT_TIMEOUT_MS', 50, 60_000);
    const client = dynamoClient({ attemptTimeoutMs });
    bind(tokens.clock).toConstantValue(systemClock);
    bind(tokens.crypto).toConstantValue(nodeCrypto);
    bind(tokens.proxy).toConstantValue(proxy);
    bind(tokens.logSink).toConstantValue(stdoutSink);
    bind(tokens.configuration).toConstantValue(configuration);
    bind(tokens.store).toConstantValue(new DynamoStore(client, table));
    bind(tokens.counters).toConstantValue(new DynamoCounters(client, table, systemClock));
    bind(tokens.secrets).toConstantValue(new SecretsManager({ prefix: env['PORTOLAN_SECRET_PREFIX'], attemptTimeoutMs }));
  });
}
