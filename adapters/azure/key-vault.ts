import type { TokenCredential } from '@azure/identity';
import type { KeyVaultSecret, SecretClient, SecretClientOptions, SecretProperties } from '@azure/keyvault-secrets';
import { maxSecretBytes, PortError } from '../../core/ports/index.ts';
import type { CallOptions, Clock, Secret, Secrets, SecretVersion } from '../../core/ports/index.ts';
import { assertSecretName } from '../../core/secrets/secret-name.ts';
import { attempt } from './attempt.ts';
import type { SdkOptions } from './attempt.ts';
import { managedIdentity } from './managed-identity.ts';
import { serviceCodeOf } from './to-port-error.ts';

export interface KeyVaultOptions {
  /** `https://<vault>.vault.azure.net`. Plain `http` is taken on the loopback only, for emulators. */
  readonly vaultUrl: string;
  /** Stands before each logical name, for example `portolan-production-`; default none. Characters: `A-Z a-z 0-9 -`, at most 64. */
  readonly prefix?: string | undefined;
  /** Of a user-assigned identity; default the app's own. */
  readonly clientId?: string | undefined;
  /** Default the managed identity. */
  readonly credential?: TokenCredential | undefined;
  /** How long one call may take, in milliseconds; default 3,000: the first is three exchanges (challenge, token, secret). */
  readonly attemptTimeoutMs?: number | undefined;
}

/**
 * Secrets from Azure Key Vault.
 *
 * The vault's own "current" is the newest version whatever its state, so: a version that is disabled, not yet valid or expired is passed
 * over, for `current` and for `previous`. That reads the list of versions, which the usual case, a usable newest version, does not. The
 * identity needs the role Key Vault Secrets User, which may get and list.
 *
 * Its libraries are loaded with the first read: most requests find their secrets in core's cache.
 */
export class KeyVault implements Secrets {
  readonly #options: KeyVaultOptions;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  #client: Promise<SecretClient> | undefined;

  constructor(options: KeyVaultOptions, clock: Clock) {
    if (!/^[A-Za-z0-9-]{0,64}$/.test(options.prefix ?? '')) throw new TypeError('A prefix has at most 64 of A-Z a-z 0-9 -');
    this.#options = options;
    this.#clock = clock;
    this.#timeoutMs = options.attemptTimeoutMs ?? 3_000;
  }

  get(name: string, version: 'current', options?: CallOptions): Promise<Secret>;
  get(name: string, version: 'previous', options?: CallOptions): Promise<Secret | undefined>;
  async get(name: string, version: SecretVersion, options?: CallOptions): Promise<Secret | undefined> {
    assertSecretName(name);
    const stored = `${this.#options.prefix ?? ''}${name}`;
    const newest = version === 'current' ? await this.#newest(stored, options) : undefined;
    if (newest !== undefined) return toSecret(newest);
    const chosen = (await this.#usableVersions(stored, options))[version === 'current' ? 0 : 1]?.version;
    if (chosen !== undefined)
      return toSecret(await this.#call(options, (client, sdk) => client.getSecret(stored, { ...sdk, version: chosen })));
    if (version === 'previous') return undefined;
    throw new PortError('not_found', 'secrets.get', { reason: 'NoUsableVersion' });
  }

  /** The newest version, if it is usable. Throws `not_found` when there is no version at all. */
  async #newest(stored: string, options: CallOptions | undefined): Promise<KeyVaultSecret | undefined> {
    return this.#call(options, async (client, sdk) => {
      try {
        const secret = await client.getSecret(stored, sdk);
        return this.#usable(secret.properties) ? secret : undefined;
      } catch (error) {
        if (serviceCodeOf(error) === 'SecretDisabled') return undefined;
        throw error;
      }
    });
  }

  /** Newest first. The vault tells the time of a version in whole seconds: the order of two made within one is not known. */
  async #usableVersions(stored: string, options: CallOptions | undefined): Promise<readonly SecretProperties[]> {
    return this.#call(options, async (client, sdk) => {
      const usable: SecretProperties[] = [];
      try {
        for await (const properties of client.listPropertiesOfSecretVersions(stored, sdk)) {
          if (this.#usable(properties)) usable.push(properties);
        }
      } catch (error) {
        if (serviceCodeOf(error) === 'SecretNotFound') return [];
        throw error;
      }
      return usable.toSorted((a, b) => (b.createdOn?.getTime() ?? 0) - (a.createdOn?.getTime() ?? 0));
    });
  }

  #usable({ enabled, notBefore, expiresOn }: SecretProperties): boolean {
    const now = this.#clock.now();
    return (
      enabled !== false &&
      !(notBefore !== undefined && notBefore.getTime() > now) &&
      !(expiresOn !== undefined && expiresOn.getTime() <= now)
    );
  }

  async #call<T>(options: CallOptions | undefined, call: (client: SecretClient, sdk: SdkOptions) => Promise<T>): Promise<T> {
    return attempt('secrets.get', this.#timeoutMs, options, async (sdk) => {
      this.#client ??= secretClient(this.#options);
      return call(await this.#client, sdk);
    });
  }
}

async function secretClient({ vaultUrl, credential, clientId }: KeyVaultOptions): Promise<SecretClient> {
  const { SecretClient } = await import('@azure/keyvault-secrets');
  const loopback = /^http:\/\/(?:127\.0\.0\.1|localhost)(?:[:/]|$)/.test(vaultUrl);
  return new SecretClient(vaultUrl, credential ?? managedIdentity(clientId), {
    retryOptions: { maxRetries: 0 },
    allowInsecureConnection: loopback,
    disableChallengeResourceVerification: loopback,
    additionalPolicies: [{ position: 'perCall', policy: emptyFailures }],
  });
}

type Policy = NonNullable<SecretClientOptions['additionalPolicies']>[number]['policy'];

/** Gives a failure without a body an empty one: the client looks into it unasked, and would throw a `TypeError` for a 503. */
const emptyFailures: Policy = {
  name: 'portolan-empty-failures',
  async sendRequest(request, next) {
    const response = await next(request);
    if (response.status >= 400 && !response.bodyAsText) response.bodyAsText = '{}';
    return response;
  },
};

function toSecret({ value, properties: { version, createdOn } }: KeyVaultSecret): Secret {
  if (value === undefined || version === undefined || !value.isWellFormed()) {
    throw new PortError('data_loss', 'secrets.get', { reason: 'NotText' });
  }
  if (Buffer.byteLength(value) > maxSecretBytes) throw new PortError('out_of_range', 'secrets.get', { reason: 'TooLarge' });
  return { value, version, createdAt: createdOn?.getTime() };
}
