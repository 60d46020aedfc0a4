import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkConfiguration } from '../../../core/config/check-configuration.ts';
import type { Surroundings } from '../../../core/config/check-configuration.ts';
import { HeaderList } from '../../../core/http/header-list.ts';
import type { FieldMatch, MatchConfiguration, ProxyConfiguration, RouteConfiguration } from '../../../core/proxy/configuration.ts';
import { checkFallbacks } from '../../../core/proxy/check/check-upstream.ts';
import { findUnreachable } from '../../../core/proxy/check/unreachable.ts';
import { compileRouter } from '../../../core/proxy/routing/router.ts';
import { inOrder } from '../../../core/proxy/routing/in-order.ts';
import { proxyProperties } from '../../../core/proxy/schema.ts';
import { firstViolation } from '../../../core/schema/validate.ts';
import type { JsonSchema } from '../../../core/schema/validate.ts';
import { squaredTakesLonger } from '../../support/linear-time.ts';

const url = 'https://backend.example.com';
const upstreams = { a: { url }, b: { url } };
const ok = { status: 200 };

function check(configuration: object, surroundings: Surroundings = {}) {
  return checkConfiguration(configuration, {}, surroundings);
}

/** Each as `pointer detail; hint`. */
function problemsOf(configuration: object, surroundings?: Surroundings): readonly string[] {
  const checked = check(configuration, surroundings);
  return checked.ok
    ? []
    : checked.problems.map(({ pointer, detail, hint }) => `${pointer} ${detail}${hint === undefined ? '' : `; ${hint}`}`);
}

function warningsOf(configuration: object, surroundings?: Surroundings): readonly string[] {
  const checked = check(configuration, surroundings);
  if (!checked.ok) throw new Error(JSON.stringify(checked.problems));
  return checked.warnings.map(({ pointer, detail }) => `${pointer} ${detail}`);
}

const ofRoute = (route: object): readonly string[] => problemsOf({ routes: [{ id: 'r', ...route }], upstreams });
const ofUpstream = (upstream: object): readonly string[] =>
  problemsOf({ routes: [{ id: 'r', upstream: 'u' }], upstreams: { u: upstream } });

describe('a proxy configuration', () => {
  it('with one route is right', () => {
    expect(check({ routes: [{ id: 'r', respond: ok }] })).toMatchObject({ ok: true, warnings: [] });
    expect(check({ routes: [{ id: 'r', upstream: 'a' }], upstreams: { a: { url } } })).toMatchObject({ ok: true, warnings: [] });
  });

  it('tells everything at once', () => {
    expect(
      problemsOf({
        routes: [
          { id: 'r', upstream: 'x' },
          { id: 'r', respond: ok, redirect: { to: '/' } },
        ],
        upstreams: { u: {} },
        proxy: { versionField: 'connection' },
      }).map((problem) => problem.split(' ')[0]),
    ).toEqual(['/proxy/versionField', '/upstreams/u', '/routes/0/upstream', '/routes/1', '/routes/1/id']);
  });
});

