import { describe, expect, it } from 'vitest';
import { RequestRejected } from '../../../../core/ports/index.ts';
import type { RouteConfiguration } from '../../../../core/proxy/configuration.ts';
import { readSample } from '../../../../core/proxy/live/diff-configurations.ts';
import { checkLenientPath } from '../../../../core/proxy/routing/check-lenient-path.ts';
import { compileRouter } from '../../../../core/proxy/routing/router.ts';
import { squaredTakesLonger } from '../../../support/linear-time.ts';

const routes: readonly RouteConfiguration[] = [
  { id: 'closed', match: { paths: ['/api/admin/*'] }, respond: { status: 403 } },
  { id: 'tool', match: { paths: ['/api/tool'], query: [{ name: 'on' }] }, respond: { status: 403 } },
  { id: 'api', match: { paths: ['/api/*'] }, upstream: 'a' },
];
const router = compileRouter(routes);

function check(target: string): string | undefined {
  const request = readSample(`http://a.example${target}`);
  const match = router.match(request, undefined);
  if (match === undefined) return undefined;
  checkLenientPath(router, request, undefined, match);
  return match.route.id;
}

describe('a path that lenient backends read otherwise', () => {
  it.each(['/api//admin/x', '/api/;/admin/x', '/api/admin;/x', '/api/admin;a=b/x', '/api////admin', '/api//tool?on'])(
    '%s is refused where it would have another route',
    (target) => {
      expect(() => check(target)).toThrow(RequestRejected);
    },
  );

  it.each([
    ['/api/files/http://host/x;y', 'api'],
    ['/api//files', 'api'],
    ['/api/a;b=c', 'api'],
    ['/api/x?u=//admin;z', 'api'],
    ['/api//tool', 'api'],
    ['/api/admin//x', 'closed'],
  ])('%s passes where it has the same route all the same', (target, route) => {
    expect(check(target)).toBe(route);
  });

  it('is judged in linear time', { timeout: squaredTakesLonger }, () => {
    for (const text of ['//', ';', '/;', ';/', '/a;b//']) check(`/api/${text.repeat(300_000)}`);
  });
});
