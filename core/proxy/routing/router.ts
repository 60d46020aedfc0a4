import type { HttpRequest } from '../../ports/http.ts';
import type { IpAddress } from '../../egress/ip-address.ts';
import type { RouteConfiguration } from '../configuration.ts';
import { compileRoute } from './compile-route.ts';
import type { CompiledRoute } from './compile-route.ts';
import { readClient } from './conditions.ts';
import { explainRoutes } from './explain.ts';
import type { Explanation } from './explain.ts';
import { HostTrie } from './host-trie.ts';
import { inOrder } from './in-order.ts';
import type { PathPattern } from './path-pattern.ts';
import { PathTrie } from './path-trie.ts';
import { matchOf, pathOf } from './route-match.ts';
import type { RouteMatch } from './route-match.ts';

/** The rules of one configuration. */
export interface Router {
  /**
   * The first rule that matches, by priority and then by order. A rule with several paths takes its parameters from the first that fits.
   *
   * Time grows with the length of the path and with the number of rules that fit host and path, not with the number of rules.
   *
   * @param clientAddress as the platform attests it; `undefined` fits no range
   */
  match(request: HttpRequest, clientAddress: string | undefined): RouteMatch | undefined;
  /** Every rule in order of precedence with what became of it. For people: it tries them all. */
  explain(request: HttpRequest, clientAddress: string | undefined): Explanation;
}

/** One path of one rule. */
interface Candidate {
  readonly rank: number;
  readonly route: CompiledRoute;
  /** `undefined`: any path, and `OPTIONS *`. */
  readonly path: PathPattern | undefined;
}

const anyPath: PathPattern = { text: '/*', segments: [], tail: true, captures: true };

/**
 * @param routes checked with `checkConfiguration`
 * @throws {TypeError} a pattern that is none
 */
export function compileRouter(routes: readonly RouteConfiguration[]): Router {
  const ordered = inOrder(routes).map(compileRoute);
  const hosts = new HostTrie(() => ({ paths: new PathTrie<Candidate>(), anyPath: [] as Candidate[] }));
  let rank = 0;
  let usesClients = false;
  for (const route of ordered) {
    const { hosts: patterns = [undefined], paths = [undefined] } = route;
    if (route.configuration.match?.clients !== undefined) usesClients = true;
    for (const path of paths) {
      const candidate: Candidate = { rank: rank++, route, path };
      for (const pattern of patterns) {
        const host = hosts.at(pattern);
        host.paths.add(path ?? anyPath, candidate);
        if (path === undefined) host.anyPath.push(candidate);
      }
    }
  }

  return {
    match(request, clientAddress) {
      const path = pathOf(request.target);
      const found: (readonly Candidate[])[] = [];
      for (const host of hosts.find(request.authority)) {
        if (path.startsWith('/')) host.paths.collect(path, found);
        else if (host.anyPath.length > 0) found.push(host.anyPath);
      }
      const winner = firstThatHolds(found, request, usesClients ? readClient(clientAddress) : undefined);
      return winner && matchOf(winner.route, winner.path, path);
    },
    explain: (request, clientAddress) => explainRoutes(ordered, request, clientAddress),
  };
}

/** Takes the lists' heads in order of rank until the conditions of one hold. */
function firstThatHolds(
  found: readonly (readonly Candidate[])[],
  request: HttpRequest,
  client: IpAddress | undefined,
): Candidate | undefined {
  if (found.length === 1) return found[0]!.find(({ route }) => allHold(route, request, client));
  const next = found.map(() => 0);
  for (;;) {
    let least: Candidate | undefined;
    let from = 0;
    for (let at = 0; at < found.length; at++) {
      const head = found[at]![next[at]!];
      if (head !== undefined && (least === undefined || head.rank < least.rank)) {
        least = head;
        from = at;
      }
    }
    if (least === undefined || allHold(least.route, request, client)) return least;
    next[from]!++;
  }
}

function allHold({ conditions }: CompiledRoute, request: HttpRequest, client: IpAddress | undefined): boolean {
  for (const condition of conditions) if (!condition.holds(request, client)) return false;
  return true;
}
