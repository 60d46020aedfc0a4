import { spawnSync } from 'node:child_process';
import type { SpawnSyncReturns } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { capabilityTable, readCapabilities } from '../../.build/terraform/capabilities.ts';
import { checkOutputs, checkSayings } from '../../.build/terraform/check-outputs.ts';
import { terraformTest } from '../../.build/terraform/terraform-test.ts';
import { canPlan, toolchain } from './deployment.ts';

describe('make terraform', () => {
  const run = (env: NodeJS.ProcessEnv): SpawnSyncReturns<string> =>
    spawnSync(process.execPath, ['.build/terraform.ts'], {
      encoding: 'utf8',
      env: { ...process.env, TERRAFORM: 'no-such-program', ...env },
    });

  test('is skipped, aloud, where there is no Terraform', () => {
    const { status, stderr } = run({ CI: '' });
    expect([status, stderr]).toEqual([0, 'Terraform: skipped. The program "terraform" (1.11 or newer) is not on the path.\n']);
  });

  test('fails there in CI', () => {
    const { status, stderr } = run({ CI: 'true' });
    expect([status, stderr]).toEqual([
      1,
      'Terraform: cannot be checked. The program "terraform" (1.11 or newer) is not on the path.\n',
    ]);
  });
});

describe.runIf(canPlan)('a test of Terraform’s', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'portolan-terraform-'));
    writeFileSync(join(folder, 'main.tf'), 'variable "size" {\n  type = number\n}\noutput "size" {\n  value = var.size\n}\n');
    const right =
      'variables {\n  size = 3\n}\nrun "right" {\n  assert {\n    condition     = output.size == 3\n    error_message = "no"\n  }\n}\n';
    writeFileSync(join(folder, 'right.tftest.hcl'), right);
    writeFileSync(join(folder, 'wrong.tftest.hcl'), right.replace('== 3', '== 4').replace('"no"', '"The size must be four."'));
    writeFileSync(join(folder, 'empty.tftest.hcl'), '');
  });
  afterAll(() => rmSync(folder, { recursive: true }));
  const report = (file: string): ReturnType<typeof terraformTest> => {
    if ('missing' in toolchain) throw new Error(toolchain.missing);
    return terraformTest(toolchain, folder, [file], { states: true });
  };

  test('that passes is counted, and what it applied is kept', async () => {
    const { runs, failures, states } = await report('right.tftest.hcl');
    expect([runs, failures]).toEqual([[{ name: 'right', passed: true }], []]);
    expect(states.get('right')).toEqual({ resources: [], outputs: { size: 3 } });
  });

  test('that fails says where, what and with which values', async () => {
    const { runs, failures } = await report('wrong.tftest.hcl');
    expect(runs).toEqual([{ name: 'right', passed: false }]);
    expect(failures.join('\n')).toMatch(/wrong\.tftest\.hcl:6: run "right": [^]*The size must be four\.[^]*output\.size is 3/);
  });

  test('that runs nothing is a failure', async () => {
    expect((await report('empty.tftest.hcl')).failures).toEqual(['empty.tftest.hcl: no run block was run']);
  });
});

describe('outputs', () => {
  const stated = [
    { name: 'url', type: 'string', description: '' },
    { name: 'ids', type: 'map(string)', description: '' },
    { name: 'names', type: 'list(string)', description: '' },
    { name: 'able', type: 'map(bool)', description: '' },
  ];
  const right = { url: 'https://example.com', ids: { a: 'b' }, names: ['a'], able: { a: true } };

  test('are what they are stated as; a text may be null', () => {
    expect(checkOutputs(stated, right)).toEqual([]);
    expect(checkOutputs(stated, { ...right, url: null })).toEqual([]);
  });

  test.for<[string, unknown]>([
    ['url', 1],
    ['ids', { a: true }],
    ['ids', null],
    ['ids', ['a']],
    ['names', { a: 'b' }],
    ['names', [1]],
    ['able', { a: 'yes' }],
    ['other', 'x'],
  ])('%s is not answered as %j', ([name, value]) => {
    expect(checkOutputs(stated, { ...right, [name]: value })).toEqual([expect.stringContaining(`output ${name} is `)]);
  });
});

test('outputs that do not say what is expected are told, with what they say', () => {
  const answered = { next_steps: 'Point a at b', alarm_names: { a: 'x', b: 'y' } };
  expect(checkSayings({ next_steps: /^Point a/, alarm_names: /^\{("\w":"\w",?){2}\}$/ }, answered)).toEqual([]);
  expect(checkSayings({ next_steps: /^(?![^]*at b)/, alarm_names: /x.*x/, endpoint_url: /./ }, answered)).toEqual([
    'output next_steps must fit /^(?![^]*at b)/, and is Point a at b',
    'output alarm_names must fit /x.*x/, and is {"a":"x","b":"y"}',
  ]);
});

test('a capability is told by the front doors that have it', () => {
  const states = (able: Record<string, boolean>): Parameters<typeof readCapabilities>[0] =>
    new Map(Object.entries(able).map(([kind, waf]) => [kind, { resources: [], outputs: { capabilities: { waf } } }]));
  const table = capabilityTable({
    aws: readCapabilities(states({ function: false, managed: false, gateway: true, balancer: true, premium: true })),
    azure: readCapabilities(states({ function: true, managed: true })),
    gcp: readCapabilities(states({ function: false })),
  });
  expect(table.split('\n').at(-1)).toMatch(/^\| `waf` +\| `balancer`, `gateway` +\| yes +\| no +\|$/);
});
