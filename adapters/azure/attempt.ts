import { PortError } from '../../core/ports/index.ts';
import type { CallOptions } from '../../core/ports/index.ts';
import { toPortError } from './to-port-error.ts';

/** What the SDKs take with every call. */
export interface SdkOptions {
  readonly abortSignal: AbortSignal;
}

/**
 * Makes one call of an SDK: gives up after `timeoutMs` with `deadline_exceeded` or when the caller aborts with `cancelled`; any other
 * failure becomes the `PortError` it means. Our own signal and not the SDK's `timeout`, which stops counting at the header of
 * the answer and does not cover the credential.
 */
export async function attempt<T>(
  operation: string,
  timeoutMs: number,
  options: CallOptions | undefined,
  call: (sdk: SdkOptions) => Promise<T>,
): Promise<T> {
  const signal = options?.signal;
  if (signal?.aborted === true) throw new PortError('cancelled', operation);
  const timeout = AbortSignal.timeout(timeoutMs);
  try {
    return await call({ abortSignal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]) });
  } catch (error) {
    throw toPortError(error, operation, signal, timeout);
  }
}
