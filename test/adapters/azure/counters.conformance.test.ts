import { inject } from 'vitest';
import { TableStore } from '../../../adapters/azure/table-store.ts';
import { nodeCrypto } from '../../../adapters/node/node-crypto.ts';
import { durable } from '../../../core/storage/durable.ts';
import { StoreCounters } from '../../../core/storage/store-counters.ts';
import { testCounters } from '../../conformance/counters.ts';
import { newTable } from '../../support/azure/azurite-table.ts';

const address = inject('emulators').azurite;

// Azure has no counter of its own: core counts by compare-and-set.
if (address !== undefined) {
  testCounters({
    name: 'Azurite',
    makeCounters: async (clock) => {
      const store = durable(new TableStore(await newTable(address)), { clock, crypto: nodeCrypto });
      return { counters: new StoreCounters(store, clock) };
    },
  });
}
