import { beforeEach, describe, expect, test } from 'vitest';
import type { KeyValueStore } from '../../../core/ports/index.ts';
import { expiring } from '../../../core/storage/expiring.ts';
import { MemoryStore } from '../../../core/storage/memory-store.ts';
import { change, present, put } from '../../conformance/key-value-store/fixture.ts';
import { keyValueStoreCases, storeFixture } from '../../conformance/key-value-store.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const key = { partition: 'p', id: 'a' };
let clock: FakeClock;
let raw: MemoryStore;
let store: KeyValueStore;
let at: number;

beforeEach(() => {
  clock = new FakeClock();
  raw = new MemoryStore();
  store = expiring(raw, clock);
  at = clock.now() + 60_000;
});

/** How many reads and writes reach the store below. */
function counting(below: KeyValueStore): { readonly calls: string[]; readonly store: KeyValueStore } {
  const calls: string[] = [];
  const store = new Proxy(below, {
    get:
      (target, name: keyof KeyValueStore) =>
      (...args: unknown[]): unknown => {
        calls.push(name);
        return (target[name] as (...args: unknown[]) => unknown).apply(target, args);
      },
  });
  return { calls, store };
}

describe('a record with expiresAt', () => {
  test('is there until the millisecond before, and absent from expiresAt on, for get and list', async () => {
    await put(store, { ...key, value: 'x', expiresAt: at });
    clock.set(at - 1);
    expect(await store.get(key)).toMatchObject({ value: 'x', expiresAt: at });
    expect((await store.list('p')).records).toHaveLength(1);
    clock.set(at);
    expect(await store.get(key)).toBeUndefined();
    expect((await store.list('p')).records).toEqual([]);
  });

  test('is judged by the clock of the call: a clock that is set back shows it again', async () => {
    await put(store, { ...key, value: 'x', expiresAt: at });
    clock.set(at + 3_600_000);
    expect(await store.get(key)).toBeUndefined();
    clock.set(at - 5_000);
    expect(await store.get(key)).toBeDefined();
  });

  test('once expired is neither replaced nor deleted on its version, whatever lies in the store (S8)', async () => {
    const version = await put(store, { ...key, value: 'x', expiresAt: at });
    clock.set(at);
    expect(await store.replace({ ...key, value: 'y', expiresAt: at + 60_000 }, version)).toEqual({
      replaced: false,
      existing: undefined,
    });
    expect(await store.delete(key, version)).toEqual({ deleted: false });
    expect(await raw.get(key)).toHaveProperty('value', 'x');
  });

  test('can be prolonged in time, and lives on with the version of the prolonging', async () => {
    const first = await put(store, { ...key, value: 'x', expiresAt: at });
    clock.set(at - 1);
    const second = await change(store, { ...key, value: 'x', expiresAt: at + 60_000 }, first);
    clock.set(at + 59_999);
    expect(await store.get(key)).toHaveProperty('version', second);
    expect(await store.delete(key, second)).toEqual({ deleted: true });
  });

  test('a prolonging that comes after it expired does not revive it', async () => {
    const stale = await put(store, { ...key, value: 'x', expiresAt: at });
    clock.set(at);
    const { version } = await present(raw, key);
    expect(await store.replace({ ...key, value: 'y' }, stale)).toHaveProperty('replaced', false);
    expect(await present(raw, key)).toHaveProperty('version', version);
  });

  test('that expires does not hide those after it: the page is shorter, `next` stays', async () => {
    for (const id of ['a', 'b', 'c', 'd']) await put(store, { partition: 'p', id, value: '', ...(id < 'c' && { expiresAt: at }) });
    clock.set(at);
    const page = await store.list('p', { limit: 2 });
    expect(page).toEqual({ records: [], next: 'b' });
    expect((await store.list('p', { limit: 2, after: page.next })).records.map(({ id }) => id)).toEqual(['c', 'd']);
  });

  test('is given back without the bookkeeping: the versions of get, list, create and replace agree', async () => {
    const created = await put(store, { ...key, value: 'x', expiresAt: at });
    expect((await present(store, key)).version).toBe(created);
    expect((await store.list('p')).records[0]?.version).toBe(created);
    const replaced = await change(store, { ...key, value: 'y' }, created);
    expect((await present(store, key)).version).toBe(replaced);
    expect(await store.create({ ...key, value: 'z' })).toHaveProperty('existing.version', replaced);
    expect(await store.replace({ ...key, value: 'z' }, created)).toHaveProperty('existing.version', replaced);
  });
});

