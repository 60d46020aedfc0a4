import { existsSync, readFileSync } from 'node:fs';
import { checkConfiguration } from '../../core/config/check-configuration.ts';
import type { Configuration } from '../../core/config/configuration.ts';
import type { Environment } from './environment.ts';
import { builtInTemplates } from '../../core/session/vendors/catalogue.ts';

/** There is no configuration, or it is not right: nothing starts. The message says what to do; it holds no value. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
}

/**
 * The configuration of a deployed function: JSON in `PORTOLAN_CONFIG`, in the file `PORTOLAN_CONFIG_FILE` names, or in `portolan.json`
 * beside the bundle. `portolan config check --json` turns a YAML file into it.
 *
 * @param beside where the bundle is: `import.meta.url`
 * @param handlers the user's own code behind routes; default not known, and then routes that name some are not checked
 * @throws {ConfigurationError} none found, or not right
 */
export function loadConfiguration(env: Environment, beside: string, handlers?: Readonly<Record<string, unknown>>): Configuration {
  const { text, from } = find(env, new URL('portolan.json', beside));
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw new ConfigurationError(`${from} is not valid JSON`);
  }
  const checked = checkConfiguration(parsed, builtInTemplates, {
    isServer: false,
    handlers: handlers && Object.keys(handlers),
  });
  if (!checked.ok) {
    const lines = checked.problems.map(
      ({ pointer, detail, hint }) => `${pointer} ${detail}${hint === undefined ? '' : ` (${hint})`}`,
    );
    throw new ConfigurationError(`${from}: ${lines.join('; ')}`);
  }
  return checked.configuration;
}

function find(env: Environment, bundled: URL): { readonly text: string; readonly from: string } {
  const inline = env['PORTOLAN_CONFIG'];
  if (inline !== undefined) return { text: inline, from: 'PORTOLAN_CONFIG' };
  const named = env['PORTOLAN_CONFIG_FILE'];
  const file = named ?? bundled;
  if (!existsSync(file)) {
    throw new ConfigurationError(
      named === undefined
        ? 'No configuration: set PORTOLAN_CONFIG (JSON) or PORTOLAN_CONFIG_FILE, or put portolan.json beside the bundle'
        : 'The file that PORTOLAN_CONFIG_FILE names does not exist',
    );
  }
  return { text: readFileSync(file, 'utf8'), from: named === undefined ? 'portolan.json' : 'PORTOLAN_CONFIG_FILE' };
}
