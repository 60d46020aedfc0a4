import { TableStore } from '../../../adapters/azure/table-store.ts';
import { nodeCrypto } from '../../../adapters/node/node-crypto.ts';
import { durable } from '../../../core/storage/durable.ts';
import { StoreCounters } from '../../../core/storage/store-counters.ts';
import { testCounters } from '../../conformance/counters.ts';
import { newTable } from '../../support/azure/azurite-table.ts';
import { withEmulator } from '../../support/emulators/with-emulator.ts';

// Azure has no counter of its own: core counts by compare-and-set.
withEmulator('azurite', (address) => {
  testCounters({
    name: 'Azurite',
    makeCounters: async (clock) => {
      const store = durable(new TableStore(await newTable(address)), { clock, crypto: nodeCrypto });
      return { counters: new StoreCounters(store, clock) };
    },
  });
});
