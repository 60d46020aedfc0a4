import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../../../adapters/node/node-crypto.ts';
import type { ProxyConfiguration } from '../../../../core/proxy/configuration.ts';
import { keptVersions, maxDocumentLength, StoredConfigurations } from '../../../../core/proxy/live/stored-configurations.ts';
import { durable } from '../../../../core/storage/durable.ts';
import { MemoryStore } from '../../../../core/storage/memory-store.ts';
import type { KeyValueStore } from '../../../../core/ports/index.ts';
import { FallibleStore } from '../../../support/fallible-store.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

function document(...bodies: readonly string[]): ProxyConfiguration {
  return { routes: bodies.map((body, at) => ({ id: `r${at}`, respond: { status: 200, body } })) };
}

const is = (version: number) => (active: number) => active === version;

function world() {
  const clock = new FakeClock();
  const memory = new MemoryStore();
  const store = durable(memory, { clock, crypto: nodeCrypto });
  return { memory, store, clock, stored: new StoredConfigurations(store, nodeCrypto, clock) };
}

/** Numbers of the versions that the store has, and of those that it has parts of. */
async function remains(store: KeyValueStore): Promise<readonly [versions: readonly number[], documents: readonly number[]]> {
  const ids = async (partition: string): Promise<readonly number[]> => {
    const { records } = await store.list(partition, { limit: 1_000 });
    return [...new Set(records.map(({ id }) => Number.parseInt(id, 10)))];
  };
  return [await ids('configuration.versions'), await ids('configuration.parts')];
}

const range = (from: number, to: number): readonly number[] => Array.from({ length: to - from + 1 }, (_, at) => from + at);

describe('old versions', () => {
  it('are deleted with their documents beyond the newest hundred, and nobody can go back to them', async () => {
    const { stored, store } = world();
    for (let n = 1; n <= keptVersions + 5; n++) {
      expect(await stored.push(document(n === 2 ? 'x'.repeat(70_000) : `${n}`), undefined, undefined)).toMatchObject({ ok: true });
      expect(await stored.prune()).toBe(n > keptVersions ? 1 : 0);
    }
    expect(await remains(store)).toEqual([range(6, 105), range(6, 105)]);
    expect(await stored.activate(5, undefined)).toEqual({ ok: false, reason: 'no-such-version' });
    expect(await stored.pointer()).toMatchObject({ active: 105 });
    expect(await stored.activate(6, undefined)).toMatchObject({ ok: true, pointer: { active: 6, latest: 105 } });
    await expect(stored.document((await stored.version(6))!)).resolves.toEqual(document('6'));
  });

  it('leave a document alone that a kept version has, too', async () => {
    const { stored } = world();
    for (let n = 1; n <= keptVersions + 1; n++) await stored.push(document('the same'), undefined, undefined);
    expect(await stored.prune()).toBe(1);
    await expect(stored.document((await stored.version(2))!)).resolves.toEqual(document('the same'));
  });

  it('are kept as long as one is active, or leads back from the last push', async () => {
    const { stored, store } = world();
    for (let n = 1; n <= keptVersions; n++) await stored.push(document(`${n}`), undefined, undefined);
    await stored.activate(1, undefined);
    const push = async (): Promise<void> => {
      await stored.push(document('next'), undefined, undefined);
      await stored.prune();
      await stored.prune();
    };
    await push();
    expect((await remains(store))[0]).toEqual(range(1, 101));
    expect(await stored.activate(undefined, undefined)).toMatchObject({ ok: true, pointer: { active: 1 } });
    await push();
    expect((await remains(store))[0]).toEqual([1, ...range(3, 102)]);
    await expect(stored.document((await stored.version(1))!)).resolves.toEqual(document('1'));
    await push();
    expect((await remains(store))[0]).toEqual(range(4, 103));
    await stored.activate(4, undefined);
    for (let n = 0; n < 5; n++) {
      await stored.push(document('again'), undefined, undefined);
      await stored.activate(undefined, undefined);
    }
    expect([await stored.prune(), (await remains(store))[0]]).toEqual([2, [4, ...range(7, 108)]]);
  });

  it('go two at a time, with work that does not depend on how many there are', async () => {
    const { stored, store, memory } = world();
    for (let n = 1; n <= keptVersions + 150; n++) await stored.push(document(`${n}`), undefined, undefined);
    const counting = new FallibleStore(memory);
    const pruning = new StoredConfigurations(
      durable(counting, { clock: new FakeClock(), crypto: nodeCrypto }),
      nodeCrypto,
      new FakeClock(),
    );
    expect(await stored.activate(150, undefined)).toEqual({ ok: false, reason: 'no-such-version' });
    for (let n = 0; n < 75; n++) expect(await pruning.prune()).toBe(2);
    expect(counting.calls.length / 75).toBeLessThan(20);
    expect([await pruning.prune(), await remains(store)]).toEqual([0, [range(151, 250), range(151, 250)]]);
  });

  it('are gone on with where deleting them has failed', async () => {
    const { stored, memory, store, clock } = world();
    for (let n = 1; n <= keptVersions + 1; n++)
      await stored.push(document(n === 1 ? 'x'.repeat(70_000) : `${n}`), undefined, undefined);
    const faulty = new FallibleStore(memory);
    faulty.fault = (operation, key) =>
      operation === 'delete' && key?.id.endsWith('.1') === true ? { code: 'permission_denied' } : undefined;
    await expect(
      new StoredConfigurations(durable(faulty, { clock, crypto: nodeCrypto }), nodeCrypto, clock).prune(),
    ).rejects.toMatchObject({ code: 'permission_denied' });
    expect(await stored.prune()).toBe(1);
    expect(await remains(store)).toEqual([range(2, 101), range(2, 101)]);
  });

  it('are found where a page has less than was asked for, or nothing', async () => {
    const { stored, store } = world();
    for (let n = 1; n <= keptVersions + 2; n++) await stored.push(document(`${n}`), undefined, undefined);
    const sparse: KeyValueStore = Object.create(store) as KeyValueStore;
    sparse.list = async (partition, options) => {
      if (options?.after === undefined) return { records: [], next: '0' };
      return store.list(partition, { ...options, limit: 1 });
    };
    expect(await new StoredConfigurations(sparse, nodeCrypto, new FakeClock()).prune()).toBe(2);
    expect((await remains(store))[0]).toEqual(range(3, keptVersions + 2));
  });

  it('are not activated by who has read them before a push, and comes after their deletion', async () => {
    const { stored, store } = world();
    for (let n = 1; n <= keptVersions; n++) await stored.push(document(`${n}`), undefined, undefined);
    let raced: Promise<unknown> | undefined;
    const late = new StoredConfigurations(
      {
        ...store,
        get: (key, options) => store.get(key, options),
        replace: async (record, version, options) => {
          await (raced ??= stored.push(document('next'), undefined, undefined).then(() => stored.prune()));
          return store.replace(record, version, options);
        },
      },
      nodeCrypto,
      new FakeClock(),
    );
    expect(await late.activate(1, undefined)).toEqual({ ok: false, reason: 'changed', active: 101 });
    expect([await raced, await stored.version(1)]).toEqual([1, undefined]);
  });
});

