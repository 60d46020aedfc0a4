import type { HttpRequest } from '../../ports/http.ts';
import { readClient } from './conditions.ts';
import type { Condition } from './conditions.ts';
import { hostMatches, readRequestHost } from './host-pattern.ts';
import { normalSegment } from './path-pattern.ts';
import type { PathPattern } from './path-pattern.ts';
import { matchOf, pathOf } from './route-match.ts';
import type { RouteMatch } from './route-match.ts';
import type { CompiledRoute } from './compile-route.ts';

/** The first thing that did not hold. */
export interface FailedCondition {
  readonly kind: Condition['kind'] | 'host' | 'path';
  /** What was wanted: `host *.example.com`. From the configuration alone. */
  readonly wanted: string;
}

export interface ExplainedRoute {
  readonly id: string;
  readonly priority: number;
  /** Absent: the rule matches. The first such rule wins. */
  readonly failed: FailedCondition | undefined;
}

export interface Explanation {
  /** In order of precedence. */
  readonly routes: readonly ExplainedRoute[];
  readonly winner: RouteMatch | undefined;
}

/** Tries every rule, one after the other. */
export function explainRoutes(
  ordered: readonly CompiledRoute[],
  request: HttpRequest,
  clientAddress: string | undefined,
): Explanation {
  const host = readRequestHost(request.authority);
  const path = pathOf(request.target);
  const client = readClient(clientAddress);
  let winner: RouteMatch | undefined;
  const routes = ordered.map((route): ExplainedRoute => {
    const { hosts, paths } = route;
    const fitting = paths?.find((pattern) => pathMatches(pattern, path));
    const failed = ((): FailedCondition | undefined => {
      if (hosts !== undefined && !hosts.some((pattern) => hostMatches(pattern, host))) {
        return { kind: 'host', wanted: `host ${route.configuration.match?.hosts?.join(' or ')}` };
      }
      if (paths !== undefined && fitting === undefined) {
        return { kind: 'path', wanted: `path ${paths.map(({ text }) => text).join(' or ')}` };
      }
      const condition = route.conditions.find(({ holds }) => !holds(request, client));
      return condition && { kind: condition.kind, wanted: condition.text };
    })();
    if (failed === undefined) winner ??= matchOf(route, fitting, path);
    return { id: route.id, priority: route.configuration.priority ?? 0, failed };
  });
  return { routes, winner };
}

function pathMatches({ segments, tail }: PathPattern, path: string): boolean {
  if (!path.startsWith('/')) return false;
  const sent = path.slice(1).split('/');
  // `/*` fits `/` too, which has one empty segment.
  if (tail ? sent.length < segments.length : sent.length !== segments.length) return false;
  return segments.every((segment, at) => {
    const text = sent[at] ?? '';
    return 'parameter' in segment ? text !== '' : normalSegment(text) === segment.literal;
  });
}
