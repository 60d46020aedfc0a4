const safe: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);
const idempotent: ReadonlySet<string> = new Set([...safe, 'DELETE', 'PUT']);

/** RFC 9110 section 9.2.1. A method nobody knows is not. */
export function isSafe(method: string): boolean {
  return safe.has(method);
}

/** RFC 9110 section 9.2.2: asking twice is meant to do the same as asking once. */
export function isIdempotent(method: string): boolean {
  return idempotent.has(method);
}
