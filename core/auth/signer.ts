import type { Crypto } from '../ports/crypto.ts';
import type { CallOptions } from '../ports/key-value-store.ts';
import type { Secret } from '../ports/secrets.ts';
import type { CachedSecrets } from '../secrets/cached-secrets.ts';
import { constantTimeEqual } from '../text/constant-time-equal.ts';

/**
 * Signs short texts with the deployment's signing secret (HMAC-SHA-256) and verifies them, with the secret's previous version too, and
 * with one newer than we know, so that rotating it breaks nothing: instances notice a rotation at different times.
 */
export class Signer {
  readonly #crypto: Crypto;
  readonly #secrets: CachedSecrets;
  readonly #secretName: string;

  constructor(crypto: Crypto, secrets: CachedSecrets, secretName: string) {
    this.#crypto = crypto;
    this.#secrets = secrets;
    this.#secretName = secretName;
  }

  /** @param purpose separates uses: a signature for one never verifies for another */
  sign(purpose: string, text: string, options?: CallOptions): string | Promise<string> {
    const secret = this.#secrets.current(this.#secretName, options);
    return secret instanceof Promise
      ? secret.then(({ value }) => this.#mac(value, purpose, text))
      : this.#mac(secret.value, purpose, text);
  }

  async verify(purpose: string, text: string, signature: string, options?: CallOptions): Promise<boolean> {
    const fits = (secret: Secret | undefined): boolean =>
      secret !== undefined && constantTimeEqual(this.#mac(secret.value, purpose, text), signature);
    const current = await this.#secrets.current(this.#secretName, options);
    return (
      fits(current) ||
      fits(await this.#secrets.previous(this.#secretName, options)) ||
      fits(await this.#secrets.refresh(this.#secretName, current.version, options))
    );
  }

  #mac(key: string, purpose: string, text: string): string {
    return this.#crypto.hmacSha256(key, `${purpose}\n${text}`);
  }
}
