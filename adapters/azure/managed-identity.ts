import type { TokenCredential } from '@azure/identity';

/**
 * The function app's managed identity as a credential. `@azure/identity` is loaded with the first token, not before: it is the heaviest of
 * Azure's libraries, and a process on a connection string never needs it.
 *
 * The library ignores the abort signal while it fetches a token, so the wait is given up here; the token still arrives in its cache,
 * and the next attempt finds it.
 *
 * @param clientId of a user-assigned identity; default the app's own
 */
export function managedIdentity(clientId?: string): TokenCredential {
  let loading: Promise<TokenCredential> | undefined;
  const load = async (): Promise<TokenCredential> => {
    const { ManagedIdentityCredential } = await import('@azure/identity');
    return new ManagedIdentityCredential({ ...(clientId === undefined ? {} : { clientId }), retryOptions: { maxRetries: 0 } });
  };
  return {
    async getToken(scopes, options = {}) {
      loading ??= load();
      const credential = await loading;
      return unlessAborted(credential.getToken(scopes, options), options.abortSignal as AbortSignal | undefined);
    },
  };
}

async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  const aborted = Promise.withResolvers<never>();
  const abort = (): void => aborted.reject(signal.reason as Error);
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
