/**
 * Who may import what, read from the syntax tree of every file: `core` knows nothing outside itself, adapters know core and their own
 * SDK and never each other, only the composition knows inversify. `--root FOLDER` checks another tree (the tests do).
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';

interface Rule {
  /** The folder the rule is about. */
  readonly from: string;
  /** Folders that may be imported, besides `from` itself. */
  readonly folders: readonly string[];
  /** Packages that may be imported, by prefix; `node:` for Node's own. */
  readonly packages: readonly string[];
}

/** The first rule whose folder holds the file applies. */
const rules: readonly Rule[] = [
  { from: 'core/ports', folders: [], packages: [] },
  { from: 'core', folders: ['core/ports'], packages: [] },
  { from: 'adapters/node', folders: ['core'], packages: ['node:', 'undici'] },
  { from: 'adapters/composition', folders: ['core', 'adapters/node'], packages: ['inversify'] },
  ...(
    [
      ['aws', ['@aws-sdk/', '@smithy/']],
      ['azure', ['@azure/']],
      ['gcp', ['@google-cloud/', '@grpc/grpc-js']],
      ['local', ['proxy-chain']],
    ] as const
  ).flatMap(([name, packages]): Rule[] => [
    {
      from: `adapters/${name}`,
      folders: ['core', 'adapters/node', 'adapters/composition'],
      packages: ['node:', 'inversify', ...packages],
    },
  ]),
  {
    from: 'adapters/cli',
    folders: ['core', 'adapters/node', 'adapters/composition', 'adapters/local', 'adapters/aws', 'adapters/azure', 'adapters/gcp'],
    packages: ['node:', 'commander', 'yaml', '@azure/functions'],
  },
  { from: 'test/conformance', folders: ['core', 'test/support', 'test/corpus'], packages: ['node:', 'vitest', 'fast-check'] },
];

/** Packages that only files of these names may import, wherever they are allowed at all. */
const onlyIn: Readonly<Record<string, RegExp>> = { inversify: /^adapters\/(composition\/|[a-z]+\/module\.ts$)/ };

const specifier = /(?:^|[\s;}])(?:import|export)\s(?:[^'"`;]*?\sfrom\s*)?['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/g;

const { values } = parseArgs({ options: { root: { type: 'string', default: '.' } } });
const root = resolve(values.root);

const files = rules
  .flatMap(({ from }) => list(join(root, from)))
  .filter((file, at, all) => all.indexOf(file) === at)
  .map((file) => relative(root, file));

const violations = files.flatMap((file) => {
  const rule = rules.find(({ from }) => file.startsWith(`${from}/`));
  if (rule === undefined) return [];
  const source = withoutComments(readFileSync(join(root, file), 'utf8'));
  return [...source.matchAll(specifier)].flatMap((match) => {
    const wanted = match[1] ?? match[2] ?? '';
    return isAllowed(file, wanted, rule) ? [] : [`${file} must not import ${wanted}`];
  });
});

function isAllowed(file: string, wanted: string, rule: Rule): boolean {
  if (wanted.startsWith('.')) {
    const target = relative(root, resolve(root, dirname(file), wanted));
    return (
      [rule.from, ...rule.folders].some((folder) => target.startsWith(`${folder}/`)) &&
      !(rule.from === 'core/ports' && !target.startsWith('core/ports/'))
    );
  }
  const only = Object.entries(onlyIn).find(([name]) => wanted === name || wanted.startsWith(`${name}/`))?.[1];
  if (only !== undefined && !only.test(file)) return false;
  return rule.packages.some((name) =>
    /[:/]$/.test(name) ? wanted.startsWith(name) : wanted === name || wanted.startsWith(`${name}/`),
  );
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith('.ts') && !entry.name.endsWith('.test.ts'))
      .map((entry) => join(entry.parentPath, entry.name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

function withoutComments(source: string): string {
  return source.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
}

if (files.length === 0) {
  console.error('No files were checked: the rules name folders that do not exist.');
  process.exitCode = 1;
}
for (const violation of violations) console.error(violation);
if (violations.length > 0) process.exitCode = 1;
else console.log(`${files.length} files respect the boundaries`);
