import { PutCommand } from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { DynamoCounters } from '../../../adapters/aws/dynamo-counters.ts';
import { DynamoStore } from '../../../adapters/aws/dynamo-store.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { freshTable } from '../../support/aws/dynamo.ts';

const address = inject('emulators').dynamodb;

describe.runIf(address !== undefined)('DynamoCounters on DynamoDB Local', () => {
  const clock = new FakeClock({ now: 1_900_000_000_000 });
  let counters: DynamoCounters;
  let raw: Awaited<ReturnType<typeof freshTable>>;

  beforeAll(async () => {
    raw = await freshTable(address ?? '');
    counters = new DynamoCounters(raw.client, raw.table, clock);
  });
  afterAll(() => raw.client.destroy());

  test('concurrent increments are all counted, each once, with one call each', async () => {
    const key = { partition: 'p', id: 'busy' };
    const sums = await Promise.all(Array.from({ length: 50 }, (_, n) => counters.increment({ key, operationId: `op-${n}` })));
    expect(sums.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, n) => n + 1));
    expect(await counters.read(key)).toBe(50);
  });

  test('an operation among the last sixteen is recognised, one before them is forgotten', async () => {
    const key = { partition: 'p', id: 'ring' };
    for (let n = 0; n < 16; n++) await counters.increment({ key, by: 2, operationId: `op-${n}` });
    expect(await counters.increment({ key, by: 2, operationId: 'op-0' })).toBe(32);
    expect(await counters.increment({ key, by: 2, operationId: 'op-15' })).toBe(32);
    expect(await counters.increment({ key, by: 2, operationId: 'op-16' })).toBe(34);
    expect(await counters.increment({ key, by: 2, operationId: 'op-1' })).toBe(34);
    expect(await counters.increment({ key, by: 2, operationId: 'op-0' })).toBe(36);
  });

  test('an expired counter reads zero and starts again, with the new expiry, of concurrent restarts all count', async () => {
    const key = { partition: 'p', id: 'window' };
    const expiresAt = clock.now() + 1_000;
    expect(await counters.increment({ key, by: 7, operationId: 'a', expiresAt })).toBe(7);
    await clock.advance(999);
    expect(await counters.increment({ key, operationId: 'b', expiresAt: expiresAt + 9_999 })).toBe(8);
    await clock.advance(1);
    expect(await counters.read(key)).toBe(0);
    const next = clock.now() + 1_000;
    const sums = await Promise.all(
      ['a', 'b', 'c', 'd'].map((operationId) => counters.increment({ key, operationId, expiresAt: next })),
    );
    expect(sums.toSorted()).toEqual([1, 2, 3, 4]);
    await clock.advance(1_000);
    expect(await counters.read(key)).toBe(0);
  });

  test('an expiry given later does not apply to a counter that has none', async () => {
    const key = { partition: 'p', id: 'forever' };
    await counters.increment({ key, operationId: 'a' });
    await counters.increment({ key, operationId: 'b', expiresAt: clock.now() + 1 });
    await clock.advance(1);
    expect(await counters.read(key)).toBe(2);
  });

  test('the sum stays a safe integer, downwards too', async () => {
    const key = { partition: 'p', id: 'edge' };
    expect(await counters.increment({ key, by: Number.MAX_SAFE_INTEGER, operationId: 'a' })).toBe(Number.MAX_SAFE_INTEGER);
    await expect(counters.increment({ key, by: 1, operationId: 'b' })).rejects.toBeInstanceOf(RangeError);
    expect(await counters.increment({ key, by: -Number.MAX_SAFE_INTEGER, operationId: 'c' })).toBe(0);
    expect(await counters.increment({ key, by: Number.MIN_SAFE_INTEGER, operationId: 'd' })).toBe(Number.MIN_SAFE_INTEGER);
    await expect(counters.increment({ key, by: -1, operationId: 'e' })).rejects.toBeInstanceOf(RangeError);
  });

  test('shares a table with the store without meeting its records', async () => {
    const store = new DynamoStore(raw.client, raw.table);
    const key = { partition: 'shared', id: 'i' };
    await store.create({ ...key, value: 'x' });
    expect(await counters.increment({ key, operationId: 'a' })).toBe(1);
    expect((await store.list('shared')).records).toHaveLength(1);
  });

  test('an item that is no counter is data_loss; a missing table failed_precondition', async () => {
    const key = { partition: 'p', id: 'odd' };
    await raw.client.send(new PutCommand({ TableName: raw.table, Item: { pk: '.counters.p', sk: 'odd' } }));
    await expect(counters.read(key)).rejects.toMatchObject({ code: 'data_loss' });
    await expect(counters.increment({ key, operationId: 'a' })).rejects.toMatchObject({ code: 'data_loss' });
    const missing = new DynamoCounters(raw.client, 'missing-table', clock);
    await expect(missing.read(key)).rejects.toMatchObject({ code: 'failed_precondition' });
    await expect(missing.increment({ key, operationId: 'a' })).rejects.toMatchObject({ code: 'failed_precondition' });
  });
});
