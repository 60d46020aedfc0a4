import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { baseVariables, canary } from '../../.build/terraform/cases.ts';
import { clouds } from '../../.build/terraform/cloud.ts';
import type { Cloud } from '../../.build/terraform/cloud.ts';
import { runProgram } from '../../.build/terraform/run-program.ts';
import type { ProgramResult } from '../../.build/terraform/run-program.ts';
import { openWorkspace } from '../../.build/terraform/workspace.ts';
import type { Workspace } from '../../.build/terraform/workspace.ts';
import { canPlan, toolchain } from './deployment.ts';
import { planFileText } from './plan-file.ts';

/** Real providers ask for an account when they plan; aws-apply.test.ts has one that does not. */
const standIns = !('missing' in toolchain) && toolchain.providers.startsWith('stand-ins');
if (canPlan && !standIns) console.log('Plan files: skipped. Real providers plan with an account only.');

const providers: Readonly<Record<Cloud, object>> = {
  aws: { aws: { region: 'eu-west-1' } },
  azure: { azurerm: { subscription_id: '00000000-0000-4000-8000-000000000001', features: {} } },
  gcp: { google: { project: 'acme-portolan' }, 'google-beta': { project: 'acme-portolan' } },
};

describe.runIf(standIns)('a file of terraform plan -out', () => {
  let workspace: Workspace;
  beforeAll(async () => {
    workspace = await openWorkspace();
  });
  afterAll(() => workspace.remove());

  test.for(clouds)('of %s holds the configuration, and the value of no secret', async (cloud) => {
    if ('missing' in toolchain) throw new Error(toolchain.missing);
    const { secret_values: values, ...variables } = baseVariables(workspace.folder, cloud);
    const root = join(workspace.folder, `root-${cloud}`);
    mkdirSync(root);
    const configuration = {
      provider: providers[cloud],
      variable: { secret_values: { type: 'map(string)', ephemeral: true } },
      module: { portolan: { source: `../${cloud}`, ...variables, secret_values: '${var.secret_values}' } },
    };
    writeFileSync(join(root, 'main.tf.json'), JSON.stringify(configuration));
    const { program } = toolchain;
    const env = { ...toolchain.env, TF_VAR_secret_values: JSON.stringify(values) };
    const terraform = (...args: string[]): Promise<ProgramResult> => runProgram(program, args, { cwd: root, env });
    for (const args of [
      ['init', '-no-color'],
      ['plan', '-no-color', '-out=plan.tfplan'],
    ]) {
      const done = await terraform(...args);
      expect(done, done.stderr).toMatchObject({ status: 0 });
    }
    const text = planFileText(join(root, 'plan.tfplan'));
    expect(text).toContain('gate.hexproxies.com');
    expect(text).not.toContain(canary);
  });
});
