import type { Configuration } from '../../core/config/configuration.ts';
import type { ProxyFactory } from '../../core/proxy/reverse-proxy.ts';
import type { Environment } from './environment.ts';
import { loadConfiguration } from './load-configuration.ts';
import { loadHandlers } from './load-handlers.ts';

/** What a function was deployed to do. */
export interface Deployment {
  readonly configuration: Configuration;
  /** The gateway; null: the configuration has no `routes`. */
  readonly proxy: ProxyFactory | null;
}

/**
 * A deployed function's configuration and the user's own code behind its routes, checked against each other; see `loadConfiguration` and
 * `loadHandlers`. The gateway is loaded for a configuration with `routes` alone: it is a quarter of the code, and none of a session's.
 *
 * @param beside where the bundle is: `import.meta.url`
 * @throws {ConfigurationError} as both do
 */
export async function loadDeployment(env: Environment, beside: string): Promise<Deployment> {
  const handlers = (await loadHandlers(env, beside)) ?? {};
  const configuration = loadConfiguration(env, beside, handlers);
  if (configuration.routes === undefined) return { configuration, proxy: null };
  const { nodeProxy } = await import('./node-proxy.ts');
  return { configuration, proxy: nodeProxy({ isServer: false, handlers }) };
}
