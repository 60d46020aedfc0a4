import type { HttpRequest } from '../ports/http.ts';
import type { HashKey } from './configuration.ts';

/** The text a sticky choice is made by; `undefined` when the request does not carry it. Not decoded: the same client sends the same bytes. */
export function hashKeyOf(key: HashKey, request: HttpRequest, clientAddress: string | undefined): string | undefined {
  if (key.header !== undefined) return request.headers.get(key.header.toLowerCase());
  if (key.cookie !== undefined) return cookieValue(request.headers.get('cookie') ?? '', key.cookie);
  const mark = request.target.indexOf('?');
  if (key.query !== undefined) return mark < 0 ? undefined : queryValue(request.target.slice(mark + 1), key.query);
  if (key.by === 'path') return mark < 0 ? request.target : request.target.slice(0, mark);
  return clientAddress;
}

/** The first cookie of that name (RFC 6265 section 5.4). */
export function cookieValue(cookies: string, name: string): string | undefined {
  for (const pair of cookies.split(';')) {
    const equals = pair.indexOf('=');
    if (equals > 0 && pair.slice(0, equals).trim() === name) return pair.slice(equals + 1).trim();
  }
  return undefined;
}

/** The first parameter of that name, as sent. */
export function queryValue(query: string, name: string): string | undefined {
  for (const pair of query.split('&')) {
    const equals = pair.indexOf('=');
    if ((equals < 0 ? pair : pair.slice(0, equals)) === name) return equals < 0 ? '' : pair.slice(equals + 1);
  }
  return undefined;
}

/**
 * A well-mixed unsigned 32-bit hash of a text's UTF-16 units: FNV-1a, finished by MurmurHash3's mixer. Fast and stable between
 * instances and releases; not for secrets.
 */
export function hash32(text: string, seed = 0): number {
  let hash = 0x811c9dc5 ^ seed;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    hash = Math.imul(hash ^ (unit & 0xff), 0x01000193);
    hash = Math.imul(hash ^ (unit >>> 8), 0x01000193);
  }
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  hash ^= hash >>> 16;
  return hash >>> 0;
}
