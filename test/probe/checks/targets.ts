import { expect } from 'vitest';
import type { RouteConfiguration } from '../../../core/proxy/configuration.ts';
import type { Check } from '../arena.ts';

/** Group H of the incidents: what a target may do. */

const publicOnly: readonly RouteConfiguration[] = [
  { id: 'public', match: { paths: ['/public/*', '/ho/*', '/a/*'] }, upstream: 'origin' },
];
const stripping: readonly RouteConfiguration[] = [
  { id: 'api', match: { paths: ['/api/*'] }, upstream: 'origin', rewrite: { stripPrefix: '/api' } },
];

const refusedTarget = (
  id: string,
  target: string,
  routes: readonly RouteConfiguration[],
  statuses: readonly number[] = [400, 404],
): Check => ({
  id,
  title: `${target} is refused, and nothing reaches the origin`,
  routes,
  run: async ({ ask, origin }) => {
    expect(statuses).toContain((await ask(`GET ${target}`)).status);
    expect(origin.sockets).toHaveLength(0);
  },
});

function staysHere(id: string, target: string, reaches: string): Check {
  return {
    id,
    title: `${target} goes to the configured origin and nowhere else`,
    run: async ({ ask, origin }) => {
      const answer = await ask(`GET ${target}`);
      if (answer.status === 400) expect(origin.sockets).toHaveLength(0);
      else expect([answer.status, origin.last.target]).toEqual([200, reaches]);
    },
  };
}

export const targetChecks: readonly Check[] = [
  refusedTarget('H1', '/public/..%2fadmin', publicOnly),
  refusedTarget('H1.2', '/public/../admin', publicOnly),
  refusedTarget('H1.3', '/public/%2e%2e/admin', publicOnly),
  refusedTarget('H2', '/api../x', stripping),
  refusedTarget('H2.2', '/api%2e%2e/x', stripping),
  refusedTarget('H3', '/api%2e/admin/secret', stripping),
  ...['%2F', '%5C', '%00', '%3B', '%23', '%3F'].map((octet, at) =>
    refusedTarget(`H4.${at + 1}`, `/a/x${octet}y`, publicOnly, [400]),
  ),
  {
    id: 'H4.7',
    title: 'escaped delimiters pass unchanged where the route opts in',
    routes: [{ id: 'open', match: { paths: ['/a/*'] }, upstream: 'origin', allowEncodedDelimiters: true }],
    run: async ({ ask, origin }) => {
      expect((await ask('GET /a/x%2Fy%3Bz')).status).toBe(200);
      expect(origin.last.target).toBe('/a/x%2Fy%3Bz');
    },
  },
  refusedTarget('H5', '/ho/%2E%2E/hi', publicOnly, [400]),
  {
    id: 'H5.2',
    title: '/a/.../b is served: three dots are a name',
    routes: publicOnly,
    run: async ({ ask, origin }) => {
      expect((await ask('GET /a/.../b')).status).toBe(200);
      expect(origin.last.target).toBe('/a/.../b');
    },
  },
  refusedTarget('H6', '/public/..\\admin', publicOnly),
  {
    id: 'H9',
    title: 'a host that only ends like a route’s is another host',
    routes: [{ id: 'host', match: { hosts: ['api.example.com'] }, upstream: 'origin' }],
    run: async ({ ask, origin }) => {
      expect((await ask('GET /', ['Host: evilapi.example.com'])).status).toBe(404);
      expect((await ask('GET /', ['Host: api.example.com.evil'])).status).toBe(404);
      expect(origin.sockets).toHaveLength(0);
      expect((await ask('GET /', ['Host: API.Example.com'])).status).toBe(200);
    },
  },
  staysHere('H10.1', 'http://other.example/x', '/x'),
  staysHere('H10.2', '//10.10.10.10/x', '//10.10.10.10/x'),
  {
    id: 'H11',
    title: 'what looks like a template in a request stays text',
    routes: [{ id: 'all', match: { paths: ['/*'] }, upstream: 'origin', requestFields: { set: { 'X-From': 'fixed' } } }],
    run: async ({ ask, origin }) => {
      await ask('GET /a/$%7Benv.SECRET%7D', ['X-A: {env.SECRET} ${PATH} {{x}}']);
      expect(origin.last.field('x-a')).toBe('{env.SECRET} ${PATH} {{x}}');
      expect(origin.last.target).toBe('/a/$%7Benv.SECRET%7D');
    },
  },
  {
    id: 'rewrite-1',
    title: 'a prefix is stripped as a whole segment, and the query kept',
    routes: stripping,
    run: async ({ ask, origin }) => {
      await ask('GET /api/x%20y?a=1&b');
      expect(origin.last.target).toBe('/x%20y?a=1&b');
    },
  },
  {
    id: 'redirect-1',
    title: 'what a redirect repeats of a request is one field, whatever it holds (T12)',
    routes: [{ id: 'old', match: { paths: ['/old/*'] }, redirect: { to: 'https://new.example/{rest}' } }],
    run: async ({ ask }) => {
      const answer = await ask('GET /old/x%0d%0aSet-Cookie:%20a=1?q=%0d%0aX-Evil:1');
      expect(answer.field('set-cookie') ?? answer.field('x-evil')).toBeUndefined();
      if (answer.status !== 400) expect(answer.field('location')).toMatch(/^https:\/\/new\.example\/[!-~]*$/);
    },
  },
  {
    id: 'asterisk',
    title: 'OPTIONS * reaches the origin as it is, where a route is for every path',
    routes: [{ id: 'all', upstream: 'origin' }],
    run: async ({ ask, origin }) => {
      expect((await ask('OPTIONS *')).status).toBe(200);
      expect([origin.last.method, origin.last.target]).toEqual(['OPTIONS', '*']);
      expect((await ask('GET *')).status).toBe(400);
    },
  },
  {
    id: 'no-route',
    title: 'what no route fits is 404 with a problem, and nothing is asked',
    routes: publicOnly,
    run: async ({ ask, origin }) => {
      const answer = await ask('GET /elsewhere');
      expect([answer.status, answer.field('content-type')]).toEqual([404, 'application/problem+json']);
      expect(origin.sockets).toHaveLength(0);
    },
  },
];
