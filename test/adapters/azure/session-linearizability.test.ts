import { inject } from 'vitest';
import { TableStore } from '../../../adapters/azure/table-store.ts';
import { testSessionLinearizability } from '../../conformance/index.ts';
import { newTable } from '../../support/azure/azurite-table.ts';

const { azurite } = inject('emulators');

if (azurite !== undefined) {
  testSessionLinearizability({
    name: 'Azurite',
    makeStore: async () => ({ store: new TableStore(await newTable(azurite), { attemptTimeoutMs: 10_000 }) }),
    runs: 40,
    clients: 3,
    operations: 4,
  });
}
