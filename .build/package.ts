/**
 * Packs what was built for the clouds: `dist/packages/<cloud>/function.zip` and `manifest.json` beside it. The same bundle gives the same
 * bytes, so that an unchanged one is not deployed again.
 *
 *     node .build/package.ts [aws azure gcp] [--config FILE] [--handlers FILE] [--out FOLDER]
 *
 * `--config` checks a configuration (YAML or JSON) and puts it into the package as `portolan.json`, for one that is too long for the function's
 * environment. `--handlers` bundles the module with the user's own code behind routes into it, as `handlers.mjs`; a configuration beside it
 * may name those and no others. Source maps stay in `dist`: they are two thirds of a package, and without `--enable-source-maps` nothing at run time reads
 * them; the same commit builds them again.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative, resolve, sep } from 'node:path';
import { parseArgs } from 'node:util';
import { CommandError } from '../adapters/cli/command-error.ts';
import { readConfiguration } from '../adapters/cli/read-configuration.ts';
import { bundleHandlers } from './bundle-handlers.ts';
import { zip } from './zip.ts';
import type { ZipEntry } from './zip.ts';

/** What `manifest.json` tells of the package beside it. */
interface Manifest {
  /** Relative to the manifest. */
  readonly path: string;
  readonly sha256_hex: string;
  /** As Lambda tells it (`CodeSha256`), and as the modules take it. */
  readonly sha256_base64: string;
  readonly bytes: number;
}

const clouds = ['aws', 'azure', 'gcp'] as const;
const root = resolve(import.meta.dirname, '..');

try {
  await pack();
} catch (error) {
  if (!(error instanceof CommandError)) throw error;
  console.error(error.message);
  process.exitCode = error.exitCode;
}

async function pack(): Promise<void> {
  const { wanted, config, handlers, out } = readArguments();
  const own = handlers === undefined ? undefined : await bundleHandlers(handlers);
  const added: readonly ZipEntry[] = [
    ...(own === undefined ? [] : [{ name: 'handlers.mjs', content: own.content }]),
    ...(config === undefined ? [] : [configurationEntry(config, own?.names ?? [])]),
  ];
  for (const cloud of wanted) {
    const archive = zip([...filesOf(cloud), ...added]);
    const sha256 = createHash('sha256').update(archive).digest();
    const manifest: Manifest = {
      path: 'function.zip',
      sha256_hex: sha256.toString('hex'),
      sha256_base64: sha256.toString('base64'),
      bytes: archive.length,
    };
    const folder = join(out, cloud);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, manifest.path), archive);
    writeFileSync(join(folder, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
    const path = join(folder, manifest.path);
    console.error(`${cloud}: ${relative('.', path)}, ${Math.ceil(archive.length / 1_024)} KiB; for ${cloud}'s module:`);
    console.log(`package = { path = ${JSON.stringify(path)}, sha256_base64 = ${JSON.stringify(manifest.sha256_base64)} }`);
  }
}

interface Arguments {
  readonly wanted: readonly string[];
  readonly config: string | undefined;
  readonly handlers: string | undefined;
  readonly out: string;
}

function readArguments(): Arguments {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      config: { type: 'string' },
      handlers: { type: 'string' },
      out: { type: 'string', default: join(root, 'dist', 'packages') },
    },
  });
  const unknown = positionals.find((name) => !(clouds as readonly string[]).includes(name));
  if (unknown !== undefined)
    throw new CommandError(2, `There is no cloud "${unknown}": packages are made for ${clouds.join(', ')}.`);
  return {
    wanted: positionals.length > 0 ? positionals : clouds,
    config: values.config,
    handlers: values.handlers,
    out: resolve(values.out),
  };
}

/** @param handlers those in the package: it starts with no others */
function configurationEntry(file: string, handlers: readonly string[]): ZipEntry {
  const { configuration, warnings } = readConfiguration(file, { hasGateway: false, handlers });
  for (const warning of warnings) console.error(`warning: ${warning}`);
  return { name: 'portolan.json', content: Buffer.from(JSON.stringify(configuration)) };
}

function filesOf(cloud: string): ZipEntry[] {
  const folder = join(root, 'dist', cloud);
  if (!existsSync(folder)) throw new CommandError(1, `dist/${cloud} is not there: run "make build" first.`);
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.map') && entry.name !== 'meta.json')
    .map((entry) => join(entry.parentPath, entry.name))
    .map((file) => ({ name: relative(folder, file).split(sep).join('/'), content: readFileSync(file) }));
}
