import type { TestProject } from 'vitest/node';
import type { Emulator } from './emulator.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Address (`host:port`) per emulator that runs; a name that is missing was not found or not asked for. */
    emulators: Readonly<Partial<Record<EmulatorName, string>>>;
  }
}

type Start = () => Promise<Emulator | undefined>;

const starters: Readonly<Record<EmulatorName, Start>> = {
  /** DynamoDB Local: npm, needs Java. */
  dynamodb: async () => (await import('./dynamodb.ts')).start(),
  /** Azurite's table service: npm. */
  azurite: async () => (await import('./azurite.ts')).start(),
  /** The Firestore front over an npm package, always. */
  firestore: async () => (await import('./firestore.ts')).start(),
  /** Google's own Firestore emulator, where the machine has it. */
  'firestore-google': async () => (await import('./firestore-google.ts')).start(),
};

export type EmulatorName = 'dynamodb' | 'azurite' | 'firestore' | 'firestore-google';

/** Starts the emulators side by side before the first test, and stops them after the last. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const wanted = process.env['PORTOLAN_TEST_EMULATORS']?.split(',') ?? Object.keys(starters);
  const running = await Promise.all(
    Object.entries(starters)
      .filter(([name]) => wanted.includes(name))
      .map(async ([name, start]) => [name, await start()] as const),
  );
  const found = running.flatMap(([name, emulator]) => (emulator === undefined ? [] : [{ name, emulator }]));
  project.provide('emulators', Object.fromEntries(found.map(({ name, emulator }) => [name, emulator.address])));
  for (const [name, emulator] of running) {
    console.log(`emulator leg ${name}: ${emulator?.name ?? 'not found on this machine, skipped'}`);
  }
  return async () => {
    await Promise.all(found.map(({ emulator }) => emulator.stop()));
  };
}
