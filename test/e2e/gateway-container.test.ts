import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { Configuration } from '../../core/config/configuration.ts';
import { freshTable } from '../support/aws/dynamo.ts';
import { startFakeSecretsManager } from '../support/aws/fake-secrets-manager.ts';
import { startFront } from '../support/aws/front.ts';
import { startLambda } from '../support/aws/lambda-runtime.ts';
import { connectionString, newTable } from '../support/azure/azurite-table.ts';
import { FakeKeyVault } from '../support/azure/fake-key-vault.ts';
import { startFunctionsHost } from '../support/azure/functions-host.ts';
import { freePort } from '../support/emulators/emulator.ts';
import { fakeSecretManager } from '../support/gcp/fake-secret-manager.ts';
import { serveFunction } from '../support/gcp/functions-framework.ts';
import { selfSigned } from '../support/self-signed.ts';
import { deployedConfiguration, makeDeployedSecrets } from './session-scenario.ts';
import type { DeployedSecrets } from './session-scenario.ts';

const bundle = 'dist/gateway/portolan-gateway.mjs';

type Variables = Readonly<Record<string, string>>;

/** A deployed function, and the variables that lead another process to its store and secrets. */
interface Deployment {
  readonly api: string;
  readonly env: Variables;
  stop(): Promise<void>;
}

interface Platform {
  readonly name: string;
  readonly title: string;
  readonly emulator: string | undefined;
  deploy(address: string, secrets: DeployedSecrets, shared: Variables): Promise<Deployment>;
}

const { azurite, dynamodb, firestore } = inject('emulators');

const platforms: readonly Platform[] = [
  {
    name: 'aws',
    title: 'dist/aws, DynamoDB Local',
    emulator: dynamodb,
    async deploy(address, { values }, shared) {
      const vault = await startFakeSecretsManager();
      for (const [name, value] of Object.entries(values)) vault.put(`e2e/${name}`, value);
      const { table } = await freshTable(address);
      const env = {
        ...shared,
        AWS_REGION: 'eu-central-1',
        AWS_ACCESS_KEY_ID: 'test',
        AWS_SECRET_ACCESS_KEY: 'test',
        AWS_ENDPOINT_URL_DYNAMODB: `http://${address}`,
        AWS_ENDPOINT_URL_SECRETS_MANAGER: `http://${vault.address}`,
        PORTOLAN_TABLE: table,
        PORTOLAN_SECRET_PREFIX: 'e2e/',
      };
      const lambda = await startLambda({ taskRoot: `${process.cwd()}/dist/aws`, env });
      const front = await startFront({ source: 'aws-http-v2', lambda });
      return {
        api: front.origin,
        env,
        async stop() {
          await Promise.all([front.stop(), lambda.stop(), vault.stop()]);
        },
      };
    },
  },
  {
    name: 'azure',
    title: 'dist/azure, Azurite',
    emulator: azurite,
    async deploy(address, { values }, shared) {
      const vault = await FakeKeyVault.start();
      for (const [name, value] of Object.entries(values)) vault.put(`e2e-${name}`, value);
      const { tableName } = await newTable(address);
      const env = {
        ...shared,
        PORTOLAN_TABLE: tableName,
        PORTOLAN_TABLE_CONNECTION_STRING: connectionString(address),
        PORTOLAN_KEY_VAULT_URL: vault.url,
        PORTOLAN_SECRET_PREFIX: 'e2e-',
        ...vault.identityEnvironment,
      };
      const host = await startFunctionsHost({ folder: 'dist/azure', env });
      return {
        api: host.url,
        env,
        async stop() {
          await host.stop();
          await vault.stop();
        },
      };
    },
  },
  {
    name: 'gcp',
    title: 'dist/gcp, Firestore: the npm front',
    emulator: firestore,
    async deploy(address, { values }, shared) {
      const vault = await fakeSecretManager();
      for (const [name, value] of Object.entries(values)) {
        vault.add(`projects/portolan-test/secrets/e2e-${name}`, Buffer.from(value));
      }
      const env = {
        ...shared,
        METADATA_SERVER_DETECTION: 'none',
        GOOGLE_CLOUD_PROJECT: 'portolan-test',
        FIRESTORE_EMULATOR_HOST: address,
        PORTOLAN_SECRET_MANAGER_EMULATOR_HOST: vault.address,
        PORTOLAN_SECRET_PREFIX: 'e2e-',
        PORTOLAN_COLLECTION: `e2e-gateway-${Date.now()}`,
      };
      const served = await serveFunction('dist/gcp', { env });
      return {
        api: served.url,
        env,
        async stop() {
          await served.stop();
          vault.stop();
        },
      };
    },
  },
];