describe('stored configurations', () => {
  it('activate nothing that a push which was cut short has left behind', async () => {
    const { memory, stored, clock } = world();
    await stored.push(document('one'), undefined, undefined);
    const faulty = new FallibleStore(memory);
    faulty.fault = (_operation, key) => (key?.partition === 'configuration.parts' ? { code: 'permission_denied' } : undefined);
    const cut = new StoredConfigurations(durable(faulty, { clock, crypto: nodeCrypto }), nodeCrypto, clock);
    await expect(cut.push(document('two'), undefined, undefined)).rejects.toMatchObject({ code: 'permission_denied' });
    await expect(stored.activate(2, undefined)).rejects.toMatchObject({ code: 'data_loss' });
    expect(await stored.push(document('three'), is(1), undefined)).toMatchObject({ ok: true, pointer: { active: 3, latest: 3 } });
  });

  it('give back what was pushed, as the active version, whatever its length and characters', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme' }), fc.integer({ min: 0, max: 5_000 }), async (text, times) => {
        const { stored } = world();
        const pushed = document(text.repeat(times).slice(0, 120_000), 'ü', '');
        expect(await stored.push(pushed, undefined, undefined)).toMatchObject({ ok: true, pointer: { active: 1, latest: 1 } });
        const version = await stored.version(1);
        expect(await stored.document(version!)).toEqual(pushed);
      }),
      { numRuns: 30 },
    );
  });

  it('count pushes, list the newest first and go back to any', async () => {
    const { stored } = world();
    for (const body of ['one', 'two', 'three']) await stored.push(document(body), undefined, 'key1');
    expect((await stored.list(2)).map(({ version, createdBy }) => [version, createdBy])).toEqual([
      [3, 'key1'],
      [2, 'key1'],
    ]);
    expect(await stored.activate(1, undefined)).toMatchObject({ ok: true, pointer: { active: 1, latest: 3 } });
    // before the first push there was what had been deployed, and nothing before that
    expect(await stored.activate(undefined, undefined)).toMatchObject({ ok: true, pointer: { active: 0, latest: 3 } });
    expect(await stored.activate(undefined, undefined)).toEqual({ ok: false, reason: 'no-such-version' });
    expect(await stored.activate(0, is(0))).toMatchObject({ ok: true, pointer: { active: 0 } });
    expect(await stored.push(document('four'), undefined, undefined)).toMatchObject({ pointer: { active: 4, latest: 4 } });
    expect(await stored.activate(9, undefined)).toEqual({ ok: false, reason: 'no-such-version' });
  });

  it('refuse a push or a roll-back of who does not know what is active', async () => {
    const { stored } = world();
    expect(await stored.push(document('a'), is(1), undefined)).toEqual({ ok: false, reason: 'changed', active: 0 });
    await stored.push(document('a'), is(0), undefined);
    await stored.push(document('b'), is(1), undefined);
    expect(await stored.push(document('c'), is(1), undefined)).toEqual({ ok: false, reason: 'changed', active: 2 });
    expect(await stored.activate(1, is(1))).toEqual({ ok: false, reason: 'changed', active: 2 });
  });

  it('of pushes at the same time one wins each round, and none is lost or mixed', async () => {
    const { stored } = world();
    const results = await Promise.all(['a', 'b', 'c', 'd'].map((body) => stored.push(document(body), is(0), undefined)));
    expect(results.filter(({ ok }) => ok)).toHaveLength(1);
    const pointer = await stored.pointer();
    const version = await stored.version(pointer!.active);
    expect(version?.hash).toBe(pointer?.hash);
    await expect(stored.document(version!)).resolves.toMatchObject({ routes: [{ id: 'r0' }] });
  });

  it('go back to what was served before, never to a push that lost its race or was rolled back', async () => {
    const { stored } = world();
    await stored.push(document('first'), undefined, undefined);
    const [a, b] = await Promise.all(['a', 'b'].map((body) => stored.push(document(body), is(1), undefined)));
    expect([a?.ok, b?.ok].toSorted()).toEqual([false, true]);
    expect(await stored.activate(undefined, undefined)).toMatchObject({ ok: true, pointer: { active: 1 } });

    await stored.push(document('bad'), undefined, undefined);
    await stored.activate(1, undefined);
    expect(await stored.push(document('bad, too'), undefined, undefined)).toMatchObject({ pointer: { active: 5 } });
    expect(await stored.activate(undefined, undefined)).toMatchObject({ ok: true, pointer: { active: 1, latest: 5 } });
  });

  it('a roll-back undoes what was active when it was asked for, never a push that came between', async () => {
    const { stored, store } = world();
    for (const body of ['one', 'two']) await stored.push(document(body), undefined, undefined);
    let pushed: Promise<unknown> | undefined;
    const late = new StoredConfigurations(
      {
        ...store,
        async get(key, options) {
          const record = await store.get(key, options);
          if (key.partition === 'configuration') await (pushed ??= stored.push(document('three'), undefined, undefined));
          return record;
        },
        replace: (record, version, options) => store.replace(record, version, options),
      },
      nodeCrypto,
      new FakeClock(),
    );
    expect(await late.activate(undefined, undefined)).toEqual({ ok: false, reason: 'changed', active: 3 });
    expect(await stored.pointer()).toMatchObject({ active: 3 });
  });

  it('take a push that is sent again because its answer was lost for the same push', async () => {
    const { stored } = world();
    await stored.push(document('one'), is(0), 'key1');
    const pushed = await stored.push(document('two'), is(1), 'key1');
    expect(await stored.push(document('two'), is(1), 'key1')).toEqual(pushed);
    expect(await stored.list(9)).toHaveLength(2);
    // somebody else's, another document, another expectation, or none
    for (const [body, expected, key] of [
      ['two', is(1), 'key2'],
      ['three', is(1), 'key1'],
      ['two', is(7), 'key1'],
    ] as const) {
      expect(await stored.push(document(body), expected, key)).toEqual({ ok: false, reason: 'changed', active: 2 });
    }
    expect(await stored.push(document('two'), undefined, 'key1')).toMatchObject({ ok: true, pointer: { active: 3 } });
  });

  it('take a part that is missing or changed for data loss, never for a configuration', async () => {
    const { stored, store } = world();
    await stored.push(document('x'.repeat(70_000)), undefined, undefined);
    const version = await stored.version(1);
    const part = await store.get({ partition: 'configuration.parts', id: '0000000001.1' });
    await store.replace({ ...part!, value: part!.value.replace('x', 'y') }, part!.version);
    await expect(stored.document(version!)).rejects.toMatchObject({ code: 'data_loss' });
    const changed = await store.get(part!);
    await store.delete(part!, changed!.version);
    await expect(stored.document(version!)).rejects.toMatchObject({ code: 'data_loss' });
  });

  it('refuse a document over the limit before they write', async () => {
    const { stored } = world();
    await expect(stored.push(document('x'.repeat(maxDocumentLength)), undefined, undefined)).rejects.toThrow(RangeError);
    expect(await stored.pointer()).toBeUndefined();
  });
});
