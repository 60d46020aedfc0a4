import { describe, expect, it } from 'vitest';
import type { ProxyConfiguration } from '../../../../core/proxy/configuration.ts';
import { diffConfigurations, readSample, sampleRequests } from '../../../../core/proxy/live/diff-configurations.ts';

const before: ProxyConfiguration = {
  upstreams: { shop: { url: 'https://shop.example' }, old: { url: 'https://old.example' } },
  routes: [
    { id: 'orders', match: { hosts: ['shop.example'], paths: ['/orders/{id}', '/carts/*'] }, upstream: 'shop' },
    { id: 'rest', upstream: 'old' },
  ],
};

describe('the difference of two configurations', () => {
  it('is nothing between equal ones', () => {
    expect(diffConfigurations(before, structuredClone(before), sampleRequests([before]))).toMatchObject({
      routes: { added: [], removed: [], changed: [] },
      upstreams: { added: [], removed: [], changed: [] },
      settingsChanged: false,
      moved: [],
      samples: 4,
    });
  });

  it('tells which sample requests go elsewhere, also where only a rule before them is new', () => {
    const after: ProxyConfiguration = {
      upstreams: { ...before.upstreams, fresh: { url: 'https://new.example' } },
      routes: [{ id: 'carts', match: { paths: ['/carts/*'] }, upstream: 'fresh' }, ...(before.routes ?? [])],
      proxy: { serverTiming: true },
    };
    const diff = diffConfigurations(before, after, sampleRequests([before, after]));
    expect(diff.routes).toEqual({ added: ['carts'], removed: [], changed: [] });
    expect(diff.upstreams.added).toEqual(['fresh']);
    expect(diff.settingsChanged).toBe(true);
    expect(diff.moved).toEqual([
      { sample: 'GET http://shop.example/carts', before: 'orders: upstream shop', after: 'carts: upstream fresh' },
      { sample: 'GET http://shop.example/carts/sample', before: 'orders: upstream shop', after: 'carts: upstream fresh' },
      { sample: 'GET http://host.example/carts', before: 'rest: upstream old', after: 'carts: upstream fresh' },
      { sample: 'GET http://host.example/carts/sample', before: 'rest: upstream old', after: 'carts: upstream fresh' },
    ]);
  });

  it('names every kind of destination, and none', () => {
    const kinds: ProxyConfiguration = {
      routes: [
        { id: 'a', match: { paths: ['/a'] }, redirect: { to: '/b' } },
        { id: 'b', match: { paths: ['/b'] }, respond: { status: 204 } },
        { id: 'c', match: { paths: ['/c'] }, handler: 'mine' },
        { id: 'd', match: { paths: ['/d'] }, split: { old: 'x', new: 'y', newPercent: 5 } },
      ],
    };
    const { moved } = diffConfigurations({}, kinds, ['http://h/a', 'http://h/b', 'http://h/c', 'http://h/d']);
    expect(moved.map(({ before: was }) => was)).toEqual(Array.from({ length: 4 }, () => 'no route (404)'));
    expect(moved.map(({ after }) => after)).toEqual([
      'a: redirect to /b',
      'b: answer 204',
      'c: handler mine',
      'd: 5 % to y, the rest to x',
    ]);
  });

  it('refuses a sample that is no request', () => {
    expect(readSample('post https://A.example:8443/x?y')).toMatchObject({
      method: 'post',
      scheme: 'https',
      authority: 'a.example:8443',
      target: '/x?y',
    });
    for (const wrong of ['', '/x', 'GET /x', 'GET ftp://a/', 'GET http://user@a/', 'GET http:///x'])
      expect(() => readSample(wrong)).toThrow(TypeError);
  });
});