describe('a route', () => {
  it.each<[what: string, route: object, problem: string]>([
    ['no action', {}, '/routes/0 needs exactly one of upstream, split, redirect, respond, handler; has none'],
    ['two actions', { upstream: 'a', respond: ok }, '/routes/0 needs exactly one of .* has upstream and respond'],
    ['an unknown upstream', { upstream: 'c' }, '/routes/0/upstream is not a configured upstream; did you mean'],
    ['an unknown upstream far from all', { upstream: 'xyz' }, '/routes/0/upstream .*; known: a, b'],
    ['an unknown side', { split: { old: 'a', new: 'bb', newPercent: 1 } }, '/routes/0/split/new is not a configured'],
    ['one side twice', { split: { old: 'a', new: 'a', newPercent: 1 } }, '/routes/0/split/new is the same upstream as old'],
    ['a share too fine', { split: { old: 'a', new: 'b', newPercent: 0.125 } }, '/routes/0/split/newPercent has more than two'],
    [
      'two keys',
      { split: { old: 'a', new: 'b', newPercent: 1, key: { header: 'h', by: 'path' } } },
      '/routes/0/split/key .*header and by',
    ],
    ['no key', { split: { old: 'a', new: 'b', newPercent: 1, key: {} } }, '/routes/0/split/key .* has none'],
    ['an unknown mirror', { upstream: 'a', mirror: { upstream: 'm' } }, '/routes/0/mirror/upstream is not'],
    [
      'a mirror of methods in lower case',
      { upstream: 'a', mirror: { upstream: 'b', methods: ['GET', 'get'] } },
      '/routes/0/mirror/methods/1 is no method',
    ],
    [
      'what is no JSON pointer',
      { upstream: 'a', mirror: { upstream: 'b', compare: { ignorePointers: ['/items/*/id', 'updatedAt'] } } },
      '/routes/0/mirror/compare/ignorePointers/1 is no JSON pointer',
    ],
    [
      'a pointer to everything',
      { upstream: 'a', mirror: { upstream: 'b', compare: { ignorePointers: [''] } } },
      '/routes/0/mirror/compare/ignorePointers/0 is no JSON pointer',
    ],
    ['a mirror of nothing', { respond: ok, mirror: { upstream: 'a' } }, '/routes/0/mirror has no meaning with respond'],
    ['a rewrite of nothing', { redirect: { to: '/' }, rewrite: {} }, '/routes/0/rewrite has no meaning with redirect'],
    ['an upgrade of nothing', { handler: 'h', upgrade: true }, '/routes/0/upgrade has no meaning with handler'],
    ['a host that is none', { respond: ok, match: { hosts: ['a', 'a b'] } }, '/routes/0/match/hosts/1 is no host'],
    ['a wildcard inside', { respond: ok, match: { hosts: ['a.*.b'] } }, '/routes/0/match/hosts/0 is no host'],
    ['a port that is none', { respond: ok, match: { hosts: ['a:70000'] } }, '/routes/0/match/hosts/0 is no host'],
    ['a method in lower case', { respond: ok, match: { methods: ['get'] } }, '/routes/0/match/methods/0 .*; did you mean "GET"'],
    [
      'a client range that is none',
      { respond: ok, match: { clients: ['10.0.0.1/8'] } },
      '/routes/0/match/clients/0 is no address range',
    ],
    ['a path without slash', { respond: ok, match: { paths: ['a'] } }, '/routes/0/match/paths/0 must start with /'],
    [
      'a part of a segment as parameter',
      { respond: ok, match: { paths: ['/{a}-{b}'] } },
      '/routes/0/match/paths/0 has a parameter that is not one whole',
    ],
    [
      'two parameters of one name',
      { respond: ok, match: { paths: ['/{a}/{a}'] } },
      '/routes/0/match/paths/0 has two parameters called a',
    ],
    [
      'a parameter called rest',
      { respond: ok, match: { paths: ['/{rest}'] } },
      '/routes/0/match/paths/0 has a parameter called rest',
    ],
    ['a star inside', { respond: ok, match: { paths: ['/*/a'] } }, '/routes/0/match/paths/0 has a \\* that is not the last'],
    ['a star in a segment', { respond: ok, match: { paths: ['/a*'] } }, '/routes/0/match/paths/0 has a \\* that is not the last'],
    ['an empty segment', { respond: ok, match: { paths: ['/a//b'] } }, '/routes/0/match/paths/0 has an empty segment'],
    ['a dot segment', { respond: ok, match: { paths: ['/a/%2E./b'] } }, '/routes/0/match/paths/0 has a dot segment'],
    ['a query', { respond: ok, match: { paths: ['/a?b'] } }, '/routes/0/match/paths/0 has a character that no path has'],
    [
      'an encoded slash',
      { respond: ok, match: { paths: ['/a%2Fb'] } },
      '/routes/0/match/paths/0 has an encoded delimiter.*; set allowEncodedDelimiters',
    ],
    [
      'two comparisons',
      { respond: ok, match: { headers: [{ name: 'a', equals: '', prefix: '' }] } },
      '/routes/0/match/headers/0 has equals and prefix',
    ],
    [
      'a field name that is none',
      { respond: ok, match: { headers: [{ name: 'a b' }] } },
      '/routes/0/match/headers/0/name is no field name',
    ],
    [
      'a cookie name that is none',
      { respond: ok, match: { cookies: [{ name: 'a=b' }] } },
      '/routes/0/match/cookies/0/name is no cookie name',
    ],
    [
      'two ways to rewrite',
      { upstream: 'a', rewrite: { path: '/', addPrefix: '/b' } },
      '/routes/0/rewrite/path cannot be combined',
    ],
    [
      'a prefix of any path',
      { upstream: 'a', rewrite: { stripPrefix: '/a' } },
      '/routes/0/rewrite/stripPrefix needs paths .*/a/\\*',
    ],
    [
      'a prefix of another path',
      { upstream: 'a', match: { paths: ['/a/*', '/ab/*'] }, rewrite: { stripPrefix: '/a' } },
      '/routes/0/rewrite/stripPrefix is not how the path /ab/\\* begins',
    ],
    [
      'a prefix longer than the path',
      { upstream: 'a', match: { paths: ['/a/*'] }, rewrite: { stripPrefix: '/a/b' } },
      'stripPrefix is not how',
    ],
    [
      'a prefix where a parameter is',
      { upstream: 'a', match: { paths: ['/{x}/*'] }, rewrite: { stripPrefix: '/a' } },
      'stripPrefix is not how',
    ],
    [
      'a prefix that is nothing',
      { upstream: 'a', match: { paths: ['/*'] }, rewrite: { stripPrefix: '/' } },
      'stripPrefix takes nothing off',
    ],
    [
      'a prefix with a parameter',
      { upstream: 'a', match: { paths: ['/{x}/*'] }, rewrite: { stripPrefix: '/{x}' } },
      'stripPrefix is literal',
    ],
    [
      'a prefix to add with a dot segment',
      { upstream: 'a', rewrite: { addPrefix: '/a/../b' } },
      '/routes/0/rewrite/addPrefix has a dot segment',
    ],
    [
      'a prefix to add that is no path',
      { upstream: 'a', rewrite: { addPrefix: '//evil' } },
      '/routes/0/rewrite/addPrefix has an empty segment',
    ],
    [
      'a prefix to add with a line end',
      { upstream: 'a', rewrite: { addPrefix: '/a\r\nb' } },
      '/routes/0/rewrite/addPrefix has a character',
    ],
    [
      'a parameter the path does not have',
      { upstream: 'a', match: { paths: ['/u/{id}', '/v/{ix}'] }, rewrite: { path: '/{id}' } },
      '/routes/0/rewrite/path has \\{id\\}, which the path /v/\\{ix\\} does not have',
    ],
    ['a parameter of no path', { upstream: 'a', rewrite: { path: '/{id}' } }, '/routes/0/rewrite/path has \\{id\\}, which no path'],
    ['a mistyped parameter', { upstream: 'a', match: { paths: ['/{user}'] }, rewrite: { path: '/{usr}' } }, 'did you mean "user"'],
    [
      'the rest of a path without',
      { upstream: 'a', match: { paths: ['/a'] }, rewrite: { path: '/{rest}' } },
      '/routes/0/rewrite/path has \\{rest\\}, and not every',
    ],
    [
      'the rest inside',
      { upstream: 'a', match: { paths: ['/*'] }, rewrite: { path: '/a{rest}' } },
      '/routes/0/rewrite/path has \\{rest\\} somewhere else',
    ],
    [
      'a rest that could be a dot segment',
      { upstream: 'a', match: { paths: ['/*'] }, rewrite: { path: '/.{rest}' } },
      '/routes/0/rewrite/path has \\{rest\\} somewhere else',
    ],
    ['a brace', { upstream: 'a', rewrite: { path: '/{' } }, '/routes/0/rewrite/path has a brace'],
    ['a redirect to no URL', { redirect: { to: 'ftp://a' } }, '/routes/0/redirect/to is neither'],
    ['a redirect to any host', { redirect: { to: '//a' } }, '/routes/0/redirect/to is neither'],
    [
      'a redirect to a host that was sent',
      { match: { paths: ['/{h}'] }, redirect: { to: 'https://{h}/' } },
      '/routes/0/redirect/to has a parameter in its host',
    ],
    [
      'a redirect to a host and what was sent',
      { match: { paths: ['/*'] }, redirect: { to: 'https://a.example{rest}' } },
      '/routes/0/redirect/to has a parameter in its host',
    ],
    ['a redirect with credentials', { redirect: { to: 'https://a@b/' } }, '/routes/0/redirect/to has a host that is none'],
    ['a redirect with a line end', { redirect: { to: '/a\r\nb' } }, '/routes/0/redirect/to holds a character'],
    ['a redirect with an unknown parameter', { redirect: { to: '/{a}' } }, '/routes/0/redirect/to has \\{a\\}'],
    ['content without content', { respond: { status: 204, body: 'a' } }, '/routes/0/respond/body cannot be sent with status 204'],
    ['content of 304', { respond: { status: 304, body: 'a' } }, '/routes/0/respond/body'],
    [
      'a framing field',
      { respond: { status: 200, headers: { 'Content-Length': '1' } } },
      '/routes/0/respond/headers/Content-Length belongs to',
    ],
    [
      'a value with a line end (T12)',
      { respond: { status: 200, headers: { a: 'b\r\nset-cookie: c' } } },
      '/routes/0/respond/headers/a has a value',
    ],
    [
      'a name with a line end (T12)',
      { upstream: 'a', requestFields: { set: { 'a\r\nb': '' } } },
      '/routes/0/requestFields/set/a\\?\\?b is no field name',
    ],
    [
      'an edit of the connection',
      { upstream: 'a', requestFields: { remove: ['Connection'] } },
      '/routes/0/requestFields/remove/0 belongs to the connection',
    ],
    [
      'an edit of the host',
      { upstream: 'a', requestFields: { set: { host: 'x' } } },
      '/routes/0/requestFields/set/host is set with the host option',
    ],
    [
      'a removed Via',
      { upstream: 'a', requestFields: { remove: ['via'] } },
      '/routes/0/requestFields/remove/0 keeps requests from going in circles',
    ],
    [
      'one field set twice',
      { upstream: 'a', responseFields: { set: { A: '1', a: '2' } } },
      '/routes/0/responseFields/set sets a twice',
    ],
    [
      'an added field that is none',
      { upstream: 'a', responseFields: { add: { 'x:': '1' } } },
      '/routes/0/responseFields/add/x: is no field name',
    ],
  ])('with %s is refused', (_, route, problem) => {
    const problems = ofRoute(route);
    expect(
      problems.some((one) => new RegExp(problem).test(one)),
      problems.join('\n'),
    ).toBe(true);
  });

  it.each<[what: string, route: object]>([
    [
      'a prefix that is not ASCII',
      { upstream: 'a', match: { paths: ['/café/*', '/caf%C3%A9/x'] }, rewrite: { stripPrefix: '/café/' } },
    ],
    ['encoded delimiters', { upstream: 'a', match: { paths: ['/a%2Fb'] }, allowEncodedDelimiters: true }],
    ['parameters all over', { upstream: 'a', match: { paths: ['/{a}/{b}/*'] }, rewrite: { path: '/x-{b}.{a}/{a}/{rest}' } }],
    ['a redirect elsewhere', { match: { paths: ['/{a}/*'] }, redirect: { to: 'https://b.example:8443/{a}/{rest}?q={a}#x' } }],
    ['edits', { upstream: 'a', requestFields: { remove: ['x-a'], set: { Authorization: 'Basic eDp5' }, add: { 'x-b': '' } } }],
    ['a method of its own', { respond: ok, match: { methods: ['get-it', 'PURGE'] } }],
    ['an empty answer', { respond: { status: 204, body: '' } }],
    ['edits of a handler', { handler: 'h', rewrite: { addPrefix: '/x' }, requestFields: { set: { a: 'b' } } }],
  ])('with %s is right', (_, route) => {
    expect(ofRoute(route)).toEqual([]);
  });

  it('has an id and a priority of its own', () => {
    const routes = [
      { id: 'x', priority: 5, respond: ok, match: { paths: ['/1'] } },
      { id: 'y', priority: 5, respond: ok, match: { paths: ['/2'] } },
      { id: 'x', priority: 0, respond: ok, match: { paths: ['/3'] } },
      { id: 'z', respond: ok },
    ];
    expect(problemsOf({ routes })).toEqual([
      '/routes/1/priority is that of route "x", too; leave it out where the order may decide',
      '/routes/2/id is the id of route 0, too',
    ]);
  });

  it('has a handler that is there, where that is known', () => {
    const routes = [{ id: 'r', handler: 'helo' }];
    expect(problemsOf({ routes })).toEqual([]);
    expect(problemsOf({ routes }, { handlers: ['hello'] })).toEqual([
      '/routes/0/handler is not a handler of this process; did you mean "hello"?',
    ]);
    expect(problemsOf({ routes }, { handlers: [] })[0]).toContain('this process has none');
  });

  it('has time for what its upstream may take', () => {
    const timed = (timeoutMs: number | undefined, timeouts: object, more = {}) => ({
      routes: [{ id: 'r', timeoutMs, upstream: 'u' }].map((route) => JSON.parse(JSON.stringify(route)) as object),
      upstreams: { u: { url, timeouts, ...more } },
    });
    expect(problemsOf(timed(1_000, { connectMs: 1_001 }))[0]).toMatch(
      /^\/routes\/0\/timeoutMs \(1000\) is less than connectMs of u \(1001\)/,
    );
    expect(problemsOf(timed(1_000, { tryMs: 2_000 }))[0]).toContain('less than tryMs of u (2000)');
    expect(problemsOf(timed(undefined, { tryMs: 30_001 }))[0]).toContain('(30000, the default) is less than tryMs');
    expect(warningsOf(timed(undefined, { tryMs: 20_000 }))[0]).toContain('leaves no time for 2 tries of 20000 each');
    expect(warningsOf(timed(undefined, { tryMs: 20_000 }, { retry: { retries: 0 } }))).toEqual([]);
    expect(warningsOf(timed(10_000, { responseHeadersMs: 9_500, connectMs: 600 }))[0]).toContain(
      'may be over before responseHeadersMs',
    );
    expect(warningsOf(timed(500, {}))).toEqual([]);
    expect(
      problemsOf({
        routes: [{ id: 'r', timeoutMs: 10, split: { old: 'u', new: 'v', newPercent: 1 } }],
        upstreams: { u: { url }, v: { url, timeouts: { connectMs: 11 } } },
      })[0],
    ).toContain('connectMs of v');
  });

  it('over what platforms allow is right, with a warning that names them', () => {
    const of = (route: object) => warningsOf({ routes: [{ id: 'r', respond: ok, ...route }] });
    expect(of({ timeoutMs: 29_000, maxRequestBytes: 1_048_576, maxRequestFieldBytes: 10_240 })).toEqual([]);
    expect(of({ timeoutMs: 29_001 })).toEqual([
      '/routes/0/timeoutMs is over what the platform allows on API Gateway REST API (29000)',
    ]);
    expect(of({ timeoutMs: 231_000 })[0]).toContain('Azure Functions (230000)');
    expect(of({ maxRequestBytes: 6_291_457 })[0]).toMatch(
      /REST API .* HTTP API .* function URL .* ALB with a Lambda target \(1048576\)$/,
    );
    expect(of({ maxRequestFieldBytes: 16_384 })[0]).toContain('(10240)');
  });
});

