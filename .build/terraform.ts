/**
 * Proves what can be proved of `terraform/` without an account: format, validation, plans of every example and every edge kind checked
 * against the security rules, and all `terraform test` files. Works in a copy. `make terraform`.
 *
 *     node .build/terraform.ts [--write] [part of a job's name]
 *
 * The table of capabilities in `terraform/README.md` is compared with the plans; `--write` writes it.
 *
 * Without the program, or without providers, it says so and is skipped; with `CI` set it fails.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { withSection } from './generated-section.ts';
import { capabilityTable, readCapabilities } from './terraform/capabilities.ts';
import { checkPlan } from './terraform/check-plan.ts';
import { canary, casesOf } from './terraform/cases.ts';
import { checkOutputs, checkSayings } from './terraform/check-outputs.ts';
import { clouds, isModule } from './terraform/cloud.ts';
import { readOutputs } from './terraform/module-interface.ts';
import { inParallel } from './terraform/in-parallel.ts';
import { planCases } from './terraform/plans.ts';
import { runProgram } from './terraform/run-program.ts';
import { terraformTest } from './terraform/terraform-test.ts';
import type { State } from './terraform/terraform-test.ts';
import { findToolchain } from './terraform/toolchain.ts';
import type { Toolchain } from './terraform/toolchain.ts';
import { openWorkspace, terraformFolders, testFiles } from './terraform/workspace.ts';

/** A piece of work with a name, and what it found out. */
interface Job {
  readonly name: string;
  run(): Promise<Outcome>;
}

interface Outcome {
  readonly failures: readonly string[];
  readonly testRuns?: number;
  readonly plans?: number;
  readonly states?: ReadonlyMap<string, State>;
}

const { values, positionals } = parseArgs({ allowPositionals: true, options: { write: { type: 'boolean', default: false } } });
const wanted = positionals[0] ?? '';
const startedAt = performance.now();
const seconds = (since: number): string => `${((performance.now() - since) / 1_000).toFixed(1)} s`;

const toolchain = await findToolchain();
if ('missing' in toolchain) {
  const { CI } = process.env;
  const required = CI !== undefined && CI !== '' && CI !== 'false';
  console.error(`Terraform: ${required ? 'cannot be checked' : 'skipped'}. ${toolchain.missing}`);
  process.exitCode = required ? 1 : 0;
} else {
  console.log(`Terraform ${toolchain.version}; providers: ${toolchain.providers}`);
  const workspace = await openWorkspace();
  try {
    await prove(toolchain, workspace.folder);
  } finally {
    workspace.remove();
  }
}

async function prove(tools: Toolchain, folder: string): Promise<void> {
  const jobs = terraformFolders(folder).map((name) => {
    const tests = testFiles(join(folder, name)).map((file) => testJob(tools, folder, name, file));
    // Each test is validated before it is run.
    const whole = tests.length > 0 ? tests : [...planJobs(tools, folder, name), validateJob(tools, folder, name)];
    return { name, jobs: whole.filter((job) => job.name.includes(wanted)) };
  });
  const folders = jobs.filter((one) => one.jobs.length > 0);
  const prepared = [await report(formatJob(tools, folder))];
  const ready: Job[] = [];
  // One after the other: Terraform's plugin cache is not made for two at once.
  for (const one of folders) {
    const outcome = await report(initJob(tools, folder, one.name));
    prepared.push(outcome);
    if (outcome.failures.length === 0) ready.push(...one.jobs);
  }
  const done = await inParallel(ready, Math.min(2, availableParallelism()), report);
  const all = [...prepared, ...done, await report(capabilitiesJob(ready, done))];
  const sum = (count: (outcome: Outcome) => number): number => all.reduce((total, one) => total + count(one), 0);
  const failures = sum((one) => one.failures.length);
  console.log(
    `Terraform: ${sum((one) => one.testRuns ?? 0)} test runs, ${sum((one) => one.plans ?? 0)} checked plans in ${folders.length} folders, ` +
      `${failures} failures (${seconds(startedAt)})`,
  );
  if (failures > 0) process.exitCode = 1;
}

