import { RequestRejected } from '../../ports/http.ts';
import type { HttpRequest } from '../../ports/http.ts';
import { pathOf } from './route-match.ts';
import type { RouteMatch } from './route-match.ts';
import type { Router } from './router.ts';

/** What lenient readers take out of a path: all but one of several slashes, and the parameters of a segment. */
const lenient = /\/\/|;/;

/**
 * Lets a path pass whose route does not depend on who reads it. Many backends take `/a//b` and `/a;x/b` for `/a/b`: where a rule shuts `/a/b` out, these
 * would get in under another one.
 *
 * @param match of the request as it was sent
 * @throws {RequestRejected} 400: as lenient readers read it, the request has another route
 */
export function checkLenientPath(
  router: Pick<Router, 'match'>,
  request: HttpRequest,
  clientAddress: string | undefined,
  match: RouteMatch,
): void {
  if (!lenient.test(request.target)) return;
  const path = pathOf(request.target);
  const target = path.replace(/;[^/]*/g, '').replace(/\/{2,}/g, '/');
  if (target === path) return;
  const { method, scheme, authority, headers } = request;
  const read = router.match(
    { method, scheme, authority, headers, target: target + request.target.slice(path.length), body: undefined },
    clientAddress,
  );
  if (read?.route.id !== match.route.id)
    throw new RequestRejected(400, 'The path has an empty segment or a parameter, and without it another route');
}
