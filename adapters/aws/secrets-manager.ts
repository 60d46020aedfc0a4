import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type { GetSecretValueCommandOutput } from '@aws-sdk/client-secrets-manager';
import { maxSecretBytes, PortError } from '../../core/ports/index.ts';
import type { CallOptions, Secret, Secrets, SecretVersion } from '../../core/ports/index.ts';
import { assertSecretName } from '../../core/secrets/secret-name.ts';
import { clientConfiguration, requestOptions } from './client-options.ts';
import type { AwsClientOptions } from './client-options.ts';
import { secretsManagerCodes } from './secrets-manager-errors.ts';
import { toPortError } from './to-port-error.ts';

export interface SecretsManagerOptions extends AwsClientOptions {
  /** Stands before each logical name, for example `portolan/production/`; default none. Characters: `A-Z a-z 0-9 / _ + = . @ -`. */
  readonly prefix?: string | undefined;
}

const stages: Readonly<Record<SecretVersion, string>> = { current: 'AWSCURRENT', previous: 'AWSPREVIOUS' };

/**
 * Secrets from AWS Secrets Manager: text secrets, by staging label. A secret that is marked for deletion is `failed_precondition`.
 *
 * The SDK's client is made with the first read: most requests find their secrets in core's cache.
 */
export class SecretsManager implements Secrets {
  readonly #options: SecretsManagerOptions;
  #client: SecretsManagerClient | undefined;

  constructor(options: SecretsManagerOptions = {}) {
    this.#options = options;
  }

  get(name: string, version: 'current', options?: CallOptions): Promise<Secret>;
  get(name: string, version: 'previous', options?: CallOptions): Promise<Secret | undefined>;
  async get(name: string, version: SecretVersion, options?: CallOptions): Promise<Secret | undefined> {
    assertSecretName(name);
    this.#client ??= new SecretsManagerClient(clientConfiguration(this.#options));
    try {
      const answer = await this.#client.send(
        new GetSecretValueCommand({ SecretId: `${this.#options.prefix ?? ''}${name}`, VersionStage: stages[version] }),
        requestOptions(options),
      );
      return toSecret(answer);
    } catch (error) {
      const failure = toPortError(error, 'secrets.get', secretsManagerCodes);
      if (failure.code === 'not_found' && version === 'previous') return undefined;
      throw failure;
    }
  }
}

function toSecret({ SecretString: value, VersionId: version, CreatedDate }: GetSecretValueCommandOutput): Secret {
  if (value === undefined || version === undefined || !value.isWellFormed()) {
    throw new PortError('data_loss', 'secrets.get', { reason: 'NotText' });
  }
  if (Buffer.byteLength(value) > maxSecretBytes) throw new PortError('out_of_range', 'secrets.get', { reason: 'TooLarge' });
  return { value, version, createdAt: CreatedDate?.getTime() };
}
