import type { ConfigurationProblem } from '../../config/findings.ts';
import { PortError } from '../../ports/errors.ts';
import type { CallOptions } from '../../ports/key-value-store.ts';
import type { Logger } from '../../ports/telemetry.ts';
import type { ConnectionProfile, Transports } from '../../ports/transport.ts';
import type { ProxyConfiguration } from '../configuration.ts';

/** Problems with the secrets that secure the connections to upstreams. One that cannot be read at present is none: that is logged, and told again by the connection. */
export async function checkTlsSecrets(
  { upstreams = {} }: ProxyConfiguration,
  transports: Transports,
  logger: Logger,
  options?: CallOptions,
): Promise<readonly ConfigurationProblem[]> {
  const check = async (upstream: string, tls: NonNullable<ConnectionProfile['tls']>): Promise<readonly ConfigurationProblem[]> => {
    try {
      return (await transports.checkSecrets(tls, options)).map(({ member, secret, detail }) => ({
        pointer: `/upstreams/${upstream}/tls/${member}`,
        detail: `names the secret ${secret}, which ${detail}`,
      }));
    } catch (error) {
      if (!(error instanceof PortError)) throw error;
      logger.log('warn', 'upstream.tls.not_checked', { upstream, reason: error.code });
      return [];
    }
  };
  const secured = Object.entries(upstreams).flatMap(([name, { tls }]) => (tls === undefined ? [] : [check(name, tls)]));
  const found = await Promise.all(secured);
  return found.flat();
}
