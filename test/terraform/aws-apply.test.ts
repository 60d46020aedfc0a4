import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DescribeTimeToLiveCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { baseVariables, canary } from '../../.build/terraform/cases.ts';
import { runProgram } from '../../.build/terraform/run-program.ts';
import { planFileText } from './plan-file.ts';
import type { ProgramResult } from '../../.build/terraform/run-program.ts';
import { openWorkspace } from '../../.build/terraform/workspace.ts';
import type { Workspace } from '../../.build/terraform/workspace.ts';
import { startMoto } from '../support/aws/moto.ts';
import { startMotoFront } from '../support/aws/moto-front.ts';
import type { MotoFront } from '../support/aws/moto-front.ts';
import type { Emulator } from '../support/emulators/emulator.ts';

const program = process.env['TERRAFORM'] ?? 'terraform';
/** A folder in the layout of a provider mirror (`<host>/<namespace>/<type>/<version>/<platform>/`) that holds a real aws provider. */
const plugins = process.env['PORTOLAN_TF_PLUGIN_DIR'];
const region = 'eu-west-1';

const moto = await start();

/** moto, where all that this leg needs is there; says what is not. */
async function start(): Promise<Emulator | undefined> {
  const skip = (why: string): undefined => {
    console.log(`Apply to an emulated AWS: skipped. ${why}`);
  };
  if (plugins === undefined) return skip('PORTOLAN_TF_PLUGIN_DIR names no folder with an aws provider.');
  if (!existsSync(plugins)) return skip(`PORTOLAN_TF_PLUGIN_DIR is ${plugins}, which does not exist.`);
  if (spawnSync(program, ['version']).error !== undefined) return skip('The program "terraform" is not on the path.');
  return (await startMoto()) ?? skip('The program "moto_server" is not on the path.');
}

