import { inject } from 'vitest';
import { TableStore } from '../../../adapters/azure/table-store.ts';
import { testRetrySafety } from '../../conformance/index.ts';
import { newTable } from '../../support/azure/azurite-table.ts';

const address = inject('emulators').azurite;

if (address !== undefined) {
  testRetrySafety({
    name: 'Azurite',
    makeStore: async () => ({ store: new TableStore(await newTable(address)) }),
  });
}
