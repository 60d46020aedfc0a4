import { existsSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import type { WebHandler } from '../../core/http/web-bridge.ts';
import type { Environment } from './environment.ts';
import { ConfigurationError } from './load-configuration.ts';

/**
 * The user's own code behind routes: the functions that the ES module `PORTOLAN_HANDLERS_FILE` names exports, or `handlers.mjs` beside the bundle where there is
 * one. A route's `handler` is the name of an export.
 *
 * @param beside where the bundle is: `import.meta.url`
 * @throws {ConfigurationError} the file named does not exist
 */
export async function loadHandlers(env: Environment, beside: string): Promise<Readonly<Record<string, WebHandler>>> {
  const named = env['PORTOLAN_HANDLERS_FILE'];
  const file = named === undefined ? new URL('handlers.mjs', beside) : pathToFileURL(named);
  if (!existsSync(file)) {
    if (named === undefined) return {};
    throw new ConfigurationError('The file that PORTOLAN_HANDLERS_FILE names does not exist');
  }
  const exported = (await import(file.href)) as Readonly<Record<string, unknown>>;
  return Object.fromEntries(
    Object.entries(exported).filter((entry): entry is [string, WebHandler] => typeof entry[1] === 'function'),
  );
}
