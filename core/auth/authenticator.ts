import type { Clock, EpochMillis } from '../ports/clock.ts';
import type { Crypto } from '../ports/crypto.ts';
import type { CallOptions } from '../ports/key-value-store.ts';
import { PortError } from '../ports/errors.ts';
import type { Secret } from '../ports/secrets.ts';
import { RateLimiter } from '../limits/rate-limiter.ts';
import type { CachedSecrets } from '../secrets/cached-secrets.ts';
import { constantTimeEqual } from '../text/constant-time-equal.ts';
import { hashApiKeySecret, parseApiKey } from './api-key.ts';
import type { ApiKeyRecord, Scope } from './api-key.ts';
import { parseKeyRecords } from './key-records.ts';
import type { StoredKeys } from './key-records.ts';

/** Who is calling. */
export interface Principal {
  readonly keyId: string;
  readonly tenant: string;
  readonly scopes: ReadonlySet<Scope>;
}

/** How long a decision about a key in the store is trusted: the greatest delay of a revocation, milliseconds. */
export const storedKeyTtlMs = 5_000;

const maxRemembered = 1_000;

/**
 * How many keys that turn out to be wrong an instance looks up in a minute. Each look-up is a read that nobody pays for; over this, keys it
 * does not know yet get 503 until the minute is over.
 */
export const wrongKeysPerMinute = 600;

interface Remembered {
  /** The secret part that was right. Compared in constant time; in memory only. */
  readonly secret: string;
  readonly principal: Principal;
  readonly expiresAt: EpochMillis;
  readonly verifiedAt: EpochMillis;
}

export interface AuthenticatorOptions {
  /** Name of the secret that holds key records; none when absent. */
  readonly keysSecret: string | undefined;
  /** Keys in the store; none when absent. */
  readonly storedKeys: StoredKeys | undefined;
}

/** Verifies `Authorization: Bearer ptl_...` (RFC 6750 section 2.1). */
export class Authenticator {
  readonly #clock: Clock;
  readonly #crypto: Crypto;
  readonly #secrets: CachedSecrets;
  readonly #options: AuthenticatorOptions;
  readonly #remembered = new Map<string, Remembered>();
  readonly #wrongKeys: RateLimiter;
  #records: { readonly of: Secret; readonly byId: ReadonlyMap<string, ApiKeyRecord> }[] = [];

  constructor(clock: Clock, crypto: Crypto, secrets: CachedSecrets, options: AuthenticatorOptions) {
    this.#clock = clock;
    this.#crypto = crypto;
    this.#secrets = secrets;
    this.#options = options;
    this.#wrongKeys = new RateLimiter(clock, wrongKeysPerMinute);
  }

  /**
   * The caller, or `undefined` for no, a malformed, unknown, wrong or expired key: the difference is nobody's business. At once for a
   * key seen within the last seconds.
   *
   * @throws {PortError} the key could be neither verified nor refused
   */
  authenticate(authorization: string | undefined, options?: CallOptions): Principal | undefined | Promise<Principal | undefined> {
    const token = bearerToken(authorization);
    const key = token === undefined ? undefined : parseApiKey(token);
    if (key === undefined) return undefined;
    const now = this.#clock.now();
    const known = this.#remembered.get(key.id);
    // A clock that stepped back must not lengthen the trust.
    const trusted = known !== undefined && now >= known.verifiedAt && now < known.verifiedAt + storedKeyTtlMs;
    if (trusted && constantTimeEqual(known.secret, key.secret)) {
      return now < known.expiresAt ? known.principal : undefined;
    }
    return this.#verify(key.id, key.secret, options);
  }

  async #verify(id: string, secret: string, options: CallOptions | undefined): Promise<Principal | undefined> {
    const { allowed, resetSeconds } = this.#wrongKeys.state('');
    if (!allowed) {
      throw new PortError('resource_exhausted', 'authentication', {
        reason: 'TooManyWrongKeys',
        retryAfterMs: resetSeconds * 1_000,
      });
    }
    const hash = hashApiKeySecret(this.#crypto, secret);
    const record = await this.#find(id, hash, options);
    const now = this.#clock.now();
    const expiresAt = record?.expiresAt === undefined ? Number.POSITIVE_INFINITY : Date.parse(record.expiresAt);
    // Written this way round, a date there is not (NaN) counts as past.
    if (record === undefined || !(expiresAt > now)) {
      this.#wrongKeys.allow('');
      return undefined;
    }
    const principal: Principal = { keyId: id, tenant: record.tenant, scopes: new Set(record.scopes) };
    if (this.#remembered.size >= maxRemembered) this.#remembered.clear();
    this.#remembered.set(id, { secret, principal, expiresAt, verifiedAt: now });
    return principal;
  }

  /**
   * The record of this id whose hash fits: in the secret, or in the store. A key that the secret's current version still lists may be used
   * with the hash of the version before, so that its secret part can be changed without a gap; one that it does not list is revoked.
   */
  async #find(id: string, hash: string, options: CallOptions | undefined): Promise<ApiKeyRecord | undefined> {
    const { keysSecret, storedKeys } = this.#options;
    const fits = (record: ApiKeyRecord | undefined): boolean => record !== undefined && constantTimeEqual(record.hash, hash);
    let failure: PortError | undefined;
    if (keysSecret !== undefined) {
      try {
        const current = this.#byId(await this.#secrets.current(keysSecret, options)).get(id);
        if (fits(current)) return current;
        const previous = current && (await this.#secrets.previous(keysSecret, options));
        if (previous !== undefined && fits(this.#byId(previous).get(id))) return current;
      } catch (error) {
        // Keys in the store still work while the secret cannot be read; an unknown key is then an outage, not a refusal.
        if (!(error instanceof PortError) || storedKeys === undefined) throw error;
        failure = error;
      }
    }
    const stored = await storedKeys?.get(id, options);
    if (fits(stored)) return stored;
    if (failure !== undefined) throw failure;
    return undefined;
  }

  /** Parsed once per version read. */
  #byId(secret: Secret): ReadonlyMap<string, ApiKeyRecord> {
    const known = this.#records.find(({ of }) => of === secret);
    if (known !== undefined) return known.byId;
    const byId = new Map(parseKeyRecords(secret.value).map((record) => [record.id, record]));
    this.#records = [{ of: secret, byId }, ...this.#records].slice(0, 2);
    return byId;
  }
}

/** The token of a Bearer credential; the scheme is case-insensitive (RFC 9110 section 11.1). */
function bearerToken(authorization: string | undefined): string | undefined {
  if (authorization === undefined || authorization.length > 256) return undefined;
  return authorization.slice(0, 7).toLowerCase() === 'bearer ' ? authorization.slice(7).trim() : undefined;
}