describe('an upstream', () => {
  it.each<[what: string, upstream: object, problem: string]>([
    ['no target', {}, '/upstreams/u needs exactly one of url, targets, discovery; has none'],
    ['two ways to targets', { url, discovery: { kind: 'srv', name: 'a.example' } }, '/upstreams/u .*; has url and discovery'],
    ['targets without weight', { targets: [{ url, weight: 0 }] }, '/upstreams/u/targets have no weight'],
    ['discovery without port', { discovery: { kind: 'dns', name: 'a.example' } }, '/upstreams/u/discovery/port is required'],
    [
      'discovery with two ports',
      { discovery: { kind: 'srv', name: '_a._tcp.example', port: 1 } },
      '/upstreams/u/discovery/port is said by',
    ],
    [
      'discovery of an address',
      { discovery: { kind: 'dns', name: '10.0.0.1', port: 1 } },
      '/upstreams/u/discovery/name is no name',
    ],
    [
      'TTLs turned round',
      { discovery: { kind: 'srv', name: 'a', minTtlMs: 70_000 } },
      '/upstreams/u/discovery/minTtlMs is greater than maxTtlMs \\(60000\\)',
    ],
    ['a loopback target', { url: 'http://127.0.0.1:3000' }, '/upstreams/u/url is a loopback address; set allowPrivate'],
    ['localhost', { url: 'http://localhost:3000' }, '/upstreams/u/url is a loopback address'],
    [
      'a private target',
      { targets: [{ url }, { url: 'http://10.0.0.1' }] },
      '/upstreams/u/targets/1/url is a private address; set allowPrivate',
    ],
    ['a shared target', { url: 'http://100.64.0.1' }, '/upstreams/u/url is a shared address; set allowPrivate'],
    ['a target of digits', { url: 'http://2130706433' }, '/upstreams/u/url is a loopback address'],
    ['the metadata service', { url: 'http://169.254.169.254', allowPrivate: true }, '/upstreams/u/url is a metadata address$'],
    [
      'the metadata service by name',
      { url: 'http://metadata.google.internal', allowPrivate: true },
      '/upstreams/u/url is a metadata address$',
    ],
    ['a link-local target', { url: 'http://169.254.1.1', allowPrivate: true }, '/upstreams/u/url is a link-local address$'],
    ['a port that is none', { url: 'http://a.example:70000' }, '/upstreams/u/url is not a URL'],
    [
      'a base with a dot segment',
      { url: `${url}/a/%2e%2e/b` },
      '/upstreams/u/url has a path that cannot be asked for: the path holds a dot segment',
    ],
    ['an exception that is none', { url, allow: ['a', 'b c'] }, '/upstreams/u/allow/1 is not an address range'],
    ['a host that is none', { url, host: 'a b' }, '/upstreams/u/host is no host name'],
    ['a host for many', { url, host: '*.a' }, '/upstreams/u/host is no host name'],
    ['TLS in the clear', { url: 'http://a.example', tls: { ca: 'ca' } }, '/upstreams/u/tls is for https'],
    [
      'a key for nothing',
      { url, balance: { policy: 'roundRobin', key: { by: 'path' } } },
      '/upstreams/u/balance/key is for the policy hash',
    ],
    [
      'two keys',
      { url, balance: { policy: 'hash', key: { query: 'a', cookie: 'b' } } },
      '/upstreams/u/balance/key .* has cookie and query',
    ],
    [
      'a try shorter than connecting',
      { url, timeouts: { connectMs: 20, tryMs: 10 } },
      '/upstreams/u/timeouts/connectMs is greater than tryMs \\(10\\)',
    ],
    [
      'a try shorter than the header',
      { url, timeouts: { responseHeadersMs: 20, tryMs: 10 } },
      '/upstreams/u/timeouts/responseHeadersMs is',
    ],
    [
      'back-offs turned round',
      { url, retry: { baseBackoffMs: 20, maxBackoffMs: 10 } },
      '/upstreams/u/retry/baseBackoffMs is greater',
    ],
    [
      'a breaker turned round',
      { url, circuitBreaker: { openMs: 20, maxOpenMs: 10 } },
      '/upstreams/u/circuitBreaker/openMs is greater',
    ],
    [
      'ejections turned round',
      { url, outlierEjection: { baseEjectionMs: 20, maxEjectionMs: 10 } },
      '/upstreams/u/outlierEjection/base',
    ],
    [
      'checks that overlap',
      { url, healthCheck: { intervalMs: 100, timeoutMs: 101 } },
      '/upstreams/u/healthCheck/timeoutMs is greater',
    ],
    ['a check of no path', { url, healthCheck: { path: '/a/../b' } }, '/upstreams/u/healthCheck/path has a path that cannot'],
    ['an unknown fall-back', { url, fallback: 'uu' }, '/upstreams/u/fallback is not a configured upstream; did you mean "u"'],
    ['itself to fall back on', { url, fallback: 'u' }, '/upstreams/u/fallback leads back: u -> u'],
  ])('with %s is refused', (_, upstream, problem) => {
    const problems = ofUpstream(upstream);
    expect(
      problems.some((one) => new RegExp(problem).test(one)),
      problems.join('\n'),
    ).toBe(true);
  });

  it.each<[what: string, upstream: object]>([
    ['a private target that is wanted', { url: 'http://10.0.0.1', allowPrivate: true }],
    ['a loopback target that is wanted', { url: 'http://localhost:3000/base', allowPrivate: true }],
    ['a listed target', { url: 'http://10.0.0.1', allow: ['10.0.0.0/24'] }],
    ['a base path', { url: `${url}:8443/v1/`, host: 'other.example:8443', tls: { ca: 'ca', serverName: 'x' } }],
    ['everything off', { url, circuitBreaker: false, outlierEjection: false }],
    ['defaults that a figure meets', { url, timeouts: { tryMs: 100 }, retry: { maxBackoffMs: 10 } }],
    ['discovery', { discovery: { kind: 'dns', name: 'a.example', port: 80 }, balance: { policy: 'hash', key: { by: 'client' } } }],
  ])('with %s is right', (_, upstream) => {
    expect(ofUpstream(upstream)).toEqual([]);
  });

  it('does not fall back in a circle, which is told once', () => {
    const circle = { a: { url, fallback: 'b' }, b: { url, fallback: 'c' }, c: { url, fallback: 'b' } };
    expect(problemsOf({ routes: [{ id: 'r', upstream: 'a' }], upstreams: circle })).toEqual([
      '/upstreams/b/fallback leads back: b -> c -> b',
    ]);
    const line = { a: { url, fallback: 'b' }, b: { url, fallback: 'c' }, c: { url } };
    expect(problemsOf({ routes: [{ id: 'r', upstream: 'a' }], upstreams: line })).toEqual([]);
  });

  it(
    'falls back to others that do, tens of thousands of them',
    () => {
      const length = 100_000;
      const chain = (last: string | undefined) =>
        Object.fromEntries(Array.from({ length }, (_, n) => [`u${n}`, { url, fallback: n + 1 < length ? `u${n + 1}` : last }]));
      const problems: string[] = [];
      checkFallbacks(chain(undefined), (pointer, detail) => problems.push(`${pointer} ${detail}`));
      expect(problems).toEqual([]);
      checkFallbacks(chain(`u${length - 2}`), (pointer, detail) => problems.push(`${pointer} ${detail}`));
      expect(problems).toEqual(['/u99998/fallback leads back: u99998 -> u99999 -> u99998']);
    },
    squaredTakesLonger,
  );

  it('that checks health in a function, or that nobody uses, is right with a warning', () => {
    const configuration = { routes: [{ id: 'r', upstream: 'a' }], upstreams: { a: { url, healthCheck: {} }, b: { url } } };
    expect(warningsOf(configuration)).toEqual([
      '/upstreams/a/healthCheck does nothing in a function, which is frozen between requests',
      '/upstreams/b is used by no route',
    ]);
    expect(warningsOf(configuration, { isServer: true })).toEqual(['/upstreams/b is used by no route']);
  });
});