describe.runIf(moto !== undefined)('terraform/aws, applied by the real provider to an emulated AWS', () => {
  let workspace: Workspace;
  let front: MotoFront;
  let root: string;
  let env: NodeJS.ProcessEnv;

  const terraform = (...args: string[]): Promise<ProgramResult> => runProgram(program, args, { cwd: root, env });
  const choose = (edge: object): void => writeFileSync(join(root, 'edge.auto.tfvars.json'), JSON.stringify({ edge }));
  const plan = (): Promise<ProgramResult> => terraform('plan', '-no-color', '-detailed-exitcode');
  // Nothing else changes what is there, so it need not be looked at first.
  const destroy = (): Promise<ProgramResult> => terraform('destroy', '-no-color', '-auto-approve', '-refresh=false');
  const state = (): string => readFileSync(join(root, 'terraform.tfstate'), 'utf8');
  const outputs = (): Readonly<Record<string, unknown>> =>
    (JSON.parse(state()) as { outputs: { all: { value: Record<string, unknown> } } }).outputs.all.value;

  beforeAll(async () => {
    workspace = await openWorkspace();
    front = await startMotoFront(moto?.address ?? '');
    root = join(workspace.folder, 'root');
    mkdirSync(root);
    writeFileSync(join(root, 'main.tf.json'), JSON.stringify(rootConfiguration(workspace.folder, `http://${front.address}`)));
    writeFileSync(
      join(root, 'terraform.rc'),
      `provider_installation {\n  filesystem_mirror {\n    path = ${JSON.stringify(plugins)}\n  }\n}\n`,
    );
    env = {
      ...process.env,
      TF_CLI_CONFIG_FILE: join(root, 'terraform.rc'),
      TF_IN_AUTOMATION: '1',
      TF_INPUT: '0',
      CHECKPOINT_DISABLE: '1',
      // Each command loads the provider's schemas several times; collecting garbage meanwhile is a third of it.
      GOGC: '400',
      TF_VAR_secret_values: JSON.stringify({ 'api-keys': canary, 'signing-key': canary }),
    };
    delete env['TF_PLUGIN_CACHE_DIR'];
    const initialised = await terraform('init', '-no-color');
    if (initialised.status !== 0) throw new Error(initialised.stderr);
  });
  afterAll(async () => {
    await front?.stop();
    await moto?.stop();
    workspace?.remove();
  });

  test('applied, it is there; planned again, nothing changes; destroyed, nothing is left', { timeout: 300_000 }, async () => {
    choose({});
    const planned = await terraform('plan', '-no-color', '-out=plan.tfplan');
    expect(planned, planned.stderr).toMatchObject({ status: 0 });
    const planFile = planFileText(join(root, 'plan.tfplan'));
    expect(planFile).toContain('gate.hexproxies.com');
    expect(planFile + planned.stdout).not.toContain(canary);

    const applied = await terraform('apply', '-no-color', 'plan.tfplan');
    expect(applied, applied.stderr).toMatchObject({ status: 0 });
    const all = outputs();
    expect(all).toMatchObject({
      endpoint_url: expect.stringMatching(/^https:\/\/\w+\.execute-api\.eu-west-1\.amazonaws\.com$/),
      function_name: 'portolan-test',
      function_id: `arn:aws:lambda:${region}:123456789012:function:portolan-test:live`,
      identity: 'arn:aws:iam::123456789012:role/portolan-test-function',
      state_name: 'portolan-test',
      dead_letter_id: `arn:aws:sqs:${region}:123456789012:portolan-test-dead-letter`,
      log_location: '/aws/lambda/portolan-test',
    });
    expect(Object.keys(all['secret_ids'] as object)).toEqual(['api-keys', 'signing-key', 'vendor-hex']);
    // What the provider asked of AWS, and not only what it says it did.
    expect(front.function('portolan-test')).toMatchObject({
      DeadLetterConfig: { TargetArn: all['dead_letter_id'] },
      LoggingConfig: { LogFormat: 'Text', LogGroup: '/aws/lambda/portolan-test' },
    });
    expect(await timeToLive('portolan-test')).toEqual({ AttributeName: 'ttl', TimeToLiveStatus: 'ENABLED' });
    expect(await secret('portolan-test-signing-key')).toBe(canary);

    expect(applied.stdout + state()).not.toContain(canary);

    const again = await plan();
    expect(again, again.stdout + again.stderr).toMatchObject({ status: 0 });

    const destroyed = await destroy();
    expect(destroyed, destroyed.stderr).toMatchObject({ status: 0 });
    expect(JSON.parse(state())).toMatchObject({ resources: [] });
  });

  test('applied again under the same name, behind another front door, it is there again', { timeout: 300_000 }, async () => {
    choose({ kind: 'gateway', streaming: true, waf: true });
    const applied = await terraform('apply', '-no-color', '-auto-approve');
    expect(applied, applied.stderr).toMatchObject({ status: 0 });
    expect(outputs()['endpoint_url']).toMatch(/^https:\/\/\w+\.execute-api\.eu-west-1\.amazonaws\.com\/live$/);
    expect(await secret('portolan-test-api-keys')).toBe(canary);
    const destroyed = await destroy();
    expect(destroyed, destroyed.stderr).toMatchObject({ status: 0 });
  });

  test('what the provider called, the deployer of terraform/bootstrap/aws may', () => {
    const deployer = readFileSync(join(workspace.folder, 'bootstrap', 'aws', 'deployer.tf'), 'utf8');
    const granted = new Set(deployer.match(/(?<=")[a-z0-9]+:[A-Za-z]+(?=")/g));
    expect([...front.actions].filter((action) => !granted.has(action)).toSorted()).toEqual([]);
    expect(front.actions.size).toBeGreaterThan(40);
  });

  const client = (): { region: string; endpoint: string; credentials: { accessKeyId: string; secretAccessKey: string } } => ({
    region,
    endpoint: `http://${moto?.address ?? ''}`,
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  });

  async function timeToLive(table: string): Promise<unknown> {
    const dynamodb = new DynamoDBClient(client());
    const { TimeToLiveDescription } = await dynamodb.send(new DescribeTimeToLiveCommand({ TableName: table }));
    dynamodb.destroy();
    return TimeToLiveDescription;
  }

  async function secret(id: string): Promise<string | undefined> {
    const secretsManager = new SecretsManagerClient(client());
    const { SecretString } = await secretsManager.send(new GetSecretValueCommand({ SecretId: id }));
    secretsManager.destroy();
    return SecretString;
  }
});

/** What an example is, with the emulator in place of AWS. */
function rootConfiguration(folder: string, endpoint: string): object {
  const { package: archive, config, secrets } = baseVariables(folder, 'aws');
  const services = [
    'apigateway',
    'apigatewayv2',
    'cloudwatch',
    'cloudwatchlogs',
    'dynamodb',
    'iam',
    'lambda',
    'secretsmanager',
    'sqs',
    'sts',
    'wafv2',
  ];
  return {
    terraform: { required_providers: { aws: { source: 'hashicorp/aws' } } },
    provider: {
      aws: {
        region,
        access_key: 'test',
        secret_key: 'test',
        skip_credentials_validation: true,
        skip_metadata_api_check: true,
        skip_requesting_account_id: true,
        endpoints: Object.fromEntries(services.map((service) => [service, endpoint])),
      },
    },
    variable: { edge: { type: 'any' }, secret_values: { type: 'map(string)', ephemeral: true } },
    module: {
      portolan: {
        source: '../aws',
        name: 'portolan',
        environment: 'test',
        package: archive,
        config,
        secrets,
        secret_values: '${var.secret_values}',
        // The oldest provider the module takes knows no Node 24.
        runtime: { node_version: 22 },
        edge: '${var.edge}',
        deletion_protection: false,
      },
    },
    output: { all: { value: '${module.portolan}' } },
  };
}
