/**
 * Builds what is deployed: one minified bundle per platform in `dist/<platform>/`, with source map and licence texts; and the library
 * (`dist/lib/`, ES modules with types) for those who import it. The same sources give the same bytes, in any folder.
 */
import { chmodSync, copyFileSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { parse } from 'node:path';
import { build } from 'esbuild';
import { buildOptions, bundles, json } from './bundles.ts';
import { licences } from './licences.ts';
import { configurationSchema } from '../core/config/schema.ts';

const wanted = process.argv.slice(2).filter((argument) => !argument.startsWith('-'));

for (const bundle of bundles) {
  const { platform, file, files = {} } = bundle;
  if (wanted.length > 0 && !wanted.includes(platform)) continue;
  const folder = `dist/${platform}`;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const result = await build(buildOptions(bundle, folder));
  for (const [name, text] of Object.entries(files)) writeFileSync(`${folder}/${name}`, text);
  if (result.metafile !== undefined) writeFileSync(`${folder}/LICENSES.txt`, licences(result.metafile));
  if (process.argv.includes('--meta')) writeFileSync(`${folder}/meta.json`, JSON.stringify(result.metafile));
  const sizes = Object.entries(result.metafile?.outputs ?? {}).filter(([output]) => output.endsWith(parse(file).ext));
  const bytes = sizes.reduce((sum, [, output]) => sum + output.bytes, 0);
  console.log(`${folder}/${file}  ${(bytes / 1_024).toFixed(0)} KiB in ${sizes.length} file${sizes.length === 1 ? '' : 's'}`);
}

if (wanted.length === 0 || wanted.includes('local')) chmodSync('dist/local/portolan.mjs', 0o755);
if (wanted.length === 0 || wanted.includes('lib')) {
  writeFileSync('dist/portolan.schema.json', json(configurationSchema));
  // Afresh: what a deleted source left behind would be published.
  rmSync('dist/lib', { recursive: true, force: true });
  const tsc = spawnSync('tsc', ['-b'], { stdio: 'inherit' });
  if (tsc.status !== 0) process.exit(1);
  // The compiler leaves them behind, and the conformance suite of codecs reads them.
  for (const file of readdirSync('test/corpus').filter((name) => name.endsWith('.json'))) {
    copyFileSync(`test/corpus/${file}`, `dist/lib/test/corpus/${file}`);
  }
  console.log('dist/lib  the library with types');
}
