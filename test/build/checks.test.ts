import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'portolan-checks-'));
});
afterEach(() => rmSync(root, { recursive: true }));

function write(file: string, text: string): void {
  mkdirSync(dirname(join(root, file)), { recursive: true });
  writeFileSync(join(root, file), text);
}

function boundaries(): { readonly status: number | null; readonly output: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['.build/check-boundaries.ts', '--root', root], {
    encoding: 'utf8',
  });
  return { status, output: stdout + stderr };
}

describe('the boundary check', () => {
  test('passes what keeps to the table', () => {
    write('core/ports/clock.ts', 'export const a = 1;');
    write('core/session/b.ts', "import { a } from '../ports/clock.ts';\nexport const b = a;");
    write('adapters/aws/module.ts', "import { Container } from 'inversify';\nimport { b } from '../../core/session/b.ts';");
    expect(boundaries()).toEqual({ status: 0, output: '3 files respect the boundaries\n' });
  });

  test.for<[file: string, text: string]>([
    ['core/session/a.ts', "import { readFileSync } from 'node:fs';"],
    ['core/session/a.ts', "import { x } from '../../adapters/node/x.ts';"],
    ['core/session/a.ts', "export * from 'inversify';"],
    ['core/session/a.ts', "const sdk = await import('@aws-sdk/client-dynamodb');"],
    ['core/ports/a.ts', "import type { Session } from '../session/session.ts';"],
    ['adapters/aws/a.ts', "import { b } from '../azure/b.ts';"],
    ['adapters/aws/a.ts', "import { TableClient } from '@azure/data-tables';"],
    ['adapters/gcp/a.ts', "import { Container } from 'inversify';"],
    ['adapters/node/a.ts', "import { b } from '../composition/compose.ts';"],
    ['test/conformance/a.ts', "import { b } from '../../adapters/aws/b.ts';"],
    ['core/session/a.ts', 'const fs = await import(`node:fs`);'],
    ['core/session/a.ts', "const star = '/*';\nimport { readFileSync } from 'node:fs';\nconst end = '*/';"],
    ['core/session/a.ts', "import/* */{ readFileSync }/* */from/* */'node:fs';"],
    ['core/session/a.ts', "export type Stats = import('node:fs').Stats;"],
    ['core/session/a.ts', "import fs = require('node:fs');"],
    ['core/session/a.ts', 'const name = `node:${part}`;\nconst fs = await import(name);'],
    ['core/session/a.mjs', "import { readFileSync } from 'node:fs';"],
  ])('refuses in %s: %s', ([file, text]) => {
    write(file, `${text}\n`);
    const { status, output } = boundaries();
    expect(output).toContain(`${file} must not import`);
    expect(status).toBe(1);
  });

  test.for(['adapters/oracle/a.ts', 'adapters/a.ts'])('fails for %s: no rule is about it', (file) => {
    write(file, "import { readFileSync } from 'node:fs';\n");
    const { status, output } = boundaries();
    expect(output).toContain(`${file} is in no folder that a rule is about`);
    expect(status).toBe(1);
  });

  test('an import in a comment or a text is none', () => {
    write('core/session/a.ts', "// import fs from 'node:fs';\nexport const a = `\nimport fs from 'node:fs';`;\n");
    expect(boundaries()).toEqual({ status: 0, output: '1 files respect the boundaries\n' });
  });

  test('fails when it saw no files', () => {
    expect(boundaries().status).toBe(1);
  });
});

describe('the linter', () => {
  test('refuses a promise nobody waits for', () => {
    write('a.ts', 'async function f(): Promise<void> {}\nf();\nexport {};\n');
    write('tsconfig.json', '{"compilerOptions":{"strict":true,"target":"ES2024","module":"NodeNext"}}');
    const { status, stdout } = spawnSync('oxlint', ['--type-aware', '--deny-warnings', '-c', resolve('.oxlintrc.json'), '.'], {
      cwd: root,
      encoding: 'utf8',
    });
    expect(stdout).toContain('no-floating-promises');
    expect(status).toBe(1);
  });
});

describe('the compiler', () => {
  test("does not know Node's types in core", () => {
    write(
      'tsconfig.json',
      JSON.stringify({
        extends: resolve('core/tsconfig.json'),
        include: ['*.ts'],
        compilerOptions: { rootDir: '.' },
      }),
    );
    write('a.ts', 'export const folder: string = process.cwd();\n');
    const { status, stdout } = spawnSync('tsc', ['-p', root, '--noEmit'], { encoding: 'utf8' });
    expect(stdout).toMatch(/a\.ts.*error TS2\d+: Cannot find name 'process'/);
    expect(status).not.toBe(0);
  });
});
