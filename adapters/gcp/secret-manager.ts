import type { SecretManagerServiceClient } from '@google-cloud/secret-manager';
import { maxSecretBytes, PortError } from '../../core/ports/index.ts';
import type { CallOptions, Secret, Secrets, SecretVersion } from '../../core/ports/index.ts';
import { assertSecretName } from '../../core/secrets/secret-name.ts';
import { crc32c } from './crc32c.ts';
import { emulatorSettings, lazyClient } from './lazy-client.ts';
import { toPortError } from './port-error.ts';

export interface SecretManagerOptions {
  readonly projectId: string;
  /** Stands before each logical name, for example `portolan-production-`; default none. At most 190 of `[A-Za-z0-9_-]`. */
  readonly prefix?: string | undefined;
  /** How long one attempt may take, in milliseconds; default 1,000. Then it fails with `deadline_exceeded`. */
  readonly attemptTimeoutMs?: number | undefined;
  /** `host:port` of a service for tests, reached in plain text and without credentials; default the cloud. */
  readonly emulatorHost?: string | undefined;
}

/** How many versions before the current one are tried for the previous one. */
const versionsBack = 10;
const operation = 'secrets.get';
const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Secrets from Google Secret Manager. Needs `roles/secretmanager.secretAccessor` on each secret, and nothing that lists.
 *
 * Current is what the alias `latest` names, which Google may take minutes to move on; it is `failed_precondition` while that version is
 * disabled. Previous is the newest enabled version before it, ten back at most. The service says no time of creation with a
 * value, so `createdAt` is absent.
 *
 * Over gRPC, like the store: beside it REST would save nothing of the start. The client is loaded with the first read.
 */
export class SecretManager implements Secrets {
  readonly #secrets: string;
  readonly #timeoutMs: number;
  readonly #open: (operation: string, signal: AbortSignal | undefined) => Promise<SecretManagerServiceClient>;

  constructor(options: SecretManagerOptions) {
    const { projectId, prefix = '', attemptTimeoutMs = 1_000 } = options;
    if (!/^[A-Za-z0-9_-]{0,190}$/.test(prefix)) throw new TypeError('A prefix of secrets has at most 190 of A-Z a-z 0-9 _ -');
    this.#secrets = `projects/${projectId}/secrets/${prefix}`;
    this.#timeoutMs = attemptTimeoutMs;
    this.#open = lazyClient(() => connect(options));
  }

  get(name: string, version: 'current', options?: CallOptions): Promise<Secret>;
  get(name: string, version: 'previous', options?: CallOptions): Promise<Secret | undefined>;
  async get(name: string, version: SecretVersion, options?: CallOptions): Promise<Secret | undefined> {
    assertSecretName(name);
    const versions = `${this.#secrets}${name}/versions/`;
    return version === 'current' ? this.#access(`${versions}latest`, options) : this.#previous(versions, options);
  }

  async #previous(versions: string, options: CallOptions | undefined): Promise<Secret | undefined> {
    const latest = await this.#tryAccess(`${versions}latest`, ['not_found'], options);
    if (latest === undefined) return undefined;
    const newest = Number(latest.version) - 1;
    for (let number = newest; number > Math.max(0, newest - versionsBack); number--) {
      // Disabled and destroyed versions are failed_precondition.
      const secret = await this.#tryAccess(`${versions}${number}`, ['not_found', 'failed_precondition'], options);
      if (secret !== undefined) return secret;
    }
    return undefined;
  }

  /** Undefined for the failures that mean that there is no such version to be had. */
  async #tryAccess(name: string, absences: readonly string[], options: CallOptions | undefined): Promise<Secret | undefined> {
    try {
      return await this.#access(name, options);
    } catch (error) {
      if (error instanceof PortError && absences.includes(error.code)) return undefined;
      throw error;
    }
  }

  async #access(name: string, options: CallOptions | undefined): Promise<Secret> {
    const signal = options?.signal;
    const client = await this.#open(operation, signal);
    try {
      const [answer] = await client.accessSecretVersion(
        { name },
        { timeout: this.#timeoutMs, retry: null, ...(signal === undefined ? {} : { signal }) },
      );
      return toSecret(answer);
    } catch (error) {
      const failure = toPortError(error, operation, signal);
      throw failure.reason === 'NOT_FOUND' ? new PortError('not_found', operation, { reason: 'NOT_FOUND' }) : failure;
    }
  }
}

/** `google.cloud.secretmanager.v1.AccessSecretVersionResponse`, as far as we read it. */
interface Answer {
  readonly name?: string | null;
  readonly payload?: {
    readonly data?: Uint8Array | string | null;
    readonly dataCrc32c?: number | string | { toString(): string } | null;
  } | null;
}

async function connect({ projectId, emulatorHost }: SecretManagerOptions): Promise<SecretManagerServiceClient> {
  const { default: secretManager } = await import('@google-cloud/secret-manager');
  const client = new secretManager.SecretManagerServiceClient({ projectId, ...(await emulatorSettings(emulatorHost)) });
  await client.initialize();
  return client;
}

function toSecret({ name, payload }: Answer): Secret {
  const version = /\/versions\/([1-9]\d*)$/.exec(name ?? '')?.[1];
  if (version === undefined) throw new PortError('internal', operation, { reason: 'NoVersion' });
  const bytes = Buffer.from(payload?.data ?? '');
  if (payload?.dataCrc32c != null && Number(payload.dataCrc32c) !== crc32c(bytes)) {
    // Google keeps payloads whole; what differs here was damaged on the way.
    throw new PortError('unavailable', operation, { reason: 'ChecksumMismatch' });
  }
  if (bytes.length > maxSecretBytes) throw new PortError('out_of_range', operation, { reason: 'TooLarge' });
  try {
    return { value: text.decode(bytes), version };
  } catch {
    throw new PortError('data_loss', operation, { reason: 'NotText' });
  }
}
