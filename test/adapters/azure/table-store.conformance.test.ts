import { recordsTable } from '../../../adapters/azure/records-table.ts';
import { TableStore } from '../../../adapters/azure/table-store.ts';
import { testKeyValueStore } from '../../conformance/index.ts';
import { connectionString, newTable } from '../../support/azure/azurite-table.ts';
import { withEmulator } from '../../support/emulators/with-emulator.ts';

withEmulator('azurite', (address) => {
  const store = (table: string, where: string, key?: string): Promise<TableStore> =>
    Promise.resolve(new TableStore(recordsTable({ table, connectionString: connectionString(where, key) })));

  testKeyValueStore({
    name: 'Azurite',
    makeStore: async () => ({ store: new TableStore(await newTable(address)) }),
    outages: {
      unreachable: () => store('records', '127.0.0.1:1'),
      missing: () => store('nosuchtable', address),
      denied: () => store('records', address, 'a2V5'),
    },
  });
});
