import { describe, inject } from 'vitest';
import type { EmulatorName } from './global-setup.ts';

/** Registers tests that need an emulator, with its address (`host:port`). Where it does not run they are skipped. */
export function withEmulator(name: EmulatorName, register: (address: string) => void): void {
  const address = inject('emulators')[name];
  describe.runIf(address !== undefined)(`with ${name}`, () => {
    register(address ?? '');
  });
}
