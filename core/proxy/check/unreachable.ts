import { parseIpRange } from '../../egress/ip-address.ts';
import type { IpRange } from '../../egress/ip-address.ts';
import type { FieldMatch, RouteConfiguration } from '../configuration.ts';
import { readHostPattern } from '../routing/host-pattern.ts';
import type { HostPattern } from '../routing/host-pattern.ts';
import { readPathPattern } from '../routing/path-pattern.ts';
import type { PathPattern } from '../routing/path-pattern.ts';

/** A rule that can never win, and those that take everything it matches. */
export interface Unreachable {
  readonly route: RouteConfiguration;
  readonly by: readonly RouteConfiguration[];
}

/**
 * Rules whose every request is taken by rules before them. A rule is looked at piece by piece (one host, path, method and client range at a
 * time), and each piece must lie whole within one earlier rule; conditions on fields, parameters and cookies are compared by what they
 * say. So what is found is unreachable for certain; what is not found is a rule that only several others together take piecemeal.
 *
 * @param ordered in order of precedence, with patterns that can be read
 */
export function findUnreachable(ordered: readonly RouteConfiguration[]): readonly Unreachable[] {
  const earlier = new CoverTrie();
  const found: Unreachable[] = [];
  for (const route of ordered) {
    const rule = readRule(route);
    const by = coveredBy(rule, earlier);
    if (by !== undefined) found.push({ route, by: [...new Set(by)] });
    // One that can never win takes nothing that those before it do not.
    else for (const path of rule.paths) earlier.add(path, rule);
  }
  return found;
}

interface Rule {
  readonly route: RouteConfiguration;
  /** `undefined`: any. */
  readonly hosts: readonly (HostPattern | undefined)[];
  /** `undefined`: any path, and `OPTIONS *`. */
  readonly paths: readonly (PathPattern | undefined)[];
  readonly methods: readonly (string | undefined)[];
  readonly clients: readonly (IpRange | undefined)[];
}

/** Of more pieces than this only the first are looked at, and then the rule counts as reachable. */
const maxPieces = 5_000;

function readRule(route: RouteConfiguration): Rule {
  const { hosts, paths, methods, clients } = route.match ?? {};
  return {
    route,
    hosts: hosts?.map(readHostPattern) ?? [undefined],
    paths: paths?.map((text) => {
      const read = readPathPattern(text);
      return read.ok ? read.pattern : undefined;
    }) ?? [undefined],
    methods: methods ?? [undefined],
    clients: clients?.map(parseIpRange) ?? [undefined],
  };
}

function coveredBy(rule: Rule, earlier: CoverTrie): readonly RouteConfiguration[] | undefined {
  const { hosts, paths, methods, clients } = rule;
  if (hosts.length * paths.length * methods.length * clients.length > maxPieces) return undefined;
  const by: RouteConfiguration[] = [];
  for (const path of paths) {
    const candidates = earlier.covering(path).filter((other) => conditionsImply(rule.route, other.route));
    if (candidates.length === 0) return undefined;
    for (const host of hosts) {
      for (const method of methods) {
        for (const client of clients) {
          const taker = candidates.find(
            (other) =>
              other.hosts.some((one) => hostWithin(host, one)) &&
              other.methods.some((one) => one === undefined || one === method) &&
              other.clients.some((one) => rangeWithin(client, one)),
          );
          if (taker === undefined) return undefined;
          by.push(taker.route);
        }
      }
    }
  }
  return by;
}

function hostWithin(inner: HostPattern | undefined, outer: HostPattern | undefined): boolean {
  if (outer === undefined) return true;
  if (inner === undefined || (outer.port !== undefined && outer.port !== inner.port)) return false;
  if (!outer.wildcard) return !inner.wildcard && inner.host === outer.host;
  return inner.host.endsWith(`.${outer.host}`) || (inner.wildcard && inner.host === outer.host);
}

function rangeWithin(inner: IpRange | undefined, outer: IpRange | undefined): boolean {
  if (outer === undefined) return true;
  if (inner === undefined || inner.base.length !== outer.base.length || inner.bits < outer.bits) return false;
  return outer.base.every((byte, at) => {
    const mask = 0xff & ~(0xff >> Math.min(8, Math.max(0, outer.bits - at * 8)));
    return ((byte ^ (inner.base[at] ?? 0)) & mask) === 0;
  });
}

/** Whether every request that fits the conditions of `inner` on fields, parameters and cookies fits those of `outer`. */
function conditionsImply({ match: inner = {} }: RouteConfiguration, { match: outer = {} }: RouteConfiguration): boolean {
  return (['headers', 'query', 'cookies'] as const).every((kind) =>
    (outer[kind] ?? []).every((wanted) =>
      (inner[kind] ?? []).some((given) => {
        const same = kind === 'headers' ? given.name.toLowerCase() === wanted.name.toLowerCase() : given.name === wanted.name;
        return same && implies(given, wanted);
      }),
    ),
  );
}

function implies(given: FieldMatch, wanted: FieldMatch): boolean {
  const negated = given.not === true;
  // That some value fits says nothing about none fitting: there may be several.
  if (negated !== (wanted.not === true)) return false;
  return negated ? within(wanted, given) : within(given, wanted);
}

/** Whether every value that fits `inner` fits `outer`, apart from `not`. */
function within(inner: FieldMatch, outer: FieldMatch): boolean {
  const fits = (value: string): boolean => {
    if (outer.equals !== undefined) return value === outer.equals;
    if (outer.prefix !== undefined) return value.startsWith(outer.prefix);
    return outer.oneOf?.includes(value) ?? true;
  };
  if (inner.equals !== undefined) return fits(inner.equals);
  if (inner.oneOf !== undefined) return inner.oneOf.every(fits);
  if (inner.prefix === undefined) return outer.equals === undefined && outer.prefix === undefined && outer.oneOf === undefined;
  return outer.prefix === undefined
    ? outer.equals === undefined && outer.oneOf === undefined
    : inner.prefix.startsWith(outer.prefix);
}

interface Node {
  readonly literals: Map<string, Node>;
  parameter?: Node;
  readonly here: Rule[];
  readonly below: Rule[];
}

const newNode = (): Node => ({ literals: new Map(), here: [], below: [] });

/** Path patterns of rules, and which of them fit everything that another pattern fits. */
class CoverTrie {
  readonly #root = newNode();
  readonly #any: Rule[] = [];

  add(path: PathPattern | undefined, rule: Rule): void {
    if (path === undefined) {
      this.#any.push(rule);
      return;
    }
    let node = this.#root;
    for (const segment of path.segments) {
      if ('parameter' in segment) {
        node = node.parameter ??= newNode();
        continue;
      }
      const next = node.literals.get(segment.literal) ?? newNode();
      node.literals.set(segment.literal, next);
      node = next;
    }
    (path.tail ? node.below : node.here).push(rule);
  }

  covering(path: PathPattern | undefined): readonly Rule[] {
    return path === undefined ? this.#any : [...this.#any, ...covering(this.#root, path, 0)];
  }
}

function covering(node: Node, path: PathPattern, depth: number): readonly Rule[] {
  const segment = path.segments[depth];
  if (segment === undefined) return path.tail ? node.below : [...node.below, ...node.here];
  const found = [...node.below];
  if ('literal' in segment) {
    const next = node.literals.get(segment.literal);
    if (next !== undefined) found.push(...covering(next, path, depth + 1));
  }
  const fitsParameter = 'parameter' in segment || segment.literal !== '';
  if (node.parameter !== undefined && fitsParameter) found.push(...covering(node.parameter, path, depth + 1));
  return found;
}