describe('proxy settings', () => {
  it.each<[object, string]>([
    [{ trustedProxies: ['10.0.0.0/8', 'lb'] }, '/proxy/trustedProxies/1 is no address range'],
    [{ controlHosts: ['a b'] }, '/proxy/controlHosts/0 is no name of a host'],
    [{ controlHosts: ['a', '*.b'] }, '/proxy/controlHosts/1 is no name of a host'],
    [{ controlHosts: ['a:80'] }, '/proxy/controlHosts/0 is no name of a host'],
    [{ versionField: 'Content-Length' }, '/proxy/versionField belongs to'],
    [{ accessLog: { requestFields: ['x', 'Authorization'] } }, '/proxy/accessLog/requestFields/1 carries credentials'],
    [{ compression: { types: ['+json', 'text/*', 'text'] } }, '/proxy/compression/types/2 is no media type'],
  ])('%j are refused', (proxy, problem) => {
    expect(problemsOf({ routes: [{ id: 'r', respond: ok }], proxy })[0]).toContain(problem);
  });
});

const rule = (id: string, match?: MatchConfiguration, priority?: number): RouteConfiguration => ({
  id,
  match,
  priority,
  respond: ok,
});
const unreachable = (...routes: readonly RouteConfiguration[]): readonly string[] =>
  findUnreachable(inOrder(routes)).map(({ route, by }) => `${route.id} by ${by.map(({ id }) => id).join(', ')}`);

