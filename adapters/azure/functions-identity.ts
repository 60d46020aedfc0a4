import { once } from 'node:events';
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import type { AccessToken, TokenCredential } from '@azure/identity';

/** An exchange with the host's endpoint ends by then, milliseconds; who asked has given up long before. */
const exchangeMs = 30_000;

/**
 * In the Azure bundle this stands in for `@azure/identity`, which knows every way to an identity and brings MSAL: a third of the bundle, loaded
 * before the first call of a service. A function app's host has an endpoint for the app's identity, always, and keeps the tokens it gives
 * (https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference); the services' clients keep them, too.
 */
export class ManagedIdentityCredential implements TokenCredential {
  readonly #clientId: string | undefined;

  /** @param options `clientId`: of a user-assigned identity; default the app's own */
  constructor({ clientId }: { readonly clientId?: string } = {}) {
    this.#clientId = clientId;
  }

  /** @throws {Error} `CredentialUnavailableError`, as the library's; the `cause` has the status, or `errorCode` where there is no answer to read */
  async getToken(scopes: string | string[]): Promise<AccessToken> {
    const { IDENTITY_ENDPOINT: endpoint, IDENTITY_HEADER: header } = process.env;
    if (!endpoint || !header) throw unavailable('IDENTITY_ENDPOINT and IDENTITY_HEADER are not set: the app has no identity');
    const url = new URL(endpoint);
    url.searchParams.set('api-version', '2019-08-01');
    url.searchParams.set('resource', String(scopes).replace(/\/\.default$/, ''));
    if (this.#clientId !== undefined) url.searchParams.set('client_id', this.#clientId);
    const { status, content } = await get(url, { 'x-identity-header': header });
    if (status !== 200) throw unavailable(`The identity endpoint answered ${status}`, { status });
    return toToken(content);
  }
}

async function get(url: URL, headers: Readonly<Record<string, string>>): Promise<{ status: number | undefined; content: string }> {
  try {
    const sent = request(url, { headers, signal: AbortSignal.timeout(exchangeMs) }).end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    return { status: response.statusCode, content: await text(response) };
  } catch {
    throw unavailable('The identity endpoint cannot be reached', { errorCode: 'network_error' });
  }
}

/** The answer's times are epoch seconds, as text. */
function toToken(content: string): AccessToken {
  const { access_token: token, expires_on: expiresOn } = parsed(content);
  const expiresOnTimestamp = Number(expiresOn) * 1_000;
  if (typeof token !== 'string' || token === '' || !(expiresOnTimestamp > 0)) throw unreadable();
  return { token, expiresOnTimestamp };
}

function parsed(content: string): { readonly access_token?: unknown; readonly expires_on?: unknown } {
  try {
    return (JSON.parse(content) ?? {}) as object;
  } catch {
    throw unreadable();
  }
}

function unreadable(): Error {
  return unavailable('The identity endpoint gave no token', { errorCode: 'network_error' });
}

function unavailable(message: string, cause?: { readonly status?: number | undefined; readonly errorCode?: string }): Error {
  const error = new Error(message, { cause });
  error.name = 'CredentialUnavailableError';
  return error;
}
