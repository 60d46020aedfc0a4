import { GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { dynamoClient } from '../../../adapters/aws/dynamo-client.ts';
import { DynamoStore } from '../../../adapters/aws/dynamo-store.ts';
import { freePort } from '../../support/emulators/emulator.ts';
import { freshTable } from '../../support/aws/dynamo.ts';
import { emulatorOptions } from '../../support/aws/emulator-options.ts';

const address = inject('emulators').dynamodb;

describe.runIf(address !== undefined)('DynamoStore on DynamoDB Local', () => {
  let store: DynamoStore;
  let raw: Awaited<ReturnType<typeof freshTable>>;

  beforeAll(async () => {
    raw = await freshTable(address ?? '');
    store = new DynamoStore(raw.client, raw.table);
  });
  afterAll(() => raw.client.destroy());

  test('keeps the exact expiry, and tells DynamoDB whole seconds that are never earlier', async () => {
    const expiresAt = 1_900_000_000_001;
    await store.create({ partition: 'p', id: 'expiry', value: 'x', expiresAt });
    const { Item } = await raw.client.send(new GetCommand({ TableName: raw.table, Key: { pk: 'p', sk: 'expiry' } }));
    expect(Item).toMatchObject({ exp: expiresAt, ttl: 1_900_000_001 });
    expect((await store.get({ partition: 'p', id: 'expiry' }))?.expiresAt).toBe(expiresAt);
  });

  test('a replace without an expiry removes both forms of it', async () => {
    const created = await store.create({ partition: 'p', id: 'forever', value: 'x', expiresAt: 1_900_000_000_000 });
    if (!created.created) throw new Error('not created');
    await store.replace({ partition: 'p', id: 'forever', value: 'y' }, created.version);
    const { Item } = await raw.client.send(new GetCommand({ TableName: raw.table, Key: { pk: 'p', sk: 'forever' } }));
    expect(Object.keys(Item ?? {}).toSorted()).toEqual(['pk', 'sk', 'v', 'ver']);
  });

  test('a refused create and a refused replace bring the winner without a read', async () => {
    const winner = { partition: 'p/ü', id: '.id', value: 'wïnner', expiresAt: 1_900_000_000_123 };
    const created = await store.create(winner);
    if (!created.created) throw new Error('not created');
    const existing = { ...winner, version: created.version };
    let calls = 0;
    raw.client.middlewareStack.add((next) => (args) => ((calls += 1), next(args)), { name: 'count', step: 'initialize' });
    expect(await store.create({ ...winner, value: 'loser' })).toEqual({ created: false, existing });
    expect(await store.replace({ ...winner, value: 'loser' }, crypto.randomUUID())).toEqual({ replaced: false, existing });
    expect(calls).toBe(2);
    raw.client.middlewareStack.remove('count');
  });

  test('lists past an id that is gone, with a prefix, without leaving the prefix', async () => {
    for (const id of ['a', 'a-1', 'a-2', 'a-3', 'a~', 'b']) await store.create({ partition: 'list', id, value: id });
    const ids = async (options: Parameters<DynamoStore['list']>[1]): Promise<readonly string[]> =>
      (await store.list('list', options)).records.map(({ id }) => id);
    expect(await ids({ prefix: 'a-' })).toEqual(['a-1', 'a-2', 'a-3']);
    expect(await ids({ prefix: 'a-', after: 'a-10' })).toEqual(['a-2', 'a-3']);
    expect(await ids({ prefix: 'a-', after: 'a' })).toEqual(['a-1', 'a-2', 'a-3']);
    expect(await ids({ prefix: 'a-', after: 'a-3' })).toEqual([]);
    expect(await ids({ prefix: 'a-', after: 'b' })).toEqual([]);
    expect(await ids({ prefix: 'b', after: 'a-2' })).toEqual(['b']);
    expect(await ids({})).toEqual(['a', 'a-1', 'a-2', 'a-3', 'a~', 'b']);
  });

  test('a page ends at DynamoDB’s megabyte and goes on from there', async () => {
    const value = '\u{10FFFF}'.repeat(16_384);
    for (let n = 0; n < 20; n++) await store.create({ partition: 'large', id: String(n).padStart(2, '0'), value });
    const first = await store.list('large', { limit: 1_000 });
    expect(first.records.length).toBeGreaterThan(0);
    expect(first.records.length).toBeLessThan(20);
    const second = await store.list('large', { limit: 1_000, after: first.next });
    expect([...first.records, ...second.records].map(({ id }) => Number(id))).toEqual(Array.from({ length: 20 }, (_, n) => n));
  });

  test('a version that cannot be ours is a lost race, even one DynamoDB would refuse', async () => {
    const record = { partition: 'p', id: 'foreign', value: 'x' };
    const created = await store.create(record);
    for (const version of ['', '\uD800', 'x'.repeat(3_000_000)]) {
      expect(await store.replace({ ...record, value: 'y' }, version)).toMatchObject({ replaced: false, existing: { value: 'x' } });
      expect(await store.delete(record, version)).toEqual({ deleted: false });
    }
    expect(created.created).toBe(true);
  });

  test('an item that is no record is data_loss, not absence', async () => {
    await raw.client.send(new PutCommand({ TableName: raw.table, Item: { pk: 'p', sk: 'odd', n: 1 } }));
    const data_loss = { name: 'PortError', code: 'data_loss' };
    await expect(store.get({ partition: 'p', id: 'odd' })).rejects.toMatchObject(data_loss);
    await expect(store.create({ partition: 'p', id: 'odd', value: '' })).rejects.toMatchObject(data_loss);
    await expect(store.list('p')).rejects.toMatchObject(data_loss);
  });

  test('a missing table is failed_precondition everywhere', async () => {
    const missing = new DynamoStore(raw.client, 'missing-table');
    const key = { partition: 'p', id: 'i' };
    const version = crypto.randomUUID();
    for (const call of [
      () => missing.get(key),
      () => missing.create({ ...key, value: '' }),
      () => missing.replace({ ...key, value: '' }, version),
      () => missing.delete(key, version),
      () => missing.list('p'),
      () => missing.check(),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: 'failed_precondition', reason: 'ResourceNotFoundException' });
    }
    await expect(store.check()).resolves.toBeUndefined();
  });

  test('a caller’s signal is cancelled', async () => {
    await expect(store.get({ partition: 'p', id: 'i' }, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'cancelled',
    });
  });
});

