import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HeaderList } from '../../../../core/http/header-list.ts';
import type { HttpRequest } from '../../../../core/ports/http.ts';
import type { FieldMatch, MatchConfiguration, RouteConfiguration } from '../../../../core/proxy/configuration.ts';
import { compileRouter } from '../../../../core/proxy/routing/router.ts';
import { squaredTakesLonger } from '../../../support/linear-time.ts';

const respond = { status: 200 };
const route = (id: string, match?: MatchConfiguration, priority?: number): RouteConfiguration => ({ id, match, priority, respond });

function request(
  target: string,
  { method = 'GET', host = 'example.com', headers = {} as Readonly<Record<string, string | readonly string[]>> } = {},
): HttpRequest {
  const fields = Object.entries(headers).flatMap(([name, value]) =>
    (typeof value === 'string' ? [value] : value).map((one) => [name, one] as const),
  );
  return { method, scheme: 'https', authority: host, target, headers: HeaderList.of(...fields), body: undefined };
}

const matched = (match: MatchConfiguration, sent: HttpRequest, client?: string): boolean =>
  compileRouter([route('r', match)]).match(sent, client) !== undefined;

describe('a path pattern', () => {
  it.each<[pattern: string, path: string, parameters?: Readonly<Record<string, string>>, rest?: string]>([
    ['/', '/'],
    ['/a', '/a'],
    ['/a', '/a?b/c'],
    ['/a/', '/a/'],
    ['/*', '/', {}, ''],
    ['/*', '/a//b/', {}, 'a//b/'],
    ['/a/*', '/a', {}, ''],
    ['/a/*', '/a/', {}, ''],
    ['/a/*', '/a/b%2Fc/d', {}, 'b%2Fc/d'],
    ['/a/*', '/a//evil.example', {}, '/evil.example'],
    ['/users/{id}', '/users/7', { id: '7' }],
    ['/users/{id}/orders/*', '/users/a%2Db/orders', { id: 'a%2Db' }, ''],
    ['/{a}/{b}', '/x/y', { a: 'x', b: 'y' }],
    ['/{constructor}', '/x', { constructor: 'x' }],
    ['/admin', '/%61dm%69n'],
    ['/~me', '/%7Eme'],
    ['/caf%C3%A9', '/caf%c3%a9'],
    ['/café', '/caf%C3%A9'],
    ['/%41', '/A'],
    ['/a$b', '/a$b'],
  ])('%s fits %s', (pattern, path, parameters = {}, rest = '') => {
    expect(compileRouter([route('r', { paths: [pattern] })]).match(request(path), undefined)).toMatchObject({
      route: { id: 'r' },
      parameters,
      rest,
    });
  });

  it.each([
    ['/a', '/a/'],
    ['/a', '/A'],
    ['/a', '/ab'],
    ['/a/', '/a'],
    ['/a/*', '/ab'],
    ['/a/*', '/a../x'],
    ['/a/*', '/a%2Fb'],
    ['/a/b', '/a%2Fb'],
    ['/users/{id}', '/users/'],
    ['/users/{id}', '/users/7/'],
    ['/users/{id}', '/users'],
    ['/users/{id}/*', '/users//x'],
    ['/', '//'],
    ['/a%2Fb', '/a/b'],
    ['/a$b', '/a%24b'],
    ['/%2541', '/A'],
    ['/*', '*'],
  ])('%s does not fit %s', (pattern, path) => {
    expect(compileRouter([route('r', { paths: [pattern] })]).match(request(path), undefined)).toBeUndefined();
  });

  it('is not needed for OPTIONS *', () => {
    const router = compileRouter([route('paths', { paths: ['/*'] }), route('any')]);
    expect(router.match(request('*', { method: 'OPTIONS' }), undefined)?.route.id).toBe('any');
  });

  it('gives the parameters of the first of a rule that fits', () => {
    const router = compileRouter([route('r', { paths: ['/x/{a}', '/{b}/y', '/*'] })]);
    expect(router.match(request('/x/y'), undefined)).toMatchObject({ parameters: { a: 'y' }, rest: '' });
    expect(router.match(request('/z/y'), undefined)).toMatchObject({ parameters: { b: 'z' }, rest: '' });
  });
});

