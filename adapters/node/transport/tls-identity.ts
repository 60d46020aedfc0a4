import type { SecureContext } from 'node:tls';
import { PortError, UpstreamError } from '../../../core/ports/index.ts';
import type { CallOptions, ConnectionProfile, Secret, UnusableSecret } from '../../../core/ports/index.ts';
import { validityOf } from '../certificate-validity.ts';
import type { Validity, ValidityWarnings } from '../certificate-validity.ts';
import { faultOfAuthorities, faultOfClientCertificate } from './tls-material.ts';

/** Where certificates and keys come from: `CachedSecrets` is one. */
export interface SecretSource {
  current(name: string, options?: CallOptions): Secret | Promise<Secret>;
  /** Where `current` may be an old version: a newer one than that which was refused, if there is one; not asked for again and again. */
  refresh?(name: string, refused: string, options?: CallOptions): Promise<Secret | undefined>;
  /** Where `current` may be an old version: as it is now. */
  fresh?(name: string, options?: CallOptions): Promise<Secret>;
}

/** What a connection is secured with; `versions` tells one from another: a session made under one must not be resumed under the next. */
export interface Identity {
  readonly versions: string;
  readonly context: SecureContext;
  /** Of the client certificate. */
  readonly validity: Validity | undefined;
}

/** Whom an upstream's certificate is trusted by, and who we are to it: read on first use, and again when a secret has been rotated. */
export class TlsIdentity {
  readonly #secrets: SecretSource;
  readonly #ca: string | undefined;
  readonly #clientCertificate: string | undefined;
  readonly #warnings: ValidityWarnings | undefined;
  /** The versions that were found to be usable, by what finds it. */
  readonly #usable = new Map<FaultOf, string>();
  #made: Identity | undefined;

  /** @param warnings told of the client certificate with every connection */
  constructor(secrets: SecretSource, tls: ConnectionProfile['tls'], warnings: ValidityWarnings | undefined) {
    this.#secrets = secrets;
    this.#warnings = warnings;
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
      const [ca, own] = await Promise.all([
        this.#secret(this.#ca, faultOfAuthorities),
        this.#secret(this.#clientCertificate, faultOfClientCertificate),
      ]);
      const versions = JSON.stringify([ca?.version, own?.version]);
      if (this.#made?.versions === versions) return this.#told(this.#made);
      const { createSecureContext, getCACertificates } = await import('node:tls');
      const context = createSecureContext({
        ...(ca !== undefined && { ca: [...getCACertificates('default'), ca.value] }),
        ...(own !== undefined && { cert: own.value, key: own.value }),
      });
      this.#made = { versions, context, validity: own === undefined ? undefined : validityOf(own.value) };
      return this.#told(this.#made);
    } catch (error) {
      // neither a service's failure nor OpenSSL's is repeated: both may quote what they read
      const isOutage = error instanceof PortError && error.code !== 'not_found';
      throw new UpstreamError(isOutage ? 'proxy_internal_error' : 'proxy_configuration_error', false);
    }
  }

  /** As it is cached, or a newer one where that cannot be used: it may have been mended. */
  async #secret(name: string | undefined, faultOf: FaultOf): Promise<Secret | undefined> {
    if (name === undefined) return undefined;
    const cached = await this.#secrets.current(name);
    if (this.#usable.get(faultOf) === cached.version) return cached;
    const secret = faultOf(cached.value) === undefined ? cached : await this.#secrets.refresh?.(name, cached.version);
    if (secret === undefined || faultOf(secret.value) !== undefined) throw new TypeError('The secret holds no certificate to use');
    this.#usable.set(faultOf, secret.version);
    return secret;
  }

  #told(identity: Identity): Identity {
    if (identity.validity !== undefined) tellValidity(this.#warnings, this.#clientCertificate, identity.validity);
    return identity;
  }
}

type FaultOf = (pem: string) => string | undefined;

function tellValidity(warnings: ValidityWarnings | undefined, secret: string | undefined, validity: Validity): void {
  if (secret !== undefined) warnings?.look(secret, validity, { 'secret.name': secret });
}

/** `Transports.checkSecrets`, on the secrets as they are now. */
export async function checkTlsSecrets(
  secrets: SecretSource,
  { ca, clientCertificate }: NonNullable<ConnectionProfile['tls']>,
  options: CallOptions | undefined,
  warnings: ValidityWarnings | undefined,
): Promise<readonly UnusableSecret[]> {
  const faultOfOwn = (pem: string): string | undefined => {
    const fault = faultOfClientCertificate(pem);
    // one that is not valid is told, and no reason to refuse: the clock that judges it is the upstream's
    if (fault === undefined) tellValidity(warnings, clientCertificate, validityOf(pem));
    return fault;
  };
  const check = async (
    member: UnusableSecret['member'],
    secret: string | undefined,
    faultOf: FaultOf,
  ): Promise<readonly UnusableSecret[]> => {
    if (secret === undefined) return [];
    const detail = await faultOfSecret(secrets, secret, faultOf, options);
    return detail === undefined ? [] : [{ member, secret, detail }];
  };
  const found = await Promise.all([check('ca', ca, faultOfAuthorities), check('clientCertificate', clientCertificate, faultOfOwn)]);
  return found.flat();
}

async function faultOfSecret(
  secrets: SecretSource,
  name: string,
  faultOf: FaultOf,
  options: CallOptions | undefined,
): Promise<string | undefined> {
  try {
    const { value } = await (secrets.fresh?.(name, options) ?? secrets.current(name, options));
    return faultOf(value);
  } catch (error) {
    if (!(error instanceof PortError)) throw error;
    if (error.code === 'not_found') return 'does not exist';
    // The payload itself, not its service: see `Secrets`.
    if (error.code === 'data_loss' || error.code === 'out_of_range') return 'is no text that a secret may hold';
    throw error;
  }
}
