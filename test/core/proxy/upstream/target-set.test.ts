import { describe, expect, it } from 'vitest';
import { upstreamDefaults } from '../../../../core/proxy/upstream/settings.ts';
import type { HealthCheckSettings, OutlierSettings } from '../../../../core/proxy/upstream/settings.ts';
import { addressOfEndpoint, addressOfUrl, Target } from '../../../../core/proxy/upstream/target.ts';
import { TargetSet } from '../../../../core/proxy/upstream/target-set.ts';

const start = 1_767_225_600_000;

function setOf(n: number, given: Partial<OutlierSettings> = {}, checks?: HealthCheckSettings) {
  const events: string[] = [];
  const targets = Array.from({ length: n }, (_, at) => new Target(addressOfUrl({ url: `http://t${at}:80` })));
  const set = new TargetSet({ targets }, { ...upstreamDefaults.outlier, ...given }, checks, undefined, {
    ejected: (target, forMs) => events.push(`${target.at.name} out for ${forMs}`),
    checked: (target, healthy) => events.push(`${target.at.name} ${healthy ? 'healthy' : 'unhealthy'}`),
  });
  const names = (now: number): string[] => set.available(now).map(({ at }) => at.name);
  const fail = (at: number, count: number, now: number): void => {
    const target = targets[at];
    for (let n2 = 0; n2 < count; n2++) if (target !== undefined) set.failed(target, now);
  };
  const succeed = (at: number): void => {
    const target = targets[at];
    if (target !== undefined) set.succeeded(target);
  };
  const check = (at: number, ...results: boolean[]): void => {
    const target = targets[at];
    for (const result of results) if (target !== undefined) set.checked(target, result);
  };
  return { set, events, names, fail, succeed, check };
}

describe('a target set', () => {
  it('ejects a target at its fifth failure in a row for 30 s, and answers the same array until then', () => {
    const { set, names, fail, succeed, events } = setOf(3);
    fail(0, 4, start);
    succeed(0);
    fail(0, 4, start);
    expect(set.available(start)).toBe(set.available(start + 1));
    expect(names(start)).toHaveLength(3);
    fail(0, 1, start);
    expect(names(start + 29_999)).toEqual(['t1:80', 't2:80']);
    expect(names(start + 30_000)).toHaveLength(3);
    expect(events).toEqual(['t0:80 out for 30000']);
  });

  it('keeps a target that fails again out longer each time, up to the maximum, at its first failure after its return', () => {
    const { fail, events } = setOf(3, { maxEjectionMs: 70_000 });
    fail(0, 5, start);
    fail(0, 1, start + 30_000);
    fail(0, 1, start + 90_000);
    expect(events).toEqual(['t0:80 out for 30000', 't0:80 out for 60000', 't0:80 out for 70000']);
  });

  it('forgets one ejection for each calm base time', () => {
    const { fail, succeed, events } = setOf(3);
    fail(0, 5, start);
    fail(0, 1, start + 30_000);
    succeed(0);
    fail(0, 5, start + 90_000 + 60_000);
    expect(events.at(-1)).toBe('t0:80 out for 30000');
  });

  it('forgets the only ejection after one calm base time too, and no sooner', () => {
    for (const [calmMs, forMs] of [
      [29_999, 60_000],
      [30_000, 30_000],
    ] as const) {
      const { fail, succeed, events } = setOf(3);
      fail(0, 5, start);
      succeed(0);
      fail(0, 5, start + 30_000 + calmMs);
      expect(events).toEqual(['t0:80 out for 30000', `t0:80 out for ${forMs}`]);
    }
  });

  it('does not count failures that come in while the target is out already', () => {
    const { fail, events } = setOf(3);
    fail(0, 50, start);
    expect(events).toHaveLength(1);
  });

  it('ejects no more than half of the targets, but always one', () => {
    const four = setOf(4);
    for (const at of [0, 1, 2, 3]) four.fail(at, 5, start);
    expect(four.names(start)).toEqual(['t2:80', 't3:80']);
    const two = setOf(2, { maxEjectedPercent: 10 });
    two.fail(0, 5, start);
    two.fail(1, 5, start);
    expect(two.names(start)).toEqual(['t1:80']);
  });

  it('ignores health when fewer than half are healthy, so that one target is always asked', () => {
    const one = setOf(1);
    one.fail(0, 5, start);
    expect(one.names(start)).toEqual(['t0:80']);
    const three = setOf(3, { maxEjectedPercent: 100 });
    three.fail(0, 5, start);
    expect(three.names(start)).toHaveLength(2);
    three.fail(1, 5, start);
    expect(three.names(start)).toHaveLength(3);
  });

  it('asks nobody where panic is switched off and nobody is healthy', () => {
    const one = setOf(1, { panicPercent: 0 });
    one.fail(0, 5, start);
    expect(one.names(start)).toEqual([]);
  });

  it('takes a target out after three failed checks and back after two good ones', () => {
    const { check, names, events } = setOf(3, {}, upstreamDefaults.healthCheck);
    check(0, false, false, true, false, false);
    expect(names(start)).toHaveLength(3);
    check(0, false);
    expect(names(start)).toEqual(['t1:80', 't2:80']);
    check(0, true, false, true);
    expect(names(start)).toHaveLength(2);
    check(0, true);
    expect(names(start)).toHaveLength(3);
    expect(events).toEqual(['t0:80 unhealthy', 't0:80 healthy']);
  });

  it('leaves targets of weight 0 out', () => {
    const targets = [new Target(addressOfUrl({ url: 'http://a', weight: 0 })), new Target(addressOfUrl({ url: 'http://b' }))];
    const set = new TargetSet({ targets }, undefined);
    expect(set.available(start).map(({ at }) => at.name)).toEqual(['b:80']);
  });
});

describe('the address of a target', () => {
  it.each([
    ['https://api.example.com', 'api.example.com:443', 'api.example.com', ''],
    ['http://api.example.com:8080/v1/', 'api.example.com:8080', 'api.example.com:8080', '/v1'],
    ['http://[2001:db8::1]/a/b', '[2001:db8::1]:80', '[2001:db8::1]', '/a/b'],
  ])('%s', (url, name, authority, basePath) => {
    expect(addressOfUrl({ url })).toEqual({
      name,
      scheme: url.startsWith('https') ? 'https' : 'http',
      authority,
      basePath,
      address: undefined,
      weight: 1,
    });
  });

  it('is refused for other schemes', () => {
    expect(() => addressOfUrl({ url: 'ftp://a' })).toThrow(TypeError);
  });

  it('of a discovered endpoint names the service and connects to the endpoint', () => {
    const service = { host: 'orders.internal', port: 8_443, scheme: 'https' } as const;
    const endpoint = { address: '2001:db8::7', port: undefined, weight: 3, priority: 0 };
    expect(addressOfEndpoint(endpoint, service)).toEqual({
      name: '[2001:db8::7]:8443',
      scheme: 'https',
      authority: 'orders.internal:8443',
      basePath: '',
      address: '2001:db8::7',
      weight: 3,
    });
    expect(addressOfEndpoint({ ...endpoint, address: '192.0.2.1', port: 443 }, service)).toMatchObject({
      name: '192.0.2.1:443',
      authority: 'orders.internal',
    });
  });
});
