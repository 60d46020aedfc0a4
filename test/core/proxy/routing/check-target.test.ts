import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HeaderList } from '../../../../core/http/header-list.ts';
import { RequestRejected } from '../../../../core/ports/http.ts';
import { checkTarget } from '../../../../core/proxy/routing/check-target.ts';
import { compileRouter } from '../../../../core/proxy/routing/router.ts';
import { lenientPaths, traversals } from './traversals.ts';
import { squaredTakesLonger } from '../../../support/linear-time.ts';

/** The detail of the 400; `undefined` when the target passes. */
function refusalOf(target: string, rules?: Parameters<typeof checkTarget>[1]): string | undefined {
  try {
    checkTarget(target, rules);
    return undefined;
  } catch (error) {
    if (!(error instanceof RequestRejected) || error.status !== 400) throw error;
    return error.detail;
  }
}

describe('a target', () => {
  it.each([
    ['/'],
    ['*'],
    ['/a/.../b'],
    ['/.well-known/acme-challenge/x'],
    ['/a/..b/c../.d'],
    ['/a//b/'],
    ['/caf%C3%A9/%E4%BD%A0'],
    ['/caf%e9'],
    ['/a%20b%0d%0a'],
    ['/100%25'],
    ['/files/a%252fb'],
    ['/a;v=1/b'],
    ['/a?../..//\\%2f%zz%00'],
    ["/!$&'()*+,;=:@-._~"],
    ['/a%3Ab'],
  ])('%s may be forwarded', (target) => {
    expect(refusalOf(target)).toBeUndefined();
  });

  it.each<[case_: string, target: string, detail: string]>([
    ['H1', '/public/..%2fadmin', 'encoded delimiter'],
    ['H2', '/api%2e%2e/../x', 'dot segment'],
    ['H3', '/api/%2e/admin/secret', 'dot segment'],
    ['H4', '/a%2Fb', 'encoded delimiter'],
    ['H4', '/a%5cb', 'encoded delimiter'],
    ['H4', '/a%00b', 'encoded delimiter'],
    ['H4', '/a%3Bb', 'encoded delimiter'],
    ['H4', '/a%23b', 'encoded delimiter'],
    ['H4', '/a%3fb', 'encoded delimiter'],
    ['H5', '/ho/%2E%2E/hi', 'dot segment'],
    ['H5', '/a/..', 'dot segment'],
    ['H5', '/.', 'dot segment'],
    ['H6', '/a/%252e%252e/b', 'dot segment'],
    ['H6', '/a/%25252e./b', 'dot segment'],
    ['H6', '/a/%%32%65%%32%65/b', 'encodes nothing'],
    ['H6', '/a/%25%32%65%2e/b', 'dot segment'],
    ['H6', '/a\\..\\b', 'backslash'],
    ['H6', '/a/%255c../b', 'dot segment'],
    ['H10', '//10.10.10.10/', 'two slashes'],
    ['H10', 'http://other/', 'begin with a slash'],
    ['no path at all', '', 'begin with a slash'],
    ['a parameter of a dot segment', '/a/..;x=1/b', 'dot segment'],
    ['a dot segment before a second path', '/a/..%252f', 'dot segment'],
    ['overlong UTF-8', '/a/%c0%ae%c0%ae/b', 'dot segment'],
    ['longer UTF-8', '/a/%e0%80%ae%f0%80%80%ae/b', 'dot segment'],
    ['blanks in a dot segment', '/a/.%09./b', 'dot segment'],
    ['blanks after a dot segment', '/a/..%20/b', 'dot segment'],
    ['half an encoding', '/a%', 'encodes nothing'],
    ['half an encoding before the query', '/a%2?f', 'encodes nothing'],
    ['another encoding', '/a%u002e', 'encodes nothing'],
    ['a fragment', '/a#b', 'must be encoded'],
    ['a line end', '/a\r\nb', 'must be encoded'],
    ['a line end in the query', '/a?b\r\nc', 'must be encoded'],
    ['NUL', '/a\0', 'must be encoded'],
    ['a space', '/a b', 'must be encoded'],
    ['what is not ASCII', '/café', 'must be encoded'],
  ])('%s: %s is refused', (_, target, detail) => {
    expect(refusalOf(target)).toContain(detail);
  });

  it.each([['%2F'], ['%5C'], ['%00'], ['%3B'], ['%23'], ['%3F'], ['%2f']])(
    'holds %s where the route allows encoded delimiters, but in no dot segment',
    (delimiter) => {
      const rules = { allowEncodedDelimiters: true };
      expect(refusalOf(`/a${delimiter}b/c`, rules)).toBeUndefined();
      expect(refusalOf(`/a/..${delimiter}/c`, rules)).toContain('dot segment');
      expect(refusalOf(`/a/%2e%2E${delimiter}x`, rules)).toContain('dot segment');
      expect(refusalOf(`/a%2f..${delimiter}x`, rules)).toContain('dot segment');
    },
  );

  it('is judged in linear time', { timeout: squaredTakesLonger }, () => {
    for (const part of ['a', '%2541', '%25', '/.', '/%2e%2ea', '%c0%ae', ';', '%25%32%35']) {
      refusalOf(`/${part.repeat(1_000_000 / part.length)}`, { allowEncodedDelimiters: true });
    }
  });

  it('is refused or means the same path to every reader', () => {
    const parts = fc.constantFrom(
      '.',
      '..',
      '/',
      '%2e',
      '%252e',
      '%2f',
      '\\',
      '%5c',
      'a',
      ';',
      '%',
      '2',
      '5',
      'e',
      '%00',
      '?',
      '%c0%ae',
      '%20',
    );
    let forwarded = 0;
    fc.assert(
      fc.property(fc.array(parts, { maxLength: 12 }), fc.boolean(), (all, allowEncodedDelimiters) => {
        const target = `/base/${all.join('')}`;
        if (refusalOf(target, { allowEncodedDelimiters }) !== undefined) return;
        forwarded++;
        for (const path of lenientPaths(target)) expect(path).toMatch(/^\/base\//);
      }),
      { numRuns: 5_000 },
    );
    expect(forwarded).toBeGreaterThan(500);
  });
});

describe('traversal strings (H8)', () => {
  const corpus = traversals();
  const router = compileRouter([
    {
      id: 'app',
      match: { paths: ['/public/*'] },
      rewrite: { stripPrefix: '/public', addPrefix: '/base/app' },
      upstream: 'u',
    },
    { id: 'template', match: { paths: ['/t/{name}/*'] }, rewrite: { path: '/base/app/{name}/{rest}' }, upstream: 'u' },
  ]);

  it('are at least 20,000 different ones, of which readers understand most as traversals', () => {
    expect(new Set(corpus).size).toBeGreaterThanOrEqual(20_000);
    const sample = corpus.filter((_, at) => at % 50 === 0);
    const escaping = sample.filter((one) => lenientPaths(`/base/app/${one}`).some((path) => !path.startsWith('/base/app')));
    expect(escaping.length / sample.length).toBeGreaterThan(0.7);
  });

  it.each([false, true])(
    'never reach an upstream path outside the base, with encoded delimiters allowed: %s',
    (allowEncodedDelimiters) => {
      const outside: string[] = [];
      let forwarded = 0;
      for (const suffix of corpus) {
        for (const target of [`/public/${suffix}`, `/public${suffix}`, `/t/${suffix}`, `/t/x/${suffix}`]) {
          if (refusalOf(target, { allowEncodedDelimiters }) !== undefined) continue;
          const match = router.match(
            { method: 'GET', scheme: 'https', authority: 'a', target, headers: new HeaderList(), body: undefined },
            undefined,
          );
          const sent = match?.route.rewrite?.(target, match);
          if (sent === undefined) continue;
          forwarded++;
          if (!lenientPaths(sent).every((path) => path === '/base/app' || path.startsWith('/base/app/')))
            outside.push(`${target} -> ${sent}`);
        }
      }
      expect(outside).toEqual([]);
      // Not everything is refused: `..` inside a segment or behind a question mark is harmless.
      expect(forwarded).toBeGreaterThan(100);
    },
  );
});
