import { join } from 'node:path';
import type { ConfigurationProblem } from '../../core/config/findings.ts';
import type { ProxyConfiguration } from '../../core/proxy/configuration.ts';
import { checkTlsSecrets } from '../../core/proxy/check/check-tls-secrets.ts';
import { PortError } from '../../core/ports/errors.ts';
import { EnvSecrets } from '../local/secrets/env-secrets.ts';
import { FileSecrets } from '../local/secrets/file-secrets.ts';
import { firstOf } from '../local/secrets/first-of.ts';
import { systemClock } from '../node/system-clock.ts';
import { nodeTransports } from '../node/transport/node-transports.ts';

/** What is wrong with the secrets for TLS that this machine has. One that is not here may be where the configuration is deployed to. */
export async function checkLocalSecrets(
  configuration: ProxyConfiguration,
  env: Readonly<Record<string, string | undefined>>,
  dataFolder: string,
): Promise<readonly ConfigurationProblem[]> {
  const here = firstOf([new EnvSecrets(env), new FileSecrets(join(dataFolder, 'secrets'))]);
  const secrets = {
    current: (name: string) =>
      here.get(name, 'current').catch((error: unknown) => {
        throw error instanceof PortError && error.code === 'not_found' ? new PortError('unavailable', 'secrets.get') : error;
      }),
  };
  return checkTlsSecrets(configuration, nodeTransports({ clock: systemClock, secrets }), { log: () => undefined });
}
