import { randomUUID } from 'node:crypto';
import type { TableClient } from '@azure/data-tables';
import fc from 'fast-check';
import { beforeAll, describe, expect, inject, test } from 'vitest';
import { recordsTable } from '../../../adapters/azure/records-table.ts';
import { TableStore } from '../../../adapters/azure/table-store.ts';
import { maxValueLength } from '../../../core/ports/index.ts';
import { connectionString, newTable } from '../../support/azure/azurite-table.ts';
import { failure, scriptedTable } from '../../support/azure/scripted-table.ts';
import type { ScriptedAnswer } from '../../support/azure/scripted-table.ts';

const etag = `W/"datetime'2026-11-21T09%3A11%3A45.6037039Z'"`;

describe.runIf(inject('emulators').azurite !== undefined)('on Azurite', () => {
  let address: string;
  let table: TableClient;
  let store: TableStore;
  const key = (): { partition: string; id: string } => ({ partition: randomUUID(), id: 'a' });

  beforeAll(async () => {
    address = inject('emulators').azurite ?? '';
    table = await newTable(address);
    store = new TableStore(table);
  });

  test('a record is one row: encoded key, the value as a string, the expiry as an exact Int64', async () => {
    const at = key();
    await store.create({ ...at, id: 'a/b', value: 'text', expiresAt: 4_102_444_800_123 });
    const row = await table.getEntity(at.partition, 'a~2Fb', { disableTypeConversion: true });
    const { etag: _, 'odata.metadata': __, timestamp: ___, ...own } = row as Record<string, unknown>;
    expect(own).toEqual({
      partitionKey: at.partition,
      rowKey: 'a~2Fb',
      value: { type: 'String', value: 'text' },
      expiresAt: { type: 'Int64', value: '4102444800123' },
    });
  });

  test('a replace without expiresAt removes the property, so that the sweeper leaves the record alone', async () => {
    const at = key();
    const created = await store.create({ ...at, value: '1', expiresAt: 1 });
    if (!created.created) throw new Error('taken');
    await store.replace({ ...at, value: '2' }, created.version);
    expect(await table.getEntity(at.partition, 'a')).not.toHaveProperty('expiresAt');
  });

  test('a text that JSON carries and XML does not is stored as bytes, at the greatest length too', async () => {
    for (const value of ['\u0000', 'a\u0001\uFFFE\uFFFF😀', `\u0000${'é'.repeat(maxValueLength - 1)}`]) {
      const at = key();
      await store.create({ ...at, value });
      expect((await store.get(at))?.value === value).toBe(true);
      expect((await store.list(at.partition)).records[0]?.value === value).toBe(true);
      expect(await table.getEntity(at.partition, 'a')).toHaveProperty('value', expect.any(Uint8Array));
    }
  });

  test('a long text beyond ASCII is stored as bytes, because Azurite breaks characters in long requests', async () => {
    for (const value of ['中'.repeat(21_900), `${'"'.repeat(12_000)}${'中'.repeat(20_000)}`, '😀'.repeat(maxValueLength / 2)]) {
      const at = key();
      await store.create({ ...at, value });
      expect((await store.get(at))?.value === value).toBe(true);
    }
    const ascii = key();
    await store.create({ ...ascii, value: 'a'.repeat(maxValueLength) });
    expect(await table.getEntity(ascii.partition, 'a')).toHaveProperty('value', expect.any(String));
  });

  test('every well-formed text comes back as it was', async () => {
    const unit = fc.oneof({ weight: 3, arbitrary: fc.string({ unit: 'binary' }) }, fc.string({ unit: 'grapheme' }), fc.json());
    await fc.assert(
      fc.asyncProperty(unit, async (value) => {
        const at = key();
        const created = await store.create({ ...at, value });
        expect(created.created).toBe(true);
        expect((await store.get(at))?.value).toBe(value);
      }),
      { numRuns: 60 },
    );
  });

  test('a prefix that ends in what is escaped finds just its own', async () => {
    const partition = randomUUID();
    const ids = ['a', 'a~', 'a~b', 'a~~', 'a/', 'a//', 'a/z', 'b', 'aé', "a'", "a' or RowKey gt '", 'a😀'];
    for (const id of ids) await store.create({ partition, id, value: id });
    for (const prefix of ids) {
      const found = (await store.list(partition, { prefix })).records.map(({ id }) => id).toSorted();
      expect(found, prefix).toEqual(ids.filter((id) => id.startsWith(prefix)).toSorted());
    }
  });

  test('a row whose key is nothing we write is data_loss when listed, not a TypeError', async () => {
    for (const rowKey of ['~zz', '~FF', 'é', 'a~2']) {
      const partitionKey = randomUUID();
      await table.createEntity({ partitionKey, rowKey, value: 'foreign' });
      await expect(store.list(partitionKey), rowKey).rejects.toMatchObject({ name: 'PortError', code: 'data_loss' });
    }
  });

  test('check says ready when the table is there, whatever it holds', async () => {
    await expect(store.check()).resolves.toBeUndefined();
  });

  test.each([
    ['get', (s: TableStore) => s.get({ partition: 'p', id: 'a' })],
    ['create', (s: TableStore) => s.create({ partition: 'p', id: 'a', value: '' })],
    ['replace', (s: TableStore) => s.replace({ partition: 'p', id: 'a', value: '' }, etag)],
    ['delete', (s: TableStore) => s.delete({ partition: 'p', id: 'a' }, etag)],
    ['list', (s: TableStore) => s.list('p')],
    ['check', (s: TableStore) => s.check()],
  ])('%s on a missing table is failed_precondition, not absence', async (_, call) => {
    const missing = new TableStore(recordsTable({ table: 'nosuchtable', connectionString: connectionString(address) }));
    await expect(call(missing)).rejects.toMatchObject({ code: 'failed_precondition', reason: 'TableNotFound' });
  });

  test('a wrong key is refused as such', async () => {
    const denied = new TableStore(recordsTable({ table: table.tableName, connectionString: connectionString(address, 'a2V5') }));
    await expect(denied.get({ partition: 'p', id: 'a' })).rejects.toMatchObject({ code: 'permission_denied' });
  });
});

