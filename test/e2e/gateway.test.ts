import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startFront } from '../support/aws/front.ts';
import type { LambdaSource } from '../../adapters/aws/lambda-http-codec.ts';
import { startLambda } from '../support/aws/lambda-runtime.ts';
import type { LambdaFunction } from '../support/aws/lambda-runtime.ts';
import { startFunctionsHost } from '../support/azure/functions-host.ts';
import { serveFunction } from '../support/gcp/functions-framework.ts';
import { startPortolan } from '../support/local/portolan-process.ts';
import { startGatewayBackends } from './gateway-backends.ts';
import type { GatewayBackends } from './gateway-backends.ts';
import { gatewayConfiguration, gatewaySteps, runGatewayScenario } from './gateway-scenario.ts';
import type { GatewayFront } from './gateway-scenario.ts';

const running: { stop(): Promise<unknown> }[] = [];
let backends: GatewayBackends;
let config: string;

beforeAll(async () => {
  backends = await startGatewayBackends();
  config = JSON.stringify(gatewayConfiguration(backends.urls));
});
afterAll(async () => {
  await Promise.all(running.map((one) => one.stop()));
  await backends?.stop();
});

const expectWholeScenario = async (front: GatewayFront): Promise<void> => {
  expect(await runGatewayScenario(front, backends)).toEqual(gatewaySteps(front));
};

describe('the gateway in dist/aws, under the real Lambda runtime client', () => {
  const functions = new Map<string, Promise<LambdaFunction>>();
  const functionOf = async (handler: string): Promise<LambdaFunction> => {
    const started =
      functions.get(handler) ??
      startLambda({ taskRoot: resolve('dist/aws'), handler, env: { PORTOLAN_TABLE: 'none', PORTOLAN_CONFIG: config } });
    functions.set(handler, started);
    return started;
  };
  afterAll(async () => {
    for (const started of functions.values()) await (await started).stop();
  });

  test.for<readonly [source: LambdaSource, streams: boolean]>([
    ['aws-http-v2', false],
    ['aws-rest', false],
    ['aws-url', false],
    ['aws-alb', false],
    ['aws-alb-multi', false],
    ['aws-rest', true],
    ['aws-url', true],
  ])('behind %s, streamed: %s', async ([source, streams]) => {
    const lambda = await functionOf(streams ? 'index.streamHandler' : 'index.handler');
    const front = await startFront({ source, lambda, streaming: streams });
    running.push(front);
    const anyHost = source.startsWith('aws-alb');
    // Lambda says nothing of clients, and its fronts drop trailers.
    await expectWholeScenario({ url: front.origin, anyHost, streams, tellsAborts: false, trailers: false });
    expect(lambda.output()).toMatch(
      new RegExp(`"event":"http\\.request".*"http\\.route":"api".*"source":"${source}".*"url\\.query\\.page":"2"`),
    );
  });
});

test('the gateway in dist/azure, under the real @azure/functions', async () => {
  const host = await startFunctionsHost({
    folder: 'dist/azure',
    env: {
      PORTOLAN_TABLE: 'none',
      PORTOLAN_TABLE_ENDPOINT: 'https://none.table.core.windows.net',
      PORTOLAN_KEY_VAULT_URL: 'https://none.vault.azure.net',
      PORTOLAN_CONFIG: config,
    },
  });
  running.push(host);
  await expectWholeScenario({ url: host.url, anyHost: true, streams: true, tellsAborts: true, trailers: false });
});

test('the gateway in dist/gcp, under the Functions Framework', async () => {
  const served = await serveFunction('dist/gcp', { env: { GOOGLE_CLOUD_PROJECT: 'none', PORTOLAN_CONFIG: config } });
  running.push(served);
  const adds = { 'x-forwarded-for': '127.0.0.1', 'x-forwarded-proto': 'https' };
  await expectWholeScenario({ url: served.url, anyHost: true, streams: true, tellsAborts: true, trailers: false, adds });
});

test('the gateway as a server, portolan dev', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'portolan-gateway-'));
  writeFileSync(join(folder, 'portolan.json'), config);
  const server = await startPortolan(['--config', join(folder, 'portolan.json'), '--data', join(folder, 'data')]);
  running.push({
    async stop() {
      await server.kill('SIGTERM');
      rmSync(folder, { recursive: true });
    },
  });
  await expectWholeScenario({ url: server.api, anyHost: true, streams: true, tellsAborts: true, trailers: true });
});
