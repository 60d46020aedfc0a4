import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const codecTest = `
import { httpV2Codec } from 'portolan/aws';
import { readCorpusFile, testHttpEventCodec } from 'portolan/conformance';
testHttpEventCodec({
  name: 'HTTP API',
  codec: httpV2Codec,
  corpus: readCorpusFile('aws-http-v2'),
  clientAddress: (event) => httpV2Codec.clientAddress(event),
  status: ({ statusCode }) => statusCode,
});
`;

/** A project of somebody else's: the packed package, and beside it what its peers would be. */
let project: string;
beforeAll(() => {
  project = mkdtempSync(join(tmpdir(), 'portolan-stranger-'));
  const modules = join(project, 'node_modules');
  mkdirSync(modules);
  for (const name of readdirSync('node_modules')) symlinkSync(resolve('node_modules', name), join(modules, name));
  execFileSync('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', project]);
  const [tarball = ''] = readdirSync(project).filter((name) => name.endsWith('.tgz'));
  execFileSync('tar', ['-xzf', tarball], { cwd: project });
  renameSync(join(project, 'package'), join(modules, 'portolan'));

  const [store = '', suite = ''] = Array.from(
    readFileSync('CONTRIBUTING.md', 'utf8').matchAll(/```ts\n([^]*?)```/g),
    ([, code = '']) => code,
  );
  const compilerOptions = {
    strict: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    target: 'ES2024',
    module: 'NodeNext',
    allowImportingTsExtensions: true,
    noEmit: true,
    types: ['node'],
  };
  const files = {
    'package.json': JSON.stringify({ type: 'module' }),
    'tsconfig.json': JSON.stringify({ compilerOptions, include: ['*.ts'] }),
    'example-store.ts': store,
    'example-store.test.ts': suite,
    'codec.test.ts': codecTest,
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(project, name), text);
}, 300_000);
afterAll(() => rmSync(project, { recursive: true }));

describe('for somebody who has the package and CONTRIBUTING.md', () => {
  test('the samples compile as they are written', () => {
    const { status, stdout } = spawnSync('tsc', ['-p', project], { encoding: 'utf8' });
    expect(stdout).toBe('');
    expect(status).toBe(0);
  });

  test('the suites of stores and of codecs run', async () => {
    const report = join(project, 'report.json');
    // Vitest's own limit of 5 s is meant for fast machines.
    const args = ['run', '--root', project, '--maxWorkers=1', '--testTimeout=60000', '--reporter=json', `--outputFile=${report}`];
    const ended = promisify(execFile)('vitest', args, { cwd: project, env: { PATH: process.env['PATH'] } });
    const failure: unknown = await ended.then(
      () => undefined,
      (error: unknown) => error,
    );
    const { numPassedTests, numFailedTests } = JSON.parse(readFileSync(report, 'utf8')) as Record<string, number>;
    expect(numFailedTests).toBe(0);
    expect(numPassedTests).toBeGreaterThan(150);
    expect(failure).toBeUndefined();
  }, 300_000);
});
