import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../../../adapters/node/node-crypto.ts';
import { maxValueLength } from '../../../../core/ports/index.ts';
import type { ProxyConfiguration } from '../../../../core/proxy/configuration.ts';
import type { GatedConfiguration } from '../../../../core/proxy/migration/gate-id.ts';
import { carriedGates, gateId } from '../../../../core/proxy/migration/gate-id.ts';

function documentWith(ids: readonly string[], more: Partial<ProxyConfiguration> = {}): ProxyConfiguration {
  return {
    routes: ids.map((id) => ({ id, split: { old: 'old', new: 'new', newPercent: 1, gate: {} } })),
    upstreams: { old: { url: 'http://old' }, new: { url: 'http://new' } },
    ...more,
  };
}

describe('the gates that a push takes over', () => {
  it('are named after the version in which they began, through any number of pushes', () => {
    const ids = ['a', 'constructor', 'c'];
    const [first, second, third] = ids.map((_, n) => documentWith(ids.slice(0, n + 1)));
    const one = { version: '1', document: first! };
    const two: GatedConfiguration = { version: '2', document: second!, gates: carriedGates(second!, one, nodeCrypto) };
    const gates = carriedGates(third!, two, nodeCrypto);
    expect(JSON.stringify([two.gates, gates])).toBe('[{"a":"1"},{"a":"1","constructor":"2"}]');
    const three = { version: '3', document: third!, gates };
    expect(ids.map((id) => gateId({ id }, three, nodeCrypto))).toEqual(['a.1', 'constructor.2', 'c.3']);
    expect(gateId({ id: 'constructor' }, two, nodeCrypto)).toBe('constructor.2');
  });

  it('are named after what was deployed where they began there, and not after what else was', () => {
    const [a = { id: '' }] = documentWith(['a']).routes ?? [];
    const deployed = (more: Partial<ProxyConfiguration>) => ({ version: 'deployed', document: documentWith(['a'], more) });
    const name = gateId(a, deployed({}), nodeCrypto);
    expect(name).toMatch(/^a\.deployed\.[\w-]{16}$/);
    expect(gateId(a, deployed({ proxy: { serverTiming: true } }), nodeCrypto)).toBe(name);
    const upstreams = { old: { url: 'http://old' }, new: { url: 'http://another' } };
    expect(gateId(a, deployed({ upstreams }), nodeCrypto)).not.toBe(name);
    const next = documentWith(['a', 'b']);
    const gates = carriedGates(next, deployed({}), nodeCrypto);
    expect(gateId(a, { version: '1', document: next, gates }, nodeCrypto)).toBe(name);
  });

  it('are as many as a record holds, and the others begin afresh', () => {
    const ids = Array.from({ length: 5_000 }, (_, n) => `route-number-${n}`);
    const document = documentWith([...ids, 'one-more']);
    const gates = carriedGates(document, { version: '1', document: documentWith(ids) }, nodeCrypto)!;
    expect(Object.keys(gates).length).toBeGreaterThan(500);
    expect(JSON.stringify(gates).length).toBeLessThan(maxValueLength - 2_000);
    expect(gateId({ id: 'route-number-4999' }, { version: '2', document, gates }, nodeCrypto)).toBe('route-number-4999.2');
  });
});