describe('DynamoStore without DynamoDB', () => {
  test('nobody listening is unavailable after one attempt', async () => {
    const client = dynamoClient(emulatorOptions(`127.0.0.1:${await freePort()}`));
    await expect(new DynamoStore(client, 't').get({ partition: 'p', id: 'i' })).rejects.toMatchObject({
      code: 'unavailable',
      reason: 'ECONNREFUSED',
    });
    client.destroy();
  });

  test('a service that does not answer in time is deadline_exceeded, asked once', async () => {
    let calls = 0;
    const server = createServer(() => (calls += 1)).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    const client = dynamoClient({ ...emulatorOptions(`127.0.0.1:${port}`), attemptTimeoutMs: 2_000 });
    await expect(new DynamoStore(client, 't').create({ partition: 'p', id: 'i', value: '' })).rejects.toMatchObject({
      code: 'deadline_exceeded',
    });
    expect(calls).toBe(1);
    client.destroy();
    server.closeAllConnections();
    server.close();
  });

  test('a connection that breaks before the answer is unavailable', async () => {
    const server = createServer((request) => request.socket.destroy()).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    const client = dynamoClient(emulatorOptions(`127.0.0.1:${port}`));
    await expect(new DynamoStore(client, 't').get({ partition: 'p', id: 'i' })).rejects.toMatchObject({
      code: 'unavailable',
      reason: 'ECONNRESET',
    });
    client.destroy();
    server.close();
  });

  test('an answer that stalls in its body is deadline_exceeded', async () => {
    const server = createServer((_, response) => {
      response.writeHead(200, { 'content-length': '100', 'content-type': 'application/x-amz-json-1.0' });
      response.write('{');
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    const client = dynamoClient({ ...emulatorOptions(`127.0.0.1:${port}`), attemptTimeoutMs: 2_000 });
    await expect(new DynamoStore(client, 't').get({ partition: 'p', id: 'i' })).rejects.toMatchObject({
      code: 'deadline_exceeded',
    });
    client.destroy();
    server.closeAllConnections();
    server.close();
  });
});
