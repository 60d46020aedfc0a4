import { PortError } from '../../core/ports/errors.ts';
import { CommandError } from './command-error.ts';

/** What a command ended with, for people: `undefined` for a bug, whose stack is worth seeing. */
export function explainError(error: unknown): { readonly exitCode: 1 | 2; readonly message: string } | undefined {
  if (error instanceof CommandError) return error;
  if (error instanceof PortError) return { exitCode: 1, message: `Failed: ${error.message}` };
  if (isSystemError(error)) return { exitCode: 1, message: `Failed: ${error.message}` };
  return undefined;
}

/** One of the operating system's: its message has the call, the reason and the file. */
function isSystemError(error: unknown): error is Error {
  return error instanceof Error && 'syscall' in error && 'code' in error && typeof error.code === 'string';
}
