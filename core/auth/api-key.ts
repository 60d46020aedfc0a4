import type { Crypto } from '../ports/crypto.ts';
import type { EpochMillis } from '../ports/clock.ts';
import { base64url } from '../text/base64url.ts';
import { instant } from '../text/instant.ts';

/** What a key may do. */
export const scopes = ['sessions:read', 'sessions:write', 'credentials:read', 'configuration:read', 'configuration:write'] as const;
export type Scope = (typeof scopes)[number];

/** What is kept of an API key: enough to verify it, not to make it. Instants are RFC 3339. */
export interface ApiKeyRecord {
  /** 8 to 32 of `[a-z0-9]`. */
  readonly id: string;
  /** SHA-256 of the secret part, base64url: the secret has 256 random bits, so a slow hash would add nothing. */
  readonly hash: string;
  /** Whose sessions the key sees: `[a-z0-9]`, then up to 62 of `[a-z0-9-]`. */
  readonly tenant: string;
  readonly scopes: readonly Scope[];
  readonly name?: string | undefined;
  readonly createdAt: string;
  readonly expiresAt?: string | undefined;
}

const keyForm = /^ptl_([a-z0-9]{8,32})_([A-Za-z0-9_-]{43})$/;
const idAlphabet = 'abcdefghijklmnopqrstuvwxyz234567';

/** Splits `ptl_<id>_<secret>`; `undefined` when it has another form. */
export function parseApiKey(key: string): { readonly id: string; readonly secret: string } | undefined {
  const match = keyForm.exec(key);
  return match === null ? undefined : { id: match[1] ?? '', secret: match[2] ?? '' };
}

export function hashApiKeySecret(crypto: Crypto, secret: string): string {
  return crypto.sha256(secret);
}

/** Makes a key and its record. The key is shown once and kept nowhere. */
export function newApiKey(
  crypto: Crypto,
  now: EpochMillis,
  options: {
    readonly tenant: string;
    readonly scopes: readonly Scope[];
    readonly name?: string | undefined;
    readonly expiresAt?: EpochMillis | undefined;
  },
): { readonly key: string; readonly record: ApiKeyRecord } {
  const id = Array.from(crypto.randomBytes(12), (byte) => idAlphabet.charAt(byte & 31)).join('');
  const secret = base64url(crypto.randomBytes(32));
  return {
    key: `ptl_${id}_${secret}`,
    record: {
      id,
      hash: hashApiKeySecret(crypto, secret),
      tenant: options.tenant,
      scopes: options.scopes,
      name: options.name,
      createdAt: instant(now),
      expiresAt: options.expiresAt === undefined ? undefined : instant(options.expiresAt),
    },
  };
}
