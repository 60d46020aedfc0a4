import { CreateTableCommand, UpdateTimeToLiveCommand } from '@aws-sdk/client-dynamodb';
import type { KeyType, ScalarAttributeType } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { statements } from '../../.build/terraform/rules/aws.ts';
import { block, blocks, texts } from '../../.build/terraform/rules/rule.ts';
import type { Values } from '../../.build/terraform/rules/rule.ts';
import { dynamoClient } from '../../adapters/aws/dynamo-client.ts';
import { DynamoCounters } from '../../adapters/aws/dynamo-counters.ts';
import { DynamoStore } from '../../adapters/aws/dynamo-store.ts';
import type { LambdaSource } from '../../adapters/aws/lambda-http-codec.ts';
import { SecretsManager } from '../../adapters/aws/secrets-manager.ts';
import { countersCases, countersFixture } from '../conformance/counters.ts';
import { aheadOfServices, FakeClock } from '../support/fake-clock.ts';
import { emulatorOptions } from '../support/aws/emulator-options.ts';
import { startFakeSecretsManager } from '../support/aws/fake-secrets-manager.ts';
import type { FakeSecretsManager } from '../support/aws/fake-secrets-manager.ts';
import { startFront } from '../support/aws/front.ts';
import { startLambda } from '../support/aws/lambda-runtime.ts';
import type { LambdaFunction } from '../support/aws/lambda-runtime.ts';
import { startRecorder } from '../support/recorder.ts';
import type { Recorder } from '../support/recorder.ts';
import { runSessionScenario, sessionSteps } from '../e2e/session-scenario.ts';
import { canPlan, onlyResource, planDeployment, resourcesOf } from './deployment.ts';
import type { Deployment } from './deployment.ts';
import { runStoreConformance } from './store-conformance.ts';

const dynamodb = inject('emulators').dynamodb;

const name = `deployed${process.pid % 100_000}`;
const certificate = 'arn:aws:acm:eu-central-1:123456789012:certificate/00000000-0000-4000-8000-000000000000';
const domain = { name: 'portolan.example.com', certificate_id: certificate };

/** How each front door asks, as its resources say. */
const edges: Readonly<
  Record<string, { readonly variables: Values; readonly streaming?: boolean; source(state: Deployed): LambdaSource | undefined }>
> = {
  managed: {
    variables: {},
    source: (state) =>
      onlyResource(state, 'aws_apigatewayv2_integration')['payload_format_version'] === '2.0' ? 'aws-http-v2' : undefined,
  },
  function: {
    variables: { edge: { kind: 'function', streaming: true } },
    streaming: true,
    source: (state) =>
      onlyResource(state, 'aws_lambda_function_url')['invoke_mode'] === 'RESPONSE_STREAM' ? 'aws-url' : undefined,
  },
  gateway: {
    variables: { edge: { kind: 'gateway', streaming: true } },
    streaming: true,
    source: (state) => {
      const { paths } = JSON.parse(String(onlyResource(state, 'aws_api_gateway_rest_api')['body'])) as {
        paths: Record<string, Values>;
      };
      const integration = (paths['/{proxy+}']?.['x-amazon-apigateway-any-method'] as Values | undefined)?.[
        'x-amazon-apigateway-integration'
      ] as Values | undefined;
      return integration?.['type'] === 'aws_proxy' && integration['responseTransferMode'] === 'STREAM' ? 'aws-rest' : undefined;
    },
  },
  balancer: {
    variables: {
      edge: { kind: 'balancer', domain },
      aws: { balancer: { vpc_id: 'vpc-1', subnet_ids: ['subnet-1', 'subnet-2'], access_logs_bucket: 'acme-logs' } },
    },
    source: (state) =>
      onlyResource(state, 'aws_lb_target_group')['lambda_multi_value_headers_enabled'] === true ? 'aws-alb-multi' : 'aws-alb',
  },
};

type Deployed = ReturnType<Deployment['states']['get']>;

