import { describe, expect, test } from 'vitest';
import { nodeCrypto } from '../../../adapters/node/node-crypto.ts';
import { maxValueLength, PortError } from '../../../core/ports/index.ts';
import type { KeyValueStore, NewRecord, RecordKey } from '../../../core/ports/index.ts';
import { durable } from '../../../core/storage/durable.ts';
import { MemoryStore } from '../../../core/storage/memory-store.ts';
import { defaultRetryPolicy, RetryBudget } from '../../../core/storage/retry.ts';
import { maxDurableValueLength, retrying } from '../../../core/storage/retrying.ts';
import { change, present, put } from '../../conformance/key-value-store/fixture.ts';
import { keyValueStoreCases, storeFixture } from '../../conformance/key-value-store.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const key = { partition: 'p', id: 'a' };

function layer(store: KeyValueStore): KeyValueStore {
  const clock = new FakeClock({ autoAdvance: true });
  return retrying(store, nodeCrypto, { clock, random: () => 0.5, policy: defaultRetryPolicy, budget: new RetryBudget() });
}

type Write = 'create' | 'delete' | 'replace';

/** A store whose next write fails: after it was applied, or without; and something happens before the retry. */
function failingOnce(
  raw: KeyValueStore,
  method: Write,
  { applied, meanwhile = async () => {} }: { readonly applied: boolean; readonly meanwhile?: () => Promise<unknown> },
): KeyValueStore & { armed: boolean } {
  const failing = {
    armed: true,
    get: raw.get.bind(raw),
    create: raw.create.bind(raw),
    replace: raw.replace.bind(raw),
    delete: raw.delete.bind(raw),
    list: raw.list.bind(raw),
    check: raw.check.bind(raw),
  };
  const write = failing[method] as (...args: unknown[]) => Promise<unknown>;
  const once = async (...args: unknown[]): Promise<unknown> => {
    if (!failing.armed) return write(...args);
    failing.armed = false;
    if (applied) await write(...args);
    await meanwhile();
    throw new PortError('deadline_exceeded', `key-value-store.${method}`);
  };
  return Object.assign(failing, { [method]: once });
}

/** A rival with the same layer over the same store. */
function rivalOf(raw: KeyValueStore): {
  put(value: string): Promise<unknown>;
  change(value: string): Promise<unknown>;
  remove(): Promise<unknown>;
} {
  const store = layer(raw);
  return {
    put: (value) => put(store, { ...key, value }),
    change: async (value) => change(store, { ...key, value }, (await present(store, key)).version),
    remove: async () => store.delete(key, (await present(store, key)).version),
  };
}

async function unknown(call: Promise<unknown>): Promise<void> {
  await expect(call).rejects.toMatchObject({ name: 'PortError', code: 'aborted', reason: 'OutcomeUnknown' });
}

describe('a create whose answer was lost (S9)', () => {
  test('is recognised as our own', async () => {
    const raw = new MemoryStore();
    const store = layer(failingOnce(raw, 'create', { applied: true }));
    const version = await put(store, { ...key, value: 'ours' });
    expect(await store.get(key)).toEqual({ ...key, value: 'ours', expiresAt: undefined, version });
    expect(await store.delete(key, version)).toEqual({ deleted: true });
  });

  test('is recognised although a rival has replaced it since, however often; its version is stale then', async () => {
    const raw = new MemoryStore();
    const rival = rivalOf(raw);
    const meanwhile = async (): Promise<void> => {
      for (let n = 0; n < 20; n++) await rival.change(`rival ${n}`);
    };
    const store = layer(failingOnce(raw, 'create', { applied: true, meanwhile }));
    const version = await put(store, { ...key, value: 'ours' });
    expect(await store.replace({ ...key, value: 'again' }, version)).toMatchObject({
      replaced: false,
      existing: { value: 'rival 19' },
    });
  });

  test('is refused when it was not applied and a rival has the key, however much it has been written since', async () => {
    const raw = new MemoryStore();
    const rival = rivalOf(raw);
    const meanwhile = async (): Promise<void> => {
      await rival.put('rival');
      for (let n = 0; n < 20; n++) await rival.change(`rival ${n}`);
    };
    const store = layer(failingOnce(raw, 'create', { applied: false, meanwhile }));
    expect(await store.create({ ...key, value: 'ours' })).toMatchObject({ created: false, existing: { value: 'rival 19' } });
  });

  test('is applied on the retry when it was not before', async () => {
    const raw = new MemoryStore();
    await put(layer(failingOnce(raw, 'create', { applied: false })), { ...key, value: 'ours' });
    expect(await layer(raw).get(key)).toHaveProperty('value', 'ours');
  });

  test('is unknown when the key was taken at the retry and free when looked at', async () => {
    const raw = new MemoryStore();
    const refusing = failingOnce(raw, 'create', { applied: false });
    const store = layer(Object.assign(refusing, { create: refuseSecond(refusing.create) }));
    await unknown(store.create({ ...key, value: 'ours' }));
  });
});

