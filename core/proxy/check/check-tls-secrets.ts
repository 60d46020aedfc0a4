import type { ConfigurationProblem } from '../../config/findings.ts';
import type { Clock } from '../../ports/clock.ts';
import { PortError } from '../../ports/errors.ts';
import type { Logger } from '../../ports/telemetry.ts';
import type { ConnectionProfile, Transports } from '../../ports/transport.ts';
import type { ProxyConfiguration } from '../configuration.ts';

/** How long a look may take, in milliseconds; a read that has begun goes on, since connections may wait for it, too. */
export interface Patience {
  readonly clock: Clock;
  readonly ms: number;
}

/** Problems with the secrets that secure the connections to upstreams. One that cannot be read at present is none: that is logged, and told again by the connection. */
export async function checkTlsSecrets(
  { upstreams = {} }: ProxyConfiguration,
  transports: Transports,
  logger: Logger,
  patience?: Patience,
): Promise<readonly ConfigurationProblem[]> {
  const securing = Object.entries(upstreams).flatMap(([name, { tls }]) => (tls === undefined ? [] : [{ name, tls }]));
  if (securing.length === 0) return [];
  const over = new AbortController();
  const late = patience?.clock.sleep(patience.ms, over.signal).then(() => {
    throw new PortError('deadline_exceeded', 'secrets.get');
  });
  const inTime = <T>(work: Promise<T>): Promise<T> => (late === undefined ? work : Promise.race([work, late]));
  const check = async (upstream: string, tls: NonNullable<ConnectionProfile['tls']>): Promise<readonly ConfigurationProblem[]> => {
    try {
      return (await inTime(transports.checkSecrets(tls))).map(({ member, secret, detail }) => ({
        pointer: `/upstreams/${upstream}/tls/${member}`,
        detail: `names the secret ${secret}, which ${detail}`,
      }));
    } catch (error) {
      if (!(error instanceof PortError)) throw error;
      logger.log('warn', 'upstream.tls.not_checked', { upstream, reason: error.code });
      return [];
    }
  };
  try {
    return (await Promise.all(securing.map(({ name, tls }) => check(name, tls)))).flat();
  } finally {
    over.abort();
  }
}
