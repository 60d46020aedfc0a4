import type { ProxyScheme } from './template.ts';

export interface ProxyUrlParts {
  readonly scheme: ProxyScheme;
  readonly host: string;
  readonly port: number;
  readonly username: string;
  readonly password: string;
}

/**
 * A proxy's URL. Username and password are percent-encoded each (RFC 3986 section 3.2.1, and everything a shell or a URL parser could take
 * for itself), an IPv6 address stands in brackets, the port is always written: clients disagree on the default.
 *
 * @throws {TypeError} a host with a character of URL syntax, or text that is not well-formed Unicode
 */
export function proxyUrl({ scheme, host, port, username, password }: ProxyUrlParts): string {
  if (!/^(\[[0-9A-Fa-f:.]+\]|[0-9A-Fa-f:.]+|[A-Za-z0-9._-]+)$/.test(host))
    throw new TypeError('A proxy host must be a name or an address');
  const userinfo = username === '' && password === '' ? '' : `${encoded(username)}:${encoded(password)}@`;
  return `${scheme}://${userinfo}${host.includes(':') && !host.startsWith('[') ? `[${host}]` : host}:${port}`;
}

/** Letters that no encoding changes: tokens of ours are made of nothing else. */
const unreserved = /^[A-Za-z0-9._~-]*$/;

function encoded(text: string): string {
  if (unreserved.test(text)) return text;
  if (!text.isWellFormed()) throw new TypeError('Proxy credentials must be well-formed Unicode');
  return encodeURIComponent(text).replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Reads Basic credentials (RFC 7617) from `Authorization` or `Proxy-Authorization`: UTF-8, the username ends at the first colon, the password
 * may hold more. `undefined` for anything else: another scheme, no colon, not base64, not UTF-8, control characters.
 */
export function parseBasic(header: string): { readonly username: string; readonly password: string } | undefined {
  const token = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(header.trim())?.[1];
  if (token === undefined) return undefined;
  const text = decodeBase64(token);
  const colon = text?.indexOf(':') ?? -1;
  if (text === undefined || colon < 0 || /[\u0000-\u001F\u007F]/.test(text)) return undefined;
  return { username: text.slice(0, colon), password: text.slice(colon + 1) };
}

/** The text, or `undefined` when it is not base64 of UTF-8: a client's mistake and the answer to the question, not a failure. */
function decodeBase64(token: string): string | undefined {
  try {
    return utf8.decode(Uint8Array.from(atob(token), (character) => character.charCodeAt(0)));
  } catch {
    return undefined;
  }
}
