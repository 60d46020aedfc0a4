import { ConfigurationError } from './load-configuration.ts';

/** The environment variables of a process. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * A variable that must be there.
 *
 * @throws {ConfigurationError} it is missing or empty; names it and says what it is
 */
export function requireVariable(env: Environment, name: string, what: string): string {
  const value = env[name];
  if (value === undefined || value === '') throw new ConfigurationError(`${name} is not set: it must hold ${what}`);
  return value;
}

/**
 * A switch in a variable: `true` or `false`; `false` when it is not set.
 *
 * @throws {ConfigurationError} set to something else
 */
export function optionalSwitch(env: Environment, name: string): boolean {
  const value = env[name] ?? '';
  if (value === 'true' || value === 'false' || value === '') return value === 'true';
  throw new ConfigurationError(`${name} must be true or false`);
}

/**
 * A whole number in a variable; `undefined` when it is not set.
 *
 * @throws {ConfigurationError} set to something else
 */
export function optionalInteger(env: Environment, name: string, min: number, max: number): number | undefined {
  const value = env[name];
  if (value === undefined || value === '') return undefined;
  const number = Number(value);
  if (!(Number.isInteger(number) && number >= min && number <= max)) {
    throw new ConfigurationError(`${name} must be a whole number from ${min} to ${max}`);
  }
  return number;
}
