import { inRange, parseIpAddress, parseIpRange, unmapped } from '../../egress/ip-address.ts';
import type { IpAddress } from '../../egress/ip-address.ts';
import type { HttpRequest } from '../../ports/http.ts';
import type { FieldMatch, MatchConfiguration } from '../configuration.ts';

/** One thing that must hold beside host and path. */
export interface Condition {
  readonly kind: 'client' | 'cookie' | 'header' | 'method' | 'query';
  /** For people: `header x-version equals "2"`. */
  readonly text: string;
  /** @param client the client's address, read; `undefined` when it is not known */
  holds(request: HttpRequest, client: IpAddress | undefined): boolean;
}

/** The conditions of a rule, the cheapest first. */
export function compileConditions(match: MatchConfiguration): readonly Condition[] {
  const conditions: Condition[] = [];
  if (match.methods !== undefined) {
    const methods = new Set(match.methods);
    conditions.push({
      kind: 'method',
      text: `method ${match.methods.join(' or ')}`,
      holds: ({ method }) => methods.has(method),
    });
  }
  for (const field of match.headers ?? []) {
    // Exactly this name: `x_user_id` is another field, though some servers take it for the same.
    const name = field.name.toLowerCase();
    conditions.push(ofValues('header', { ...field, name }, ({ headers }) => headers.getAll(name)));
  }
  for (const field of match.query ?? []) conditions.push(ofValues('query', field, ({ target }) => queryValues(target, field.name)));
  for (const field of match.cookies ?? []) {
    conditions.push(ofValues('cookie', field, ({ headers }) => cookieValues(headers.getAll('cookie'), field.name)));
  }
  if (match.clients !== undefined) {
    const ranges = match.clients.map((range) => parseIpRange(range)).filter((range) => range !== undefined);
    conditions.push({
      kind: 'client',
      text: `client in ${match.clients.join(' or ')}`,
      holds: (_, client) => client !== undefined && ranges.some((range) => inRange(client, range)),
    });
  }
  return conditions;
}

/** The address that client ranges are compared with; an IPv4-mapped one is the IPv4 address. */
export function readClient(address: string | undefined): IpAddress | undefined {
  const parsed = address === undefined ? undefined : parseIpAddress(address);
  return parsed === undefined ? undefined : unmapped(parsed);
}

function ofValues(
  kind: 'cookie' | 'header' | 'query',
  field: FieldMatch,
  valuesOf: (request: HttpRequest) => readonly string[],
): Condition {
  const fits = predicate(field);
  const wanted = field.not !== true;
  return { kind, text: `${kind} ${describe(field)}`, holds: (request) => valuesOf(request).some(fits) === wanted };
}

function predicate({ equals, prefix, oneOf }: FieldMatch): (value: string) => boolean {
  if (equals !== undefined) return (value) => value === equals;
  if (prefix !== undefined) return (value) => value.startsWith(prefix);
  if (oneOf !== undefined) {
    const values = new Set(oneOf);
    return (value) => values.has(value);
  }
  return () => true;
}

function describe({ name, equals, prefix, oneOf, not }: FieldMatch): string {
  const quoted = (value: string): string => JSON.stringify(value);
  if (equals !== undefined) return `${name} ${not === true ? 'does not equal' : 'equals'} ${quoted(equals)}`;
  if (prefix !== undefined) return `${name} ${not === true ? 'does not start' : 'starts'} with ${quoted(prefix)}`;
  if (oneOf !== undefined) return `${name} is ${not === true ? 'none' : 'one'} of ${oneOf.map(quoted).join(', ')}`;
  return `${name} is ${not === true ? 'absent' : 'present'}`;
}

/** Values of a query parameter, decoded as `application/x-www-form-urlencoded`; ill-formed text stays as it is. */
export function queryValues(target: string, name: string): readonly string[] {
  const mark = target.indexOf('?');
  if (mark === -1) return [];
  const values: string[] = [];
  for (const pair of target.slice(mark + 1).split('&')) {
    const equals = pair.indexOf('=');
    if (formDecoded(equals === -1 ? pair : pair.slice(0, equals)) !== name || pair === '') continue;
    values.push(equals === -1 ? '' : formDecoded(pair.slice(equals + 1)));
  }
  return values;
}

function formDecoded(text: string): string {
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text;
  if (!spaced.includes('%')) return spaced;
  try {
    return decodeURIComponent(spaced);
  } catch {
    // Not well-formed, so it means only itself.
    return spaced;
  }
}

/** Values of a cookie in `Cookie` fields (RFC 6265 section 5.4). */
function cookieValues(lines: readonly string[], name: string): readonly string[] {
  const values: string[] = [];
  for (const line of lines) {
    for (const pair of line.split(';')) {
      const equals = pair.indexOf('=');
      if (equals !== -1 && pair.slice(0, equals).trim() === name) values.push(pair.slice(equals + 1).trim());
    }
  }
  return values;
}
