import { parseBasic } from '../../../core/session/vendors/proxy-url.ts';

/** What a client sent in `Proxy-Authorization`. Either part may hold the session's token. */
export interface ProxyCredentials {
  readonly username: string;
  readonly password: string;
}

/**
 * Reads the Basic credentials of a request to the proxy (RFC 7617).
 *
 * @param rawHeaders name, value, ... as received
 * @returns `undefined` when there are none that can be read, or more than one
 */
export function readProxyCredentials(rawHeaders: readonly string[]): ProxyCredentials | undefined {
  const [value, ...more] = rawHeaders.filter(
    (_, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === 'proxy-authorization',
  );
  return value === undefined || more.length > 0 ? undefined : parseBasic(value);
}
