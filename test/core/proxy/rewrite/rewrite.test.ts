import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HeaderList } from '../../../../core/http/header-list.ts';
import type { RedirectConfiguration, RewriteConfiguration, RouteConfiguration } from '../../../../core/proxy/configuration.ts';
import { compileFieldEdits, isFieldValue, refusalOfName } from '../../../../core/proxy/rewrite/field-edits.ts';
import { compileFixedResponse } from '../../../../core/proxy/rewrite/fixed-response.ts';
import { checkTarget } from '../../../../core/proxy/routing/check-target.ts';
import { compileRouter } from '../../../../core/proxy/routing/router.ts';

function matchOf(route: Partial<RouteConfiguration>, path: string, target: string) {
  const router = compileRouter([{ id: 'r', match: { paths: [path] }, ...route }]);
  const match = router.match(
    { method: 'GET', scheme: 'https', authority: 'a', target, headers: new HeaderList(), body: undefined },
    undefined,
  );
  if (match === undefined) throw new Error(`${path} does not fit ${target}`);
  return match;
}

function rewritten(rewrite: RewriteConfiguration, path: string, target: string): string | undefined {
  const match = matchOf({ rewrite }, path, target);
  return match.route.rewrite?.(target, match);
}

function location(redirect: RedirectConfiguration, path: string, target: string): string | undefined {
  const match = matchOf({ redirect }, path, target);
  return match.route.redirect?.(target, match).headers.get('location');
}

describe('a rewrite', () => {
  it.each<[what: string, rewrite: RewriteConfiguration, path: string, target: string, forwarded: string]>([
    ['takes a prefix off', { stripPrefix: '/api' }, '/api/*', '/api/users?x=/api/', '/users?x=/api/'],
    ['takes it off once', { stripPrefix: '/api' }, '/api/*', '/api/api/x', '/api/x'],
    ['leaves the root', { stripPrefix: '/api' }, '/api/*', '/api', '/'],
    ['leaves the root and the query', { stripPrefix: '/api' }, '/api/*', '/api?x', '/?x'],
    ['keeps a closing slash', { stripPrefix: '/api' }, '/api/*', '/api/', '/'],
    ['takes off whole segments', { stripPrefix: '/a/b' }, '/a/b/*', '/a/b/c', '/c'],
    ['takes off a prefix that was sent encoded', { stripPrefix: '/api' }, '/api/*', '/%61p%69/x', '/x'],
    ['takes off a prefix that is not ASCII', { stripPrefix: '/café' }, '/café/*', '/caf%C3%A9/caf%C3%A9', '/caf%C3%A9'],
    ['takes off an encoded prefix (H7)', { stripPrefix: '/a%2Fb' }, '/a%2Fb/*', '/a%2fb/c%2Fd', '/c%2Fd'],
    ['makes no host of what follows (H10)', { stripPrefix: '/api' }, '/api/*', '/api//10.10.10.10/x', '/10.10.10.10/x'],
    ['puts a prefix before the path', { addPrefix: '/v2' }, '/*', '/users/7?x', '/v2/users/7?x'],
    ['puts a prefix with a slash before it', { addPrefix: '/v2/' }, '/*', '/users', '/v2/users'],
    ['exchanges prefixes', { stripPrefix: '/api', addPrefix: '/v2' }, '/api/*', '/api/x', '/v2/x'],
    ['exchanges prefixes of nothing else', { stripPrefix: '/api', addPrefix: '/v2' }, '/api/*', '/api', '/v2'],
    ['keeps empty segments in the middle', { stripPrefix: '/api', addPrefix: '/v2' }, '/api/*', '/api//x', '/v2//x'],
    ['replaces the path', { path: '/fixed' }, '/*', '/anything?q=1', '/fixed?q=1'],
    ['fills in parameters as sent', { path: '/u/{id}.json' }, '/users/{id}', '/users/a%20b%2D', '/u/a%20b%2D.json'],
    ['fills in the rest as sent', { path: '/new/{rest}' }, '/old/*', '/old/a//b%20/?q', '/new/a//b%20/?q'],
    ['fills in the rest where there is none', { path: '/new/{rest}' }, '/old/*', '/old', '/new/'],
    ['fills in both', { path: '/{b}/{a}/{a}/{rest}' }, '/{a}/{b}/*', '/1/2/3/4', '/2/1/1/3/4'],
    ['makes no host of the rest', { path: '/{rest}' }, '/old/*', '/old//evil.example', '/evil.example'],
    ['leaves OPTIONS * alone', { addPrefix: '/v2' }, '/*', '/*', '/v2/*'],
  ])('%s', (_, rewrite, path, target, forwarded) => {
    expect(rewritten(rewrite, path, target)).toBe(forwarded);
  });

  it('never expands a parameter twice (H11)', () => {
    expect(rewritten({ path: '/x/{id}/{b}' }, '/{id}/{b}', '/{b}/%7Bid%7D')).toBe('/x/{b}/%7Bid%7D');
    expect(rewritten({ path: '/x/{rest}' }, '/*', '/{env.SECRET}/$&/$1')).toBe('/x/{env.SECRET}/$&/$1');
  });

  it('of a target that may be forwarded is one, too', () => {
    const segment = fc.constantFrom('a', '...', '.a', '', '%20', 'b;c', '%252f', '..a');
    const rewrites: readonly RewriteConfiguration[] = [
      { stripPrefix: '/p' },
      { stripPrefix: '/p/q' },
      { addPrefix: '/n/m' },
      { stripPrefix: '/p', addPrefix: '/n' },
      { path: '/n/{rest}' },
      { path: '/{rest}' },
    ];
    fc.assert(
      fc.property(fc.array(segment, { maxLength: 5 }), fc.constantFrom(...rewrites), (segments, rewrite) => {
        const target = ['/p/q', ...segments].join('/');
        checkTarget(target);
        checkTarget(rewritten(rewrite, '/p/q/*', target) ?? '');
      }),
    );
  });
});

