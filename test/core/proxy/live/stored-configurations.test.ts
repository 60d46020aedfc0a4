import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../../../adapters/node/node-crypto.ts';
import type { ProxyConfiguration } from '../../../../core/proxy/configuration.ts';
import { maxDocumentLength, StoredConfigurations } from '../../../../core/proxy/live/stored-configurations.ts';
import { durable } from '../../../../core/storage/durable.ts';
import { MemoryStore } from '../../../../core/storage/memory-store.ts';
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

describe('stored configurations', () => {
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
    const part = await store.get({ partition: 'configuration.parts', id: `${version!.hash}.1` });
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