/** Refuses from the second call on, without saying whose the record is. */
function refuseSecond(first: KeyValueStore['create']): KeyValueStore['create'] {
  let calls = 0;
  return async (record, options) => (calls++ === 0 ? first(record, options) : { created: false, existing: undefined });
}

describe('a replace whose answer was lost', () => {
  test('is recognised as our own', async () => {
    const raw = new MemoryStore();
    const before = await put(layer(raw), { ...key, value: 'before' });
    const store = layer(failingOnce(raw, 'replace', { applied: true }));
    const version = await change(store, { ...key, value: 'ours' }, before);
    expect(await store.get(key)).toMatchObject({ value: 'ours', version });
    expect(await change(store, { ...key, value: 'ours again' }, version)).not.toBe(version);
  });

  test.each([0, 1, 6])('is recognised although a rival has written %i times since', async (times) => {
    const raw = new MemoryStore();
    const rival = rivalOf(raw);
    const before = await put(layer(raw), { ...key, value: 'before' });
    const meanwhile = async (): Promise<void> => {
      for (let n = 0; n < times; n++) await rival.change(`rival ${n}`);
    };
    const store = layer(failingOnce(raw, 'replace', { applied: true, meanwhile }));
    expect(await store.replace({ ...key, value: 'ours' }, before)).toHaveProperty('replaced', true);
  });

  test.each([true, false])('is unknown once so much was written since that it is forgotten (applied: %s)', async (applied) => {
    const raw = new MemoryStore();
    const rival = rivalOf(raw);
    const before = await put(layer(raw), { ...key, value: 'before' });
    const meanwhile = async (): Promise<void> => {
      for (let n = 0; n < 8; n++) await rival.change(`rival ${n}`);
    };
    await unknown(layer(failingOnce(raw, 'replace', { applied, meanwhile })).replace({ ...key, value: 'ours' }, before));
  });

  test('is refused when it was not applied and a rival was faster', async () => {
    const raw = new MemoryStore();
    const rival = rivalOf(raw);
    const before = await put(layer(raw), { ...key, value: 'before' });
    const store = layer(failingOnce(raw, 'replace', { applied: false, meanwhile: () => rival.change('rival') }));
    expect(await store.replace({ ...key, value: 'ours' }, before)).toMatchObject({ replaced: false, existing: { value: 'rival' } });
  });

  test.each([true, false])('is unknown when the record is gone (applied: %s)', async (applied) => {
    const raw = new MemoryStore();
    const rival = rivalOf(raw);
    const before = await put(layer(raw), { ...key, value: 'before' });
    await unknown(
      layer(failingOnce(raw, 'replace', { applied, meanwhile: () => rival.remove() })).replace({ ...key, value: 'ours' }, before),
    );
  });

  test.each([true, false])('is unknown when another record has taken the key (applied: %s)', async (applied) => {
    const raw = new MemoryStore();
    const rival = rivalOf(raw);
    const before = await put(layer(raw), { ...key, value: 'before' });
    const meanwhile = async (): Promise<void> => {
      await rival.remove();
      await rival.put('another');
    };
    await unknown(layer(failingOnce(raw, 'replace', { applied, meanwhile })).replace({ ...key, value: 'ours' }, before));
  });

  test('that is unknown is not tried again', async () => {
    const raw = new MemoryStore();
    const before = await put(layer(raw), { ...key, value: 'before' });
    const failing = failingOnce(raw, 'replace', { applied: false, meanwhile: () => rivalOf(raw).remove() });
    let calls = 0;
    const { replace } = failing;
    failing.replace = (...args) => {
      calls++;
      return replace(...args);
    };
    await unknown(layer(failing).replace({ ...key, value: 'ours' }, before));
    expect(calls).toBe(2);
  });
});

describe('a delete whose answer was lost', () => {
  test('is recognised by the record being gone', async () => {
    const raw = new MemoryStore();
    const before = await put(layer(raw), { ...key, value: 'before' });
    expect(await layer(failingOnce(raw, 'delete', { applied: true })).delete(key, before)).toEqual({ deleted: true });
  });

  test('is recognised although a rival has created the record anew, and does not delete that', async () => {
    const raw = new MemoryStore();
    const rival = rivalOf(raw);
    const before = await put(layer(raw), { ...key, value: 'before' });
    const store = layer(failingOnce(raw, 'delete', { applied: true, meanwhile: () => rival.put('new') }));
    expect(await store.delete(key, before)).toEqual({ deleted: true });
    expect(await store.get(key)).toHaveProperty('value', 'new');
  });

  test('is refused when it was not applied and a rival has replaced the record, however often', async () => {
    const raw = new MemoryStore();
    const rival = rivalOf(raw);
    const before = await put(layer(raw), { ...key, value: 'before' });
    const meanwhile = async (): Promise<void> => {
      for (let n = 0; n < 20; n++) await rival.change(`rival ${n}`);
    };
    const store = layer(failingOnce(raw, 'delete', { applied: false, meanwhile }));
    expect(await store.delete(key, before)).toEqual({ deleted: false });
    expect(await store.get(key)).toHaveProperty('value', 'rival 19');
  });
});