describe('against a service that says what it is told to', () => {
  const key = { partition: 'p', id: 'a' };
  const json = (value: unknown, headers: Record<string, string> = {}): ScriptedAnswer => ({
    status: 200,
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(value),
  });
  const row = (id: string, more: object = {}): object => ({
    PartitionKey: 'p',
    RowKey: id,
    'odata.etag': etag,
    value: 'x',
    ...more,
  });

  /** The store, and what it asked the service. */
  function scripted(...answers: readonly ScriptedAnswer[]): {
    store: TableStore;
    asked: { method: string; url: URL; ifMatch: string | undefined }[];
  } {
    const asked: { method: string; url: URL; ifMatch: string | undefined }[] = [];
    const table = scriptedTable((request) => {
      const answer = answers[asked.length];
      asked.push({ method: request.method, url: new URL(request.url), ifMatch: request.headers.get('if-match') });
      if (answer === undefined) throw new Error('asked once too often');
      return answer;
    });
    return { store: new TableStore(table), asked };
  }

  test('nothing is tried a second time', async () => {
    const { store, asked } = scripted(failure(503, 'ServerBusy'), failure(503, 'ServerBusy'));
    await expect(store.get(key)).rejects.toMatchObject({ code: 'resource_exhausted' });
    expect(asked).toHaveLength(1);
  });

  test('a lost create costs one more call, for the winner', async () => {
    const { store, asked } = scripted(failure(409, 'EntityAlreadyExists'), json(row('a')));
    expect(await store.create({ ...key, value: 'y' })).toEqual({
      created: false,
      existing: { ...key, value: 'x', version: etag },
    });
    expect(asked.map(({ method }) => method)).toEqual(['POST', 'GET']);
  });

  test('a create whose winner is gone again says so', async () => {
    const { store } = scripted(failure(409, 'EntityAlreadyExists'), failure(404, 'ResourceNotFound'));
    expect(await store.create({ ...key, value: 'y' })).toEqual({ created: false, existing: undefined });
  });

  test('a 409 of another kind is no lost race', async () => {
    const { store } = scripted(failure(409, 'TableBeingDeleted'));
    await expect(store.create({ ...key, value: 'y' })).rejects.toMatchObject({ code: 'failed_precondition' });
  });

  test('a 404 that does not say that the row is missing is no absence', async () => {
    await expect(scripted(failure(404)).store.get(key)).rejects.toMatchObject({ code: 'failed_precondition' });
    await expect(scripted(failure(404)).store.delete(key, etag)).rejects.toMatchObject({ code: 'failed_precondition' });
  });

  test('replace and delete name the version they mean, never "whatever is there"', async () => {
    const { store, asked } = scripted({ status: 204, headers: { etag } }, { status: 204 });
    expect(await store.replace({ ...key, value: 'y' }, etag)).toEqual({ replaced: true, version: etag });
    expect(await store.delete(key, etag)).toEqual({ deleted: true });
    expect(asked.map(({ method, ifMatch }) => [method, ifMatch])).toEqual([
      ['PUT', etag],
      ['DELETE', etag],
    ]);
  });

  test.each(['*', '', 'garbage', 'W/"1"', `${etag},${etag}`, `${etag}\n`, 'W/"datetime\'x\'"', 'é'])(
    'the version %j is never sent: it is a lost race',
    async (version) => {
      const { store, asked } = scripted(json(row('a')));
      expect(await store.delete(key, version)).toEqual({ deleted: false });
      expect(asked).toHaveLength(0);
      expect(await store.replace({ ...key, value: 'y' }, version)).toMatchObject({ replaced: false, existing: { value: 'x' } });
      expect(asked.map(({ method }) => method)).toEqual(['GET']);
    },
  );

  test('an empty page before the end is read over', async () => {
    const next = { 'x-ms-continuation-nextpartitionkey': 'p', 'x-ms-continuation-nextrowkey': 'b' };
    const { store, asked } = scripted(json({ value: [] }, next), json({ value: [row('b')] }, next), json({ value: [] }));
    expect(await store.list('p', { limit: 5 })).toEqual({
      records: [{ partition: 'p', id: 'b', value: 'x', version: etag }],
      next: 'b',
    });
    expect(asked.map(({ url }) => url.searchParams.get('NextRowKey'))).toEqual([null, 'b']);
    expect(await store.list('p', { after: 'b' })).toEqual({ records: [] });
  });

  test('a list asks for no more than its limit, in one partition, quoted', async () => {
    const { store, asked } = scripted(json({ value: [] }));
    await store.list("p' or '1' eq '1", { prefix: 'é', after: 'a', limit: 7 });
    const query = asked[0]?.url.searchParams;
    expect(query?.get('$top')).toBe('7');
    expect(query?.get('$filter')).toBe(
      "PartitionKey eq 'p~27~20or~20~271~27~20eq~20~271' and RowKey ge '~C3~A9' and RowKey lt '~C3~A9~~'",
    );
  });

  test.each([
    ['no value', { value: undefined }],
    ['a number', { value: 1 }],
    ['an expiry that is text', { expiresAt: 'soon' }],
  ])('a row with %s is data_loss', async (_, more) => {
    await expect(scripted(json(row('a', more))).store.get(key)).rejects.toMatchObject({ code: 'data_loss' });
  });

  test('a write whose answer holds no version is an error', async () => {
    await expect(scripted({ status: 204 }).store.create({ ...key, value: 'y' })).rejects.toMatchObject({ code: 'internal' });
  });

  test('an attempt that takes longer than its time is deadline_exceeded', async () => {
    const table = scriptedTable(
      (request) =>
        new Promise((_, reject) => {
          request.abortSignal?.addEventListener('abort', () => reject(new Error('aborted')));
        }),
    );
    const store = new TableStore(table, { attemptTimeoutMs: 20 });
    await expect(store.get(key)).rejects.toMatchObject({ code: 'deadline_exceeded', operation: 'key-value-store.get' });
  });

  test('a caller who gives up gets cancelled, before the call without any I/O', async () => {
    const controller = new AbortController();
    const table = scriptedTable(
      (request) =>
        new Promise((_, reject) => {
          request.abortSignal?.addEventListener('abort', () => reject(new Error('aborted')));
          controller.abort();
        }),
    );
    await expect(new TableStore(table).get(key, { signal: controller.signal })).rejects.toMatchObject({ code: 'cancelled' });
    const { store, asked } = scripted();
    await expect(store.get(key, { signal: controller.signal })).rejects.toMatchObject({ code: 'cancelled' });
    expect(asked).toHaveLength(0);
  });
});
