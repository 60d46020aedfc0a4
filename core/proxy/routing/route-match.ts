import type { CompiledRoute } from './compile-route.ts';
import type { PathPattern } from './path-pattern.ts';

/** The rule for a request, and what its path pattern took from the path, as sent. */
export interface RouteMatch {
  readonly route: CompiledRoute;
  readonly parameters: Readonly<Record<string, string>>;
  /** What `*` matched, without the slash before it; empty when there is nothing or the pattern has no `*`. */
  readonly rest: string;
}

const noParameters: Readonly<Record<string, string>> = Object.freeze({});

/** @param pattern the one of the rule's that fits; `undefined` when the rule takes any path */
export function matchOf(route: CompiledRoute, pattern: PathPattern | undefined, path: string): RouteMatch {
  if (pattern === undefined || !pattern.captures) return { route, parameters: noParameters, rest: '' };
  let parameters: Record<string, string> | undefined;
  let at = 0;
  for (const segment of pattern.segments) {
    const slash = path.indexOf('/', at + 1);
    const end = slash === -1 ? path.length : slash;
    if ('parameter' in segment) (parameters ??= {})[segment.parameter] = path.slice(at + 1, end);
    at = end;
  }
  return { route, parameters: parameters ?? noParameters, rest: pattern.tail ? path.slice(at + 1) : '' };
}

/** The path of a target in origin form: what is before the query. */
export function pathOf(target: string): string {
  const mark = target.indexOf('?');
  return mark === -1 ? target : target.slice(0, mark);
}
