import { RequestRejected } from '../../ports/http.ts';

/** What may differ from one route to the next. */
export interface TargetRules {
  /** Let `%2F`, `%5C`, `%00`, `%3B`, `%23`, `%3F` stand in a path; default false. */
  readonly allowEncodedDelimiters?: boolean | undefined;
}

/**
 * Lets a request target pass that may be forwarded: its path means the same to everybody who reads it. Refused are dot segments in whatever
 * encoding, however often encoded; backslashes; percent signs that encode nothing; a second slash at the start, which would name a host;
 * characters that no URI has; and, unless the route allows them, encoded characters that end a segment for some readers and not for others.
 *
 * Linear in the length of the target.
 *
 * @throws {RequestRejected} 400, with a detail that holds nothing of the target
 */
export function checkTarget(target: string, rules: TargetRules = {}): void {
  const fault = faultOf(target, rules.allowEncodedDelimiters === true);
  if (fault !== undefined) throw new RequestRejected(400, fault);
}

function faultOf(target: string, allowEncodedDelimiters: boolean): string | undefined {
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
  const octets = fullyDecoded(path);
  // Some readers end a segment at a parameter (`..;x`), a query or a NUL, some drop NULs, and some drop blanks.
  let dots = 0;
  let dotsBeforeNul = 0;
  let ended = false;
  let endedByNul = false;
  for (let at = 0; at <= octets.length; at++) {
    const octet = octets[at] ?? slash;
    if (octet === slash || octet === 0x5c) {
      if (dots === 1 || dots === 2 || dotsBeforeNul === 1 || dotsBeforeNul === 2) return true;
      dots = dotsBeforeNul = 0;
      ended = endedByNul = false;
    } else if (octet === 0x3b || octet === 0x3f || octet === 0x23) {
      ended = true;
    } else if (octet === 0) {
      endedByNul = true;
    } else if (octet > 0x20 && octet !== 0x7f && !ended) {
      // Anything else makes it a name, however many dots are in it.
      const more = octet === 0x2e ? 1 : 3;
      dots += more;
      if (!endedByNul) dotsBeforeNul += more;
    }
  }
  return false;
}

/** The path's octets with every percent-encoding undone, also those that undoing another makes. */
function fullyDecoded(path: string): Uint8Array {
  const octets = new Uint8Array(path.length);
  let length = 0;
  for (let at = 0; at < path.length; at++) {
    octets[length++] = path.charCodeAt(at);
    // What was decoded may end another encoding: `%%32%65` is `%2e` is `.`.
    while (length >= 3 && octets[length - 3] === 0x25) {
      const high = digit(octets[length - 2]!);
      const low = digit(octets[length - 1]!);
      if (high === -1 || low === -1) break;
      length -= 3;
      octets[length++] = high * 16 + low;
    }
  }
  return withoutOverlong(octets.subarray(0, length));
}

/**
 * Makes one octet of ASCII that was written in more octets of UTF-8 than it needs (RFC 3629 section 3), as lenient decoders do: `%c0%ae` is a
 * dot. In place.
 */
function withoutOverlong(octets: Uint8Array): Uint8Array {
  let kept = 0;
  for (let at = 0; at < octets.length; at++) {
    const lead = octets[at]!;
    const more = continuations(lead);
    const last = octets[at + more];
    let zeros = more > 1;
    for (let next = 1; next < more; next++) zeros &&= octets[at + next] === 0x80;
    if (last !== undefined && (more === 1 || zeros)) {
      octets[kept++] = (more === 1 ? (lead & 1) << 6 : 0) | (last & 0x3f);
      at += more;
    } else {
      octets[kept++] = lead;
    }
  }
  return octets.subarray(0, kept);
}

/** How many octets follow the first one of an overlong form; 0 when it begins none. */
function continuations(lead: number): number {
  if (lead === 0xc0 || lead === 0xc1) return 1;
  if (lead === 0xe0) return 2;
  if (lead === 0xf0) return 3;
  if (lead === 0xf8) return 4;
  return lead === 0xfc ? 5 : 0;
}
