import { spawnSync } from 'node:child_process';
import { answers, freePort, startProgram } from '../emulators/emulator.ts';
import type { Emulator } from '../emulators/emulator.ts';

/** moto's server, an independent stand-in for AWS, where the machine has it: an extra leg, never the only one. */
export async function startMoto(): Promise<Emulator | undefined> {
  const help = spawnSync('moto_server', ['--help'], { encoding: 'utf8' });
  if (help.error !== undefined || help.status !== 0) return undefined;
  const port = await freePort();
  const { stop } = await startProgram('moto_server', ['-H', '127.0.0.1', '-p', String(port)], {
    ready: () => answers(`http://127.0.0.1:${port}/moto-api/`),
  });
  return { name: 'moto_server', address: `127.0.0.1:${port}`, stop };
}
