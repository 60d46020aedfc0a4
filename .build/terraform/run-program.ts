import { spawn } from 'node:child_process';
import { once } from 'node:events';

export interface ProgramResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a program to its end and keeps what it printed.
 *
 * @throws {Error} it could not be started
 */
export async function runProgram(
  command: string,
  args: readonly string[],
  { cwd, env }: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<ProgramResult> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], cwd, env });
  const ended = once(child, 'close') as Promise<[number | null]>;
  const texts = Promise.all([child.stdout, child.stderr].map(async (stream) => Buffer.concat(await stream.toArray()).toString()));
  const [[status], [stdout = '', stderr = '']] = await Promise.all([ended, texts]);
  return { status, stdout, stderr };
}
