import { spawnSync } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { answers, freePort, startProgram } from './emulator.ts';
import type { Emulator } from './emulator.ts';

/**
 * Google's own Firestore emulator, where the machine has it: the jar that `PORTOLAN_FIRESTORE_EMULATOR_JAR` names, or the one beside
 * `gcloud`. Started without gcloud, which needs no more than Java 17.
 *
 * It locks pessimistically and is slow under contention: tests keep to five writers on one key.
 *
 * @returns undefined when there is no jar or no Java
 */
export async function start(): Promise<Emulator | undefined> {
  const jar = findJar();
  if (jar === undefined || spawnSync('java', ['-version']).error !== undefined) return undefined;
  const port = await freePort();
  const { stop } = await startProgram(
    'java',
    [
      '-Duser.language=en',
      '-Xmx256m',
      '-XX:+UseSerialGC',
      '-XX:TieredStopAtLevel=1',
      '-cp',
      jar,
      'com.google.cloud.datastore.emulator.firestore.CloudFirestore',
      'start',
      '--host',
      '127.0.0.1',
      '--port',
      String(port),
    ],
    { ready: () => answers(`http://127.0.0.1:${port}/`) },
  );
  return { name: 'Firestore emulator of the Google Cloud SDK', address: `127.0.0.1:${port}`, stop };
}

function findJar(): string | undefined {
  const named = process.env['PORTOLAN_FIRESTORE_EMULATOR_JAR'];
  if (named !== undefined && named !== '') return named;
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const gcloud = join(folder, 'gcloud');
    if (!existsSync(gcloud)) continue;
    const sdk = dirname(dirname(realpathSync(gcloud)));
    const jar = join(sdk, 'platform', 'cloud-firestore-emulator', 'cloud-firestore-emulator.jar');
    if (existsSync(jar)) return jar;
  }
  return undefined;
}
