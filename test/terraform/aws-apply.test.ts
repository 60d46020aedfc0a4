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

  test('applied, it is there; planned again, nothing changes; destroyed, nothing is left', { timeout: 900_000 }, async () => {
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

  test('applied again under the same name, behind another front door, it is there again', { timeout: 900_000 }, async () => {
    choose({ kind: 'gateway', streaming: true, waf: true });
    const applied = await terraform('apply', '-no-color', '-auto-approve');
    expect(applied, applied.stderr).toMatchObject({ status: 0 });
    expect(outputs()['endpoint_url']).toMatch(/^https:\/\/\w+\.execute-api\.eu-west-1\.amazonaws\.com\/live$/);
    expect(await secret('portolan-test-api-keys')).toBe(canary);
    const destroyed = await destroy();
    expect(destroyed, destroyed.stderr).toMatchObject({ status: 0 });
  });

  test('every front door with all that goes with it is planned without a complaint', { timeout: 900_000 }, async () => {
    const folder = join(workspace.folder, 'doors');
    mkdirSync(folder);
    writeFileSync(join(folder, 'main.tf.json'), JSON.stringify(everyDoor(workspace.folder)));
    for (const args of [
      ['init', '-no-color'],
      ['plan', '-no-color'],
    ]) {
      const done = await runProgram(program, args, { cwd: folder, env });
      expect(done, done.stderr).toMatchObject({ status: 0 });
    }
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

/** The provider without an account. */
const provider = {
  region,
  access_key: 'test',
  secret_key: 'test',
  skip_credentials_validation: true,
  skip_metadata_api_check: true,
  skip_requesting_account_id: true,
};

/** The oldest provider the module takes knows no Node 24. */
const runtime = { node_version: 22 };

/** What moto has no answers to: the module in four ways that between them use every input. */
function everyDoor(folder: string): object {
  const { package: archive } = baseVariables(folder, 'aws');
  const arn = (service: string, rest: string): string => `arn:aws:${service}:${region}:123456789012:${rest}`;
  const domain = {
    name: 'portolan.example.com',
    certificate_id: arn('acm', 'certificate/00000000-0000-4000-8000-000000000000'),
  };
  const subnets = ['subnet-0123456789abcdef0', 'subnet-0123456789abcdef1'];
  const doors = {
    function: { edge: { kind: 'function', streaming: true, cors_origins: ['https://app.example.com'] } },
    managed: {
      edge: { kind: 'managed', domain, rate_per_second: 10, burst: 20, cors_origins: ['https://app.example.com'] },
      dead_letter: { enabled: false },
      alarms: { enabled: false },
      state: { point_in_time_recovery: false },
    },
    gateway: { edge: { kind: 'gateway', public: false }, aws: { vpc_endpoint_ids: ['vpce-0123456789abcdef0'] } },
    balancer: {
      edge: {
        kind: 'balancer',
        waf: true,
        domain,
        routes: [
          { priority: 10, hosts: [domain.name], paths: ['/v1/*'], methods: ['GET'] },
          { priority: 20, action: 'deny', headers: { 'x-a': ['b*'] }, query: { a: 'b' }, source_ips: ['203.0.113.0/24'] },
        ],
      },
      runtime: { ...runtime, min_instances: 2 },
      encryption_key_id: arn('kms', 'key/00000000-0000-4000-8000-000000000000'),
      network: { subnet_ids: subnets, security_group_ids: ['sg-0123456789abcdef0'] },
      alarms: { notify: [arn('sns', 'on-call')] },
      aws: {
        permissions_boundary_arn: 'arn:aws:iam::123456789012:policy/portolan-boundary',
        code_bucket: 'acme-code',
        layer: archive,
        balancer: {
          vpc_id: 'vpc-0123456789abcdef0',
          subnet_ids: subnets,
          access_logs_bucket: 'acme-logs',
          client_cidrs: ['0.0.0.0/0', '::/0'],
        },
      },
    },
  };
  return {
    terraform: { required_providers: { aws: { source: 'hashicorp/aws' } } },
    provider: { aws: provider },
    module: Object.fromEntries(
      Object.entries(doors).map(([name, inputs]) => [
        name,
        { source: '../aws', name: `door-${name}`, package: archive, runtime, ...inputs },
      ]),
    ),
  };
}

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
        ...provider,
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
        runtime,
        edge: '${var.edge}',
        deletion_protection: false,
      },
    },
    output: { all: { value: '${module.portolan}' } },
  };
}
