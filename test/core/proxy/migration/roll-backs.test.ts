import { describe, expect, it } from 'vitest';
import type { StoredRecord } from '../../../../core/ports/index.ts';
import type { GateConfiguration, ProxyConfiguration } from '../../../../core/proxy/configuration.ts';
import type { AskGateway } from '../../../support/virtual-gateways.ts';
import { VirtualGateways } from '../../../support/virtual-gateways.ts';

const dayMs = 86_400_000;

/** Instances of deployments on one store, before an old backend that is well and a new one that fails. */
function world() {
  const gateways = new VirtualGateways();
  gateways.transport.backend('old.example', {}).backend('new.example', { status: 500 });
  /** How many of so many requests of different clients go to the new backend. */
  const toNew = async (ask: AskGateway, requests = 50): Promise<number> => {
    const before = gateways.transport.count('new.example');
    for (let n = 0; n < requests; n++) await ask('/', `192.0.2.${n}`);
    await gateways.clock.advance(2_000);
    return gateways.transport.count('new.example') - before;
  };
  const rollBacks = async (): Promise<readonly StoredRecord[]> => (await gateways.records.list('gates')).records;
  /** Counts from now on how often the store is asked for a roll-back. */
  const looks = (): (() => number) => {
    let count = 0;
    const get = gateways.store.get.bind(gateways.store);
    gateways.store.get = (key, options) => {
      if (key.partition === 'gates') count++;
      return get(key, options);
    };
    return () => count;
  };
  return Object.assign(gateways, { toNew, rollBacks, looks });
}

function split(newPercent: number, gate: GateConfiguration = {}): ProxyConfiguration {
  return {
    routes: [{ id: 'orders', split: { old: 'old', new: 'new', newPercent, gate: { minRequests: 10, ...gate } } }],
    upstreams: {
      old: { url: 'http://old.example' },
      new: { url: 'http://new.example', retry: { retries: 0 }, circuitBreaker: false, outlierEjection: false },
    },
  };
}

describe('a roll-back of a deployed split', () => {
  it('holds for every instance and every new start of what was deployed, and not for what is deployed in its place', async () => {
    const it = world();
    const first = it.start(split(100));
    expect(await it.toNew(first)).toBeGreaterThan(9);
    expect(await it.toNew(first)).toBe(0);
    expect(await it.toNew(it.start(split(100)))).toBe(0);
    it.transport.backend('new.example', {});
    expect(await it.toNew(it.start(split(100)))).toBe(0);
    expect(await it.toNew(it.start(split(90)))).toBeGreaterThan(30);
  });
});

describe('a roll-back for good', () => {
  it('holds for an instance that was frozen for days before it could hear of it', async () => {
    const it = world();
    const [frozen, other] = [it.start(split(100)), it.start(split(100))];
    expect(await it.toNew(frozen, 5)).toBe(5);
    expect(await it.toNew(other)).toBeGreaterThan(4);
    await it.clock.advance(9 * dayMs);
    expect(await it.toNew(frozen)).toBe(0);
  });

  it('holds after months without any request, for instances that slept and for new ones', async () => {
    const it = world();
    const first = it.start(split(100));
    await it.toNew(first);
    await it.clock.advance(300 * dayMs);
    expect(await it.toNew(it.start(split(100)))).toBe(0);
    expect(await it.toNew(first)).toBe(0);
  });

  it('holds for years with a request now and then, whichever instance gets it, though its record always has an end', async () => {
    const it = world();
    let ask = it.start(split(100));
    await it.toNew(ask);
    for (let n = 0; n < 30; n++) {
      if (n % 3 === 2) ask = it.start(split(100));
      await it.clock.advance(200 * dayMs);
      expect(await it.toNew(ask, 1)).toBe(0);
      const [record] = await it.rollBacks();
      expect(record?.expiresAt).toBeGreaterThan(it.clock.now() + 360 * dayMs);
    }
  });

  it('is written anew by an instance that knows of it, where its record is gone', async () => {
    const it = world();
    const first = it.start(split(100));
    await it.toNew(first);
    const [record] = await it.rollBacks();
    await it.records.delete(record!, record!.version);
    await it.clock.advance(dayMs);
    expect(await it.toNew(first, 1)).toBe(0);
    expect(await it.toNew(it.start(split(100)))).toBe(0);
  });

  it('costs the store a look a day, not one for each request', async () => {
    const it = world();
    const first = it.start(split(100));
    await it.toNew(first);
    const looks = it.looks();
    for (let hour = 0; hour < 72; hour++) {
      await it.clock.advance(3_600_000);
      expect(await it.toNew(first, 3)).toBe(0);
    }
    expect(looks()).toBe(3);
    const second = it.start(split(100));
    expect([await it.toNew(second, 9), looks()]).toEqual([0, 4]);
  });

  it('of a build that gave its record no end holds, and has one from then on', async () => {
    const it = world();
    await it.toNew(it.start(split(100)));
    const [record] = await it.rollBacks();
    await it.records.delete(record!, record!.version);
    await it.records.create({ partition: 'gates', id: record!.id, value: JSON.stringify({ reason: 'errors', at: 1 }) });
    await it.clock.advance(1_000 * dayMs);
    const later = it.start(split(100));
    expect(await it.toNew(later)).toBe(0);
    expect((await it.rollBacks()).map(({ expiresAt }) => expiresAt !== undefined)).toEqual([true]);
    await it.clock.advance(300 * dayMs);
    expect(await it.toNew(it.start(split(100)))).toBe(0);
  });

  it('leaves nothing in the store a year after its split was last served', async () => {
    const it = world();
    await it.toNew(it.start(split(100)));
    const next = it.start({ routes: [{ id: 'orders', upstream: 'old' }], upstreams: { old: { url: 'http://old.example' } } });
    await it.clock.advance(364 * dayMs);
    await next();
    expect(await it.rollBacks()).toHaveLength(1);
    await it.clock.advance(2 * dayMs);
    expect(await it.rollBacks()).toEqual([]);
  });
});

describe('a roll-back for a time', () => {
  it('ends when it is over, on every instance, and is not held', async () => {
    const it = world();
    const configuration = split(100, { retryAfterMs: 3 * dayMs });
    const [first, second] = [it.start(configuration), it.start(configuration)];
    expect(await it.toNew(first)).toBeGreaterThan(9);
    it.transport.backend('new.example', {});
    await it.clock.advance(2 * dayMs);
    const looks = it.looks();
    expect([await it.toNew(first), await it.toNew(second), looks()]).toEqual([0, 0, 1]);
    await it.clock.advance(dayMs);
    expect([await it.toNew(first), await it.toNew(second), await it.toNew(it.start(configuration))]).toEqual([50, 50, 50]);
  });
});
