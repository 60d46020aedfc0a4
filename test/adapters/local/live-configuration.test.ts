import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSqlite } from '../../../adapters/local/sqlite/sqlite.ts';
import { MemoryStore } from '../../../core/storage/memory-store.ts';
import { testLiveConfiguration } from '../../support/live-configuration.ts';

testLiveConfiguration('a store in memory', async () => ({ store: new MemoryStore() }));

testLiveConfiguration('SQLite', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'portolan-live-'));
  const { store, close } = openSqlite(join(folder, 'live.db'));
  return {
    store,
    close: () => {
      close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
});
