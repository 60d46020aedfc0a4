import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { managedIdentity } from '../../../adapters/azure/managed-identity.ts';
import { recordsTable } from '../../../adapters/azure/records-table.ts';
import { TableStore } from '../../../adapters/azure/table-store.ts';
import { FakeKeyVault } from '../../support/azure/fake-key-vault.ts';
import { failure, scriptedTable } from '../../support/azure/scripted-table.ts';

let fake: FakeKeyVault;

beforeAll(async () => {
  fake = await FakeKeyVault.start();
  for (const [name, value] of Object.entries(fake.identityEnvironment)) vi.stubEnv(name, value);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await fake.stop();
});

const key = { partition: 'p', id: 'a' };

/** A store on the identity, and the `authorization` fields its requests had. */
function store(clientId: string, attemptTimeoutMs = 30_000): { store: TableStore; authorizations: (string | undefined)[] } {
  const authorizations: (string | undefined)[] = [];
  const table = scriptedTable((request) => {
    authorizations.push(request.headers.get('authorization'));
    return failure(404, 'ResourceNotFound');
  }, managedIdentity(clientId));
  return { store: new TableStore(table, { attemptTimeoutMs }), authorizations };
}

test('Tables are read with a token of the managed identity, fetched once', async () => {
  const { store: records, authorizations } = store('tables-1');
  const before = fake.requests.length;
  await records.get(key);
  await records.get(key);
  expect(authorizations).toEqual(['Bearer token-of-the-managed-identity', 'Bearer token-of-the-managed-identity']);
  expect(fake.requests.slice(before)).toEqual(['GET /msi/token']);
});

test('an identity endpoint that says nothing does not hold an attempt beyond its time', async () => {
  fake.failIdentity('hang');
  const { store: records, authorizations } = store('tables-2', 100);
  await expect(records.get(key)).rejects.toMatchObject({ code: 'deadline_exceeded' });
  await expect(records.get(key, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'cancelled' });
  expect(authorizations).toEqual([]);
  fake.failIdentity(undefined);
});

test('an identity that is refused is unauthenticated, never absence', async () => {
  fake.failIdentity(400);
  await expect(store('tables-3').store.get(key)).rejects.toMatchObject({ code: 'unauthenticated' });
  fake.failIdentity(undefined);
});

test('the table of a deployed app is reached by its endpoint, over TLS', () => {
  const table = recordsTable({ endpoint: 'https://account.table.core.windows.net', table: 'records' });
  expect([table.url, table.tableName]).toEqual(['https://account.table.core.windows.net', 'records']);
});

test('a token is never sent without TLS', async () => {
  const records = new TableStore(recordsTable({ endpoint: 'http://127.0.0.1:1', table: 'records' }));
  await expect(records.get(key)).rejects.toMatchObject({ code: 'internal' });
});
