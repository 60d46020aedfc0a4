import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { freshTable } from '../support/aws/dynamo.ts';
import { startFakeSecretsManager } from '../support/aws/fake-secrets-manager.ts';
import type { FakeSecretsManager } from '../support/aws/fake-secrets-manager.ts';
import { startFront } from '../support/aws/front.ts';
import { startLambda } from '../support/aws/lambda-runtime.ts';
import type { LambdaFunction } from '../support/aws/lambda-runtime.ts';
import { deployedConfiguration, makeDeployedSecrets, runSessionScenario, sessionSteps } from './session-scenario.ts';

const address = inject('emulators').dynamodb;

const taskRoot = resolve('dist/aws');

describe.runIf(address !== undefined)('dist/aws under the real Lambda runtime client, DynamoDB Local', () => {
  const secrets = makeDeployedSecrets();
  let vault: FakeSecretsManager;
  let env: Record<string, string>;
  let buffered: LambdaFunction;
  let streaming: LambdaFunction;

  beforeAll(async () => {
    vault = await startFakeSecretsManager();
    for (const [name, value] of Object.entries(secrets.values)) vault.put(`e2e/${name}`, value);
    const { table } = await freshTable(address ?? '');
    env = {
      AWS_REGION: 'eu-central-1',
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
      AWS_ENDPOINT_URL_DYNAMODB: `http://${address ?? ''}`,
      AWS_ENDPOINT_URL_SECRETS_MANAGER: `http://${vault.address}`,
      PORTOLAN_TABLE: table,
      PORTOLAN_SECRET_PREFIX: 'e2e/',
      PORTOLAN_CONFIG: JSON.stringify(deployedConfiguration),
      PORTOLAN_ATTEMPT_TIMEOUT_MS: '10000',
    };
    [buffered, streaming] = await Promise.all([
      startLambda({ taskRoot, env }),
      startLambda({ taskRoot, handler: 'index.streamHandler', env }),
    ]);
  });
  afterAll(async () => {
    await Promise.all([buffered?.stop(), streaming?.stop(), vault?.stop()]);
  });

  for (const source of ['aws-http-v2', 'aws-rest', 'aws-url', 'aws-alb', 'aws-alb-multi'] as const) {
    test(`a session lives its whole life behind ${source}`, async () => {
      const front = await startFront({ source, lambda: buffered });
      try {
        expect(await runSessionScenario(front.origin, secrets)).toEqual(sessionSteps);
      } finally {
        await front.stop();
      }
      expect(buffered.output()).toContain(`"source":"${source}"`);
    });
  }

  for (const source of ['aws-url', 'aws-rest'] as const) {
    test(`a session lives its whole life behind ${source}, streamed`, async () => {
      const front = await startFront({ source, lambda: streaming, streaming: true });
      try {
        expect(await runSessionScenario(front.origin, secrets)).toEqual(sessionSteps);
      } finally {
        await front.stop();
      }
    });
  }

  test('nothing secret is in what the function printed', () => {
    const printed = buffered.output() + streaming.output();
    expect(printed).toContain('"event":"credentials.issued"');
    for (const secret of [secrets.key, secrets.limitedKey, 'p@ss/w:rd', 'p%40ss', secrets.values['signing-key'] ?? '']) {
      expect(printed).not.toContain(secret);
    }
  });

  test('an event that is no HTTP event is one clear error', async () => {
    await expect(buffered.invoke({ Records: [{ eventSource: 'aws:sqs' }] })).rejects.toThrow(/Not an HTTP event/);
  });

  test('without a configuration the function does not start, and says why', async () => {
    const { PORTOLAN_CONFIG: _, ...without } = env;
    await expect(startLambda({ taskRoot, env: without })).rejects.toThrow(/No configuration: set PORTOLAN_CONFIG/);
  });
});
