import { expect } from 'vitest';
import { PortError } from '../../../core/ports/index.ts';
import type { CallOptions, KeyValueStore } from '../../../core/ports/index.ts';
import { ids, outageCodes, present, put } from './fixture.ts';
import type { Outage, StoreCase, StoreFixture } from './fixture.ts';

type Calls = Readonly<Record<string, () => Promise<unknown>>>;

/** Every operation, sensibly called. */
function everyCall(store: KeyValueStore, partition: string, value: string, options?: CallOptions): Calls {
  const key = { partition, id: 'a-secret-id' };
  return {
    get: () => store.get(key, options),
    create: () => store.create({ ...key, value }, options),
    replace: () => store.replace({ ...key, value }, 'version', options),
    delete: () => store.delete(key, 'version', options),
    list: () => store.list(partition, options),
    check: () => store.check(options),
  };
}

/** A version of the store's own making, so that no adapter can tell without asking. */
async function everyCallOn(outage: KeyValueStore, { store, partition }: StoreFixture): Promise<Calls> {
  const version = await put(store, { partition, id: 'a-secret-id', value: '' });
  const key = { partition, id: 'a-secret-id' };
  return {
    ...everyCall(outage, partition, 'a secret value'),
    replace: () => outage.replace({ ...key, value: 'a secret value' }, version),
    delete: () => outage.delete(key, version),
  };
}

async function failure(call: () => Promise<unknown>): Promise<unknown> {
  try {
    return { answered: await call() };
  } catch (error) {
    return error;
  }
}

async function failsWith(calls: Calls, codes: readonly string[]): Promise<void> {
  for (const [method, call] of Object.entries(calls)) {
    const error = await failure(call);
    expect(error, method).toBeInstanceOf(PortError);
    expect(codes, method).toContain((error as PortError).code);
    expect((error as PortError).operation, method).toBe(`key-value-store.${method}`);
  }
}

function outageCase(kind: Outage, title: string): StoreCase {
  return {
    title,
    run: async (fixture) => failsWith(await everyCallOn(await fixture.outage(kind), fixture), outageCodes[kind]),
  };
}

/** The cases that need each outage; a harness that cannot bring it about does not run them. */
export const outageTitles: Readonly<Record<Outage, readonly string[]>> = {
  unreachable: [
    'an unreachable service is a retryable error of every operation, never an answer',
    'misuse is judged before the service is asked',
    'an error of the service holds no key, no value and no cause',
  ],
  missing: ['a missing table is failed_precondition for every operation, never absence'],
  denied: ['refused credentials are permission_denied or unauthenticated for every operation, never absence'],
};

export const calls: readonly StoreCase[] = [
  {
    title: 'check resolves when the store is ready',
    run: async ({ store }) => {
      expect(await store.check()).toBeUndefined();
    },
  },
  {
    title: 'a signal that has aborted makes every operation fail with cancelled',
    run: async ({ store, partition }) => {
      await failsWith(everyCall(store, partition, '', { signal: AbortSignal.abort() }), ['cancelled']);
    },
  },
  {
    title: 'a write cancelled before it began leaves the store as it was',
    run: async ({ store, partition }) => {
      const signal = AbortSignal.abort(new Error('the reason is for the caller'));
      const version = await put(store, { partition, id: 'a', value: 'kept' });
      await failure(() => store.create({ partition, id: 'b', value: 'lost' }, { signal }));
      await failure(() => store.replace({ partition, id: 'a', value: 'lost' }, version, { signal }));
      await failure(() => store.delete({ partition, id: 'a' }, version, { signal }));
      expect((await store.list(partition)).records).toEqual([{ partition, id: 'a', value: 'kept', version }]);
    },
  },
  {
    title: 'a signal that aborts under way ends every operation, with its answer or with cancelled',
    run: async ({ store, partition }) => {
      for (const method of Object.keys(everyCall(store, partition, ''))) {
        const caller = new AbortController();
        const pending = failure(everyCall(store, partition, '', { signal: caller.signal })[method] ?? (async () => {}));
        caller.abort();
        const outcome = await pending;
        if (outcome instanceof Error) expect(outcome, method).toMatchObject({ name: 'PortError', code: 'cancelled' });
      }
    },
  },
  {
    title: 'a signal that does not abort, and a deadline to come, change nothing',
    run: async ({ store, partition }) => {
      const options = { signal: new AbortController().signal, deadline: 4_102_444_800_000 };
      const key = { partition, id: 'a' };
      const created = await store.create({ ...key, value: '1' }, options);
      const replaced = await store.replace({ ...key, value: '2' }, created.created ? created.version : '', options);
      expect(await store.get(key, options)).toEqual(await present(store, key));
      expect(ids((await store.list(partition, options)).records)).toEqual(['a']);
      expect(await store.delete(key, replaced.replaced ? replaced.version : '', options)).toEqual({ deleted: true });
      await store.check(options);
    },
  },
  outageCase('unreachable', 'an unreachable service is a retryable error of every operation, never an answer'),
  outageCase('missing', 'a missing table is failed_precondition for every operation, never absence'),
  outageCase('denied', 'refused credentials are permission_denied or unauthenticated for every operation, never absence'),
  {
    title: 'misuse is judged before the service is asked',
    run: async (fixture) => {
      const store = await fixture.outage('unreachable');
      const { partition } = fixture;
      const misuses = [
        () => store.get({ partition, id: '' }),
        () => store.create({ partition, id: 'a', value: '\ud800' }),
        () => store.create({ partition, id: 'a', value: 'x'.repeat(32_769) }),
        () => store.create({ partition, id: 'a', value: '', expiresAt: -1 }),
        () => store.replace({ partition, id: '\ud800', value: '' }, 'version'),
        () => store.delete({ partition: '', id: 'a' }, 'version'),
        () => store.list(partition, { limit: 0 }),
        () => store.list(partition, { after: '' }),
      ];
      for (const [n, call] of misuses.entries()) {
        expect(['TypeError', 'RangeError'], `misuse ${n}`).toContain(((await failure(call)) as Error).name);
      }
    },
  },
  {
    title: 'an error of the service holds no key, no value and no cause',
    run: async (fixture) => {
      const calls = await everyCallOn(await fixture.outage('unreachable'), fixture);
      for (const [method, call] of Object.entries(calls)) {
        const error = (await failure(call)) as Error;
        expect(error, method).toBeInstanceOf(Error);
        const everything = [String(error), error.stack, ...Reflect.ownKeys(error).map((key) => String(Reflect.get(error, key)))];
        expect(everything.join('\n'), method).not.toMatch(/a-secret-id|a secret value/);
        expect(error.cause, method).toBeUndefined();
      }
    },
  },
];
