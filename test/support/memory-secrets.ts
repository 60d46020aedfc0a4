import { PortError } from '../../core/ports/index.ts';
import type { PortErrorCode, Secret, Secrets, SecretVersion } from '../../core/ports/index.ts';

/** Secrets in memory that can be rotated and can fail. */
export class MemorySecrets implements Secrets {
  /** When set, every read fails with it. */
  failure: PortErrorCode | undefined;
  /** When set, every read waits for it. */
  hold: Promise<unknown> | undefined;
  /** Every read so far, `<name>/<version>`. */
  readonly reads: string[] = [];
  readonly #versions = new Map<string, readonly Secret[]>();

  constructor(values: Readonly<Record<string, string>> = {}) {
    for (const [name, value] of Object.entries(values)) this.set(name, value);
  }

  /** Makes a new current version; the one before it becomes the previous one. */
  set(name: string, value: string): void {
    const versions = this.#versions.get(name) ?? [];
    this.#versions.set(name, [...versions, { value, version: `v${versions.length + 1}` }]);
  }

  get(name: string, version: 'current'): Promise<Secret>;
  get(name: string, version: 'previous'): Promise<Secret | undefined>;
  async get(name: string, version: SecretVersion): Promise<Secret | undefined> {
    this.reads.push(`${name}/${version}`);
    // Takes a turn, as a service does, so that callers at the same time meet.
    await this.hold;
    if (this.failure !== undefined) throw new PortError(this.failure, 'secrets.get', { reason: 'Planted' });
    const versions = this.#versions.get(name) ?? [];
    if (version === 'previous') return versions.at(-2);
    const current = versions.at(-1);
    if (current === undefined) throw new PortError('not_found', 'secrets.get', { reason: 'NoSuchSecret' });
    return current;
  }
}
