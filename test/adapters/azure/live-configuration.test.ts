import { TableStore } from '../../../adapters/azure/table-store.ts';
import { newTable } from '../../support/azure/azurite-table.ts';
import { testLiveConfiguration } from '../../support/live-configuration.ts';
import { withEmulator } from '../../support/emulators/with-emulator.ts';

withEmulator('azurite', (address) => {
  testLiveConfiguration('Azurite', async () => ({ store: new TableStore(await newTable(address), { attemptTimeoutMs: 10_000 }) }));
});
