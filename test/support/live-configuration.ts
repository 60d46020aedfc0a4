import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../adapters/node/node-crypto.ts';
import { systemClock } from '../../adapters/node/system-clock.ts';
import type { KeyValueStore, RequestContext } from '../../core/ports/index.ts';
import type { ProxyConfiguration } from '../../core/proxy/configuration.ts';
import { LiveConfiguration } from '../../core/proxy/live/live-configuration.ts';
import { keptVersions, StoredConfigurations } from '../../core/proxy/live/stored-configurations.ts';
import { durable } from '../../core/storage/durable.ts';

export interface OwnStore {
  /** An adapter's, with nothing in it. */
  readonly store: KeyValueStore;
  readonly close?: (() => void) | undefined;
}

function document(body: string): ProxyConfiguration {
  return { routes: [{ id: 'r', respond: { status: 200, body } }] };
}

/** What a push and a roll-back promise, on a real store: two control planes and two instances, which share nothing else. */
export function testLiveConfiguration(name: string, makeStore: () => Promise<OwnStore>): void {
  describe(`the live configuration on ${name}`, () => {
    let own: OwnStore;
    let planes: readonly StoredConfigurations[];
    beforeAll(async () => {
      own = await makeStore();
      planes = [0, 1].map(() => new StoredConfigurations(freshLayers(), nodeCrypto, systemClock));
    });
    afterAll(() => own.close?.());

    const freshLayers = (): KeyValueStore => durable(own.store, { clock: systemClock, crypto: nodeCrypto, random: Math.random });

    /** What an instance serves that starts now. */
    async function served(): Promise<readonly [version: string, body: string]> {
      const made = (body: string) => ({ body, close: async () => undefined });
      const live = new LiveConfiguration(
        new StoredConfigurations(freshLayers(), nodeCrypto, systemClock),
        () => made('deployed'),
        ({ routes }) => made(routes?.[0]?.respond?.body ?? ''),
        { clock: { ...systemClock, sleep: () => new Promise(() => undefined) }, logger: { log: () => undefined } },
        5_000,
      );
      const context: RequestContext = {
        source: 'test',
        requestId: randomUUID(),
        clientAddress: undefined,
        deadline: Number.MAX_SAFE_INTEGER,
        waitUntil: () => undefined,
      };
      const { version, proxy } = await live.current(context);
      return [version, proxy.body];
    }

    it('is followed by every instance, whole, whatever its size, and back again', async () => {
      expect(await served()).toEqual(['deployed', 'deployed']);
      const long = 'ü€𝄞"\\'.repeat(20_000);
      await planes[0]!.push(document(long), (active) => active === 0, 'key1');
      expect(await served()).toEqual(['1', long]);
      await planes[1]!.push(document('two'), (active) => active === 1, 'key2');
      expect(await served()).toEqual(['2', 'two']);
      expect(await planes[0]!.activate(undefined, undefined)).toMatchObject({ ok: true, pointer: { active: 1, latest: 2 } });
      expect(await served()).toEqual(['1', long]);
      expect(await planes[1]!.activate(undefined, undefined)).toMatchObject({ ok: true, pointer: { active: 0 } });
      expect(await served()).toEqual(['deployed', 'deployed']);
      await planes[1]!.activate(2, undefined);
    });

    it('of pushes and roll-backs at the same time one wins, and a roll-back leads to what was served before', async () => {
      const before = (await planes[0]!.pointer())!.active;
      const expected = (active: number): boolean => active === before;
      const outcomes = await Promise.all([
        ...['a', 'b', 'c'].map((body, at) => planes[at % 2]!.push(document(body), expected, 'key1')),
        planes[1]!.activate(2, expected),
      ]);
      expect(outcomes.filter(({ ok }) => ok)).toHaveLength(1);
      const pointer = (await planes[0]!.pointer())!;
      for (const outcome of outcomes) {
        if (outcome.ok) expect(outcome.pointer).toEqual(pointer);
        else expect(outcome).toEqual({ ok: false, reason: 'changed', active: pointer.active });
      }
      const version = (await planes[1]!.version(pointer.active))!;
      expect(version.hash).toBe(pointer.hash);
      expect((await served())[0]).toBe(String(pointer.active));
      await planes[0]!.push(document('next'), undefined, 'key1');
      await planes[1]!.activate(undefined, undefined);
      expect(await planes[0]!.pointer()).toMatchObject({ active: pointer.active, hash: pointer.hash });
    });

    it('keeps the newest hundred versions and the active one, and of those deleted neither record nor part', async () => {
      const [plane] = planes;
      const { latest } = (await plane!.pointer())!;
      for (let n = latest + 1; n <= keptVersions + 2; n++) await plane!.push(document(`${n}`), undefined, 'key1');
      expect([await plane!.prune(), await plane!.prune()]).toEqual([2, 0]);
      const ids = async (partition: string): Promise<readonly number[]> => {
        const { records } = await freshLayers().list(partition, { limit: 1_000 });
        return [...new Set(records.map(({ id }) => Number.parseInt(id, 10)))];
      };
      const kept = Array.from({ length: keptVersions }, (_, at) => at + 3);
      expect([await ids('configuration.versions'), await ids('configuration.parts')]).toEqual([kept, kept]);
      expect(await plane!.activate(2, undefined)).toEqual({ ok: false, reason: 'no-such-version' });
      expect(await served()).toEqual(['102', '102']);
    }, 120_000);
  });
}
