import type { EpochMillis } from './clock.ts';
import type { CallOptions } from './key-value-store.ts';

/** The greatest size of a secret in bytes of UTF-8: Azure Key Vault takes 25 KB, the least of the clouds. */
export const maxSecretBytes = 24_576;

/** Which version: the newest usable one, or the one before it, kept readable while a rotation is under way. */
export type SecretVersion = 'current' | 'previous';

export interface Secret {
  /** Text. Never log it, put it in an error, or store it. */
  readonly value: string;
  /** The service's own name of this version, for logs and `/readyz`. Not secret. */
  readonly version: string;
  /** When this version was made, where the service says so. */
  readonly createdAt?: EpochMillis | undefined;
}

/**
 * Reads secrets. Names are logical: a lower-case letter, then up to 62 of `[a-z0-9-]`; an adapter adds its own prefix. Anything else
 * is a `TypeError` before any I/O.
 *
 * Adapters do not cache or retry; `core/secrets/cached-secrets.ts` does, once for all.
 *
 * Errors (`PortError`): `not_found` for a current version that does not exist, `data_loss` for a binary or ill-formed
 * payload, `out_of_range` for one over `maxSecretBytes`, and the service's failures.
 */
export interface Secrets {
  /** `current` throws `not_found` when there is none; `previous` answers `undefined` when there is none. */
  get(name: string, version: 'current', options?: CallOptions): Promise<Secret>;
  get(name: string, version: 'previous', options?: CallOptions): Promise<Secret | undefined>;
}
