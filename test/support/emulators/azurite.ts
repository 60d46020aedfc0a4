import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { answers, freePort, startProgram } from './emulator.ts';
import type { Emulator } from './emulator.ts';

/** Azurite, Microsoft's own emulator, from npm: the table service alone, in memory. */
export async function start(): Promise<Emulator> {
  const require = createRequire(import.meta.url);
  const { version } = require('azurite/package.json') as { version: string };
  const port = await freePort();
  const { stop } = await startProgram(
    process.execPath,
    [
      require.resolve('azurite/dist/src/table/main.js'),
      '--inMemoryPersistence',
      '--silent',
      '--disableTelemetry',
      '--skipApiVersionCheck',
      '--tablePort',
      String(port),
    ],
    { cwd: tmpdir(), ready: () => answers(`http://127.0.0.1:${port}/`) },
  );
  return { name: `Azurite ${version} (table service)`, address: `127.0.0.1:${port}`, stop };
}

/**
 * The account name and key that every Azurite has, published by Microsoft
 * (https://learn.microsoft.com/azure/storage/common/storage-use-azurite#well-known-storage-account-and-key). No secret.
 */
export const account = {
  name: 'devstoreaccount1',
  key: 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==',
} as const;
