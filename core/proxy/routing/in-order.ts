import type { RouteConfiguration } from '../configuration.ts';

/** The order of precedence: by priority, highest first; equal ones as written. */
export function inOrder(routes: readonly RouteConfiguration[]): readonly RouteConfiguration[] {
  return routes.toSorted((a, b) => (b.priority ?? 0) - (a.priority ?? 0));
}
