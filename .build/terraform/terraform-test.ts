import type { Resource } from './rules/rule.ts';
import { runProgram } from './run-program.ts';
import type { Toolchain } from './toolchain.ts';

/** What an apply made: the part of Terraform's JSON that we read (https://developer.hashicorp.com/terraform/internals/json-format). */
export interface State {
  readonly resources: readonly Resource[];
  readonly outputs: Readonly<Record<string, unknown>>;
}

export interface TestRun {
  readonly name: string;
  readonly passed: boolean;
}

export interface TestReport {
  readonly runs: readonly TestRun[];
  /** One text a failure, ready to print; empty when all is well. */
  readonly failures: readonly string[];
  /** By run, of those that apply. Only when asked for. */
  readonly states: ReadonlyMap<string, State>;
  /** All that Terraform printed: JSON, a message a line. */
  readonly output: string;
}

interface Message {
  readonly type?: string;
  readonly '@message': string;
  readonly '@testrun'?: string;
  readonly diagnostic?: Diagnostic;
  readonly test_run?: { readonly run: string; readonly progress: string; readonly status?: string };
  readonly test_state?: StateJson;
}

interface StateJson {
  readonly root_module?: ModuleJson;
  readonly outputs?: Readonly<Record<string, { readonly value?: unknown }>>;
}

interface ModuleJson {
  readonly resources?: readonly (Resource & { readonly mode: 'managed' | 'data' })[];
  readonly child_modules?: readonly ModuleJson[];
}

interface Diagnostic {
  readonly severity: string;
  readonly summary: string;
  readonly detail: string;
  readonly range?: { readonly filename: string; readonly start: { readonly line: number } };
  readonly snippet?: {
    readonly code: string;
    readonly values?: readonly { readonly traversal: string; readonly statement: string }[];
  };
}

/**
 * Runs test files of one folder, which must be initialised.
 *
 * @param options.states keep what the runs applied
 */
export async function terraformTest(
  { program, env }: Toolchain,
  folder: string,
  files: readonly string[],
  { states: keepStates = false }: { readonly states?: boolean } = {},
): Promise<TestReport> {
  const args = ['test', '-json', '-no-color', ...(keepStates ? ['-verbose'] : []), ...files.map((file) => `-filter=${file}`)];
  const { status, stdout, stderr } = await runProgram(program, args, { cwd: folder, env });
  const messages = stdout.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as Message] : []));
  const runs = messages.flatMap(({ type, test_run: run }): TestRun[] =>
    type === 'test_run' && run?.progress === 'complete' ? [{ name: run.run, passed: run.status === 'pass' }] : [],
  );
  const failures = messages.flatMap(({ '@testrun': run, diagnostic }) =>
    diagnostic?.severity === 'error' ? [describeDiagnostic(diagnostic, run)] : [],
  );
  if (status !== 0 && failures.length === 0)
    failures.push(stderr.trim() || stdout.slice(-2_000) || `terraform test ended with ${status}`);
  if (status === 0 && runs.length === 0) failures.push(`${files.join(', ')}: no run block was run`);
  const states = new Map(
    messages.flatMap(({ '@testrun': run, test_state: state }) =>
      run !== undefined && state !== undefined ? [[run, readState(state)] as const] : [],
    ),
  );
  return { runs, failures: [...new Set(failures)], states, output: stdout };
}

function readState({ root_module: root = {}, outputs = {} }: StateJson): State {
  return {
    resources: resourcesOf(root).filter(({ mode }) => mode === 'managed'),
    outputs: Object.fromEntries(Object.entries(outputs).map(([name, { value }]) => [name, value])),
  };
}

function resourcesOf({ resources = [], child_modules: children = [] }: ModuleJson): NonNullable<ModuleJson['resources']> {
  return [...resources, ...children.flatMap(resourcesOf)];
}

/** A failure as one reads it: where, what, and the values it was about. */
function describeDiagnostic({ summary, detail, range, snippet }: Diagnostic, run: string | undefined): string {
  const where = range === undefined ? '' : `${range.filename}:${range.start.line}: `;
  const values = snippet?.values?.map(({ traversal, statement }) => `    ${traversal} ${statement}`) ?? [];
  return [
    `${where}${run === undefined ? '' : `run "${run}": `}${summary}`,
    ...detail.split('\n').map((line) => `    ${line}`),
    ...(snippet === undefined ? [] : [`    ${snippet.code.trim().slice(0, 160)}`]),
    ...values,
  ].join('\n');
}
