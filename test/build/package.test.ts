import { spawnSync } from 'node:child_process';
import type { SpawnSyncReturns } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { deployedConfiguration } from '../e2e/session-scenario.ts';
import { unzip, zip } from '../../.build/zip.ts';

const clouds = ['aws', 'azure', 'gcp'] as const;

function pack(cwd: string, ...args: string[]): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, [resolve('.build/package.ts'), ...args], { cwd, encoding: 'utf8' });
}

describe('a package', () => {
  let folder: string;
  const archive = (run: string, cloud: string): Buffer => readFileSync(join(folder, run, cloud, 'function.zip'));

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'portolan-package-'));
    for (const [run, cwd] of [
      ['first', '.'],
      ['second', folder],
    ] as const) {
      const { status, stderr } = pack(cwd, '--out', join(folder, run));
      if (status !== 0) throw new Error(stderr);
    }
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test.for(clouds)('of %s has the same bytes when it is made again, from another folder', (cloud) => {
    expect(archive('second', cloud).equals(archive('first', cloud))).toBe(true);
    const manifest = (run: string): string => readFileSync(join(folder, run, cloud, 'manifest.json'), 'utf8');
    expect(manifest('second')).toBe(manifest('first'));
  });

  test.for(clouds)('of %s holds what was built, without the source map', (cloud) => {
    const built = readdirSync(`dist/${cloud}`)
      .filter((name) => !/\.map$|^meta\.json$/.test(name))
      .toSorted();
    const packed = unzip(archive('first', cloud));
    expect(packed.map(({ name }) => name)).toEqual(built);
    expect(built.length).toBeGreaterThan(2);
    for (const { name, content } of packed) expect(readFileSync(`dist/${cloud}/${name}`).equals(content), name).toBe(true);
  });

  test.for(clouds)('of %s has its hashes and its size in the manifest', (cloud) => {
    const bytes = archive('first', cloud);
    expect(JSON.parse(readFileSync(join(folder, 'first', cloud, 'manifest.json'), 'utf8'))).toEqual({
      path: 'function.zip',
      sha256_hex: createHash('sha256').update(bytes).digest('hex'),
      sha256_base64: createHash('sha256').update(bytes).digest('base64'),
      bytes: bytes.length,
    });
  });

  test('is one that other programs take: dates, modes and no extra fields, as the format says', () => {
    const bytes = archive('first', 'azure');
    let at = bytes.indexOf(Buffer.from([0x50, 0x4b, 1, 2]));
    const count = bytes.readUInt16LE(bytes.length - 12);
    expect(count).toBe(unzip(bytes).length);
    expect(count).toBeGreaterThanOrEqual(5);
    for (let entry = 0; entry < count; entry++) {
      expect(bytes.readUInt32LE(at + 12), 'midnight of 1980-01-01').toBe(0x0021_0000);
      expect(bytes.readUInt32LE(at + 38) >>> 16, 'a plain file, 0644').toBe(0o100644);
      expect([bytes.readUInt16LE(at + 30), bytes.readUInt16LE(at + 32)], 'no extra field, no comment').toEqual([0, 0]);
      at += 46 + bytes.readUInt16LE(at + 28);
    }
    expect(at).toBe(bytes.length - 22);
  });

  test('prints what to paste, one line a package', () => {
    const { stdout } = pack('.', 'aws', '--out', join(folder, 'third'));
    const hash = createHash('sha256').update(archive('first', 'aws')).digest('base64');
    expect(stdout).toBe(
      `package = { path = ${JSON.stringify(join(folder, 'third', 'aws', 'function.zip'))}, sha256_base64 = "${hash}" }\n`,
    );
  });

  test('holds a configuration that was checked, as deployed functions read it', () => {
    const file = join(folder, 'mine.yaml');
    writeFileSync(file, stringify(deployedConfiguration));
    const { status, stderr } = pack('.', 'gcp', '--config', file, '--out', join(folder, 'configured'));
    expect(status, stderr).toBe(0);
    const found = unzip(archive('configured', 'gcp')).find(({ name }) => name === 'portolan.json');
    expect(JSON.parse(Buffer.from(found?.content ?? []).toString())).toEqual(deployedConfiguration);
    expect(archive('configured', 'gcp').equals(archive('first', 'gcp'))).toBe(false);
  });

  test('is not made with a configuration that is wrong: file, line and pointer say what is', () => {
    const file = join(folder, 'wrong.yaml');
    writeFileSync(file, stringify({ ...deployedConfiguration, signingSecret: 'No secret name' }));
    const { status, stdout, stderr } = pack('.', 'aws', '--config', file, '--out', join(folder, 'wrong'));
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/wrong\.yaml:\d+: \/signingSecret /);
  });

  describe("with the user's own code", () => {
    const sources = {
      'handlers.ts': `import { greet } from './lib/greet.ts';
        import { createRequire } from 'node:module';
        import old from './lib/old.cjs';
        export const hello = (request: Request): Response => new Response(greet(request.url, old.mark, typeof createRequire));`,
      'lib/greet.ts': 'export function greet(...what: string[]): string { return what.join(" ") }',
      'lib/old.cjs': 'exports.mark = require("node:path").basename("/a/old");',
    };
    const write = (name: string, files: Readonly<Record<string, string>> = sources): string => {
      for (const [file, text] of Object.entries(files)) {
        mkdirSync(dirname(join(folder, name, file)), { recursive: true });
        writeFileSync(join(folder, name, file), text);
      }
      return join(folder, name, Object.keys(files)[0] ?? '');
    };
    const route = (handler: string): string => {
      const file = join(folder, `${handler}.yaml`);
      writeFileSync(file, stringify({ routes: [{ id: 'mine', handler }] }));
      return file;
    };

    test('holds it as one module beside the bundle, the same bytes from another folder', async () => {
      for (const [name, cwd] of [
        ['one', '.'],
        ['another/folder', folder],
      ] as const) {
        const file = write(name);
        const { status, stderr } = pack(cwd, 'azure', '--handlers', relative(cwd, file), '--out', join(folder, 'of', name));
        expect(status, stderr).toBe(0);
      }
      expect(archive('of/one', 'azure').equals(archive('of/another/folder', 'azure'))).toBe(true);
      const packed = unzip(archive('of/one', 'azure'));
      expect(packed.map(({ name }) => name)).toEqual(
        [...unzip(archive('first', 'azure')).map(({ name }) => name), 'handlers.mjs'].toSorted(),
      );
      const alone = join(folder, 'alone.mjs');
      writeFileSync(alone, packed.find(({ name }) => name === 'handlers.mjs')?.content ?? '');
      const { hello } = (await import(pathToFileURL(alone).href)) as { readonly hello: (request: Request) => Response };
      expect(await hello(new Request('http://localhost/a')).text()).toBe('http://localhost/a old function');
    });

    test('takes a configuration that names handlers which are in it, and no other', () => {
      const file = write('named');
      const made = pack('.', 'aws', '--handlers', file, '--config', route('hello'), '--out', join(folder, 'named'));
      expect(made.status, made.stderr).toBe(0);
      expect(unzip(archive('named', 'aws')).map(({ name }) => name)).toEqual(
        expect.arrayContaining(['handlers.mjs', 'index.mjs', 'portolan.json']),
      );
      const mistyped = pack('.', 'aws', '--handlers', file, '--config', route('hallo'), '--out', join(folder, 'never'));
      expect(mistyped.status).toBe(2);
      expect(mistyped.stderr).toMatch(/hallo\.yaml:\d+: \/routes\/0\/handler .*did you mean "hello"\?/);
      const without = pack('.', 'aws', '--config', route('hello'), '--out', join(folder, 'never'));
      expect([without.status, without.stderr]).toEqual([2, expect.stringContaining('/routes/0/handler')]);
    });

    test.for([
      ['is not there', {}, /handlers\.mjs: cannot be read \(ENOENT\)/],
      ['exports nothing', { 'a.mjs': 'const a = 1;' }, /a\.mjs: exports nothing/],
      ['is no JavaScript', { 'a.mjs': '\nexport const = 1;' }, /wrong-2\/a\.mjs:2: /],
      ['imports what is not there', { 'a.mjs': "\n\nexport * from './b.mjs';" }, /wrong-3\/a\.mjs:3: Could not resolve/],
    ] as const)('is not made when it %s', ([title, files, message]) => {
      const at = ['is not there', 'exports nothing', 'is no JavaScript', 'imports what is not there'].indexOf(title);
      const file = title === 'is not there' ? join(folder, 'handlers.mjs') : write(`wrong-${at}`, files);
      const { status, stdout, stderr } = pack('.', 'aws', '--handlers', file, '--out', join(folder, 'wrong'));
      expect([status, stdout]).toEqual([2, '']);
      expect(stderr).toMatch(message);
      expect(stderr).not.toMatch(/\n\s+at /);
    });
  });

  test('is made for clouds there are', () => {
    const { status, stderr } = pack('.', 'ibm');
    expect(status).toBe(2);
    expect(stderr).toBe('There is no cloud "ibm": packages are made for aws, azure, gcp.\n');
  });
});

