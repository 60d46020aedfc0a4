import { existsSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import type { WebHandler } from '../../core/http/web-bridge.ts';
import type { Environment } from './environment.ts';
import { ConfigurationError } from './load-configuration.ts';

/**
 * The user's own code behind routes: the functions that the ES module `PORTOLAN_HANDLERS_FILE` names exports, or `handlers.mjs` beside the
 * configuration or bundle, where there is one. A route's `handler` is the name of an export.
 *
 * @param beside URL of the file to look beside: a bundle's `import.meta.url`
 * @returns `undefined`: there is no such module
 * @throws {ConfigurationError} the file named does not exist
 * @throws what the module throws while it is loaded
 */
export async function loadHandlers(
  env: Environment,
  beside: string | URL,
): Promise<Readonly<Record<string, WebHandler>> | undefined> {
  const named = env['PORTOLAN_HANDLERS_FILE'];
  const file = named === undefined ? new URL('handlers.mjs', beside) : pathToFileURL(named);
  if (!existsSync(file)) {
    if (named === undefined) return undefined;
    throw new ConfigurationError('The file that PORTOLAN_HANDLERS_FILE names does not exist');
  }
  const exported = (await import(file.href)) as Readonly<Record<string, unknown>>;
  return Object.fromEntries(
    Object.entries(exported).filter((entry): entry is [string, WebHandler] => typeof entry[1] === 'function'),
  );
}
