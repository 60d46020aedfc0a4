import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';

const bundle = 'dist/local/portolan.mjs';

export interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a `portolan` command of the built bundle to its end. */
export async function portolan(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Result> {
  assertBuilt();
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [bundle, ...args], { env: { ...process.env, ...env } });
    return { code: 0, stdout, stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code?: unknown; stdout?: string; stderr?: string };
    if (typeof code !== 'number') throw error;
    return { code, stdout: stdout ?? '', stderr: stderr ?? '' };
  }
}

export interface RunningPortolan {
  readonly process: ChildProcess;
  /** `http://127.0.0.1:<port>`: the control API, the reverse proxy or both. */
  readonly api: string;
  /** What was printed at start. */
  readonly greeting: string;
  readonly firstKey: string | undefined;
  /** Everything printed so far. */
  output(): string;
  /** Its exit code, when it has ended and all that it printed has come. */
  readonly ended: Promise<number | null>;
  kill(signal: NodeJS.Signals): Promise<void>;
}

/**
 * Starts `portolan dev` of the built bundle on free ports.
 *
 * @param env beside this process's own
 */
export async function startPortolan(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<RunningPortolan> {
  assertBuilt();
  const child = spawn(process.execPath, [bundle, 'dev', '--port', '0', '--gateway-port', '0', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  let output = '';
  const ended = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)));
  const greeting = await new Promise<string>((resolve, reject) => {
    const look = (chunk: Buffer): void => {
      output += chunk.toString();
      if (output.includes('Stop with Ctrl-C.')) resolve(output);
    };
    child.stdout.on('data', look);
    child.stderr.on('data', look);
    void ended.then((code) => reject(new Error(`portolan dev ended with ${code}:\n${output}`)));
  });
  const api = /(?:control API|reverse proxy)\s+(\S+)/.exec(greeting)?.[1] ?? '';
  return {
    process: child,
    api,
    greeting,
    firstKey: /PORTOLAN_API_KEY=(ptl_[A-Za-z0-9_-]{40,})/.exec(greeting)?.[1],
    output: () => output,
    ended,
    async kill(signal) {
      child.kill(signal);
      await ended;
    },
  };
}

function assertBuilt(): void {
  if (!existsSync(bundle)) throw new Error(`${bundle} is missing: run "make build" first`);
}
