import { PortError } from '../ports/errors.ts';

/** What kind of error it is, for a log: the code of a `PortError`, else the class. Never the message, which may hold data. */
export function kindOf(error: unknown): string {
  if (error instanceof PortError) return error.code;
  return error instanceof Error ? error.name : typeof error;
}

/** Where an error was thrown, the innermost eight frames; `undefined` for what is no error. */
export function placeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  return (error.stack ?? '')
    .split('\n')
    .filter((line) => line.startsWith('    at '))
    .slice(0, 8)
    .map((line) => line.trim())
    .join(' | ');
}
