import { suggest } from '../../config/findings.ts';
import { parseHost } from '../../egress/host.ts';
import { escapePointer } from '../../schema/validate.ts';
import { parseIpRange } from '../../egress/ip-address.ts';
import type {
  FieldEdits,
  FieldMatch,
  MatchConfiguration,
  MirrorConfiguration,
  RedirectConfiguration,
  RouteConfiguration,
} from '../configuration.ts';
import { isFieldValue, refusalOfName } from '../rewrite/field-edits.ts';
import { checkHashKey } from './check-hash-key.ts';
import { checkRewrite, checkTemplateNames } from './check-rewrite.ts';
import type { Report } from './report.ts';
import { readHostPattern } from '../routing/host-pattern.ts';
import { readPathPattern } from '../routing/path-pattern.ts';
import type { PathPattern } from '../routing/path-pattern.ts';

/** What a route may name. */
export interface Known {
  readonly upstreams: readonly string[];
  /** `undefined`: not known here, so not checked. */
  readonly handlers: readonly string[] | undefined;
}

const actions = ['upstream', 'split', 'redirect', 'respond', 'handler'] as const;

/** What the schema cannot say of one route, apart from the others. */
export function checkRoute(route: RouteConfiguration, known: Known, problem: Report): void {
  const given = actions.filter((action) => route[action] !== undefined);
  if (given.length !== 1) problem('', `needs exactly one of ${actions.join(', ')}; has ${given.join(' and ') || 'none'}`);
  checkNames(route, known, problem);
  const paths = checkMatch(route.match ?? {}, route.allowEncodedDelimiters === true, problem);
  const forwards = route.upstream !== undefined || route.split !== undefined;
  const [action] = given;
  if (given.length === 1 && !forwards) {
    const needless =
      action === 'handler' ? (['mirror', 'upgrade'] as const) : (['rewrite', 'requestFields', 'mirror', 'upgrade'] as const);
    for (const member of needless) {
      if (route[member] !== undefined)
        problem(`/${member}`, `has no meaning with ${action}`, 'it is for requests that are forwarded');
    }
  }
  if (route.rewrite !== undefined) checkRewrite(route.rewrite, route.match?.paths, paths, problem);
  if (route.mirror !== undefined) checkMirror(route.mirror, problem);
  if (route.redirect !== undefined) checkRedirect(route.redirect, paths, problem);
  if (route.respond !== undefined) {
    const { status, headers, body } = route.respond;
    if (body !== undefined && body !== '' && (status === 204 || status === 205 || status === 304)) {
      problem('/respond/body', `cannot be sent with status ${status}`, 'leave it out, or choose another status');
    }
    checkFields(headers, '/respond/headers', 'response', problem);
  }
  if (route.split !== undefined) {
    const { old, new: fresh, newPercent, key } = route.split;
    if (old === fresh) problem('/split/new', 'is the same upstream as old');
    if (Math.abs(newPercent * 100 - Math.round(newPercent * 100)) > 1e-6)
      problem('/split/newPercent', 'has more than two decimals');
    if (key !== undefined) checkHashKey(key, '/split/key', problem);
  }
  checkEdits(route.requestFields, '/requestFields', 'request', problem);
  checkEdits(route.responseFields, '/responseFields', 'response', problem);
}

function checkNames({ upstream, split, mirror, handler }: RouteConfiguration, known: Known, problem: Report): void {
  const named = { '/upstream': upstream, '/split/old': split?.old, '/split/new': split?.new, '/mirror/upstream': mirror?.upstream };
  for (const [pointer, name] of Object.entries(named)) {
    if (name === undefined || known.upstreams.includes(name)) continue;
    const hint = known.upstreams.length === 0 ? 'there are none: add it under upstreams' : suggest(name, known.upstreams, 'known');
    problem(pointer, 'is not a configured upstream', hint);
  }
  if (handler !== undefined && known.handlers?.includes(handler) === false) {
    const hint = known.handlers.length === 0 ? 'this process has none' : suggest(handler, known.handlers, 'known');
    problem('/handler', 'is not a handler of this process', hint);
  }
}

/** The methods of RFC 9110 section 9.3, and PATCH: whoever writes one in another case means these. */
const methods = ['CONNECT', 'DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT', 'TRACE'];

