import { existsSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { build } from 'esbuild';
import type { BuildFailure, Message } from 'esbuild';
import { CommandError } from '../adapters/cli/command-error.ts';
import { esModule } from './es-module.ts';

/** The user's own code behind routes, as a package takes it. */
export interface BundledHandlers {
  /** One ES module with everything it imports, to be `handlers.mjs` beside the bundle. The same sources give the same bytes, in any folder. */
  readonly content: Uint8Array;
  /** What it exports. */
  readonly names: readonly string[];
}

/**
 * Bundles a module of handlers, JavaScript or TypeScript, with what it imports. Names are kept, for stack frames in the log.
 *
 * @throws {CommandError} exit code 2: it is not there, or cannot be bundled; one line a problem with file and line
 */
export async function bundleHandlers(file: string): Promise<BundledHandlers> {
  if (!existsSync(file)) throw new CommandError(2, `${file}: cannot be read (ENOENT)`);
  const { outputFiles, metafile } = await build({
    ...esModule,
    write: false,
    metafile: true,
    minifySyntax: true,
    minifyWhitespace: true,
    logLevel: 'silent',
    // Paths in the output and in messages are relative to it.
    absWorkingDir: dirname(resolve(file)),
    entryPoints: [basename(file)],
    outfile: 'handlers.mjs',
  }).catch((error: unknown) => {
    throw new CommandError(2, problemsOf(error, dirname(file)));
  });
  const [output] = outputFiles;
  const names = Object.values(metafile.outputs)[0]?.exports ?? [];
  if (output === undefined || names.length === 0)
    throw new CommandError(2, `${file}: exports nothing, so there is no handler in it`);
  return { content: output.contents, names };
}

function problemsOf(error: unknown, folder: string): string {
  const { errors } = error as Partial<BuildFailure>;
  if (errors === undefined) throw error;
  const line = ({ location, text }: Message): string =>
    location === null ? text : `${resolve(folder, location.file)}:${location.line}: ${text}`;
  return errors.map(line).join('\n');
}