describe('zip', () => {
  const name = fc.stringMatching(/^[a-z]{1,8}(\/[a-z0-9.]{1,6}x){0,2}$/);
  const entries = fc.uniqueArray(fc.record({ name, content: fc.uint8Array({ maxLength: 500 }) }), {
    selector: (entry) => entry.name,
  });

  test('gives back every file, whatever the order they came in', () => {
    fc.assert(
      fc.property(entries, (files) => {
        const archive = zip(files);
        expect(zip(files.toReversed()).equals(archive)).toBe(true);
        const expected = files.toSorted((a, b) => (a.name < b.name ? -1 : 1));
        expect(unzip(archive).map((file) => [file.name, [...file.content]])).toEqual(
          expected.map((file) => [file.name, [...file.content]]),
        );
      }),
    );
  });

  test.for(['', '/absolute', '../above', 'a/../b', 'a//b', 'a\\b', 'grüße', 'a b'])('refuses the name "%s"', (wrong) => {
    expect(() => zip([{ name: wrong, content: new Uint8Array() }])).toThrow(/cannot be the name of a file/);
  });

  test('refuses one name twice', () => {
    const file = { name: 'a', content: new Uint8Array() };
    expect(() => zip([file, file])).toThrow('"a" would be in the package twice');
  });

  test('a damaged archive is told from a good one', () => {
    const archive = zip([{ name: 'a', content: Buffer.from('content') }]);
    archive.writeUInt32LE(1, archive.indexOf(Buffer.from([0x50, 0x4b, 1, 2])) + 16);
    expect(() => unzip(archive)).toThrow('"a" is damaged');
    expect(() => unzip(Buffer.from('no zip at all, but long enough'))).toThrow('Not an archive of ours');
  });
});
