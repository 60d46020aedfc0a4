import { once } from 'node:events';
import { createRequire } from 'node:module';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { freePort, startProgram } from '../emulators/emulator.ts';

/** A function served by the real Functions Framework, in a process of its own. */
export interface ServedFunction {
  readonly port: number;
  /** `http://127.0.0.1:<port>`. */
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * Serves a built function on a free port, as the platform does. Resolves when it accepts connections; nothing has been asked of it then.
 *
 * @param source its folder, with `package.json` and the module that exports the function
 * @param options.target the export's name; default `portolan`
 * @param options.env variables beside those of this process
 * @throws {Error} it did not load; the message holds what it printed
 */
export async function serveFunction(
  source: string,
  { target = 'portolan', env = {} }: { readonly target?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<ServedFunction> {
  const port = await freePort();
  const framework = createRequire(import.meta.url).resolve('@google-cloud/functions-framework');
  const { stop } = await startProgram(
    process.execPath,
    [join(dirname(framework), 'main.js'), `--target=${target}`, `--port=${port}`, `--source=${source}`],
    { env: { NODE_ENV: 'production', METADATA_SERVER_DETECTION: 'none', ...env }, ready: () => accepts(port) },
  );
  return { port, url: `http://127.0.0.1:${port}`, stop };
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
