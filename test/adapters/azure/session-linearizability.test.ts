import { TableStore } from '../../../adapters/azure/table-store.ts';
import { testSessionLinearizability } from '../../conformance/index.ts';
import { newTable } from '../../support/azure/azurite-table.ts';
import { withEmulator } from '../../support/emulators/with-emulator.ts';

withEmulator('azurite', (address) => {
  testSessionLinearizability({
    name: 'Azurite',
    makeStore: async () => ({ store: new TableStore(await newTable(address), { attemptTimeoutMs: 10_000 }) }),
    runs: 40,
    clients: 3,
    operations: 4,
  });
});
