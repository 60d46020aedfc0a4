import { TableClient } from '@azure/data-tables';
import type { TableServiceClientOptions } from '@azure/data-tables';
import { managedIdentity } from './managed-identity.ts';

/** Where the records are. */
export type RecordsTableOptions = {
  /** The table's name; it must exist. */
  readonly table: string;
} & (
  | {
      /** `https://<account>.table.core.windows.net`, used with the app's managed identity. */
      readonly endpoint: string;
      /** Of a user-assigned identity; default the app's own. */
      readonly clientId?: string | undefined;
    }
  | {
      /** Holds the account's key: for emulators. */
      readonly connectionString: string;
    }
);

/** The client that `TableStore` and `Sweeper` need: without retries of its own, which would hide a lost answer. */
export function recordsTable(options: RecordsTableOptions): TableClient {
  const client: TableServiceClientOptions = { retryOptions: { maxRetries: 0 } };
  if (!('connectionString' in options)) {
    return new TableClient(options.endpoint, options.table, managedIdentity(options.clientId), client);
  }
  const allowInsecureConnection = /(?:^|;)(?:DefaultEndpointsProtocol=http;|UseDevelopmentStorage=true)/i.test(
    options.connectionString,
  );
  return TableClient.fromConnectionString(options.connectionString, options.table, { ...client, allowInsecureConnection });
}
