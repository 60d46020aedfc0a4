import type { TableClient } from '@azure/data-tables';
import { beforeEach, describe, expect, inject, test } from 'vitest';
import { Sweeper } from '../../../adapters/azure/sweeper.ts';
import { TableStore } from '../../../adapters/azure/table-store.ts';
import { newTable } from '../../support/azure/azurite-table.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { failure, scriptedTable } from '../../support/azure/scripted-table.ts';

/** Instances' clocks may differ by so much. */
const skewMs = 2_000;

describe.runIf(inject('emulators').azurite !== undefined)('on Azurite', () => {
  let table: TableClient;
  let store: TableStore;
  let clock: FakeClock;
  let now: number;

  beforeEach(async () => {
    table = await newTable(inject('emulators').azurite ?? '');
    store = new TableStore(table);
    clock = new FakeClock();
    now = clock.now();
  });

  async function put(id: string, expiresAt?: number): Promise<string> {
    const result = await store.create({ partition: `p-${id}`, id, value: 'x'.repeat(100), expiresAt });
    if (!result.created) throw new Error('taken');
    return result.version;
  }

  const has = async (id: string): Promise<boolean> => (await store.get({ partition: `p-${id}`, id })) !== undefined;

  test('deletes what expired, in every partition, and nothing else', async () => {
    await put('old', now - skewMs);
    await put('older', now - 1_000_000);
    await put('zero', 0);
    await put('forever');
    await put('later', now + 1);
    expect(await new Sweeper(table, clock).sweep()).toEqual({ scanned: 3, deleted: 3, lostRaces: 0, more: false });
    expect(await Promise.all(['old', 'older', 'zero', 'forever', 'later'].map(has))).toEqual([false, false, false, true, true]);
  });

  test('leaves a record until it is expired for every instance, whose clocks may differ', async () => {
    await put('a', now);
    const sweeper = new Sweeper(table, clock);
    expect(await sweeper.sweep()).toMatchObject({ scanned: 0 });
    await clock.advance(skewMs - 1);
    expect(await sweeper.sweep()).toMatchObject({ scanned: 0 });
    await clock.advance(1);
    expect(await sweeper.sweep()).toMatchObject({ deleted: 1 });
  });

  test('a record extended between the look and the delete stays, and is counted as a lost race', async () => {
    const version = await put('a', 1);
    await put('b', 1);
    const racing = Object.create(table, {
      deleteEntity: {
        value: async (...args: Parameters<TableClient['deleteEntity']>) => {
          if (args[1] === 'a') await store.replace({ partition: 'p-a', id: 'a', value: 'new', expiresAt: now + 60_000 }, version);
          return table.deleteEntity(...args);
        },
      },
    }) as TableClient;
    expect(await new Sweeper(racing, clock).sweep()).toEqual({ scanned: 2, deleted: 1, lostRaces: 1, more: false });
    expect(await store.get({ partition: 'p-a', id: 'a' })).toMatchObject({ value: 'new' });
  });

  test('stops at its bound of rows and goes on there next time', async () => {
    for (let n = 0; n < 7; n++) await put(`id-${n}`, 1);
    const sweeper = new Sweeper(table, clock, { concurrency: 2 });
    expect(await sweeper.sweep({ maxRows: 3 })).toEqual({ scanned: 3, deleted: 3, lostRaces: 0, more: true });
    expect(await sweeper.sweep({ maxRows: 3 })).toEqual({ scanned: 3, deleted: 3, lostRaces: 0, more: true });
    expect(await sweeper.sweep({ maxRows: 3 })).toEqual({ scanned: 1, deleted: 1, lostRaces: 0, more: false });
    expect(await sweeper.sweep()).toEqual({ scanned: 0, deleted: 0, lostRaces: 0, more: false });
  });

  test('stops at its deadline, between batches too', async () => {
    for (let n = 0; n < 5; n++) await put(`id-${n}`, 1);
    expect(await new Sweeper(table, clock).sweep({ deadline: now })).toMatchObject({ scanned: 0, more: true });
    const slow = Object.create(table, {
      deleteEntity: {
        value: async (...args: Parameters<TableClient['deleteEntity']>) => {
          await clock.advance(100);
          return table.deleteEntity(...args);
        },
      },
    }) as TableClient;
    const sweeper = new Sweeper(slow, clock, { concurrency: 1 });
    expect(await sweeper.sweep({ deadline: now + 250 })).toEqual({ scanned: 3, deleted: 3, lostRaces: 0, more: true });
    expect(await sweeper.sweep()).toMatchObject({ deleted: 2, more: false });
  });
});

test('asks for keys only, and for what expired at least the clocks’ difference ago', async () => {
  const clock = new FakeClock({ now: 1_000_000 });
  const asked: URLSearchParams[] = [];
  const table = scriptedTable((request) => {
    asked.push(new URL(request.url).searchParams);
    return { status: 200, headers: { 'content-type': 'application/json' }, body: '{"value":[]}' };
  });
  await new Sweeper(table, clock).sweep();
  expect(asked.map((query) => [query.get('$filter'), query.get('$select'), query.get('$top')])).toEqual([
    ['expiresAt le 998000L', 'PartitionKey,RowKey', '1000'],
  ]);
});

test('a service that fails is an error, not an empty sweep', async () => {
  const sweeper = new Sweeper(
    scriptedTable(() => failure(404, 'TableNotFound')),
    new FakeClock(),
  );
  await expect(sweeper.sweep()).rejects.toMatchObject({ code: 'failed_precondition', operation: 'sweeper.list' });
});
