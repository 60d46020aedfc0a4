import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HeaderList } from '../../../../core/http/header-list.ts';
import { compareResponses } from '../../../../core/proxy/migration/compare-responses.ts';
import type { ComparedResponse } from '../../../../core/proxy/migration/compare-responses.ts';

const utf8 = new TextEncoder();

function answer(content: unknown, fields: readonly string[] = [], status = 200): ComparedResponse {
  const isText = typeof content === 'string';
  return {
    status,
    headers: new HeaderList(['content-type', isText ? 'text/plain' : 'application/json; charset=utf-8', ...fields]),
    content: content === undefined ? undefined : utf8.encode(isText ? content : JSON.stringify(content)),
  };
}

describe('comparing two answers', () => {
  it('finds no difference in what is equal as JSON, whatever the order of members', () => {
    expect(compareResponses(answer({ a: 1, b: [1, 2] }), answer({ b: [1, 2], a: 1 }), {})).toEqual([]);
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(compareResponses(answer(value), answer(structuredClone(value)), {})).toEqual([]);
      }),
    );
  });

  it('names the place of each difference and never a value', () => {
    const old = answer({ id: 1, customer: { name: 'secret-a', tags: ['x', 'y'] } }, ['x-tier', 'gold']);
    const fresh = answer({ id: 1, customer: { name: 'secret-b', tags: ['x'] }, extra: true }, ['x-tier', 'silver'], 201);
    const found = compareResponses(old, fresh, {});
    expect(found).toEqual(['status', 'field x-tier', 'content /customer/name', 'content /customer/tags/1', 'content /extra']);
    expect(found.join()).not.toMatch(/secret|gold|silver/);
  });

  it('leaves out what always differs and what it is told to', () => {
    const old = answer({ at: 1, items: [{ id: 'a', seen: 1 }] }, ['date', 'x', 'x-request-id', '1', 'x-build', '7']);
    const fresh = answer({ at: 2, items: [{ id: 'a', seen: 2 }] }, ['date', 'y', 'x-request-id', '2', 'x-build', '8']);
    expect(compareResponses(old, fresh, { ignoreFields: ['X-Build'], ignorePointers: ['/at', '/items/*/seen'] })).toEqual([]);
    expect(compareResponses(old, fresh, {})).toEqual(['field x-build', 'content /at', 'content /items/0/seen']);
  });

  it('compares other content byte for byte, and says so where one of two is too long to compare', () => {
    expect(compareResponses(answer('a'), answer('b'), {})).toEqual(['content']);
    expect(compareResponses(answer('a'), answer(undefined), {})).toContain('content');
    expect(compareResponses(answer(undefined), answer(undefined), {})).toEqual([]);
    const gzip = ['content-encoding', 'gzip'];
    expect(compareResponses(answer({ a: 1 }, gzip), answer({ a: 2 }, gzip), {})).toEqual(['content']);
  });

  it('says at most twenty things, and ends on any depth', () => {
    const many = Object.fromEntries(Array.from({ length: 100 }, (_, at) => [`m${at}`, at]));
    expect(compareResponses(answer(many), answer({}), {})).toHaveLength(20);
    const deep = (inner: number): ComparedResponse => ({
      ...answer({}),
      content: utf8.encode(`${'['.repeat(100_000)}${inner}${']'.repeat(100_000)}`),
    });
    // What is too deep to look at is said, not passed over.
    expect(compareResponses(deep(1), deep(2), {})).toEqual([`content ${'/0'.repeat(64)}`]);
  });

  it('tells a member called like a property of all objects apart', () => {
    expect(compareResponses(answer(JSON.parse('{"__proto__":1}')), answer({}), {})).toEqual(['content /__proto__']);
  });

  it('tells ids apart that a double cannot hold', () => {
    const json = (text: string): ComparedResponse => ({ ...answer({}), content: utf8.encode(text) });
    const one = json('{"id":9007199254740993,"n":[1.50,12]}');
    expect(compareResponses(one, json('{"n":[1.50,12],"id":9007199254740993}'), {})).toEqual([]);
    expect(compareResponses(one, json('{"n":[1.50,12],"id":9007199254740992}'), {})).toEqual(['content /id']);
    const deep = (inner: string): ComparedResponse => json(`${'['.repeat(100_000)}${inner}${']'.repeat(100_000)}`);
    expect(compareResponses(deep('9007199254740993'), deep('9007199254740992'), {})).toEqual(['content']);
  });
});
