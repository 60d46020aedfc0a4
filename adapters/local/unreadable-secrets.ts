import { requireSigningSecret } from '../../core/auth/signer.ts';
import type { Configuration } from '../../core/config/configuration.ts';
import { PortError } from '../../core/ports/errors.ts';
import type { Secrets } from '../../core/ports/index.ts';

/** A secret that the configuration names and that cannot be used. */
export interface UnreadableSecret {
  readonly name: string;
  readonly error: PortError;
}

/** Tries every secret that a configuration names, those of pools and upstreams too: what is missing is better told at start than by the first session. */
export async function findUnreadableSecrets(
  { auth, signingSecret, pools = {}, upstreams = {} }: Configuration,
  secrets: Secrets,
): Promise<readonly UnreadableSecret[]> {
  const named = [signingSecret, auth?.keysSecret, ...Object.values(pools).map(({ secret }) => secret)];
  for (const { tls } of Object.values(upstreams)) named.push(tls?.ca, tls?.clientCertificate);
  const names = new Set(named.filter((name) => name !== undefined));
  const tried = await Promise.all(
    [...names].map(async (name) => {
      try {
        const secret = await secrets.get(name, 'current');
        if (name === signingSecret) requireSigningSecret(secret);
        return [];
      } catch (error) {
        if (!(error instanceof PortError)) throw error;
        return [{ name, error }];
      }
    }),
  );
  return tried.flat();
}