describe('taking over an expired record', () => {
  test('is a create like any other', async () => {
    await put(store, { ...key, value: 'old', expiresAt: at });
    clock.set(at);
    const version = await put(store, { ...key, value: 'new' });
    expect(await store.get(key)).toEqual({ ...key, value: 'new', expiresAt: undefined, version });
  });

  test('exactly one of twenty does it, and the others see it', async () => {
    await put(store, { ...key, value: 'old', expiresAt: at });
    clock.set(at);
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, n) => store.create({ ...key, value: String(n), expiresAt: at + 60_000 })),
    );
    const winners = results.flatMap((result, n) => (result.created ? [String(n)] : []));
    expect(winners).toEqual([(await present(store, key)).value]);
    for (const result of results) if (!result.created) expect(result.existing).toMatchObject({ value: winners[0] });
  });

  test('leaves the former owner with a version that loses', async () => {
    const former = await put(store, { ...key, value: 'old', expiresAt: at });
    clock.set(at);
    await put(store, { ...key, value: 'new' });
    expect(await store.replace({ ...key, value: 'old again' }, former)).toMatchObject({
      replaced: false,
      existing: { value: 'new' },
    });
    expect(await store.delete(key, former)).toEqual({ deleted: false });
  });

  test('costs one write more than a create of a free key, and no read', async () => {
    const counted = counting(raw);
    const over = expiring(counted.store, clock);
    await put(over, { ...key, value: 'old', expiresAt: at });
    clock.set(at);
    await put(over, { ...key, value: 'new' });
    expect(counted.calls).toEqual(['create', 'create', 'replace']);
  });

  test('goes on when the store could not read the record any more, or somebody purged it', async () => {
    await put(store, { ...key, value: 'old', expiresAt: at });
    clock.set(at);
    let purged = false;
    const purging: KeyValueStore = new Proxy(raw, {
      get: (target, name: keyof KeyValueStore) =>
        name === 'create'
          ? async (record: Parameters<KeyValueStore['create']>[0]) => {
              if (purged) return target.create(record);
              purged = true;
              await target.delete(key, (await present(target, key)).version);
              return { created: false, existing: undefined };
            }
          : target[name].bind(target),
    });
    expect(await expiring(purging, clock).create({ ...key, value: 'new' })).toHaveProperty('created', true);
  });

  test('is given up as aborted, never as a conflict, when others are faster again and again; the last try counts too', async () => {
    let refusals = 0;
    const racing = (winAfter: number): KeyValueStore => {
      refusals = 0;
      const existing = { ...key, value: 'expired', version: '1', expiresAt: 0 };
      return {
        ...raw,
        create: async () => ({ created: false, existing }),
        replace: async () => (++refusals > winAfter ? { replaced: true, version: '2' } : { replaced: false, existing }),
      } as unknown as KeyValueStore;
    };
    await expect(expiring(racing(Infinity), clock).create({ ...key, value: '' })).rejects.toMatchObject({
      name: 'PortError',
      code: 'aborted',
    });
    const tries = refusals;
    expect(await expiring(racing(tries - 1), clock).create({ ...key, value: '' })).toHaveProperty('created', true);
  });
});

describe('versions', () => {
  test('that this layer never gave out lose, the raw ones of the store below among them', async () => {
    await put(store, { ...key, value: 'x' });
    const { version } = await present(raw, key);
    for (const foreign of [version, `x~${version}`, '', '~', `${at}~`]) {
      expect(await store.replace({ ...key, value: 'y' }, foreign), foreign).toMatchObject({
        replaced: false,
        existing: { value: 'x' },
      });
      expect(await store.delete(key, foreign), foreign).toEqual({ deleted: false });
    }
  });
});

describe('the storage contract', () => {
  /** What the layer is there to change. */
  const changed = /past its expiresAt|expiresAt is kept exactly|replace writes expiresAt too/;
  const cases = keyValueStoreCases.filter(({ title }) => !changed.test(title) && !/service|missing table|credentials/.test(title));

  test.each(cases)('holds over the layer: $title', async ({ run }) => {
    await run(storeFixture(expiring(new MemoryStore(), new FakeClock()), { largeLists: false }));
  });
});
