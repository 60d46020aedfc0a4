import { randomUUID } from 'node:crypto';
import type { TableClient } from '@azure/data-tables';
import { recordsTable } from '../../../adapters/azure/records-table.ts';
import { account } from '../emulators/azurite.ts';

/** The connection string of an Azurite table service at `address` (`host:port`). */
export function connectionString(address: string, key: string = account.key): string {
  return [
    'DefaultEndpointsProtocol=http',
    `AccountName=${account.name}`,
    `AccountKey=${key}`,
    `TableEndpoint=http://${address}/${account.name}`,
    '',
  ].join(';');
}

/** A new, empty table. */
export async function newTable(address: string): Promise<TableClient> {
  const table = recordsTable({ table: `t${randomUUID().replaceAll('-', '')}`, connectionString: connectionString(address) });
  await table.createTable();
  return table;
}
