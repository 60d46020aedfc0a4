/** What a client sent in `Proxy-Authorization`. Either part may hold the session's token. */
export interface ProxyCredentials {
  readonly username: string;
  readonly password: string;
}

const basic = /^basic +([A-Za-z0-9+/]+={0,2})$/i;

/**
 * Reads Basic credentials (RFC 7617), UTF-8. Without a colon all of it is the username, as clients send a token alone.
 *
 * @param rawHeaders name, value, ... as received
 * @returns `undefined` when there are none that can be read, or more than one
 */
export function readProxyCredentials(rawHeaders: readonly string[]): ProxyCredentials | undefined {
  const values = rawHeaders.filter((_, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === 'proxy-authorization');
  const encoded = values.length === 1 ? basic.exec(values[0]?.trim() ?? '')?.[1] : undefined;
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, 'base64').toString();
  const colon = text.indexOf(':');
  return colon === -1 ? { username: text, password: '' } : { username: text.slice(0, colon), password: text.slice(colon + 1) };
}
