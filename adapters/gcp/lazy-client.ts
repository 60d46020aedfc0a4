import type { ChannelCredentials } from '@grpc/grpc-js';
import { PortError } from '../../core/ports/index.ts';
import { toCredentialsError } from './port-error.ts';

/**
 * One of Google's clients, connected with its first call. They keep a failed start (no credentials yet, no metadata server) for ever, so
 * the next call after one connects anew.
 */
export function lazyClient<Client>(
  connect: () => Promise<Client>,
): (operation: string, signal: AbortSignal | undefined) => Promise<Client> {
  let client: Promise<Client> | undefined;
  return async (operation, signal) => {
    if (signal?.aborted === true) throw new PortError('cancelled', operation);
    client ??= connect();
    try {
      return await client;
    } catch (error) {
      client = undefined;
      throw toCredentialsError(error, operation);
    }
  };
}

/** A client's settings for `host:port` in plain text and without credentials; none for the cloud. */
export async function emulatorSettings(
  host: string | undefined,
): Promise<{ apiEndpoint?: string; port?: number; sslCreds?: ChannelCredentials }> {
  if (host === undefined) return {};
  const { default: grpc } = await import('@grpc/grpc-js');
  const { hostname, port } = new URL(`http://${host}`);
  return { apiEndpoint: hostname, port: Number(port), sslCreds: grpc.credentials.createInsecure() };
}
