import type { Crypto } from '../ports/crypto.ts';
import { PortError } from '../ports/errors.ts';
import type { CallOptions } from '../ports/key-value-store.ts';
import type { Secret } from '../ports/secrets.ts';
import type { CachedSecrets } from '../secrets/cached-secrets.ts';
import { constantTimeEqual } from '../text/constant-time-equal.ts';

/** The fewest characters of a signing secret: with less, whoever holds one token could guess it and sign for every tenant. */
const minLength = 32;

/** @throws {PortError} `data_loss`, reason `SigningSecretTooShort`: fewer than 32 characters */
export function requireSigningSecret(secret: Secret): Secret {
  if (!isLongEnough(secret)) throw new PortError('data_loss', 'signer.secret', { reason: 'SigningSecretTooShort' });
  return secret;
}

function isLongEnough({ value }: Secret): boolean {
  return value.length >= minLength;
}

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

  /**
   * @param purpose separates uses: a signature for one never verifies for another
   * @throws {PortError} the secret cannot be read, or `data_loss`: it is shorter than 32 characters
   */
  sign(purpose: string, text: string, options?: CallOptions): string | Promise<string> {
    const secret = this.#secrets.current(this.#secretName, options);
    return secret instanceof Promise
      ? secret.then((read) => this.#mac(requireSigningSecret(read), purpose, text))
      : this.#mac(requireSigningSecret(secret), purpose, text);
  }

  /** @throws {PortError} as `sign` */
  async verify(purpose: string, text: string, signature: string, options?: CallOptions): Promise<boolean> {
    const fits = (secret: Secret | undefined): boolean =>
      secret !== undefined && isLongEnough(secret) && constantTimeEqual(this.#mac(secret, purpose, text), signature);
    const current = requireSigningSecret(await this.#secrets.current(this.#secretName, options));
    return (
      fits(current) ||
      fits(await this.#secrets.previous(this.#secretName, options)) ||
      fits(await this.#secrets.refresh(this.#secretName, current.version, options))
    );
  }

  #mac(key: Secret, purpose: string, text: string): string {
    return this.#crypto.hmacSha256(key.value, `${purpose}\n${text}`);
  }
}