describe('what is stored', () => {
  test('is the value behind a line of write ids: at most eight, the newest first, that of the creation last', async () => {
    const raw = new MemoryStore();
    const store = layer(raw);
    let version = await put(store, { ...key, value: 'a\nb' });
    const idsOf = async (): Promise<string[]> => ((await present(raw, key)).value.split('\n')[0] ?? '').split(',');
    const [creation] = await idsOf();
    for (let n = 0; n < 12; n++) version = await change(store, { ...key, value: 'a\nb' }, version);
    const ids = await idsOf();
    expect(ids).toHaveLength(8);
    expect(ids.at(-1)).toBe(creation);
    expect(new Set(ids).size).toBe(8);
    expect(await store.get(key)).toHaveProperty('value', 'a\nb');
  });

  test('leaves room for the write ids: the greatest value is that much shorter', async () => {
    const raw = new MemoryStore();
    const store = layer(raw);
    const value = 'x'.repeat(maxDurableValueLength);
    let version = await put(store, { ...key, value });
    for (let n = 0; n < 12; n++) version = await change(store, { ...key, value }, version);
    expect((await present(raw, key)).value).toHaveLength(maxValueLength);
    expect((await present(store, key)).value === value).toBe(true);
    for (const call of [
      store.create({ ...key, value: `${value}x` }),
      store.replace({ ...key, value: `${value}x` }, version),
      store.replace({ ...key, value: `${value}x` }, 'foreign'),
    ]) {
      await expect(call).rejects.toThrow(RangeError);
    }
  });

  test.each(['', 'no line', '\n', 'short,ids\nvalue', `${'x'.repeat(23)}\n`, `${'x'.repeat(22)},\n`])(
    'is data_loss when it is not ours: %j',
    async (value) => {
      const raw = new MemoryStore();
      await put(raw, { ...key, value });
      await expect(layer(raw).get(key)).rejects.toMatchObject({ name: 'PortError', code: 'data_loss' });
      await expect(layer(raw).list('p')).rejects.toMatchObject({ code: 'data_loss' });
    },
  );
});

describe('versions', () => {
  test('made up by a caller lose, and never reach what is stored', async () => {
    const raw = new MemoryStore();
    const store = layer(raw);
    await put(store, { ...key, value: 'kept' });
    const { version } = await present(raw, key);
    const made = [
      '',
      '|',
      version,
      `|${version}`,
      `x|${version}`,
      `${'x'.repeat(22)}\n|${version}`,
      `${Array(9).fill('x'.repeat(22)).join()}|${version}`,
    ];
    for (const foreign of made) {
      expect(await store.replace({ ...key, value: 'lost' }, foreign), foreign).toMatchObject({
        replaced: false,
        existing: { value: 'kept' },
      });
      expect(await store.delete(key, foreign), foreign).toEqual({ deleted: false });
    }
  });
});

describe('the storage contract', () => {
  const changed =
    /past its expiresAt|expiresAt is kept exactly|replace writes expiresAt too|greatest length is|shorter value leaves/;
  const cases = keyValueStoreCases.filter(({ title }) => !changed.test(title) && !/service|missing table|credentials/.test(title));

  test.each(cases)('holds over durable: $title', async ({ run }) => {
    const clock = new FakeClock({ autoAdvance: true });
    await run(storeFixture(durable(new MemoryStore(), { clock, crypto: nodeCrypto, random: () => 0.5 }), { largeLists: false }));
  });
});

describe('an outage', () => {
  test('is passed on once retries are spent, for every operation, and check is not retried', async () => {
    let calls = 0;
    const down = new Proxy(new MemoryStore(), {
      get: () => async () => {
        calls++;
        throw new PortError('unavailable', 'key-value-store.x');
      },
    });
    const store = layer(down);
    const record: NewRecord & RecordKey = { ...key, value: '' };
    const version = await put(layer(new MemoryStore()), record);
    const called: number[] = [];
    for (const call of [
      () => store.get(key),
      () => store.create(record),
      () => store.replace(record, version),
      () => store.delete(key, version),
      () => store.list('p'),
      () => store.check(),
    ]) {
      calls = 0;
      await expect(call()).rejects.toMatchObject({ name: 'PortError', code: 'unavailable' });
      called.push(calls);
    }
    expect(called).toEqual([5, 5, 5, 5, 5, 1]);
  });
});
