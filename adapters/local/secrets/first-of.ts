import { PortError } from '../../../core/ports/errors.ts';
import type { CallOptions, Secret, Secrets, SecretVersion } from '../../../core/ports/index.ts';

/** Secrets from the first source that has the name: `not_found` in one asks the next, any other failure is passed on. */
export function firstOf(sources: readonly Secrets[]): Secrets {
  async function get(name: string, version: 'current', options?: CallOptions): Promise<Secret>;
  async function get(name: string, version: 'previous', options?: CallOptions): Promise<Secret | undefined>;
  async function get(name: string, version: SecretVersion, options?: CallOptions): Promise<Secret | undefined> {
    for (const source of sources) {
      try {
        const current = await source.get(name, 'current', options);
        return version === 'current' ? current : await source.get(name, 'previous', options);
      } catch (error) {
        if (!(error instanceof PortError && error.code === 'not_found')) throw error;
      }
    }
    throw new PortError('not_found', 'secrets.get');
  }
  return { get };
}
