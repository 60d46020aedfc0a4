import { RequestRejected } from '../../core/ports/index.ts';

const inPath = 1;
const inQuery = 2;
const inDecodedPath = 4;
const inComponent = 8;

/** Which visible ASCII characters stay as they are, and where. `%` is judged apart. */
const stays: Uint8Array = new Uint8Array(128);
for (let code = 0x21; code < 0x7f; code++) {
  const character = String.fromCharCode(code);
  stays[code] =
    (character === '?' || character === '#' ? 0 : inPath) |
    (character === '#' ? 0 : inQuery) |
    // RFC 3986 section 3.3: what a path segment may hold unescaped.
    (/[A-Za-z0-9\-._~!$&'()*+,;=:@/]/.test(character) ? inDecodedPath : 0) |
    (encodeURIComponent(character) === character ? inComponent : 0);
}
const percent = 0x25;

/**
 * A path the platform hands over as sent. Only what cannot appear in a target is escaped: space, control characters, non-ASCII, `?`,
 * `#` and a bare `%`.
 *
 * @throws {RequestRejected} 400, it does not start with `/`
 */
export function encodedPath(path: string): string {
  return escape(rooted(path), inPath);
}

/**
 * A path the platform has decoded: escaped again, the `%` too. What was escaped without need comes back unescaped, and an escaped `/` is a
 * `/` for ever: those are the platform's losses.
 *
 * @throws {RequestRejected} 400, it does not start with `/`
 */
export function decodedPath(path: string): string {
  return escape(rooted(path), inDecodedPath);
}

/** A query the platform hands over as sent, without `?`; escaped only as in `encodedPath`, but for `?`. */
export function encodedQuery(query: string): string {
  return escape(query, inQuery);
}

/** Path and query, both ready. */
export function joinTarget(path: string, query: string): string {
  return query === '' ? path : `${path}?${query}`;
}

/** One decoded name or value of a query, escaped; a space is `%20`, never `+`. */
export function queryComponent(text: string): string {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code > 127 || ((stays[code] ?? 0) & inComponent) === 0) return encodeURIComponent(text.toWellFormed());
  }
  return text;
}

function rooted(path: string): string {
  if (path.charCodeAt(0) !== 0x2f) throw new RequestRejected(400, 'The path must start with "/"');
  return path;
}

function escape(text: string, place: number): string {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code > 127 || ((stays[code] ?? 0) & place) === 0 || (code === percent && !isEscape(text, at))) {
      return escapeFrom(text, at, place);
    }
  }
  return text;
}

function escapeFrom(text: string, start: number, place: number): string {
  let escaped = text.slice(0, start);
  for (const character of text.slice(start).toWellFormed()) {
    const code = character.charCodeAt(0);
    // `start` moves along in UTF-16 units, so that an escape can be looked at in place.
    const kept = code < 128 && ((stays[code] ?? 0) & place) !== 0 && (code !== percent || isEscape(text, start));
    escaped += kept
      ? character
      : code < 128
        ? `%${code.toString(16).toUpperCase().padStart(2, '0')}`
        : encodeURIComponent(character);
    start += character.length;
  }
  return escaped;
}

function isEscape(text: string, at: number): boolean {
  return isHex(text.charCodeAt(at + 1)) && isHex(text.charCodeAt(at + 2));
}

function isHex(code: number): boolean {
  return (code >= 0x30 && code <= 0x39) || (code >= 0x41 && code <= 0x46) || (code >= 0x61 && code <= 0x66);
}
