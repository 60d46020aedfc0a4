import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ConfigurationError } from '../node/load-configuration.ts';
import { loadHandlers } from '../node/load-handlers.ts';
import { CommandError } from './command-error.ts';

/**
 * The user's own code that goes with a configuration file: see `loadHandlers`.
 *
 * @throws {CommandError} the file that is named for it does not exist
 */
export async function handlersBeside(configurationFile: string): ReturnType<typeof loadHandlers> {
  try {
    return await loadHandlers(process.env, pathToFileURL(resolve(configurationFile)));
  } catch (error) {
    if (error instanceof ConfigurationError) throw new CommandError(2, error.message);
    throw error;
  }
}
