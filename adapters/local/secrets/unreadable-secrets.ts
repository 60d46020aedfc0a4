import { requireSigningSecret } from '../../../core/auth/signer.ts';
import type { Configuration } from '../../../core/config/configuration.ts';
import { PortError } from '../../../core/ports/errors.ts';
import type { Secrets } from '../../../core/ports/index.ts';
import { faultOfAuthorities, faultOfClientCertificate } from '../../node/transport/tls-material.ts';
import { secretError } from './secret-checks.ts';

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
  const authorities = new Set(Object.values(upstreams).map(({ tls }) => tls?.ca));
  const certificates = new Set(Object.values(upstreams).map(({ tls }) => tls?.clientCertificate));
  const tried = await Promise.all(
    [...names].map(async (name) => {
      try {
        const secret = await secrets.get(name, 'current');
        if (name === signingSecret) requireSigningSecret(secret);
        if (authorities.has(name)) requireNo(faultOfAuthorities(secret.value));
        if (certificates.has(name)) requireNo(faultOfClientCertificate(secret.value));
        return [];
      } catch (error) {
        if (!(error instanceof PortError)) throw error;
        return [{ name, error }];
      }
    }),
  );
  return tried.flat();
}

/** @throws {PortError} `data_loss`: the secret has this fault */
function requireNo(fault: string | undefined): void {
  if (fault !== undefined) throw secretError('data_loss', fault);
}
