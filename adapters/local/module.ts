import { ContainerModule } from 'inversify';
import type { ProxyPlatform } from '../../core/proxy/platform.ts';
import type { Configuration } from '../../core/config/configuration.ts';
import type { LogSink, Secrets } from '../../core/ports/index.ts';
import { tokens } from '../composition/tokens.ts';
import { nodeCrypto } from '../node/node-crypto.ts';
import { nodeProxy } from '../node/node-proxy.ts';
import { systemClock } from '../node/system-clock.ts';
import type { Sqlite } from './sqlite/sqlite.ts';

/** What the local platform binds. */
export function localModule(
  configuration: Configuration,
  sqlite: Sqlite,
  secrets: Secrets,
  logSink: LogSink,
  handlers?: ProxyPlatform['handlers'],
): ContainerModule {
  return new ContainerModule(({ bind }) => {
    bind(tokens.clock).toConstantValue(systemClock);
    bind(tokens.crypto).toConstantValue(nodeCrypto);
    bind(tokens.proxy).toConstantValue(nodeProxy({ isServer: true, handlers }));
    bind(tokens.logSink).toConstantValue(logSink);
    bind(tokens.configuration).toConstantValue(configuration);
    bind(tokens.store).toConstantValue(sqlite.store);
    bind(tokens.counters).toConstantValue(sqlite.counters);
    bind(tokens.secrets).toConstantValue(secrets);
  });
}
