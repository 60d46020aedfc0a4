import type { CallOptions } from '../../core/ports/index.ts';

/** An access key, as the SDK takes it. */
export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** What an AWS client may be told; everything else it learns from the environment Lambda gives. */
export interface AwsClientOptions {
  /** Default: `AWS_REGION`. */
  readonly region?: string | undefined;
  /** An address in place of the service's own, for emulators and VPC endpoints; default: the region's. */
  readonly endpoint?: string | undefined;
  /** Default: the SDK's chain (the function's role). */
  readonly credentials?: AwsCredentials | undefined;
  /** How long one attempt may take, in milliseconds; default 1,000. Then it fails with `deadline_exceeded`. */
  readonly attemptTimeoutMs?: number | undefined;
}

/**
 * The SDK's configuration for `options`. Retries are off: core retries, and could not tell a lost answer from a lost race if the SDK
 * did too. Without `throwOnRequestTimeout` the SDK only logs a late answer; the socket's time-out covers a stalled body.
 */
export function clientConfiguration({ region, endpoint, credentials, attemptTimeoutMs = 1_000 }: AwsClientOptions): {
  maxAttempts: number;
  requestHandler: { connectionTimeout: number; requestTimeout: number; socketTimeout: number; throwOnRequestTimeout: boolean };
  region?: string;
  endpoint?: string;
  credentials?: AwsCredentials;
} {
  return {
    maxAttempts: 1,
    requestHandler: {
      connectionTimeout: attemptTimeoutMs,
      requestTimeout: attemptTimeoutMs,
      socketTimeout: attemptTimeoutMs,
      throwOnRequestTimeout: true,
    },
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials === undefined ? {} : { credentials }),
  };
}

/** What the SDK's `send` takes of the caller's options. Undefined most times, so that a call costs no object. */
export function requestOptions(options: CallOptions | undefined): { readonly abortSignal: AbortSignal } | undefined {
  return options?.signal === undefined ? undefined : { abortSignal: options.signal };
}
