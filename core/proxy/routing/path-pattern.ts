/** One segment of a pattern: literal text in normal form, or a parameter, which any segment that is not empty fits. */
export type PathSegment = { readonly literal: string } | { readonly parameter: string };

/** `/users/{id}/orders/*`, read. */
export interface PathPattern {
  readonly text: string;
  readonly segments: readonly PathSegment[];
  /** Ends in `*`: fits what the segments fit and everything below. */
  readonly tail: boolean;
  /** Takes anything from the path: a parameter, or what `*` stands for. */
  readonly captures: boolean;
}

export type ReadPattern =
  | { readonly ok: true; readonly pattern: PathPattern }
  /** A phrase that follows the pattern: `has two parameters called id`. */
  | { readonly ok: false; readonly detail: string };

const parameter = /^\{([A-Za-z][A-Za-z0-9_]{0,31})\}$/;
/** `pchar` of RFC 3986 section 3.3, and whatever is not ASCII, which is percent-encoded. */
const literal = /^(?:[A-Za-z0-9\-._~!$&'()*+,;=:@\u0080-\u{10ffff}]|%[0-9A-Fa-f]{2})*$/u;

/**
 * Reads a path pattern. There is nothing in it that could take more than linear time to match: a parameter is one whole segment, and `*`
 * stands only at the end.
 */
export function readPathPattern(text: string): ReadPattern {
  const wrong = (detail: string): ReadPattern => ({ ok: false, detail });
  if (!text.startsWith('/')) return wrong('must start with /');
  const parts = text.slice(1).split('/');
  const tail = parts.at(-1) === '*';
  if (tail) parts.pop();
  const segments: PathSegment[] = [];
  const names = new Set<string>();
  for (const [at, part] of parts.entries()) {
    const name = parameter.exec(part)?.[1];
    if (name !== undefined) {
      if (name === 'rest') return wrong('has a parameter called rest, which stands for what * matched');
      if (names.has(name)) return wrong(`has two parameters called ${name}`);
      names.add(name);
      segments.push({ parameter: name });
      continue;
    }
    if (part.includes('{') || part.includes('}')) return wrong('has a parameter that is not one whole segment, such as {id}');
    if (part.includes('*')) return wrong('has a * that is not the last segment');
    if (!literal.test(part)) return wrong('has a character that no path has; percent-encode it');
    if (part === '' && (tail || at < parts.length - 1)) return wrong('has an empty segment');
    const normal = normalSegment(part);
    if (normal === '.' || normal === '..') return wrong('has a dot segment; requests with one are refused');
    segments.push({ literal: normal });
  }
  return { ok: true, pattern: { text, segments, tail, captures: tail || names.size > 0 } };
}

const unreserved = /[A-Za-z0-9\-._~]/;

/**
 * A path segment in the form in which two that mean the same are equal (RFC 3986 section 6.2.2): percent-encoded unreserved characters are
 * decoded once, other octets keep their encoding in upper case, and what is not ASCII is encoded.
 */
export function normalSegment(segment: string): string {
  return segment
    .replace(/%([0-9A-Fa-f]{2})/g, (encoded, hex: string) => {
      const character = String.fromCharCode(Number.parseInt(hex, 16));
      return unreserved.test(character) ? character : encoded.toUpperCase();
    })
    .replace(/[\u0080-\u{10ffff}]/gu, (character) => encodeURIComponent(character.isWellFormed() ? character : '\ufffd'));
}
