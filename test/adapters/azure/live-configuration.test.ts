import { inject } from 'vitest';
import { TableStore } from '../../../adapters/azure/table-store.ts';
import { newTable } from '../../support/azure/azurite-table.ts';
import { testLiveConfiguration } from '../../support/live-configuration.ts';

const { azurite } = inject('emulators');

if (azurite !== undefined) {
  testLiveConfiguration('Azurite', async () => ({ store: new TableStore(await newTable(azurite), { attemptTimeoutMs: 10_000 }) }));
}
