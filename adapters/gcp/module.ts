import { ContainerModule } from 'inversify';
import type { ProxyPlatform } from '../../core/proxy/platform.ts';
import { tokens } from '../composition/tokens.ts';
import { stdoutSink } from '../node/console-logger.ts';
import { optionalInteger, requireVariable } from '../node/environment.ts';
import type { Environment } from '../node/environment.ts';
import { loadConfiguration } from '../node/load-configuration.ts';
import { nodeCrypto } from '../node/node-crypto.ts';
import { nodeProxyPlatform } from '../node/proxy-platform.ts';
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
 * | `PORTOLAN_FUNCTION_TIMEOUT_MS` | the function's time-out as deployed; default 60000 |
 * | `PORTOLAN_ATTEMPT_TIMEOUT_MS` | how long one call of a service may take; default 1000 |
 * | `PORTOLAN_CONFIG`, `PORTOLAN_CONFIG_FILE` | see `loadConfiguration` |
 * | `FIRESTORE_EMULATOR_HOST`, `PORTOLAN_SECRET_MANAGER_EMULATOR_HOST` | `host:port` of stand-ins, for tests |
 *
 * @param beside where the bundle is: `import.meta.url`
 * @param handlers the user's own code behind routes; see `loadHandlers`
 */
export function gcpModule(env: Environment, beside: string, handlers?: ProxyPlatform['handlers']): ContainerModule {
  return new ContainerModule(({ bind }) => {
    const projectId = requireVariable(env, 'GOOGLE_CLOUD_PROJECT', "the project's id");
    const attemptTimeoutMs = optionalInteger(env, 'PORTOLAN_ATTEMPT_TIMEOUT_MS', 50, 60_000);
    bind(tokens.clock).toConstantValue(systemClock);
    bind(tokens.crypto).toConstantValue(nodeCrypto);
    bind(tokens.proxyPlatform).toConstantValue(nodeProxyPlatform({ clock: systemClock, isServer: false, handlers }));
    bind(tokens.logSink).toConstantValue(stdoutSink);
    bind(tokens.configuration).toConstantValue(loadConfiguration(env, beside, handlers));
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
