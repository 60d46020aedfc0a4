import type { SecureContext } from 'node:tls';
import type { Secret } from '../../../core/ports/index.ts';
import { PortError, UpstreamError } from '../../../core/ports/index.ts';
import type { ConnectionProfile } from '../../../core/ports/index.ts';

/** Where certificates and keys come from: `CachedSecrets` is one. */
export interface SecretSource {
  current(name: string): Secret | Promise<Secret>;
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