describe('a host pattern', () => {
  it.each([
    ['api.example.com', 'api.example.com'],
    ['api.example.com', 'api.example.com:8443'],
    ['API.example.com', 'api.example.com'],
    ['api.example.com', 'api.example.com.'],
    ['localhost:3000', 'localhost:3000'],
    ['*.example.com', 'a.example.com'],
    ['*.example.com', 'a.b.example.com:80'],
    ['*.example.com:443', 'a.example.com:443'],
    ['[::1]', '[::1]:8080'],
    ['[::1]:8080', '[::1]:8080'],
    ['127.0.0.1', '127.0.0.1:80'],
    ['bücher.example', 'xn--bcher-kva.example'],
  ])('%s fits %s', (pattern, host) => {
    expect(matched({ hosts: ['other.example', pattern] }, request('/', { host }))).toBe(true);
  });

  it.each([
    ['localhost:3000', 'evillocalhost:3000'],
    ['localhost:3000', 'localhost'],
    ['localhost:3000', 'localhost:30001'],
    ['localhost', 'localhost.evil'],
    ['*.example.com', 'example.com'],
    ['*.example.com', '.example.com'],
    ['*.example.com', 'evilexample.com'],
    ['*.example.com', 'a.example.com.evil'],
    ['*.example.com:443', 'a.example.com:444'],
    ['api.example.com', 'api.example.com@evil'],
    ['[::1]', '[::2]'],
    ['api.example.com', ''],
  ])('%s does not fit %s', (pattern, host) => {
    expect(matched({ hosts: [pattern] }, request('/', { host }))).toBe(false);
  });
});

describe('conditions', () => {
  it('compare field names exactly but for case: x_user_id is not x-user-id', () => {
    const match = { headers: [{ name: 'X-User-Id', equals: 'admin' }] };
    expect(matched(match, request('/', { headers: { 'x-user-id': 'admin' } }))).toBe(true);
    expect(matched(match, request('/', { headers: { x_user_id: 'admin', 'x.user.id': 'admin' } }))).toBe(false);
  });

  it.each<[string, FieldMatch, readonly string[], boolean]>([
    ['presence', { name: 'f' }, [''], true],
    ['presence', { name: 'f' }, [], false],
    ['absence', { name: 'f', not: true }, [], true],
    ['absence', { name: 'f', not: true }, ['x'], false],
    ['equals', { name: 'f', equals: 'x' }, ['x'], true],
    ['equals', { name: 'f', equals: 'x' }, ['X'], false],
    ['equals, any of several', { name: 'f', equals: 'x' }, ['y', 'x'], true],
    ['not equals, all of several', { name: 'f', equals: 'x', not: true }, ['y', 'x'], false],
    ['not equals, absent', { name: 'f', equals: 'x', not: true }, [], true],
    ['prefix', { name: 'f', prefix: 'x' }, ['xy'], true],
    ['prefix', { name: 'f', prefix: 'x' }, ['yx'], false],
    ['one of', { name: 'f', oneOf: ['x', 'y'] }, ['y'], true],
    ['one of', { name: 'f', oneOf: ['x', 'y'] }, ['z'], false],
    ['none of', { name: 'f', oneOf: ['x', 'y'], not: true }, ['z'], true],
  ])('judge %s alike in fields, parameters and cookies', (_, field, values, holds) => {
    expect(matched({ headers: [field] }, request('/', { headers: { F: values } }))).toBe(holds);
    expect(matched({ query: [field] }, request(`/?a=b&${values.map((value) => `f=${value}`).join('&')}`))).toBe(holds);
    const cookies = values.map((value) => `a=b; f=${value};f2=z`);
    expect(matched({ cookies: [field] }, request('/', { headers: { cookie: cookies } }))).toBe(holds);
  });

  it('decode parameters as forms do', () => {
    expect(matched({ query: [{ name: 'a b', equals: 'c&d' }] }, request('/?a+b=c%26d'))).toBe(true);
    expect(matched({ query: [{ name: 'a', equals: '%zz' }] }, request('/?a=%zz'))).toBe(true);
    expect(matched({ query: [{ name: '' }] }, request('/?&a'))).toBe(false);
    expect(matched({ query: [{ name: 'A' }] }, request('/?a'))).toBe(false);
  });

  it('compare methods with case', () => {
    expect(matched({ methods: ['GET', 'PURGE'] }, request('/', { method: 'PURGE' }))).toBe(true);
    expect(matched({ methods: ['GET'] }, request('/', { method: 'get' }))).toBe(false);
  });

  it.each([
    ['10.0.0.0/8', '10.1.2.3', true],
    ['10.0.0.0/8', '::ffff:10.1.2.3', true],
    ['10.0.0.0/8', '11.1.2.3', false],
    ['fd00::/8', 'fd12::1', true],
    ['0.0.0.0/0', undefined, false],
    ['0.0.0.0/0', 'unknown', false],
  ])('find %s for the client %s: %s', (range, client, holds) => {
    expect(matched({ clients: ['192.0.2.7', range] }, request('/'), client)).toBe(holds);
  });
});

