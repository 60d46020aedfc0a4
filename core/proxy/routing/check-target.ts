/** What may differ from one route to the next. */
export interface TargetRules {
  /** Let `%2F`, `%5C`, `%00`, `%3B`, `%23`, `%3F` stand in a path; default false. */
  readonly allowEncodedDelimiters?: boolean | undefined;
}

/**
 * Whether a request target may be forwarded: its path means the same to everybody who reads it. Refused are dot segments in whatever
 * encoding, however often encoded; backslashes; percent signs that encode nothing; a second slash at the start, which would name a host;
 * characters that no URI has; and, unless the route allows them, encoded characters that end a segment for some readers and not for others.
 *
 * Linear in the length of the target.
 *
 * @returns why not: the detail of a 400, which holds nothing of the target; `undefined` when it may
 */
export function checkTarget(target: string, { allowEncodedDelimiters = false }: TargetRules = {}): string | undefined {
  if (target === '*') return undefined;
  if (target.charCodeAt(0) !== slash) return 'The request target must begin with a slash';
  if (target.charCodeAt(1) === slash) return 'The path must not begin with two slashes';
  let end = target.length;
  let suspicious = false;
  let before = slash;
  for (let at = 1; at < target.length; at++) {
    const code = target.charCodeAt(at);
    if (code <= 0x20 || code >= 0x7f || code === 0x23) return 'The request target holds a character that must be encoded';
    // The rest is the query, which is nobody's path.
    if (end < target.length) continue;
    if (code === 0x3f) {
      end = at;
    } else if (code === 0x5c) {
      return 'The path holds a backslash';
    } else if (code === 0x25) {
      const octet = octetAt(target, at);
      if (octet === -1) return 'The path holds a percent sign that encodes nothing';
      if (!allowEncodedDelimiters && delimiters.has(octet)) return 'The path holds an encoded delimiter';
      suspicious = true;
    } else if (code === 0x2e && before === slash) {
      suspicious = true;
    }
    before = code;
  }
  return suspicious && hasDotSegment(target.slice(0, end)) ? 'The path holds a dot segment' : undefined;
}

const slash = 0x2f;
/** `/`, `\`, NUL, `;`, `#`, `?`. */
const delimiters: ReadonlySet<number> = new Set([0x2f, 0x5c, 0x00, 0x3b, 0x23, 0x3f]);

/** The octet that the percent sign at `at` encodes; -1 when it encodes none. */
function octetAt(text: string, at: number): number {
  const high = digit(text.charCodeAt(at + 1));
  const low = digit(text.charCodeAt(at + 2));
  return high === -1 || low === -1 ? -1 : high * 16 + low;
}

function digit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

/** Whether any reading of the path has a segment that stands for this folder or the one above. */
function hasDotSegment(path: string): boolean {
  return fullyDecoded(path)
    .split(/[/\\]/)
    .some(
      (segment) => isDots(segment.replace(/[;?#\0][^]*$/, '')) || isDots(segment.replaceAll('\0', '').replace(/[;?#][^]*$/, '')),
    );
}

/** Some readers end a segment at a parameter (`..;x`), a query or a NUL, some drop NULs, and some drop blanks. */
function isDots(segment: string): boolean {
  const name = segment.replace(/[\x00-\x20\x7f]/g, '');
  return name === '.' || name === '..';
}

/** Every percent-encoding undone, also those that undoing another makes. Octets become characters of the same number. */
function fullyDecoded(path: string): string {
  if (!path.includes('%')) return path;
  const codes: number[] = [];
  for (let at = 0; at < path.length; at++) {
    codes.push(path.charCodeAt(at));
    // What was decoded may end another encoding: `%%32%65` is `%2e` is `.`.
    while (codes.length >= 3 && codes[codes.length - 3] === 0x25) {
      const high = digit(codes[codes.length - 2]!);
      const low = digit(codes[codes.length - 1]!);
      if (high === -1 || low === -1) break;
      codes.length -= 3;
      codes.push(high * 16 + low);
    }
  }
  let decoded = '';
  for (const code of codes) decoded += String.fromCharCode(code);
  return decoded.replace(overlong, (octets) => {
    let value = 0;
    for (const octet of octets.slice(1)) value = (value << 6) | (octet.charCodeAt(0) & 0x3f);
    return String.fromCharCode(((octets.length === 2 ? (octets.charCodeAt(0) & 1) << 6 : 0) | value) & 0x7f);
  });
}

/** ASCII in more octets of UTF-8 than it needs (RFC 3629 section 3), as lenient decoders take it: `%c0%ae` is a dot. */
const overlong = /[\xc0\xc1][^]|\xe0\x80[^]|\xf0\x80\x80[^]|\xf8\x80{3}[^]|\xfc\x80{4}[^]/g;
