/**
 * Builds what is deployed: one minified bundle per platform in `dist/<platform>/`, with source map and licence texts; and the library
 * (`dist/lib/`, ES modules with types) for those who import it. The same sources give the same bytes, in any folder.
 */
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { build } from 'esbuild';
import type { BuildOptions } from 'esbuild';
import { oneCopy } from './one-copy.ts';
import { configurationSchema } from '../core/config/schema.ts';

const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { readonly version: string };

/** Some SDK dependencies are CommonJS: they call `require` for Node's own modules, and look beside themselves, which an ES module has no words for. */
const requireBanner = [
  `import{createRequire as __portolanRequire}from'node:module';`,
  `const require=__portolanRequire(import.meta.url),__filename=import.meta.filename,__dirname=import.meta.dirname;`,
].join('');

const common: BuildOptions = {
  bundle: true,
  minify: true,
  sourcemap: 'linked',
  sourcesContent: false,
  legalComments: 'external',
  format: 'esm',
  platform: 'node',
  target: 'node22.13',
  // ES module builds first: the CommonJS ones of the AWS SDK are half as large again.
  mainFields: ['module', 'main'],
  conditions: ['module'],
  banner: { js: requireBanner },
  define: { PORTOLAN_VERSION: JSON.stringify(version) },
  plugins: [oneCopy()],
  // The compiler's settings are for checking; what is deployed must not depend on them.
  tsconfigRaw: {},
  logLevel: 'warning',
  metafile: true,
};

interface Bundle {
  readonly platform: string;
  readonly entry: string;
  readonly file: string;
  readonly options?: BuildOptions;
  /** Further files of the deployed folder. */
  readonly files?: Readonly<Record<string, string>>;
}

const json = (value: object): string => `${JSON.stringify(value, null, 2)}\n`;

const bundles: readonly Bundle[] = [
  {
    platform: 'aws',
    entry: 'adapters/aws/main.ts',
    file: 'index.mjs',
  },
  {
    platform: 'azure',
    entry: 'adapters/azure/main.ts',
    file: 'index.mjs',
    // Given by the Functions host, not by npm.
    options: { external: ['@azure/functions-core'] },
    files: {
      'package.json': json({ name: 'portolan-azure', version, private: true, type: 'module', main: 'index.mjs' }),
      'host.json': json({
        version: '2.0',
        extensions: { http: { routePrefix: '' } },
        functionTimeout: '00:03:50',
        logging: { applicationInsights: { samplingSettings: { isEnabled: true, excludedTypes: 'Request' } } },
      }),
    },
  },
  {
    platform: 'gcp',
    entry: 'adapters/gcp/main.ts',
    file: 'index.js',
    files: {
      'package.json': json({ name: 'portolan-gcp', version, private: true, type: 'module', main: 'index.js' }),
    },
  },
  {
    platform: 'local',
    entry: 'adapters/cli/portolan.ts',
    file: 'portolan.mjs',
    // proxy-chain tells its errors by the names of their classes.
    options: { external: ['@azure/functions-core'], keepNames: true },
  },
];

const wanted = process.argv.slice(2).filter((argument) => !argument.startsWith('-'));

for (const { platform, entry, file, options, files = {} } of bundles) {
  if (wanted.length > 0 && !wanted.includes(platform)) continue;
  const folder = `dist/${platform}`;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const result = await build({ ...common, ...options, entryPoints: [entry], outfile: `${folder}/${file}` });
  for (const [name, text] of Object.entries(files)) writeFileSync(`${folder}/${name}`, text);
  const bytes = result.metafile?.outputs[`${folder}/${file}`]?.bytes ?? 0;
  if (process.argv.includes('--meta')) writeFileSync(`${folder}/meta.json`, JSON.stringify(result.metafile));
  console.log(`${folder}/${file}  ${(bytes / 1_024).toFixed(0)} KiB`);
}

if (wanted.length === 0 || wanted.includes('local')) chmodSync('dist/local/portolan.mjs', 0o755);
if (wanted.length === 0 || wanted.includes('lib')) {
  writeFileSync('dist/portolan.schema.json', json(configurationSchema));
  // Afresh: what a deleted source left behind would be published.
  rmSync('dist/lib', { recursive: true, force: true });
  const tsc = spawnSync('tsc', ['-b'], { stdio: 'inherit' });
  if (tsc.status !== 0) process.exit(1);
  console.log('dist/lib  the library with types');
}
