import { execFile, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { describe, expect, test } from 'vitest';
import { buildOptions, bundles } from '../../.build/bundles.ts';

const run = promisify(execFile);

const deployed = ['aws', 'azure', 'gcp'] as const;

function digests(folder: string): Record<string, string> {
  return Object.fromEntries(
    readdirSync(folder)
      .toSorted()
      .map((file) => [
        file,
        createHash('sha256')
          .update(readFileSync(join(folder, file)))
          .digest('hex'),
      ]),
  );
}

describe('the bundles', () => {
  test('the same sources give the same bytes in another folder', { timeout: 300_000 }, async () => {
    const elsewhere = mkdtempSync(resolve('.cache-elsewhere-'));
    try {
      for (const part of ['core', 'adapters', '.build', 'package.json', 'package-lock.json']) {
        cpSync(part, join(elsewhere, 'a', 'b', part), { recursive: true });
      }
      // Hard links: a symbolic link would lead back here.
      await run('cp', ['-al', resolve('node_modules'), join(elsewhere, 'a', 'b', 'node_modules')]);
      for (const platform of deployed) {
        await run(process.execPath, ['.build/build.ts', platform], { cwd: join(elsewhere, 'a', 'b') });
        expect(digests(join(elsewhere, 'a', 'b', 'dist', platform)), platform).toEqual(digests(`dist/${platform}`));
      }
    } finally {
      rmSync(elsewhere, { recursive: true });
    }
  });

  test.for(deployed)("%s holds no other cloud's SDK, and no path of this machine", (platform) => {
    const files = readdirSync(`dist/${platform}`).map((file) => [file, readFileSync(`dist/${platform}/${file}`, 'utf8')] as const);
    const sources = files
      .filter(([file]) => file.endsWith('.map'))
      .flatMap(([, map]) => (JSON.parse(map) as { readonly sources: readonly string[] }).sources);
    const foreign = {
      aws: /node_modules\/@(azure|google-cloud)\//,
      azure: /node_modules\/@(aws-sdk|google-cloud)\//,
      gcp: /node_modules\/@(aws-sdk|azure)\//,
    };
    expect(sources.length).toBeGreaterThan(100);
    expect(sources.filter((source) => foreign[platform].test(source))).toEqual([]);
    expect(
      sources.filter((source) => source.includes('commander') || source.includes('/yaml/') || source.includes('proxy-chain')),
    ).toEqual([]);
    for (const [file, text] of files) expect(text.includes(process.cwd()), file).toBe(false);
  });

  test.for(bundles.filter(({ platform }) => (deployed as readonly string[]).includes(platform)))(
    '$platform loads the gateway where it is asked for, not at the start, and holds no file that nothing imports',
    async (bundle) => {
      const { metafile } = await build({ ...buildOptions(bundle, 'out'), write: false });
      const outputs = metafile?.outputs ?? {};
      /** What comes to be loaded with a file, over the kinds of imports named. */
      const loaded = (file: string, kinds: readonly string[], found = new Set<string>()): ReadonlySet<string> => {
        if (found.has(file)) return found;
        found.add(file);
        for (const { path, kind, external } of outputs[file]?.imports ?? []) {
          if (external !== true && kinds.includes(kind)) loaded(path, kinds, found);
        }
        return found;
      };
      const sourcesOf = (files: Iterable<string>): string[] =>
        [...files].flatMap((file) => Object.keys(outputs[file]?.inputs ?? {}));
      const gateway =
        /^core\/proxy\/(?:reverse-proxy|compiled-proxy|live\/|migration\/|upstream\/create-upstreams)|^adapters\/node\/transport\//;
      const start = loaded(`out/${bundle.file}`, ['import-statement']);
      expect(sourcesOf(start).filter((source) => gateway.test(source))).toEqual([]);
      const all = loaded(`out/${bundle.file}`, ['import-statement', 'dynamic-import']);
      expect(sourcesOf(all).filter((source) => gateway.test(source)).length).toBeGreaterThan(10);
      const made = Object.keys(outputs).filter((file) => /\.m?js$/.test(file));
      expect(made.filter((file) => !all.has(file))).toEqual([]);
    },
  );
});

describe('the licences beside a bundle', () => {
  test.for(bundles)('name every package that $platform holds, with its texts', async (bundle) => {
    const { platform } = bundle;
    // Not by the source map: packages bring maps of their own, which name what they were made of.
    const { metafile } = await build({ ...buildOptions(bundle, 'out'), write: false });
    const inputs = Object.values(metafile?.outputs ?? {}).flatMap((output) => Object.keys(output.inputs));
    const packages = new Set(inputs.flatMap((input) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(input)?.[1] ?? []));
    const licences = readFileSync(`dist/${platform}/LICENSES.txt`, 'utf8');
    expect(packages.size).toBeGreaterThan(3);
    const named = new Set(Array.from(licences.matchAll(/^(\S+) \d\S* \(.+\)$/gm), ([, name]) => name));
    expect([...packages].filter((name) => !named.has(name))).toEqual([]);
    const [head = '', text = ''] = licences.split(/^=+$/m).slice(1);
    expect(head).toMatch(/^\n(\S+ \d\S* \(.+\)\n)+$/);
    expect(text.length).toBeGreaterThan(100);
  });

  test('hold the text word for word', () => {
    const text = readFileSync('node_modules/inversify/LICENSE', 'utf8').trim();
    expect(text).toContain('Permission is hereby granted');
    for (const platform of deployed) expect(readFileSync(`dist/${platform}/LICENSES.txt`, 'utf8'), platform).toContain(text);
  });
});

describe('the package', () => {
  /** Imports a sub-path of the built package in a fresh process; answers its exports and the packages it loaded. */
  function load(name: string): { readonly exports: string[]; readonly packages: string[] } {
    const script = `
      import { registerHooks } from 'node:module';
      const seen = new Set();
      registerHooks({ resolve(specifier, context, next) {
        const found = next(specifier, context);
        const name = /node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(found.url)?.[1];
        if (name !== undefined) seen.add(name);
        return found;
      } });
      const loaded = await import(${JSON.stringify(name)});
      console.log(JSON.stringify({ exports: Object.keys(loaded), packages: [...seen] }));
    `;
    const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
    expect(status, stderr).toBe(0);
    return JSON.parse(stdout) as { exports: string[]; packages: string[] };
  }

  test.for<[path: string, exported: string, packages: RegExp]>([
    ['portolan', 'createPortolan', /^$/],
    ['portolan/ports', 'PortError', /^$/],
    [
      'portolan/aws',
      'DynamoStore',
      /^(@aws-sdk|@smithy|@aws-crypto|@aws|@inversifyjs)\/|^(inversify|reflect-metadata|tslib|mnemonist|obliterator|bowser)$/,
    ],
    ['portolan/azure', 'TableStore', /./],
    ['portolan/gcp', 'FirestoreStore', /^@inversifyjs\/|^(inversify|reflect-metadata)$/],
    [
      'portolan/local',
      'openSqlite',
      /^@inversifyjs\/|^(inversify|reflect-metadata|proxy-chain|socks|socks-proxy-agent|smart-buffer|ip-address|agent-base|debug|ms|supports-color|has-flag|tslib)$/,
    ],
  ])('%s exports %s and loads only its own', ([path, exported, allowed]) => {
    const { exports, packages } = load(path);
    expect(exports).toContain(exported);
    expect(packages.filter((name) => !allowed.test(name))).toEqual([]);
    const cloud = path.split('/')[1];
    const others = {
      aws: /^@(azure|google-cloud)\//,
      azure: /^@(aws-sdk|google-cloud)\//,
      gcp: /^@(aws-sdk|azure)\//,
      local: /^@(aws-sdk|azure|google-cloud)\//,
    };
    expect(
      packages.filter((name) => cloud !== undefined && cloud in others && others[cloud as keyof typeof others].test(name)),
    ).toEqual([]);
  });

  test('what is published holds the library, the bundles and the conformance suites, and no tests', () => {
    const { stdout } = spawnSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { encoding: 'utf8' });
    const [{ files }] = JSON.parse(stdout) as [{ files: { path: string }[] }];
    const paths = files.map(({ path }) => path);
    for (const wanted of [
      'dist/lib/core/index.js',
      'dist/lib/core/index.d.ts',
      'dist/lib/test/conformance/index.js',
      'dist/lib/test/corpus/aws-rest.json',
      'dist/aws/LICENSES.txt',
      'dist/aws/index.mjs',
      'dist/azure/host.json',
      'dist/gcp/index.js',
      'dist/local/portolan.mjs',
      'dist/portolan.schema.json',
      'LICENSE',
    ]) {
      expect(paths).toContain(wanted);
    }
    // Their sources are not published.
    expect(paths.filter((path) => path.startsWith('dist/lib/') && path.endsWith('.map'))).toEqual([]);
    expect(paths.filter((path) => /\.test\.|test\/(e2e|bench|adapters|core)\//.test(path))).toEqual([]);
  });
});
