import { TableStore } from '../../../adapters/azure/table-store.ts';
import { testRetrySafety } from '../../conformance/index.ts';
import { newTable } from '../../support/azure/azurite-table.ts';
import { withEmulator } from '../../support/emulators/with-emulator.ts';

withEmulator('azurite', (address) => {
  testRetrySafety({
    name: 'Azurite',
    makeStore: async () => ({ store: new TableStore(await newTable(address)) }),
  });
});
