import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, relative, resolve } from 'node:path';
import { runProgram } from './run-program.ts';

/** A copy of `terraform/` with fresh packages beside it, so that nothing is left in the checkout. */
export interface Workspace {
  /** The copy of `terraform/`. */
  readonly folder: string;
  remove(): void;
}

const root = resolve(import.meta.dirname, '../..');
/** What a run of Terraform leaves; a lock file would bind the copy to providers of another machine. */
const leftovers = new Set(['.terraform', '.terraform.lock.hcl', 'terraform.tfstate', 'terraform.tfstate.backup']);

/**
 * @param source the folder to copy; the tests give others
 * @throws {Error} the bundles are not built
 */
export async function openWorkspace(source: string = join(root, 'terraform')): Promise<Workspace> {
  const top = mkdtempSync(join(tmpdir(), 'portolan-terraform-'));
  const folder = join(top, 'terraform');
  cpSync(source, folder, { recursive: true, verbatimSymlinks: true, filter: (path) => !leftovers.has(basename(path)) });
  // What a test has applied it must be able to remove.
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !entry.name.endsWith('.tf')) continue;
    const file = join(entry.parentPath, entry.name);
    writeFileSync(file, readFileSync(file, 'utf8').replaceAll(/prevent_destroy( *)= true/g, 'prevent_destroy$1= false'));
  }
  const { status, stderr } = await runProgram(process.execPath, [
    join(root, '.build', 'package.ts'),
    '--out',
    join(top, 'dist', 'packages'),
  ]);
  if (status !== 0) throw new Error(stderr.trim());
  return { folder, remove: () => rmSync(top, { recursive: true, force: true }) };
}

/** The folders that hold configurations, relative: modules, examples, bootstrap, tests. */
export function terraformFolders(folder: string): string[] {
  const found = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.tf'))
    .map((entry) => relative(folder, entry.parentPath));
  return [...new Set(found)].toSorted();
}

/** The test files Terraform would run in a folder: beside its configuration, and in `tests/`. */
export function testFiles(folder: string): string[] {
  return ['', 'tests']
    .filter((sub) => existsSync(join(folder, sub)))
    .flatMap((sub) => readdirSync(join(folder, sub)).map((name) => join(sub, name)))
    .filter((name) => /\.tftest\.(hcl|json)$/.test(name))
    .toSorted();
}
