import type { CallOptions, Crypto, Secret, Secrets, SecretVersion } from '../../../core/ports/index.ts';
import { nodeCrypto } from '../../node/node-crypto.ts';
import { absentSecret, checkSecretCall, checkSecretValue } from './secret-checks.ts';

/**
 * Secrets from environment variables: `session-key` is `PORTOLAN_SECRET_SESSION_KEY`, its previous version
 * `PORTOLAN_SECRET_SESSION_KEY_PREVIOUS`.
 *
 * The two share one name space: with a secret `a`, a secret `a-previous` would be its previous version.
 */
export class EnvSecrets implements Secrets {
  readonly #env: Readonly<Record<string, string | undefined>>;
  readonly #crypto: Crypto;

  /** @param env read at every call, so that a change shows */
  constructor(env: Readonly<Record<string, string | undefined>>, crypto: Crypto = nodeCrypto) {
    this.#env = env;
    this.#crypto = crypto;
  }

  get(name: string, version: 'current', options?: CallOptions): Promise<Secret>;
  get(name: string, version: 'previous', options?: CallOptions): Promise<Secret | undefined>;
  async get(name: string, version: SecretVersion, options?: CallOptions): Promise<Secret | undefined> {
    checkSecretCall(name, options);
    const variable = `PORTOLAN_SECRET_${name.toUpperCase().replaceAll('-', '_')}${version === 'previous' ? '_PREVIOUS' : ''}`;
    const value = this.#env[variable];
    if (value === undefined) return absentSecret(version);
    checkSecretValue(value);
    return { value, version: this.#versionOf(name, value) };
  }

  /** The start of a hash, since a variable has no version of its own: too short to tell the secret by. */
  #versionOf(name: string, value: string): string {
    return this.#crypto.sha256(`portolan-secret\n${name}\n${value}`).slice(0, 6);
  }
}