interface Gateway {
  readonly process: ChildProcess;
  readonly ended: Promise<unknown>;
  output(): string;
}

/** Starts the built gateway; resolves when it says that it listens. */
async function startGateway(env: Variables): Promise<Gateway> {
  const child = spawn(process.execPath, [bundle], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
  // When all that it printed has come, too.
  const ended = once(child, 'close');
  let output = '';
  await new Promise<void>((resolve, reject) => {
    const look = (chunk: Buffer): void => {
      output += chunk.toString();
      if (output.includes('"event":"gateway.started"')) resolve();
    };
    child.stdout.on('data', look);
    child.stderr.on('data', look);
    child.once('exit', (code) => reject(new Error(`The gateway ended with ${code}:\n${output}`)));
  });
  return { process: child, ended, output: () => output };
}

/** A real client: plain HTTP in absolute form, CONNECT for https. Answers the status, the proxy's where it refuses the tunnel. */
async function curl(proxyUrl: string, url: string): Promise<{ readonly status: number; readonly body: string }> {
  const args = ['-s', '-k', '--noproxy', '', '-x', proxyUrl, '-w', '\n%{http_code} %{http_connect}', url];
  const { stdout } = await promisify(execFile)('curl', args).catch((error: unknown) => {
    // 56: the tunnel was refused.
    const { code, stdout: printed } = error as { readonly code?: unknown; readonly stdout?: string };
    if (code === 56 && printed !== undefined) return { stdout: printed };
    throw error;
  });
  const end = stdout.lastIndexOf('\n');
  const [status = 0, connected = 0] = stdout
    .slice(end + 1)
    .split(' ')
    .map(Number);
  return { status: status === 0 ? connected : status, body: stdout.slice(0, end) };
}

for (const { name, title, emulator, deploy } of platforms) {
  describe.runIf(emulator !== undefined)(`dist/gateway beside ${title}`, () => {
    const secrets = makeDeployedSecrets();
    const plain = createServer((request, response) => response.end(`plain ${request.url ?? ''}`));
    const secure = createSecureServer(selfSigned(), (_request, response) => response.end('secure'));
    let origin: string;
    let secureOrigin: string;
    let deployment: Deployment;
    let gateway: Gateway;
    let gatewayPort: number;
    let health: string;

    beforeAll(async () => {
      gatewayPort = await freePort();
      const healthPort = await freePort();
      health = `http://127.0.0.1:${healthPort}`;
      const configuration: Configuration = {
        ...deployedConfiguration,
        pools: { ...deployedConfiguration.pools, direct: { vendor: 'direct' } },
        gateway: { publicUrl: `http://127.0.0.1:${gatewayPort}`, egress: { allowLoopback: true } },
      };
      deployment = await deploy(emulator ?? '', secrets, {
        PORTOLAN_CONFIG: JSON.stringify(configuration),
        PORTOLAN_ATTEMPT_TIMEOUT_MS: '10000',
      });
      gateway = await startGateway({
        ...deployment.env,
        PORTOLAN_PLATFORM: name,
        PORTOLAN_GATEWAY_HOST: '127.0.0.1',
        PORTOLAN_GATEWAY_PORT: String(gatewayPort),
        PORTOLAN_HEALTH_PORT: String(healthPort),
      });
      plain.listen(0, '127.0.0.1');
      secure.listen(0, '127.0.0.1');
      await Promise.all([once(plain, 'listening'), once(secure, 'listening')]);
      origin = `http://127.0.0.1:${(plain.address() as AddressInfo).port}/a?b=c`;
      secureOrigin = `https://127.0.0.1:${(secure.address() as AddressInfo).port}/`;
    });
    afterAll(async () => {
      if (gateway?.process.exitCode === null) {
        gateway.process.kill('SIGKILL');
        await gateway.ended;
      }
      await deployment?.stop();
      plain.close();
      secure.close();
    });

    const call = async (method: string, path: string, body?: object): Promise<Record<string, unknown>> => {
      const response = await fetch(deployment.api + path, {
        method,
        headers: {
          authorization: `Bearer ${secrets.key}`,
          ...(body !== undefined && { 'content-type': 'application/json' }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      expect(response.ok, text).toBe(true);
      return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
    };
    const create = async (): Promise<{ readonly sessionId: string; readonly proxyUrl: string }> => {
      const { sessionId, proxyUrl } = await call('POST', '/v1/sessions', { pool: 'direct' });
      return { sessionId: String(sessionId), proxyUrl: String(proxyUrl) };
    };
    const usageOf = async (sessionId: string): Promise<{ readonly bytesUp: number; readonly bytesDown: number }> =>
      (await call('GET', `/v1/sessions/${sessionId}/usage`)) as { bytesUp: number; bytesDown: number };

    test('the health port says alive and ready, and serves nothing else', async () => {
      const status = async (path: string): Promise<number> => (await fetch(health + path)).status;
      for (const path of ['/healthz', '/livez']) expect(await status(path), path).toBe(200);
      const ready = await fetch(`${health}/readyz`);
      expect(ready.status, await ready.text()).toBe(200);
      expect(await status('/v1/openapi.json')).toBe(404);
      expect(await status('/v1/sessions')).toBe(404);
    });

    test('a session the function made goes through, plain and by CONNECT, and its usage is read from the function', async () => {
      const { sessionId, proxyUrl } = await create();
      expect(new URL(proxyUrl).port).toBe(String(gatewayPort));
      expect(await curl(proxyUrl, origin)).toEqual({ status: 200, body: 'plain /a?b=c' });
      expect(await curl(proxyUrl, secureOrigin)).toEqual({ status: 200, body: 'secure' });
      // Counted beside the traffic. A TLS handshake alone is more than this.
      await expect.poll(async () => (await usageOf(sessionId)).bytesDown, { interval: 200 }).toBeGreaterThan(600);
      expect((await usageOf(sessionId)).bytesUp).toBeGreaterThan(300);
    });

    test('deleting by the function refuses the token at once', async () => {
      const { sessionId, proxyUrl } = await create();
      expect((await curl(proxyUrl, origin)).status).toBe(200);
      await call('DELETE', `/v1/sessions/${sessionId}`);
      expect((await curl(proxyUrl, origin)).status).toBe(407);
      expect((await curl(proxyUrl, secureOrigin)).status).toBe(407);
    });

    test('rotating by the function refuses the old token at once, and the new one goes through', async () => {
      const { sessionId, proxyUrl } = await create();
      expect((await curl(proxyUrl, origin)).status).toBe(200);
      const rotated = await call('POST', `/v1/sessions/${sessionId}/rotate`, { generation: 1 });
      expect((await curl(proxyUrl, origin)).status).toBe(407);
      expect((await curl(proxyUrl, secureOrigin)).status).toBe(407);
      expect((await curl(String(rotated['proxyUrl']), origin)).status).toBe(200);
    });

    test('a private address stays refused', async () => {
      const { proxyUrl } = await create();
      expect((await curl(proxyUrl, 'http://169.254.169.254/latest/meta-data/')).status).toBe(403);
    });

    test('told to stop, it lets a tunnel go on to its end, takes no new one, writes its usage and ends in order', async () => {
      const { sessionId, proxyUrl } = await create();
      const { username, password } = new URL(proxyUrl);
      const credentials = Buffer.from(`${username}:${password}`).toString('base64');
      const authority = new URL(origin).host;
      const tunnel = connect(gatewayPort, '127.0.0.1');
      tunnel.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\nProxy-Authorization: Basic ${credentials}\r\n\r\n`);
      expect(String((await once(tunnel, 'data'))[0])).toMatch(/^HTTP\/1\.1 200 /);
      const sent = `GET / HTTP/1.1\r\nHost: ${authority}\r\n\r\n`;
      tunnel.write(sent);
      await once(tunnel, 'data');
      gateway.process.kill('SIGTERM');
      await expect.poll(() => gateway.output()).toContain('"event":"gateway.stopping"');
      expect((await fetch(`${health}/livez`)).status).toBe(200);
      expect((await fetch(`${health}/readyz`)).status).toBe(503);
      await expect(curl(proxyUrl, origin)).rejects.toMatchObject({ code: 7 });
      tunnel.write(sent);
      await once(tunnel, 'data');
      tunnel.end();
      expect(await gateway.ended).toEqual([0, null]);
      const usage = await usageOf(sessionId);
      expect(usage.bytesUp).toBe(2 * sent.length);
      expect(usage.bytesDown).toBeGreaterThan(0);
    });

    test('it printed nothing secret', () => {
      const printed = gateway.output();
      expect(printed).toContain('gateway.started');
      for (const secret of ['pts_', secrets.key, secrets.values['signing-key'] ?? '']) expect(printed).not.toContain(secret);
    });
  });
}

describe('a gateway that is told to stop, with a delay', () => {
  const folder = mkdtempSync(join(tmpdir(), 'portolan-gateway-'));
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  test('is not ready and takes new connections all the same, until the delay is over or a second signal comes', async () => {
    const [gatewayPort, healthPort] = [await freePort(), await freePort()];
    const configuration: Configuration = {
      auth: { storedKeys: true },
      signingSecret: 'signing',
      pools: { default: { vendor: 'direct' } },
      gateway: { publicUrl: `http://127.0.0.1:${gatewayPort}` },
    };
    const { process: child, ended } = await startGateway({
      PORTOLAN_PLATFORM: 'local',
      PORTOLAN_DATA: folder,
      PORTOLAN_CONFIG: JSON.stringify(configuration),
      PORTOLAN_SECRET_SIGNING: 'a'.repeat(40),
      PORTOLAN_GATEWAY_HOST: '127.0.0.1',
      PORTOLAN_GATEWAY_PORT: String(gatewayPort),
      PORTOLAN_HEALTH_PORT: String(healthPort),
      PORTOLAN_DRAIN_DELAY_SECONDS: '3600',
    });
    const ready = async (): Promise<number> => (await fetch(`http://127.0.0.1:${healthPort}/readyz`)).status;
    expect(await ready()).toBe(200);
    child.kill('SIGTERM');
    await expect.poll(ready).toBe(503);
    expect((await curl(`http://a:b@127.0.0.1:${gatewayPort}`, 'http://example.com/')).status).toBe(407);
    // what comes within a moment counts as the same signal
    await expect.poll(() => (child.kill('SIGTERM'), child.exitCode)).toBe(0);
    await ended;
  });
});

describe('a gateway that cannot start', () => {
  const config = (configuration: object): Variables => ({ PORTOLAN_CONFIG: JSON.stringify(configuration) });

  test.for<[name: string, env: Variables, says: RegExp]>([
    ['no platform', {}, /^PORTOLAN_PLATFORM is not set: it must hold aws, azure, gcp or local\n$/],
    ['an unknown platform', { PORTOLAN_PLATFORM: 'ibm' }, /^PORTOLAN_PLATFORM must be aws, azure, gcp or local\n$/],
    ['no table', { PORTOLAN_PLATFORM: 'aws', ...config(deployedConfiguration) }, /^PORTOLAN_TABLE is not set: [^\n]+\n$/],
    ['no vault', { PORTOLAN_PLATFORM: 'azure', ...config(deployedConfiguration) }, /^PORTOLAN_KEY_VAULT_URL is not set: [^\n]+\n$/],
    ['no project', { PORTOLAN_PLATFORM: 'gcp', ...config(deployedConfiguration) }, /^GOOGLE_CLOUD_PROJECT is not set: [^\n]+\n$/],
    ['no configuration', { PORTOLAN_PLATFORM: 'local' }, /^No configuration: set PORTOLAN_CONFIG[^\n]+\n$/],
    [
      'no address that URLs lead to',
      { PORTOLAN_PLATFORM: 'gcp', GOOGLE_CLOUD_PROJECT: 'p', ...config(deployedConfiguration) },
      /^gateway\.publicUrl is not set in the configuration: [^\n]+\n$/,
    ],
    [
      "no address, and routes to handlers: it has no use for the functions' own code",
      {
        PORTOLAN_PLATFORM: 'gcp',
        GOOGLE_CLOUD_PROJECT: 'p',
        ...config({ ...deployedConfiguration, routes: [{ id: 'mine', handler: 'mine' }] }),
      },
      /^gateway\.publicUrl is not set in the configuration: [^\n]+\n$/,
    ],
    [
      'a port that is none',
      { PORTOLAN_PLATFORM: 'gcp', PORTOLAN_GATEWAY_PORT: 'x' },
      /^PORTOLAN_GATEWAY_PORT must be a whole number[^\n]+\n$/,
    ],
  ])('%s: exit code 2 and one sentence', async ([, variables, says]) => {
    const failed = promisify(execFile)(process.execPath, [bundle], { env: { PATH: process.env['PATH'], ...variables } });
    await expect(failed).rejects.toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(says) as string });
  });
});