async function report({ name, run }: Job): Promise<Outcome> {
  const since = performance.now();
  const outcome = await run();
  const count = outcome.testRuns ?? outcome.plans;
  console.log(
    `${outcome.failures.length === 0 ? 'ok  ' : 'FAIL'} ${name}${count === undefined ? '' : `: ${count}`} (${seconds(since)})`,
  );
  for (const failure of outcome.failures) console.log(failure.replaceAll(/^/gm, '     '));
  return outcome;
}

function command(tools: Toolchain, name: string, cwd: string, args: readonly string[]): Job {
  return {
    name,
    run: async () => {
      const { status, stdout, stderr } = await runProgram(tools.program, args, { cwd, env: tools.env });
      return { failures: status === 0 ? [] : [`${stdout}${stderr}`.trim()] };
    },
  };
}

function formatJob(tools: Toolchain, folder: string): Job {
  return command(tools, 'format', folder, ['fmt', '-check', '-diff', '-no-color', '-recursive']);
}

function initJob(tools: Toolchain, folder: string, name: string): Job {
  return command(tools, `init ${name}`, join(folder, name), ['init', '-backend=false', '-no-color']);
}

function validateJob(tools: Toolchain, folder: string, name: string): Job {
  return command(tools, `validate ${name}`, join(folder, name), ['validate', '-no-color']);
}

function testJob(tools: Toolchain, folder: string, name: string, file: string): Job {
  return {
    name: `test ${join(name, file)}`,
    run: async () => {
      const { runs, failures } = await terraformTest(tools, join(folder, name), [file]);
      return { failures, testRuns: runs.length };
    },
  };
}

/** The ways to use a folder, each planned and checked: against the rules, for secrets, and a module's for its outputs. */
function planJobs(tools: Toolchain, folder: string, name: string): Job[] {
  const cases = casesOf(folder, name);
  if (cases.length === 0) return [];
  return [
    {
      name: `plan ${name}`,
      run: async () => {
        const { states, failures, output } = await planCases(tools, folder, name, cases);
        const wrong = cases.flatMap(({ name: way, exceptions, says = {} }) => {
          const state = states.get(way);
          if (state === undefined) return [];
          const violations = checkPlan(state.resources, exceptions);
          return [
            ...violations.map(({ ids, address, demand }) => `${way}: ${address} breaks ${ids}: ${demand}`),
            ...checkSayings(says, state.outputs),
            ...(isModule(name) ? checkOutputs(readOutputs(join(folder, name, 'outputs.tf')), state.outputs) : []),
          ];
        });
        const leaked = output.includes(canary)
          ? ['The value of a secret is in what Terraform printed: a plan, a state or an output']
          : [];
        return { failures: [...failures, ...wrong, ...leaked], plans: states.size, states };
      },
    },
  ];
}

/** Whether the README's table is what the plans of the three modules answered; nothing to say when one was not planned. */
function capabilitiesJob(jobs: readonly Job[], outcomes: readonly Outcome[]): Job {
  return {
    name: 'capabilities',
    run: () => {
      const planned = clouds.flatMap((cloud) => {
        const states = outcomes[jobs.findIndex(({ name }) => name === `plan ${cloud}`)]?.states;
        return states === undefined ? [] : [[cloud, readCapabilities(states)] as const];
      });
      if (planned.length < clouds.length) return Promise.resolve({ failures: [] });
      const file = resolve(import.meta.dirname, '../terraform/README.md');
      const text = readFileSync(file, 'utf8');
      const right = withSection(text, 'capabilities', capabilityTable(Object.fromEntries(planned)));
      if (values.write) writeFileSync(file, right);
      const old = right !== text && !values.write;
      return Promise.resolve({ failures: old ? ['The table in terraform/README.md is old: make terraform-docs'] : [] });
    },
  };
}