describe('a rule that can never win', () => {
  it.each<[what: string, first: MatchConfiguration | undefined, second: MatchConfiguration | undefined]>([
    ['every request', undefined, { paths: ['/a'] }],
    ['the same', { hosts: ['a'], paths: ['/x/{y}'], methods: ['GET'] }, { hosts: ['a'], paths: ['/x/{z}'], methods: ['GET'] }],
    ['a prefix', { paths: ['/a/*'] }, { paths: ['/a/b/{c}', '/a', '/a/', '/a/*'] }],
    ['a parameter', { paths: ['/{a}/b'] }, { paths: ['/x/b'] }],
    ['another spelling', { paths: ['/admin'] }, { paths: ['/%61dmin'] }],
    ['one of several paths each', { paths: ['/a', '/b', '/c/*'] }, { paths: ['/b', '/c/d'] }],
    ['a wildcard host', { hosts: ['*.a.b'] }, { hosts: ['x.a.b', '*.y.a.b', 'x.a.b:80', '*.a.b'] }],
    ['any port', { hosts: ['a'] }, { hosts: ['a:80'] }],
    ['more methods', { methods: ['GET', 'PUT'] }, { methods: ['PUT'] }],
    ['a wider range', { clients: ['10.0.0.0/8'] }, { clients: ['10.1.0.0/16', '10.2.3.4'] }],
    ['a presence', { headers: [{ name: 'X' }] }, { headers: [{ name: 'x', equals: '1' }, { name: 'y' }] }],
    ['a shorter prefix', { query: [{ name: 'q', prefix: 'a' }] }, { query: [{ name: 'q', prefix: 'ab' }] }],
    ['one of more', { cookies: [{ name: 'q', oneOf: ['a', 'b'] }] }, { cookies: [{ name: 'q', equals: 'b' }] }],
    ['all of one of', { cookies: [{ name: 'q', prefix: 'a' }] }, { cookies: [{ name: 'q', oneOf: ['ab', 'ac'] }] }],
    [
      'a narrower negation',
      { query: [{ name: 'q', equals: 'ab', not: true }] },
      { query: [{ name: 'q', prefix: 'a', not: true }] },
    ],
  ])('is found behind one that takes %s', (_, first, second) => {
    expect(unreachable(rule('first', first), rule('second', second))).toEqual(['second by first']);
    expect(unreachable(rule('second', second), rule('first', first, 1))).toEqual(['second by first']);
  });

  it.each<[what: string, first: MatchConfiguration | undefined, second: MatchConfiguration | undefined]>([
    ['exact path', { paths: ['/a'] }, { paths: ['/a/*'] }],
    ['parameter', { paths: ['/{a}'] }, { paths: ['/'] }],
    ['parameters', { paths: ['/{a}/{b}'] }, { paths: ['/x/*'] }],
    ['literal', { paths: ['/a'] }, { paths: ['/{a}'] }],
    ['path at all', { paths: ['/*'] }, undefined],
    ['port', { hosts: ['a:80'] }, { hosts: ['a'] }],
    ['name below', { hosts: ['*.a'] }, { hosts: ['a'] }],
    ['method', { methods: ['GET'] }, undefined],
    ['range', { clients: ['10.0.0.0/16'] }, { clients: ['10.0.0.0/8'] }],
    ['family', { clients: ['::/0'] }, { clients: ['10.0.0.0/8'] }],
    ['value', { headers: [{ name: 'x', equals: '1' }] }, { headers: [{ name: 'x' }] }],
    ['other kind', { headers: [{ name: 'x' }] }, { cookies: [{ name: 'x' }] }],
    ['other name', { query: [{ name: 'x' }] }, { query: [{ name: 'X' }] }],
    ['negation', { query: [{ name: 'x', equals: '1', not: true }] }, { query: [{ name: 'x', equals: '2' }] }],
    ['longer prefix', { query: [{ name: 'x', prefix: 'ab' }] }, { query: [{ name: 'x', prefix: 'a' }] }],
  ])('is not said to be behind one that is narrower by its %s', (_, first, second) => {
    expect(unreachable(rule('first', first), rule('second', second))).toEqual([]);
  });

  it('is found behind several that share its requests', () => {
    expect(
      unreachable(
        rule('get', { paths: ['/a/*'], methods: ['GET'] }),
        rule('put', { paths: ['/a/b'], methods: ['PUT'] }),
        rule('other', { paths: ['/c'] }),
        rule('both', { paths: ['/a/b', '/c'], methods: ['GET', 'PUT'] }),
      ),
    ).toEqual(['both by get, put, other']);
  });

  it('makes the configuration be refused, by the names of those before it', () => {
    const routes = [
      { id: 'all', match: { paths: ['/*'] }, respond: ok },
      { id: 'api', match: { paths: ['/api/*'] }, respond: ok },
    ];
    expect(problemsOf({ routes })).toEqual([
      '/routes/1 can never win: route "all" takes every request it matches; move it up, give it a higher priority, or remove it',
    ]);
  });

  it('never wins', () => {
    const optional = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
      fc.option(arbitrary, { nil: undefined, freq: 2 });
    const path = fc.constantFrom('/*', '/a', '/a/*', '/{x}', '/a/{x}', '/{x}/b', '/a/b', '/a/', '/{x}/*');
    const field: fc.Arbitrary<FieldMatch> = fc
      .tuple(fc.constantFrom('h', 'i'), fc.constantFrom({}, { equals: 'a' }, { prefix: 'a' }, { oneOf: ['a', 'ab'] }), fc.boolean())
      .map(([name, more, not]) => ({ name, ...more, not }));
    const match: fc.Arbitrary<MatchConfiguration> = fc.record({
      hosts: optional(fc.uniqueArray(fc.constantFrom('a.b', '*.b', 'a.b:1', '*.a.b'), { minLength: 1, maxLength: 2 })),
      paths: optional(fc.uniqueArray(path, { minLength: 1, maxLength: 2 })),
      methods: optional(fc.constantFrom(['GET'], ['GET', 'PUT'])),
      query: optional(fc.array(field, { minLength: 1, maxLength: 2 })),
      clients: optional(fc.constantFrom(['10.0.0.0/8'], ['10.0.0.1'], ['10.0.0.0/8', '::/0'])),
    });
    const requests = ['GET', 'PUT'].flatMap((method) =>
      ['a.b', 'a.b:1', 'c.b', 'c.a.b', 'z'].flatMap((authority) =>
        ['/', '/a', '/a/', '/a/b', '/c', '/c/b', '/c/b/d'].flatMap((base) =>
          ['', '?h=a', '?h=ab&i=a', '?h=c&h=a', '?i'].map((query) => ({
            method,
            scheme: 'https' as const,
            authority,
            target: base + query,
            headers: new HeaderList(),
            body: undefined,
          })),
        ),
      ),
    );
    let found = 0;
    fc.assert(
      fc.property(fc.array(match, { minLength: 2, maxLength: 5 }), (matches) => {
        const routes = matches.map((one, at) => rule(`r${at}`, one));
        const never = new Set(findUnreachable(routes).map(({ route }) => route.id));
        found += never.size;
        const router = compileRouter(routes);
        for (const request of requests) {
          for (const client of ['10.0.0.1', '10.9.9.9', '::1', undefined]) {
            const id = router.match(request, client)?.route.id;
            if (id !== undefined) expect(never).not.toContain(id);
          }
        }
      }),
      { numRuns: 150 },
    );
    expect(found).toBeGreaterThan(20);
  });

  it('is looked for among 30,000 without comparing each with each', { timeout: squaredTakesLonger }, () => {
    const routes = Array.from({ length: 30_000 }, (_, at) =>
      rule(`r${at}`, { hosts: [`h${at % 100}.example`], paths: [`/v1/s${at}/{id}/*`, `/v2/s${at}`], methods: ['GET'] }),
    );
    expect(findUnreachable([...routes, rule('last', { hosts: ['h1.example'], paths: ['/v2/s1'], methods: ['GET'] })])).toHaveLength(
      1,
    );
  });
});