describe('a redirect', () => {
  it.each<[what: string, redirect: RedirectConfiguration, path: string, target: string, expected: string]>([
    ['to a path', { to: '/new' }, '/old', '/old', '/new'],
    ['to a host', { to: 'https://new.example' }, '/*', '/old', 'https://new.example/'],
    ['with what follows', { to: 'https://new.example/{rest}' }, '/*', '/a/b%20?x=1&y', 'https://new.example/a/b%20?x=1&y'],
    ['with a parameter', { to: '/u/{id}' }, '/users/{id}', '/users/7', '/u/7'],
    ['without the query', { to: '/new', keepQuery: false }, '/old', '/old?x', '/new'],
    ['with a query of its own', { to: '/new?a={id}&b' }, '/{id}', '/1%262&c=d+?x', '/new?a=1%262%26c%3Dd%2B&b&x'],
    ['with a fragment', { to: '/new#top' }, '/old', '/old?x', '/new?x#top'],
    ['to no host that was sent', { to: '/{rest}' }, '/old/*', '/old//evil.example/x', '/evil.example/x'],
    ['to no host that was sent, with a host', { to: 'https://new.example/{rest}' }, '/*', '//evil', 'https://new.example/evil'],
  ])('goes %s', (_, redirect, path, target, expected) => {
    expect(location(redirect, path, target)).toBe(expected);
  });

  it('has status 308, or the one asked for, and no content', () => {
    const answer = (redirect: RedirectConfiguration) => {
      const match = matchOf({ redirect }, '/*', '/');
      return match.route.redirect?.('/', match);
    };
    expect(answer({ to: '/x' })).toMatchObject({ status: 308, body: undefined });
    expect(answer({ to: '/x', status: 302 })).toMatchObject({ status: 302 });
  });

  it('holds only characters of a URI, on the configured host, whatever was sent (T12)', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (text, query) => {
        const to = 'https://new.example/{rest}';
        const found = location({ to }, '/*', `/${text.replaceAll('?', '')}?${query}`) ?? '';
        expect(found).toMatch(/^[\x21-\x7e]+$/);
        expect(found).not.toMatch(/["<>\\^`{|}]/);
        expect(new URL(found).host).toBe('new.example');
        const local = location({ to: '/x/../{rest}' }, '/*', `/${text.replaceAll('?', '')}`) ?? '';
        expect(new URL(local, 'https://here.example').host).toBe('here.example');
      }),
      { numRuns: 500 },
    );
    expect(location({ to: '/{rest}' }, '/*', '/a\r\nset-cookie: b')).toBe('/a%0D%0Aset-cookie:%20b');
  });

  it.each([['ftp://a/b'], ['new.example'], ['/{'], ['/a?{'], ['']])('cannot go to %s', (to) => {
    expect(() => compileRouter([{ id: 'r', redirect: { to } }])).toThrow(TypeError);
  });
});

