import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** A service for tests on a free loopback port. */
export interface Emulator {
  /** What it is, with version, for the list of legs that ran. */
  readonly name: string;
  /** `host:port`. */
  readonly address: string;
  stop(): Promise<void>;
}

/** A port nobody listens on right now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/**
 * Starts a program and waits until `ready` answers true, asking every 100 ms for at most `timeoutMs`.
 *
 * @throws {Error} it ended or was not ready in time; the message holds the end of what it printed
 */
export async function startProgram(
  command: string,
  args: readonly string[],
  {
    ready,
    env,
    cwd,
    timeoutMs = 180_000,
  }: {
    readonly ready: () => Promise<boolean>;
    readonly env?: NodeJS.ProcessEnv;
    readonly cwd?: string;
    readonly timeoutMs?: number;
  },
): Promise<{ readonly process: ChildProcess; stop(): Promise<void> }> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env }, cwd });
  let output = '';
  const keep = (chunk: Buffer): void => {
    output = (output + chunk.toString()).slice(-4_000);
  };
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  const ended = once(child, 'exit');
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await ended;
    }
  };
  const giveUpAt = Date.now() + timeoutMs;
  while (!(await ready())) {
    if (child.exitCode !== null || Date.now() > giveUpAt) {
      await stop();
      throw new Error(`${command} ${args.join(' ')} did not become ready:\n${output}`);
    }
    await sleep(100);
  }
  return { process: child, stop };
}

/** Whether something accepts HTTP at `url`, whatever it answers. */
export async function answers(url: string): Promise<boolean> {
  try {
    await fetch(url, { signal: AbortSignal.timeout(5_000) });
    return true;
  } catch {
    return false;
  }
}
