import type { Cookie } from '@azure/functions';

const name = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const domain = /^\.?[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/i;
const path = /^[ -:=-~]*$/;
const sameSites: ReadonlyMap<string, 'Strict' | 'Lax' | 'None'> = new Map([
  ['strict', 'Strict'],
  ['lax', 'Lax'],
  ['none', 'None'],
]);

/**
 * Reads a `Set-Cookie` value (RFC 6265 section 5.2) into the library's cookie, for the library to write it again.
 *
 * The library writes values through `encodeURIComponent`, so the value handed over is the one that comes out as it was, if there is
 * one. Lost are: a value with other characters in it (it comes out escaped), attributes the library does not know (`Partitioned`,
 * `Priority`), attributes that are ill-formed, and the order and letter case of attributes.
 *
 * @throws {TypeError} the library could not write it: it would throw where nobody can catch it, and never answer
 */
export function parseSetCookie(value: string): Cookie {
  const [pair = '', ...attributes] = value.split(';');
  const equals = pair.indexOf('=');
  const cookie: Cookie = { name: pair.slice(0, Math.max(0, equals)).trim(), value: unescaped(pair.slice(equals + 1).trim()) };
  for (const attribute of attributes) {
    const at = attribute.indexOf('=');
    const key = (at < 0 ? attribute : attribute.slice(0, at)).trim().toLowerCase();
    setAttribute(cookie, key, at < 0 ? '' : attribute.slice(at + 1).trim());
  }
  const writable =
    name.test(cookie.name) && domain.test(cookie.domain ?? 'a') && path.test(cookie.path ?? '') && cookie.value.isWellFormed();
  if (!writable) throw new TypeError('A Set-Cookie that Azure Functions cannot send');
  return cookie;
}

function setAttribute(cookie: Cookie, key: string, value: string): void {
  if (key === 'secure') cookie.secure = true;
  if (key === 'httponly') cookie.httpOnly = true;
  if (key === 'domain' && value !== '') cookie.domain = value;
  if (key === 'path' && value !== '') cookie.path = value;
  if (key === 'max-age' && /^-?\d{1,15}$/.test(value)) cookie.maxAge = Number(value);
  const sameSite = sameSites.get(value.toLowerCase());
  if (key === 'samesite' && sameSite !== undefined) cookie.sameSite = sameSite;
  const expires = new Date(value);
  if (key === 'expires' && !Number.isNaN(expires.getTime())) cookie.expires = expires;
}

/** The text that `encodeURIComponent` turns into `value`, or `value` itself where there is none. */
function unescaped(value: string): string {
  try {
    const text = decodeURIComponent(value);
    return encodeURIComponent(text) === value ? text : value;
  } catch {
    return value;
  }
}
