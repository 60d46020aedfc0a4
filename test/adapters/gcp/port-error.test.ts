import { describe, expect, test } from 'vitest';
import { FirestoreStore } from '../../../adapters/gcp/firestore-store.ts';
import { statuses, toCredentialsError, toPortError } from '../../../adapters/gcp/port-error.ts';
import type { PortErrorCode } from '../../../core/ports/index.ts';
import { failingFirestore } from '../../support/gcp/failing-firestore.ts';
import type { Failure } from '../../support/gcp/failing-firestore.ts';

const expected: Readonly<Record<number, PortErrorCode>> = {
  1: 'unavailable',
  2: 'unavailable',
  3: 'invalid_argument',
  4: 'deadline_exceeded',
  5: 'failed_precondition',
  6: 'aborted',
  7: 'permission_denied',
  8: 'resource_exhausted',
  9: 'failed_precondition',
  10: 'aborted',
  11: 'out_of_range',
  12: 'unimplemented',
  13: 'unavailable',
  14: 'unavailable',
  15: 'data_loss',
  16: 'unauthenticated',
};
const key = { partition: 'p', id: 'a-secret-id' };

async function withFailing<T>(
  failure: Failure,
  use: (store: FirestoreStore, calls: readonly string[]) => Promise<T>,
  attemptTimeoutMs = 50_000,
): Promise<T> {
  const service = await failingFirestore(failure);
  try {
    return await use(
      new FirestoreStore({
        projectId: 'project',
        collection: 'records',
        emulatorHost: service.address,
        attemptTimeoutMs,
      }),
      service.calls,
    );
  } finally {
    service.stop();
  }
}

test('every canonical code stands in the table, and only those', () => {
  expect(Object.keys(statuses).map(Number)).toEqual(Object.keys(expected).map(Number));
});

describe.each(Object.entries(expected))('status %s', (status, code) => {
  const failure = { code: Number(status) };
  const error = { name: 'PortError', code, reason: statuses[Number(status)]?.[0] };

  test(`of a read is ${code}, after one call`, async () => {
    await withFailing(failure, async (store, calls) => {
      await expect(store.get(key)).rejects.toMatchObject({ ...error, operation: 'key-value-store.get' });
      await expect(store.list('p')).rejects.toMatchObject({ ...error, operation: 'key-value-store.list' });
      await expect(store.check()).rejects.toMatchObject({ ...error, operation: 'key-value-store.check' });
      expect(calls).toEqual(['BatchGetDocuments', 'RunQuery', 'BatchGetDocuments']);
    });
  });

  test('of a write is never an outcome that was not read, and sent once', async () => {
    await withFailing(failure, async (store, calls) => {
      const operation = (method: string): object => ({ ...error, operation: `key-value-store.${method}` });
      await expect(store.create({ ...key, value: 'v' })).rejects.toMatchObject(operation('create'));
      await expect(store.replace({ ...key, value: 'v' }, '1.000000')).rejects.toMatchObject(operation('replace'));
      await expect(store.delete(key, '1.000000')).rejects.toMatchObject(operation('delete'));
      expect(calls.filter((method) => method === 'Commit')).toHaveLength(3);
    });
  });
});

test('a refusal of a write whose version is still the stored one is that error, not a lost race', async () => {
  for (const code of [3, 5, 9]) {
    await withFailing({ code, updateTime: { seconds: 1_795_252_793, nanos: 566_000_000 } }, async (store, calls) => {
      const error = { code: expected[code], reason: statuses[code]?.[0] };
      await expect(store.replace({ ...key, value: 'v' }, '1795252793.566000')).rejects.toMatchObject(error);
      await expect(store.delete(key, '1795252793.566000')).rejects.toMatchObject(error);
      expect(await store.delete(key, '1795252793.565999')).toEqual({ deleted: false });
      expect(calls).toEqual(Array.from({ length: 3 }, () => ['Commit', 'BatchGetDocuments']).flat());
    });
  }
});

test('a code Google does not have yet is internal', () => {
  expect(toPortError({ code: 17 }, 'x.y', undefined)).toMatchObject({ code: 'internal', reason: 'STATUS_17' });
});

test('what the service asks us to wait is kept', async () => {
  await withFailing({ code: 8, retryAfterMs: 1_250 }, async (store) => {
    await expect(store.create({ ...key, value: 'v' })).rejects.toMatchObject({ code: 'resource_exhausted', retryAfterMs: 1_250 });
    await expect(store.get(key)).rejects.toMatchObject({ code: 'resource_exhausted', retryAfterMs: 1_250 });
  });
});

test('a service that does not answer in time is deadline_exceeded, after one call', async () => {
  const silent = async (store: FirestoreStore, calls: readonly string[]): Promise<void> => {
    const error = { name: 'PortError', code: 'deadline_exceeded', reason: 'DEADLINE_EXCEEDED' };
    await expect(store.get(key)).rejects.toMatchObject(error);
    await expect(store.create({ ...key, value: 'v' })).rejects.toMatchObject(error);
    await expect(store.list('p')).rejects.toMatchObject(error);
    expect(calls).toEqual(['BatchGetDocuments', 'Commit', 'RunQuery']);
  };
  // The first call loads the client, which takes a slow machine a while.
  await withFailing('silence', silent, 2_000);
});

test('a signal that aborts while the service thinks is cancelled', async () => {
  await withFailing('silence', async (store, calls) => {
    for (const call of [
      (signal: AbortSignal) => store.get(key, { signal }),
      (signal: AbortSignal) => store.create({ ...key, value: 'v' }, { signal }),
      (signal: AbortSignal) => store.list('p', { signal }),
    ]) {
      const before = calls.length;
      const caller = new AbortController();
      const outcome = expect(call(caller.signal)).rejects.toMatchObject({ name: 'PortError', code: 'cancelled' });
      await expect.poll(() => calls.length).toBe(before + 1);
      caller.abort();
      await outcome;
    }
  });
});

test('a connection refused on the way to credentials is unavailable, no credentials are unauthenticated, a bug is internal', () => {
  const refused = Object.assign(new Error('x'), { code: 'ECONNREFUSED' });
  expect(toCredentialsError(refused, 'x.y')).toMatchObject({ code: 'unavailable', reason: 'ECONNREFUSED' });
  expect(toPortError(refused, 'x.y', undefined)).toMatchObject({ code: 'unavailable', reason: 'ECONNREFUSED' });
  expect(toCredentialsError(new Error('Could not load'), 'x.y')).toMatchObject({ code: 'unauthenticated', reason: 'Error' });
  expect(toPortError(new TypeError('a value'), 'x.y', undefined)).toMatchObject({ code: 'internal', reason: 'TypeError' });
});
