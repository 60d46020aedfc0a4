import { ContainerModule } from 'inversify';
import { tokens } from '../composition/tokens.ts';
import { stdoutSink } from '../node/console-logger.ts';
import { optionalInteger, requireVariable } from '../node/environment.ts';
import type { Environment } from '../node/environment.ts';
import type { Deployment } from '../node/load-deployment.ts';
import { nodeCrypto } from '../node/node-crypto.ts';
import { systemClock } from '../node/system-clock.ts';
import { FirestoreStore } from './firestore-store.ts';
import { SecretManager } from './secret-manager.ts';

/**
 * What Google Cloud binds.
 *
 * | variable | holds |
 * | --- | --- |
 * | `GOOGLE_CLOUD_PROJECT` | the project's id |
 * | `PORTOLAN_DATABASE` | the Firestore database; default `(default)` |
 * | `PORTOLAN_COLLECTION` | the collection; default `portolan` |
 * | `PORTOLAN_SECRET_PREFIX` | what stands before each secret's name; default nothing |
 * | `PORTOLAN_TRUSTED_HOPS` | proxies of one's own before Google's front end: 1 behind an external load balancer; default 0 |
 * | `PORTOLAN_FORWARDED_AUTHORIZATION` | `true` behind API Gateway that signs its calls, see `functionsHttp`; default `false` |
 * | `PORTOLAN_FUNCTION_TIMEOUT_MS` | the function's time-out as deployed; default 60000 |
 * | `PORTOLAN_ATTEMPT_TIMEOUT_MS` | how long one call of a service may take; default 1000 |
 * | `FIRESTORE_EMULATOR_HOST`, `PORTOLAN_SECRET_MANAGER_EMULATOR_HOST` | `host:port` of stand-ins, for tests |
 *
 * @param deployment see `loadDeployment`
 */
export function gcpModule(env: Environment, { configuration, proxy }: Deployment): ContainerModule {
  return new ContainerModule(({ bind }) => {
    const projectId = requireVariable(env, 'GOOGLE_CLOUD_PROJECT', "the project's id");
    const attemptTimeoutMs = optionalInteger(env, 'PORTOLAN_ATTEMPT_TIMEOUT_MS', 50, 60_000);
    bind(tokens.clock).toConstantValue(systemClock);
    bind(tokens.crypto).toConstantValue(nodeCrypto);
    bind(tokens.proxy).toConstantValue(proxy);
    bind(tokens.logSink).toConstantValue(stdoutSink);
    bind(tokens.configuration).toConstantValue(configuration);
    bind(tokens.store).toConstantValue(
      new FirestoreStore({
        projectId,
        databaseId: env['PORTOLAN_DATABASE'],
        collection: env['PORTOLAN_COLLECTION'] ?? 'portolan',
        attemptTimeoutMs,
        emulatorHost: env['FIRESTORE_EMULATOR_HOST'],
      }),
    );
    bind(tokens.counters).toConstantValue(null);
    bind(tokens.secrets).toConstantValue(
      new SecretManager({
        projectId,
        prefix: env['PORTOLAN_SECRET_PREFIX'],
        attemptTimeoutMs,
        emulatorHost: env['PORTOLAN_SECRET_MANAGER_EMULATOR_HOST'],
      }),
    );
  });
}
