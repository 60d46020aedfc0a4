import type { SecureContext } from 'node:tls';
import { PortError, UpstreamError } from '../../../core/ports/index.ts';
import type { CallOptions, ConnectionProfile, Secret, UnusableSecret } from '../../../core/ports/index.ts';
import { faultOfAuthorities, faultOfClientCertificate } from './tls-material.ts';

/** Where certificates and keys come from: `CachedSecrets` is one. */
export interface SecretSource {
  current(name: string, options?: CallOptions): Secret | Promise<Secret>;
  /** Where `current` may be an old version: a newer one than that which was refused, if there is one. */
  refresh?(name: string, refused: string, options?: CallOptions): Promise<Secret | undefined>;
}

/** What a connection is secured with; `versions` tells one from another: a session made under one must not be resumed under the next. */
export interface Identity {
  readonly versions: string;
  readonly context: SecureContext;
}

/** Whom an upstream's certificate is trusted by, and who we are to it: read on first use, and again when a secret has been rotated. */
export class TlsIdentity {
  readonly #secrets: SecretSource;
  readonly #ca: string | undefined;
  readonly #clientCertificate: string | undefined;
  #made: Identity | undefined;

  constructor(secrets: SecretSource, tls: ConnectionProfile['tls']) {
    this.#secrets = secrets;
    this.#ca = tls?.ca;
    this.#clientCertificate = tls?.clientCertificate;
  }

  /**
   * `undefined` when the system's certificates are all there is.
   *
   * @throws {UpstreamError} `proxy_configuration_error`: a secret that is not there or is no PEM; `proxy_internal_error`: one that cannot be read
   */
  async read(): Promise<Identity | undefined> {
    if (this.#ca === undefined && this.#clientCertificate === undefined) return undefined;
    try {
      const [ca, own] = await Promise.all([this.#secret(this.#ca), this.#secret(this.#clientCertificate)]);
      const versions = JSON.stringify([ca?.version, own?.version]);
      if (this.#made?.versions === versions) return this.#made;
      if (ca !== undefined && faultOfAuthorities(ca.value) !== undefined) throw new TypeError('No certificates to trust');
      const { createSecureContext, getCACertificates } = await import('node:tls');
      const context = createSecureContext({
        ...(ca !== undefined && { ca: [...getCACertificates('default'), ca.value] }),
        ...(own !== undefined && { cert: own.value, key: own.value }),
      });
      this.#made = { versions, context };
      return this.#made;
    } catch (error) {
      // neither a service's failure nor OpenSSL's is repeated: both may quote what they read
      const isOutage = error instanceof PortError && error.code !== 'not_found';
      throw new UpstreamError(isOutage ? 'proxy_internal_error' : 'proxy_configuration_error', false);
    }
  }

  async #secret(name: string | undefined): Promise<Secret | undefined> {
    return name === undefined ? undefined : this.#secrets.current(name);
  }
}

/** `Transports.checkSecrets`. */
export async function checkTlsSecrets(
  secrets: SecretSource,
  { ca, clientCertificate }: NonNullable<ConnectionProfile['tls']>,
  options: CallOptions | undefined,
): Promise<readonly UnusableSecret[]> {
  const check = async (
    member: UnusableSecret['member'],
    secret: string | undefined,
    faultOf: (pem: string) => string | undefined,
  ): Promise<readonly UnusableSecret[]> => {
    if (secret === undefined) return [];
    const detail = await faultOfSecret(secrets, secret, faultOf, options);
    return detail === undefined ? [] : [{ member, secret, detail }];
  };
  const found = await Promise.all([
    check('ca', ca, faultOfAuthorities),
    check('clientCertificate', clientCertificate, faultOfClientCertificate),
  ]);
  return found.flat();
}

async function faultOfSecret(
  secrets: SecretSource,
  name: string,
  faultOf: (pem: string) => string | undefined,
  options: CallOptions | undefined,
): Promise<string | undefined> {
  try {
    const { value, version } = await secrets.current(name, options);
    const fault = faultOf(value);
    const newer = fault === undefined ? undefined : await secrets.refresh?.(name, version, options);
    return newer === undefined ? fault : faultOf(newer.value);
  } catch (error) {
    if (!(error instanceof PortError)) throw error;
    if (error.code === 'not_found') return 'does not exist';
    // The payload itself, not its service: see `Secrets`.
    if (error.code === 'data_loss' || error.code === 'out_of_range') return 'is no text that a secret may hold';
    throw error;
  }
}
