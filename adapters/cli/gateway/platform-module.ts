import type { compose } from '../../composition/compose.ts';
import { ConfigurationError, loadConfiguration } from '../../node/load-configuration.ts';
import type { Deployment } from '../../node/load-deployment.ts';
import { requireVariable } from '../../node/environment.ts';
import type { Environment } from '../../node/environment.ts';
import { stdoutSink } from '../../node/console-logger.ts';

type PlatformModule = Parameters<typeof compose>[0];

/**
 * The module of the platform `PORTOLAN_PLATFORM` names, reading the variables its deployed function reads. The other platforms' SDKs are
 * not loaded. `local` opens the data folder `PORTOLAN_DATA` (default `.portolan`) of a `portolan dev` on the same machine.
 *
 * @param beside where the bundle is: `import.meta.url`
 * @throws {ConfigurationError} no platform, or an unknown one; composing throws it for what the platform misses
 */
export async function platformModule(env: Environment, beside: string): Promise<PlatformModule> {
  const platform = requireVariable(env, 'PORTOLAN_PLATFORM', 'aws, azure, gcp or local');
  switch (platform) {
    case 'aws':
      return (await import('../../aws/module.ts')).awsModule(env, sessionsOf(env, beside));
    case 'azure':
      return (await import('../../azure/module.ts')).azureModule(env, sessionsOf(env, beside));
    case 'gcp':
      return (await import('../../gcp/module.ts')).gcpModule(env, sessionsOf(env, beside));
    case 'local':
      return local(env, beside);
    default:
      throw new ConfigurationError('PORTOLAN_PLATFORM must be aws, azure, gcp or local');
  }
}

/** The deployment without its routes: this process has neither their backends nor the user's own code behind them. */
function sessionsOf(env: Environment, beside: string): Deployment {
  const { routes: _routes, upstreams: _upstreams, proxy: _proxy, ...configuration } = loadConfiguration(env, beside);
  return { configuration, proxy: null };
}

async function local(env: Environment, beside: string): Promise<PlatformModule> {
  const { configuration } = sessionsOf(env, beside);
  const [{ openDataFolder }, { EnvSecrets }, { FileSecrets }, { firstOf }, { localModule }] = await Promise.all([
    import('../../local/data-folder.ts'),
    import('../../local/secrets/env-secrets.ts'),
    import('../../local/secrets/file-secrets.ts'),
    import('../../local/secrets/first-of.ts'),
    import('../../local/module.ts'),
  ]);
  const { sqlite, secretsFolder } = openDataFolder(env['PORTOLAN_DATA'] ?? '.portolan');
  return localModule(configuration, sqlite, firstOf([new EnvSecrets(env), new FileSecrets(secretsFolder)]), stdoutSink);
}
