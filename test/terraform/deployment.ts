import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { baseVariables } from '../../.build/terraform/cases.ts';
import type { Cloud } from '../../.build/terraform/cloud.ts';
import { planCases } from '../../.build/terraform/plans.ts';
import type { PlanCase } from '../../.build/terraform/plans.ts';
import type { Resource, Values } from '../../.build/terraform/rules/rule.ts';
import { runProgram } from '../../.build/terraform/run-program.ts';
import type { State } from '../../.build/terraform/terraform-test.ts';
import { findToolchain } from '../../.build/terraform/toolchain.ts';
import { openWorkspace } from '../../.build/terraform/workspace.ts';
import { unzip } from '../../.build/zip.ts';
import { deployedConfiguration, makeDeployedSecrets } from '../e2e/session-scenario.ts';
import type { DeployedSecrets } from '../e2e/session-scenario.ts';

/** Terraform and its providers, where the machine has them; required in CI. */
export const toolchain: Awaited<ReturnType<typeof findToolchain>> = await findToolchain();

/** Whether there is something to plan with. Says so once where there is not. */
export const canPlan: boolean = !('missing' in toolchain);
if ('missing' in toolchain) {
  const { CI } = process.env;
  if (CI !== undefined && CI !== '' && CI !== 'false') throw new Error(toolchain.missing);
  console.log(`Terraform leg: skipped. ${toolchain.missing}`);
}

/** What a module would deploy for the session scenario, in several ways. */
export interface Deployment {
  readonly secrets: DeployedSecrets;
  /** By the cases' names. */
  readonly states: ReadonlyMap<string, State>;
  /** All that Terraform printed, plans and states included. */
  readonly output: string;
  /** Unpacks a package, the file that a resource names, into a folder of its own. */
  unpack(path: unknown): string;
  remove(): void;
}

/**
 * Plans a module with the scenario's configuration and secrets; every case adds variables of its own.
 *
 * @throws {Error} a case cannot be planned
 */
export async function planDeployment(cloud: Cloud, cases: readonly PlanCase[]): Promise<Deployment> {
  if ('missing' in toolchain) throw new Error(toolchain.missing);
  const secrets = makeDeployedSecrets();
  const workspace = await openWorkspace();
  const initialised = await runProgram(toolchain.program, ['init', '-backend=false', '-no-color'], {
    cwd: join(workspace.folder, cloud),
    env: toolchain.env,
  });
  if (initialised.status !== 0) throw new Error(initialised.stderr);
  const base = {
    ...baseVariables(workspace.folder, cloud),
    config: JSON.stringify(deployedConfiguration),
    secrets: Object.fromEntries(Object.keys(secrets.values).map((name) => [name, { version: 1 }])),
    secret_values: secrets.values,
    // Emulators on a busy machine are slower than the cloud.
    runtime: { attempt_timeout_ms: 10_000 },
  };
  const { states, failures, output } = await planCases(
    toolchain,
    workspace.folder,
    cloud,
    cases.map(({ name, variables }) => ({ name, variables: { ...base, ...variables } })),
  );
  if (failures.length > 0) {
    workspace.remove();
    throw new Error(failures.join('\n'));
  }
  const unpack = (path: unknown): string => {
    const folder = mkdtempSync(join(workspace.folder, '..', `${cloud}-`));
    for (const { name, content } of unzip(readFileSync(String(path)))) {
      mkdirSync(join(folder, dirname(name)), { recursive: true });
      writeFileSync(join(folder, name), content);
    }
    return folder;
  };
  return { secrets, states, output, unpack, remove: workspace.remove };
}

/** The resources of a type. */
export function resourcesOf(state: State | undefined, type: string): readonly Resource[] {
  return (state?.resources ?? []).filter((resource) => resource.type === type);
}

/** The values of the one resource of a type. @throws {Error} there is none, or more than one */
export function onlyResource(state: State | undefined, type: string): Values {
  const [first, ...others] = resourcesOf(state, type);
  if (first === undefined || others.length > 0) throw new Error(`There must be one ${type}`);
  return first.values;
}