/** The paths that could be read; `undefined` when the route has none. */
function checkMatch(match: MatchConfiguration, encodedDelimiters: boolean, problem: Report): readonly PathPattern[] | undefined {
  for (const [at, host] of (match.hosts ?? []).entries()) {
    if (readHostPattern(host) === undefined) {
      problem(`/match/hosts/${at}`, 'is no host', 'for example api.example.com, *.example.com or localhost:3000');
    }
  }
  checkMethods(match.methods, '/match/methods', problem);
  for (const [at, range] of (match.clients ?? []).entries()) {
    if (parseIpRange(range) === undefined)
      problem(`/match/clients/${at}`, 'is no address range', 'for example 10.0.0.0/8 or 192.0.2.7');
  }
  for (const kind of ['headers', 'query', 'cookies'] as const) {
    for (const [at, field] of (match[kind] ?? []).entries()) checkFieldMatch(field, kind, `/match/${kind}/${at}`, problem);
  }
  return match.paths?.flatMap((text, at) => {
    const read = readPathPattern(text);
    if (!read.ok) {
      problem(`/match/paths/${at}`, read.detail);
      return [];
    }
    if (!encodedDelimiters && /%(?:2f|5c|00|3b|23|3f)/i.test(text)) {
      problem(
        `/match/paths/${at}`,
        'has an encoded delimiter, and requests with one are refused',
        'set allowEncodedDelimiters: true',
      );
    }
    return [read.pattern];
  });
}

function checkMethods(given: readonly string[] | undefined, pointer: string, problem: Report): void {
  for (const [at, method] of (given ?? []).entries()) {
    const meant = methods.find((one) => one !== method && one === method.toUpperCase());
    if (meant !== undefined) problem(`${pointer}/${at}`, 'is no method: their case counts', `did you mean "${meant}"?`);
  }
}

/** A pointer that is none would cover the whole content, and nothing would ever differ. */
function checkMirror({ methods: copied, compare = {} }: MirrorConfiguration, problem: Report): void {
  checkMethods(copied, '/mirror/methods', problem);
  for (const [at, pointer] of (compare.ignorePointers ?? []).entries()) {
    if (!/^(?:\/(?:[^~/]|~[01])*)+$/.test(pointer)) {
      problem(`/mirror/compare/ignorePointers/${at}`, 'is no JSON pointer to a member', 'for example /updatedAt or /items/*/id');
    }
  }
}

function checkFieldMatch(field: FieldMatch, kind: 'cookies' | 'headers' | 'query', pointer: string, problem: Report): void {
  const given = (['equals', 'prefix', 'oneOf'] as const).filter((name) => field[name] !== undefined);
  if (given.length > 1) problem(pointer, `has ${given.join(' and ')}, of which at most one may be there`);
  if (kind === 'headers' && refusalOfName(field.name, 'response') === 'is no field name')
    problem(`${pointer}/name`, 'is no field name');
  if (kind === 'cookies' && /[=;,\s]/.test(field.name)) problem(`${pointer}/name`, 'is no cookie name');
}

function checkRedirect({ to }: RedirectConfiguration, paths: readonly PathPattern[] | undefined, problem: Report): void {
  const pointer = '/redirect/to';
  const [, authority, local = to] = /^https?:\/\/([^/?#]*)([^]*)$/i.exec(to) ?? [];
  if (authority !== undefined) {
    const [, host = '', port] = /^(.*?)(?::(\d{1,5}))?$/.exec(authority) ?? [];
    if (authority.includes('{')) {
      problem(pointer, 'has a parameter in its host', 'only configured hosts are redirected to: put it into the path');
    } else if (parseHost(host) === undefined || (port !== undefined && Number(port) > 65_535)) {
      problem(pointer, 'has a host that is none');
    }
  } else if (!to.startsWith('/') || to.startsWith('//')) {
    problem(pointer, 'is neither an absolute URL nor a path', 'for example https://www.example.com/{rest} or /new/{rest}');
  }
  if (/[\x00-\x20\x7f\\]/.test(to)) problem(pointer, 'holds a character that no URL has');
  if (local.split('#')[1]?.includes('{') === true) problem(pointer, 'has a parameter in its fragment');
  checkTemplateNames(local, paths, pointer, problem);
}

function checkEdits(edits: FieldEdits | undefined, pointer: string, message: 'request' | 'response', problem: Report): void {
  if (edits === undefined) return;
  for (const [at, name] of (edits.remove ?? []).entries()) {
    const refusal = refusalOfName(name, message);
    if (refusal !== undefined) problem(`${pointer}/remove/${at}`, refusal);
  }
  checkFields(edits.set, `${pointer}/set`, message, problem);
  checkFields(edits.add, `${pointer}/add`, message, problem);
  const again = Object.keys(edits.set ?? {}).map((name) => name.toLowerCase());
  for (const [at, name] of again.entries()) {
    if (again.indexOf(name) < at) problem(`${pointer}/set`, `sets ${name} twice`);
  }
}

function checkFields(
  fields: Readonly<Record<string, string>> | undefined,
  pointer: string,
  message: 'request' | 'response',
  problem: Report,
): void {
  for (const [name, value] of Object.entries(fields ?? {})) {
    // The name may be anything, even a line end: it is shown as JSON writes it.
    const at = `${pointer}/${escapePointer(name)}`;
    const refusal = refusalOfName(name, message);
    if (refusal !== undefined) problem(at, refusal);
    if (!isFieldValue(value)) {
      problem(at, 'has a value that no field can have', 'visible ASCII, with spaces and tabs only in between; no line ends');
    }
  }
}