describe('precedence', () => {
  it('is priority, then the order written; nothing is more specific', () => {
    const router = compileRouter([
      route('all', { paths: ['/*'] }),
      route('exact', { paths: ['/a'] }),
      route('first', { paths: ['/{x}'] }, 1),
      route('low', { paths: ['/low'] }, -1),
    ]);
    expect(router.match(request('/a'), undefined)?.route.id).toBe('first');
    expect(router.match(request('/a/b'), undefined)?.route.id).toBe('all');
    expect(router.explain(request('/a'), undefined)).toMatchObject({
      routes: [
        { id: 'first', priority: 1, failed: undefined },
        { id: 'all', failed: undefined },
        { id: 'exact', failed: undefined },
        { id: 'low', failed: { kind: 'path', wanted: 'path /low' } },
      ],
      winner: { route: { id: 'first' }, parameters: { x: 'a' } },
    });
  });

  it('is explained by the first condition that failed', () => {
    const match: MatchConfiguration = {
      hosts: ['a.example'],
      paths: ['/p'],
      methods: ['GET'],
      headers: [{ name: 'h', oneOf: ['1', '2'], not: true }],
      query: [{ name: 'q', prefix: 'x' }],
      cookies: [{ name: 'c' }],
      clients: ['10.0.0.0/8'],
    };
    const { explain } = compileRouter([route('r', match)]);
    const first = (sent: HttpRequest, client?: string) => explain(sent, client).routes[0]?.failed;
    const host = 'a.example';
    expect(first(request('/p'))).toEqual({ kind: 'host', wanted: 'host a.example' });
    expect(first(request('/q', { host }))).toEqual({ kind: 'path', wanted: 'path /p' });
    expect(first(request('/p', { host, method: 'PUT' }))).toEqual({ kind: 'method', wanted: 'method GET' });
    expect(first(request('/p', { host, headers: { h: '2' } }))).toEqual({ kind: 'header', wanted: 'header h is none of "1", "2"' });
    expect(first(request('/p', { host }))).toEqual({ kind: 'query', wanted: 'query q starts with "x"' });
    expect(first(request('/p?q=x', { host }))).toEqual({ kind: 'cookie', wanted: 'cookie c is present' });
    const cookie = { cookie: 'c=1' };
    expect(first(request('/p?q=x', { host, headers: cookie }))).toEqual({ kind: 'client', wanted: 'client in 10.0.0.0/8' });
    expect(first(request('/p?q=x', { host, headers: cookie }), '10.0.0.1')).toBeUndefined();
  });
});