describe.runIf(canPlan && dynamodb !== undefined)('what terraform/aws deploys', () => {
  let deployment: Deployment;
  let vault: FakeSecretsManager;
  let records: Recorder;
  let secrets: Recorder;
  const running: LambdaFunction[] = [];

  /** The only values of the function's environment that the test makes: where the emulators are. The rest is Terraform's, or Lambda's own. */
  const overrides = (): Record<string, string> => ({
    AWS_ENDPOINT_URL_DYNAMODB: `http://${records.address}`,
    AWS_ENDPOINT_URL_SECRETS_MANAGER: `http://${secrets.address}`,
  });

  beforeAll(async () => {
    vault = await startFakeSecretsManager();
    [records, secrets] = await Promise.all([startRecorder(dynamodb ?? ''), startRecorder(vault.address)]);
    const cases = Object.entries(edges).map(([edge, { variables }]) => ({ name: edge, variables: { ...variables, name } }));
    deployment = await planDeployment('aws', cases);
    const state = deployment.states.get('managed');
    await makeTable(onlyResource(state, 'aws_dynamodb_table'));
    // The value of a write-only argument is in no plan: the secrets are, by name.
    for (const { values } of resourcesOf(state, 'aws_secretsmanager_secret')) {
      const logical = Object.keys(deployment.secrets.values).find((one) => String(values['name']).endsWith(`-${one}`)) ?? '';
      vault.put(String(values['name']), deployment.secrets.values[logical] ?? '');
    }
  });
  afterAll(async () => {
    await Promise.all([...running.map((one) => one.stop()), records?.stop(), secrets?.stop(), vault?.stop()]);
    deployment?.remove();
  });

  for (const [edge, { streaming = false, source }] of Object.entries(edges)) {
    test(`the package, as unpacked and set up for "${edge}", answers the session scenario`, async () => {
      const state = deployment.states.get(edge);
      const lambda = onlyResource(state, 'aws_lambda_function');
      const function_ = await startLambda({
        taskRoot: deployment.unpack(lambda['filename']),
        handler: String(lambda['handler']),
        env: { ...(block(lambda, 'environment')['variables'] as Record<string, string>), ...overrides() },
        timeoutMs: Number(lambda['timeout']) * 1_000,
      });
      running.push(function_);
      const asked = source(state);
      if (asked === undefined) throw new Error(`The plan does not say how "${edge}" asks the function`);
      const front = await startFront({ source: asked, lambda: function_, streaming });
      try {
        expect(await runSessionScenario(front.origin, deployment.secrets)).toEqual(sessionSteps);
      } finally {
        await front.stop();
      }
      expect(function_.output()).toContain(`"source":"${asked}"`);
    });
  }

  test('the environment is what the code reads, and nothing else', () => {
    const variables = Object.keys(
      block(onlyResource(deployment.states.get('managed'), 'aws_lambda_function'), 'environment')['variables'] as object,
    );
    expect(variables.toSorted()).toEqual([
      'PORTOLAN_ATTEMPT_TIMEOUT_MS',
      'PORTOLAN_CONFIG',
      'PORTOLAN_EVENT_SOURCE',
      'PORTOLAN_SECRET_PREFIX',
      'PORTOLAN_TABLE',
    ]);
  });

  test('no secret is in what Terraform printed: plans, states, outputs', () => {
    expect(deployment.output).toContain('PORTOLAN_TABLE');
    for (const value of Object.values(deployment.secrets.values)) {
      expect(deployment.output).not.toContain(value);
      expect(deployment.output).not.toContain(JSON.stringify(value).slice(1, -1));
    }
  });

  test('the role grants the actions that conformance runs and the scenario use, and no others', async () => {
    const client = dynamoClient({ ...emulatorOptions(records.address), attemptTimeoutMs: 10_000 });
    const { name: table } = onlyResource(deployment.states.get('managed'), 'aws_dynamodb_table');
    await runStoreConformance(new DynamoStore(client, String(table)));
    const clock = new FakeClock({ now: aheadOfServices });
    const counters = new DynamoCounters(client, String(table), clock);
    for (const { run } of countersCases) await run(countersFixture(counters, clock, 3));
    client.destroy();
    const reader = new SecretsManager({ ...emulatorOptions(secrets.address), prefix: `${name}-test-`, attemptTimeoutMs: 10_000 });
    for (const version of ['current', 'previous'] as const) await reader.get('api-keys', version as 'previous');
    const policy = onlyResource(deployment.states.get('managed'), 'aws_iam_role_policy');
    const granted = statements(policy['policy']).flatMap(({ Action }) => texts(Action));
    const seen = [...records.requests, ...secrets.requests].map(({ headers }) => actionOf(String(headers['x-amz-target'])));
    expect(granted.filter((action) => !platformActions.includes(action)).toSorted()).toEqual([...new Set(seen)].toSorted());
    expect(platformActions.filter((action) => !granted.includes(action))).toEqual([]);
  });
});

/** What Lambda does in the function's name, by the role: logs, traces, dead letters. No code of ours asks for it. */
const platformActions = [
  'logs:CreateLogStream',
  'logs:PutLogEvents',
  'sqs:SendMessage',
  'xray:PutTelemetryRecords',
  'xray:PutTraceSegments',
];

/** `DynamoDB_20120810.GetItem` is the action `dynamodb:GetItem`. */
function actionOf(target: string): string {
  const [service = '', operation = ''] = target.split('.');
  return `${service.replace(/_\d+$/, '').toLowerCase()}:${operation}`;
}

/** The table as the plan has it: keys and TTL. */
async function makeTable(table: Values): Promise<void> {
  const client = dynamoClient({ ...emulatorOptions(dynamodb ?? ''), attemptTimeoutMs: 10_000 });
  const key = (attribute: unknown, type: KeyType): { AttributeName: string; KeyType: KeyType } => ({
    AttributeName: String(attribute),
    KeyType: type,
  });
  await client.send(
    new CreateTableCommand({
      TableName: String(table['name']),
      BillingMode: 'PAY_PER_REQUEST',
      KeySchema: [key(table['hash_key'], 'HASH'), key(table['range_key'], 'RANGE')],
      AttributeDefinitions: blocks(table, 'attribute').map(({ name: attribute, type }) => ({
        AttributeName: String(attribute),
        AttributeType: type as ScalarAttributeType,
      })),
    }),
  );
  const ttl = block(table, 'ttl');
  await client.send(
    new UpdateTimeToLiveCommand({
      TableName: String(table['name']),
      TimeToLiveSpecification: { AttributeName: String(ttl['attribute_name']), Enabled: ttl['enabled'] === true },
    }),
  );
  client.destroy();
}
