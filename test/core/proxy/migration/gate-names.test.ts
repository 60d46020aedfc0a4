import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../../../adapters/node/node-crypto.ts';
import { maxValueLength } from '../../../../core/ports/index.ts';
import type { ProxyConfiguration, UpstreamConfiguration } from '../../../../core/proxy/configuration.ts';
import type { GatedConfiguration } from '../../../../core/proxy/migration/gate-names.ts';
import { carriedGates, gateNames } from '../../../../core/proxy/migration/gate-names.ts';

function documentWith(ids: readonly string[], more: Partial<ProxyConfiguration> = {}): ProxyConfiguration {
  return {
    routes: ids.map((id) => ({ id, split: { old: 'old', new: 'new', newPercent: 1, gate: {} } })),
    upstreams: { old: { url: 'http://old' }, new: { url: 'http://new' } },
    ...more,
  };
}

/** What is pushed over a configuration. */
function pushed(version: string, document: ProxyConfiguration, before: GatedConfiguration): GatedConfiguration {
  return { version, document, epochs: carriedGates(document, before, nodeCrypto) };
}

function namesIn(configuration: GatedConfiguration): string[] {
  const name = gateNames(configuration, nodeCrypto);
  return configuration.document.routes?.map((route) => name(route)) ?? [];
}

describe('the gates that a push takes over', () => {
  it('are named after the version in which they began, through any number of pushes', () => {
    const ids = ['a', 'constructor', 'c'];
    const [first, second, third] = ids.map((_, n) => documentWith(ids.slice(0, n + 1)));
    const one = { version: '1', document: first! };
    const two = pushed('2', second!, one);
    const three = pushed('3', third!, two);
    expect([one, two, three].map(namesIn)).toEqual([['a.1'], ['a.1', 'constructor.2'], ['a.1', 'constructor.2', 'c.3']]);
    expect(namesIn(pushed('4', documentWith(ids, { proxy: { serverTiming: true } }), three))).toEqual(namesIn(three));
  });

  it('are none where the same document is pushed again, and none of a split that is another', () => {
    const one = { version: '1', document: documentWith(['a', 'b']) };
    expect(namesIn(pushed('2', one.document, one))).toEqual(['a.2', 'b.2']);
    const [a, b] = one.document.routes ?? [];
    const other = { ...one.document, routes: [a!, { ...b!, split: { ...b!.split!, newPercent: 2 } }] };
    expect(namesIn(pushed('2', other, one))).toEqual(['a.1', 'b.2']);
  });

  it('are named after what was deployed where they began there, and not after what else was', () => {
    const deployed = (more: Partial<ProxyConfiguration>) => ({ version: 'deployed', document: documentWith(['a'], more) });
    const [name = ''] = namesIn(deployed({}));
    // As every build so far has named it: who rolled back before an update is found after it.
    expect(name).toBe('a.deployed.2MKJunle9cUjAGUf');
    expect(namesIn(deployed({ proxy: { serverTiming: true } }))).toEqual([name]);
    const upstreams = { old: { url: 'http://old' }, new: { url: 'http://another' } };
    expect(namesIn(deployed({ upstreams }))).not.toEqual([name]);
    const one = pushed('1', documentWith(['a', 'b']), deployed({}));
    const two = pushed('2', documentWith(['a', 'b', 'c']), one);
    expect(namesIn(two)).toEqual([name, 'b.1', 'c.2']);
  });

  it('are read from records of builds that wrote them by route, and carried on', () => {
    const gates = { a: '3', b: 'deployed.zzzzzzzzzzzzzzzz' };
    const document = documentWith(['a', 'b', 'c']);
    const earlier: GatedConfiguration = { version: '7', document, gates };
    expect(namesIn(earlier)).toEqual(['a.3', 'b.deployed.zzzzzzzzzzzzzzzz', 'c.7']);
    const [, b = ''] = namesIn({ version: 'deployed', document });
    const next = pushed('8', documentWith(['a', 'b', 'c', 'd']), { ...earlier, gates: { ...gates, b: b.slice('b.'.length) } });
    expect(namesIn(next)).toEqual(['a.3', b, 'c.7', 'd.8']);
  });

  it('are those of any number of routes, most of which began together', () => {
    const ids = Array.from({ length: 10_000 }, (_, n) => `route-number-${n}`);
    const deployed = { version: 'deployed', document: documentWith(ids) };
    const one = pushed('1', documentWith([...ids, 'one-more']), deployed);
    expect(JSON.stringify(one.epochs).length).toBeLessThan(100);
    expect(namesIn(one).slice(0, -1)).toEqual(namesIn(deployed));
    expect(namesIn(one).at(-1)).toBe('one-more.1');
  });

  it('are as many as a record holds where they began apart, and the others begin afresh', () => {
    const ids = Array.from({ length: 5_000 }, (_, n) => `route-number-${n}`);
    const gates = Object.fromEntries(ids.map((id, n) => [id, String(n % 50)]));
    const two = pushed('99', documentWith([...ids, 'one-more']), { version: '98', document: documentWith(ids), gates });
    expect(JSON.stringify(two.epochs).length).toBeLessThan(maxValueLength - 2_000);
    const names = namesIn(two);
    const kept = names.filter((name, n) => name === `${ids[n]}.${n % 50}`).length;
    expect(kept).toBeGreaterThan(900);
    expect(names.filter((name) => name.endsWith('.99'))).toHaveLength(5_001 - kept);
  });

  it('of splits that were changed begin afresh, however many were changed together', () => {
    const ids = Array.from({ length: 4_000 }, (_, n) => `route-${String(n).padStart(4, '0')}`);
    const five = { version: '5', document: documentWith(ids) };
    const { routes = [] } = five.document;
    for (let changed = 1_100; changed <= 2_900; changed += 10) {
      const other = routes.map((route, n) => (n < changed ? { ...route, split: { ...route.split!, newPercent: 2 } } : route));
      const names = namesIn(pushed('6', { ...five.document, routes: other }, five));
      expect(new Set(names.slice(0, changed).map((name) => name.slice(name.indexOf('.')))), `${changed} changed`).toEqual(
        new Set(['.6']),
      );
    }
  });

  it('depend on all that their backends fall back to, looked at once, however many splits lead there', () => {
    const length = 20_000;
    const chain = (last: string) =>
      Object.fromEntries(
        Array.from({ length }, (_, n): [string, UpstreamConfiguration] => [
          `u${n}`,
          n + 1 < length ? { url: 'http://a', fallback: `u${n + 1}` } : { url: last },
        ]),
      );
    const documents = (last: string, more: Partial<ProxyConfiguration> = {}): ProxyConfiguration => ({
      routes: Array.from({ length }, (_, n) => ({
        id: `r${n}`,
        split: { old: `u${n}`, new: 'new', newPercent: 1, gate: {} },
      })),
      upstreams: { ...chain(last), new: { url: 'http://new' } },
      ...more,
    });
    const one = { version: '1', document: documents('http://z') };
    const two = pushed('2', documents('http://z', { proxy: { serverTiming: true } }), one);
    expect(two.epochs).toEqual({ most: '1', others: {} });
    expect(carriedGates(documents('http://y'), one, nodeCrypto)).toBeUndefined();
  });
});
