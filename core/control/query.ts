/** Why a query string is not acceptable. */
export class QueryRejected extends Error {
  override readonly name = 'QueryRejected';
}

const integers = new Set(['limit']);

/**
 * Reads a query string into single values: `application/x-www-form-urlencoded` decoding (`+` is a space).
 *
 * @throws {QueryRejected} ill-formed percent-encoding, or a parameter given twice
 */
export function parseQuery(query: string): Readonly<Record<string, string | number>> {
  const found = new Map<string, string | number>();
  for (const pair of query.split('&')) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    const name = decode(equals < 0 ? pair : pair.slice(0, equals));
    const value = decode(equals < 0 ? '' : pair.slice(equals + 1));
    if (found.has(name)) throw new QueryRejected('A query parameter is given twice');
    found.set(name, integers.has(name) && /^[0-9]{1,9}$/.test(value) ? Number(value) : value);
  }
  return Object.fromEntries(found);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    throw new QueryRejected('The query is not well-formed percent-encoding');
  }
}
