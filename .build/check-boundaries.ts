/**
 * Who may import what, as the compiler's own parser sees it: `core` knows nothing outside itself, adapters know core and their own
 * SDK and never each other, only the composition knows inversify. Types count like values. A file under `core/` or `adapters/` that no rule
 * is about fails. `--root FOLDER` checks another tree (the tests do).
 */
import { readdirSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { isCallExpression, isNoSubstitutionTemplateLiteral, isStringLiteral, SyntaxKind } from 'typescript/unstable/ast';
import type { NoSubstitutionTemplateLiteral, Node, SourceFile, StringLiteral } from 'typescript/unstable/ast';
import { API } from 'typescript/unstable/sync';

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

/** The one place that loads what is not ours: the user's own code. */
const loadsUserCode = 'adapters/node/load-handlers.ts';

const { values } = parseArgs({ options: { root: { type: 'string', default: '.' } } });
const root = resolve(values.root);

const files = ['core', 'adapters', 'test/conformance'].flatMap((folder) => list(join(root, folder)));
const violations = [...parse(files)].flatMap(([path, source]) => {
  const file = relative(root, path);
  const rule = rules.find(({ from }) => file.startsWith(`${from}/`));
  if (rule === undefined) return [`${file} is in no folder that a rule is about`];
  return [
    ...source.imports
      .map((node) => (isLiteral(node) ? node.text : node.getText(source)))
      .filter((wanted) => !isAllowed(file, wanted, rule))
      .map((wanted) => `${file} must not import ${wanted}`),
    ...(file === loadsUserCode ? [] : computedImports(source)).map(
      (text) => `${file} must not import what only a run tells: ${text}`,
    ),
  ];
});

/** Parses files, and nothing they import. */
function parse(paths: readonly string[]): Map<string, SourceFile> {
  const project = join(root, 'tsconfig.boundaries.json');
  const configuration = JSON.stringify({
    compilerOptions: { noResolve: true, noLib: true, types: [], allowJs: true, module: 'nodenext' },
    files: paths,
  });
  const api = new API({ cwd: root, fs: { readFile: (name) => (name === project ? configuration : undefined) } });
  try {
    const program = api.updateSnapshot({ openProjects: [project] }).getProject(project)?.program;
    return new Map(
      paths.map((path) => {
        const source = program?.getSourceFile(path);
        if (source === undefined) throw new Error(`The compiler did not read ${path}`);
        return [path, source];
      }),
    );
  } finally {
    api.close();
  }
}

function isLiteral(node: Node): node is StringLiteral | NoSubstitutionTemplateLiteral {
  return isStringLiteral(node) || isNoSubstitutionTemplateLiteral(node);
}

/** Calls of `import` with anything but a literal. */
function computedImports(source: SourceFile): string[] {
  const found: string[] = [];
  const visit = (node: Node): void => {
    if (isCallExpression(node) && node.expression.kind === SyntaxKind.ImportKeyword) {
      const [wanted] = node.arguments;
      if (wanted === undefined || !isLiteral(wanted)) found.push(node.getText(source));
    }
    node.forEachChild(visit);
  };
  visit(source);
  return found;
}

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
      .filter((entry) => entry.isFile() && /\.[cm]?[jt]sx?$/.test(entry.name) && !entry.name.endsWith('.test.ts'))
      .map((entry) => join(entry.parentPath, entry.name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

if (files.length === 0) {
  console.error('No files were checked: the rules name folders that do not exist.');
  process.exitCode = 1;
}
for (const violation of violations) console.error(violation);
if (violations.length > 0) process.exitCode = 1;
else console.log(`${files.length} files respect the boundaries`);