type Complete<T> = T extends readonly (infer Item)[]
  ? readonly Complete<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]-?: Complete<Exclude<T[Key], false | undefined>> }
    : T;

describe('the schema', () => {
  const fieldMatch: Complete<FieldMatch> = { name: 'x', equals: 'x', prefix: 'x', oneOf: ['x'], not: true };
  const key = { header: 'x', cookie: 'x', query: 'x', by: 'client' } as const;
  const edits = { remove: ['x'], set: { x: 'x' }, add: { x: 'x' } };
  const compression = { codings: ['br'], minBytes: 1, types: ['x/x'] } as const;
  // Every member of the interfaces, or this does not compile; no other, or this does not compile either.
  const everything: Complete<ProxyConfiguration> = {
    routes: [
      {
        id: 'x',
        priority: 1,
        match: {
          hosts: ['x'],
          paths: ['/'],
          methods: ['X'],
          headers: [fieldMatch],
          query: [fieldMatch],
          cookies: [fieldMatch],
          clients: ['x'],
        },
        upstream: 'x',
        split: {
          old: 'x',
          new: 'x',
          newPercent: 1,
          key,
          gate: { maxErrorPercent: 1, maxLatencyMs: 1, windowMs: 1_000, minRequests: 1, retryAfterMs: 1, rescue: true },
        },
        redirect: { to: '/', status: 308, keepQuery: true },
        respond: { status: 200, headers: { x: 'x' }, body: 'x' },
        handler: 'x',
        rewrite: { stripPrefix: '/', addPrefix: '/', path: '/' },
        requestFields: edits,
        responseFields: edits,
        mirror: {
          upstream: 'x',
          percent: 1,
          maxInFlight: 1,
          maxBodyBytes: 1,
          methods: ['X'],
          timeoutMs: 1,
          compare: { ignoreFields: ['x'], ignorePointers: ['/x'], maxBodyBytes: 1 },
        },
        timeoutMs: 1,
        maxRequestBytes: 1,
        maxRequestFieldBytes: 256,
        allowEncodedDelimiters: true,
        upgrade: true,
        compression,
      },
    ],
    upstreams: {
      x: {
        url: 'http://x',
        targets: [{ url: 'http://x', weight: 1 }],
        discovery: { kind: 'dns', name: 'x', scheme: 'http', port: 1, minTtlMs: 1, maxTtlMs: 1 },
        allowPrivate: true,
        allow: ['x'],
        protocol: 'http1',
        host: 'x',
        tls: { ca: 'x', clientCertificate: 'x', serverName: 'x' },
        balance: { policy: 'hash', key },
        timeouts: { connectMs: 1, responseHeadersMs: 1, idleMs: 1, tryMs: 1 },
        retry: {
          retries: 1,
          statuses: [500],
          methods: ['X'],
          baseBackoffMs: 1,
          maxBackoffMs: 1,
          maxBufferedBytes: 1,
          budgetRatio: 1,
          budgetMinPerSecond: 1,
        },
        circuitBreaker: {
          consecutiveFailures: 1,
          failureRatio: 1,
          minRequests: 1,
          windowMs: 100,
          openMs: 1,
          maxOpenMs: 1,
          probes: 1,
          shared: true,
        },
        outlierEjection: { consecutiveFailures: 1, baseEjectionMs: 1, maxEjectionMs: 1, maxEjectedPercent: 1, panicPercent: 1 },
        healthCheck: { path: '/', intervalMs: 100, timeoutMs: 1, unhealthyAfter: 1, healthyAfter: 1, statuses: [200] },
        concurrency: { max: 1, maxQueued: 1, queueTimeoutMs: 1, adaptive: true },
        admission: { successRatio: 1, windowMs: 1_000, maxRejectRatio: 1 },
        hedge: { delayMs: 1, budgetRatio: 1 },
        fallback: 'x',
      },
    },
    proxy: {
      via: 'x',
      trustedProxies: ['x'],
      forwardedFields: 'both',
      serverTiming: true,
      versionField: 'x',
      proxyStatus: true,
      compression,
      accessLog: { enabled: true, requestFields: ['x'], queryParameters: ['x'] },
      controlHosts: ['x'],
      live: { pollMs: 100 },
    },
  };

  it('knows every member of the interfaces, and no other', () => {
    const unused: string[] = [];
    const visit = (schema: JsonSchema, value: unknown, at: string): void => {
      if (value === undefined) {
        unused.push(at);
        return;
      }
      const inner = value as Readonly<Record<string, unknown>>;
      for (const [name, of] of Object.entries(schema.properties ?? {})) visit(of, inner[name], `${at}/${name}`);
      if (schema.items !== undefined) visit(schema.items, (value as readonly unknown[])[0], `${at}/0`);
      if (typeof schema.additionalProperties === 'object') visit(schema.additionalProperties, inner['x'], `${at}/x`);
      if (schema.oneOf?.[0] !== undefined) visit(schema.oneOf[0], value, at);
    };
    for (const member of ['routes', 'upstreams', 'proxy'] as const) {
      expect(firstViolation(proxyProperties[member], everything[member])).toBeUndefined();
      visit(proxyProperties[member], everything[member], `/${member}`);
    }
    expect(unused).toEqual([]);
  });

  it('describes every member', () => {
    const silent: string[] = [];
    const visit = (schema: JsonSchema, at: string): void => {
      for (const [name, of] of Object.entries(schema.properties ?? {})) {
        if (of.description === undefined && of.enum === undefined) silent.push(`${at}/${name}`);
        visit(of, `${at}/${name}`);
      }
      if (schema.items !== undefined) visit(schema.items, at);
      if (typeof schema.additionalProperties === 'object') visit(schema.additionalProperties, at);
      for (const of of schema.oneOf ?? []) visit(of, at);
    };
    for (const [name, of] of Object.entries(proxyProperties)) visit(of, `/${name}`);
    expect(silent).toEqual([]);
  });

  it('takes false where a part can be switched off', () => {
    expect(ofRoute({ upstream: 'a', compression: false })).toEqual([]);
    expect(ofRoute({ upstream: 'a', compression: true })[0]).toContain('/routes/0/compression must be an object');
    expect(ofUpstream({ url, circuitBreaker: { probs: 1 } })[0]).toContain(
      '/upstreams/u/circuitBreaker/probs is not a known member; did you mean "probes"?',
    );
  });
});