/** Everything again, the slow and obvious way. */
function reference(routes: readonly RouteConfiguration[], sent: HttpRequest, client: string | undefined): unknown {
  const path = sent.target.split('?')[0]!;
  const byPriority = [...routes].sort((a, b) => (b.priority ?? 0) - (a.priority ?? 0) || routes.indexOf(a) - routes.indexOf(b));
  const canonical = (text: string): string =>
    text.replace(/%(?:61|62|2d)/gi, decodeURIComponent).replace(/%../g, (code) => code.toUpperCase());
  const capture = (pattern: string): { parameters: Record<string, string>; rest: string } | undefined => {
    const wanted = pattern.split('/').slice(1);
    const given = path.split('/').slice(1);
    const parameters: Record<string, string> = {};
    for (let at = 0; ; at++) {
      const want = wanted[at];
      if (want === '*') return { parameters, rest: given.slice(at).join('/') };
      if (want === undefined && given[at] === undefined) return { parameters, rest: '' };
      const got = given[at];
      if (want === undefined || got === undefined) return undefined;
      if (want.startsWith('{')) {
        if (got === '') return undefined;
        parameters[want.slice(1, -1)] = got;
      } else if (canonical(want) !== canonical(got)) return undefined;
    }
  };
  for (const { id, match = {} } of byPriority) {
    const [, name = '', port] = /^(.*?)(?::(\d+))?$/.exec(sent.authority) ?? [];
    const hostFits = (match.hosts ?? [undefined]).some((pattern) => {
      if (pattern === undefined) return true;
      const [, want = '', wantedPort] = /^(.*?)(?::(\d+))?$/.exec(pattern) ?? [];
      if (wantedPort !== undefined && wantedPort !== port) return false;
      return want.startsWith('*.') ? name.endsWith(want.slice(1)) && name.length >= want.length : name === want;
    });
    if (!hostFits) continue;
    const captured =
      match.paths === undefined ? { parameters: {}, rest: '' } : match.paths.map(capture).find((found) => found !== undefined);
    if (captured === undefined) continue;
    if (match.methods !== undefined && !match.methods.includes(sent.method)) continue;
    const fieldsFit = (match.headers ?? []).every((field) => {
      const fits = sent.headers.getAll(field.name).some((value) => (field.equals === undefined ? true : field.equals === value));
      return field.not === true ? !fits : fits;
    });
    if (!fieldsFit) continue;
    if (match.clients !== undefined && !(client !== undefined && match.clients.includes(client))) continue;
    return { id, ...captured };
  }
  return undefined;
}

const segment = fc.constantFrom('a', 'b', '%61', '%62', 'A', 'c%2Fd', 'c%2fd', '-', '%2D', '%C3%A9');
const pattern = fc
  .tuple(
    fc.array(fc.oneof({ weight: 3, arbitrary: segment }, { weight: 1, arbitrary: fc.constant('{}') }), { maxLength: 4 }),
    fc.boolean(),
  )
  .map(
    ([parts, tail]) => `/${[...parts.map((part, at) => (part === '{}' ? `{p${at}}` : part)), ...(tail ? ['*'] : [])].join('/')}`,
  );
const hostPattern = fc.constantFrom('x.example', '*.example', 'y.x.example', '*.x.example', 'x.example:81', '*.example:81');
const optional = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(arbitrary, { nil: undefined, freq: 1 });
const client = fc.constantFrom('192.0.2.1', '192.0.2.2');
const arbitraryMatch: fc.Arbitrary<MatchConfiguration> = fc.record({
  hosts: optional(fc.array(hostPattern, { minLength: 1, maxLength: 2 })),
  paths: optional(fc.array(pattern, { minLength: 1, maxLength: 3 })),
  methods: optional(fc.constantFrom(['GET'], ['PUT', 'GET'])),
  headers: optional(
    fc.array(fc.record({ name: fc.constantFrom('h', 'i'), equals: optional(fc.constantFrom('1', '2')), not: fc.boolean() }), {
      minLength: 1,
      maxLength: 2,
    }),
  ),
  clients: optional(fc.array(client, { minLength: 1, maxLength: 1 })),
});
const arbitraryRoutes = fc
  .array(fc.tuple(arbitraryMatch, optional(fc.integer({ min: -2, max: 2 }))), { minLength: 1, maxLength: 14 })
  .map((all) => all.map(([match, priority], at) => route(`r${at}`, match, priority)));