describe('a fixed response', () => {
  it('is as configured, and plain text unless it says something else', () => {
    const answer = compileFixedResponse({ status: 503, headers: { 'Retry-After': '60' }, body: 'later' });
    expect([answer.status, answer.headers.flat(), answer.body]).toEqual([
      503,
      ['retry-after', '60', 'content-type', 'text/plain; charset=utf-8'],
      'later',
    ]);
    const typed = compileFixedResponse({ status: 200, headers: { 'Content-Type': 'application/json' }, body: '{}' });
    expect(typed.headers.flat()).toEqual(['content-type', 'application/json']);
    expect(compileFixedResponse({ status: 204 }).headers.flat()).toEqual([]);
  });
});

describe('field edits', () => {
  it('remove, set and add, in this order, and leave the list they got', () => {
    const edit = compileFieldEdits({ remove: ['A', 'x-y'], set: { B: '1', a: '2' }, add: { c: '3', A: '4' } });
    const fields = ['a', 'old', 'b', 'old', 'c', 'old', 'b', 'older', 'x_y', 'other', 'set-cookie', 's', 'set-cookie', 't'];
    const before = [...fields];
    expect(edit(fields)).toEqual([
      'c',
      'old',
      'x_y',
      'other',
      'set-cookie',
      's',
      'set-cookie',
      't',
      'b',
      '1',
      'a',
      '2',
      'c',
      '3',
      'a',
      '4',
    ]);
    expect(fields).toEqual(before);
    expect(compileFieldEdits({})(fields)).toEqual(before);
  });

  it('take values literally (H11)', () => {
    expect(compileFieldEdits({ set: { a: '{env.SECRET} $1 {rest}' } })([])).toEqual(['a', '{env.SECRET} $1 {rest}']);
  });

  it.each([
    ['Connection', 'request'],
    ['content-length', 'response'],
    ['Transfer-Encoding', 'response'],
    ['host', 'request'],
    ['Via', 'request'],
    ['cdn-loop', 'request'],
    [':path', 'request'],
    ['a b', 'response'],
    ['a\r\nb', 'response'],
    ['', 'response'],
    ['é', 'request'],
  ] as const)('cannot change %j of a %s', (name, message) => {
    expect(refusalOfName(name, message)).toBeTypeOf('string');
  });

  it.each([
    ['x-user-id', 'request'],
    ['Via', 'response'],
    ['set-cookie', 'response'],
    ['authorization', 'request'],
  ] as const)('can change %s of a %s', (name, message) => {
    expect(refusalOfName(name, message)).toBeUndefined();
  });

  it('take no value that could end the field or hold another (T12)', () => {
    for (const good of ['', 'a', 'a b\tc', '"x"; y=1', 'a'.repeat(8_192)]) expect(isFieldValue(good), good.slice(0, 9)).toBe(true);
    const bad = ['\r\n', 'a\r\nb: c', 'a\nb', 'a\0', ' a', 'a ', 'é', '\x7f', 'a'.repeat(8_193)];
    for (const value of bad) expect(isFieldValue(value), JSON.stringify(value).slice(0, 9)).toBe(false);
  });
});
