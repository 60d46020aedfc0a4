import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { cloudOf } from './cloud.ts';
import { terraformTest } from './terraform-test.ts';
import type { State } from './terraform-test.ts';
import type { Toolchain } from './toolchain.ts';

/** One way to use a folder. */
export interface PlanCase {
  /** Letters, digits and underscores. */
  readonly name: string;
  readonly variables: Readonly<Record<string, unknown>>;
}

export interface PlannedCases {
  /** By the cases' names. */
  readonly states: ReadonlyMap<string, State>;
  readonly failures: readonly string[];
  /** All that Terraform printed: plans and states, too. */
  readonly output: string;
}

/**
 * Plans a folder in several ways, and applies each plan to mocked providers: the result is the plan with everything known that only a
 * cloud tells (policies name resources by ids, which a plan alone does not know). It needs no account, with stand-ins and with the real
 * providers alike, where `terraform plan` would ask a real provider for credentials.
 *
 * @param workspace the copy of `terraform/`
 * @param folder in it, initialised
 */
export async function planCases(
  toolchain: Toolchain,
  workspace: string,
  folder: string,
  cases: readonly PlanCase[],
): Promise<PlannedCases> {
  const file = 'plan-cases.tftest.json';
  const where = join(workspace, folder);
  // Each case is a deployment of its own, not a change of the one before.
  const run = Object.fromEntries(
    cases.map(({ name, variables }) => [name, { command: 'apply', state_key: name, variables: literal(variables) }]),
  );
  writeFileSync(join(where, file), JSON.stringify({ mock_provider: mocks(workspace, folder), run }));
  const { states, failures, output } = await terraformTest(toolchain, where, [file], { states: true });
  const missing =
    failures.length > 0 ? [] : cases.filter(({ name }) => !states.has(name)).map(({ name }) => `${name} was not planned`);
  return { states, failures: [...failures, ...missing], output };
}

/** Every provider of the folder's module is mocked; `tests/mocks/<cloud>` holds well-formed values. */
function mocks(workspace: string, folder: string): Record<string, object> {
  const cloud = cloudOf(folder);
  const source = relative(join(workspace, folder), join(workspace, 'tests', 'mocks', cloud));
  const versions = readFileSync(join(workspace, cloud, 'versions.tf'), 'utf8');
  const names = Array.from(versions.matchAll(/source\s*=\s*"hashicorp\/([a-z-]+)"/g), ([, name = '']) => name);
  return Object.fromEntries(names.map((name) => [name, existsSync(join(workspace, 'tests', 'mocks', cloud)) ? { source } : {}]));
}

/** Terraform reads texts of JSON as templates. */
function literal(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll('${', '$${').replaceAll('%{', '%%{');
  if (Array.isArray(value)) return value.map(literal);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, literal(member)]));
}