const arbitraryRequest = fc
  .record({
    path: fc.array(fc.oneof({ weight: 9, arbitrary: segment }, { weight: 1, arbitrary: fc.constant('') }), {
      minLength: 1,
      maxLength: 5,
    }),
    query: fc.constantFrom('', '?a/b', '?'),
    method: fc.constantFrom('GET', 'PUT', 'POST'),
    host: fc.constantFrom('x.example', 'x.example:81', 'z.y.x.example', 'y.x.example:81', 'example', 'other'),
    headers: fc.dictionary(fc.constantFrom('h', 'i'), fc.constantFrom('1', '2', '3')),
  })
  .map(({ path, query, method, host, headers }) => request(`/${path.join('/')}${query}`, { method, host, headers }));

describe('a router', () => {
  it('decides as trying every rule in turn would, and explains the same', () => {
    let hits = 0;
    fc.assert(
      fc.property(
        arbitraryRoutes,
        fc.array(arbitraryRequest, { minLength: 5, maxLength: 5 }),
        optional(client),
        (routes, all, from) => {
          const router = compileRouter(routes);
          for (const sent of all) {
            const found = router.match(sent, from);
            const seen = found && { id: found.route.id, parameters: { ...found.parameters }, rest: found.rest };
            expect(seen).toEqual(reference(routes, sent, from));
            expect(router.explain(sent, from).winner).toEqual(found);
            if (found !== undefined) hits++;
          }
        },
      ),
      { numRuns: 2_000 },
    );
    expect(hits).toBeGreaterThan(1_000);
  });

  /** How often the rules look at a request: at its method, its fields. Time is measured by `make bench`. */
  function looksAt(routes: readonly RouteConfiguration[], requests: readonly HttpRequest[]): number {
    const router = compileRouter(routes);
    let looks = 0;
    for (const sent of requests) {
      const watched = new Proxy(sent, {
        get(target, name) {
          looks++;
          return Reflect.get(target, name) as unknown;
        },
      });
      expect(router.match(watched, '192.0.2.1')).toBeDefined();
    }
    return looks;
  }

  it('tries no rule whose host and path do not fit: 10,000 of them cost what 10 do', () => {
    const make = (count: number): readonly RouteConfiguration[] =>
      Array.from({ length: count }, (_, at) =>
        route(`r${at}`, { hosts: [`h${at % 10}.example`], paths: [`/v1/service-${at}/{id}/items/*`], methods: ['GET', 'POST'] }),
      );
    const requests = Array.from({ length: 10 }, (_, at) =>
      request(`/v1/service-${at}/4711/items/x?y=z`, { host: `h${at}.example` }),
    );
    expect(looksAt(make(10_000), requests)).toBe(looksAt(make(10), requests));
  });

  it.each([
    ['one segment', `/${'a'.repeat(1_000_000)}`],
    ['segments', '/a'.repeat(500_000)],
    ['empty segments', '/'.repeat(1_000_000)],
    ['encoded', `/${'%61'.repeat(333_333)}`],
    ['hyphens', `/${'-'.repeat(1_000_000)}`],
    ['encoded segments', '/%61'.repeat(250_000)],
  ])('decides a path in linear time: %s (H12)', { timeout: squaredTakesLonger }, (_, path) => {
    const deep = Array.from(
      { length: 12 },
      (_, at) => `/${'{p}/a/'.repeat(at).replace(/p/g, () => `p${Math.random().toString(36).slice(2)}`)}*`,
    );
    const router = compileRouter([
      ...deep.map((text, at) => route(`deep-${at}`, { paths: [text], methods: ['NEVER'] })),
      route('end', { paths: ['/{a}/{b}/x', '/*'] }),
    ]);
    const sent = request(path);
    expect(router.match(sent, undefined)?.route.id).toBe('end');
  });

  it('looks up no host that is longer than any', { timeout: squaredTakesLonger }, () => {
    const router = compileRouter([route('r', { hosts: ['*.a'] })]);
    expect(router.match(request('/', { host: 'a.'.repeat(500_000) }), undefined)).toBeUndefined();
  });
});
