import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { unzip } from '../../.build/zip.ts';
import { startFront } from '../support/aws/front.ts';
import { startLambda } from '../support/aws/lambda-runtime.ts';
import { startFunctionsHost } from '../support/azure/functions-host.ts';
import { portolan, startPortolan } from '../support/local/portolan-process.ts';
import { serveFunction } from '../support/gcp/functions-framework.ts';

/** A started function: where it answers, and how it ends. */
interface Started {
  readonly url: string;
  stop(): Promise<unknown>;
}

/** Nothing but routes: no store and no secret is ever asked for. */
const clouds: Readonly<Record<string, (folder: string, env?: Readonly<Record<string, string>>) => Promise<Started>>> = {
  async aws(folder, env) {
    const lambda = await startLambda({ taskRoot: folder, env: { PORTOLAN_TABLE: 'none', ...env } });
    const front = await startFront({ source: 'aws-http-v2', lambda });
    return { url: front.origin, stop: () => Promise.all([front.stop(), lambda.stop()]) };
  },
  azure: (folder, env) =>
    startFunctionsHost({
      folder,
      env: {
        PORTOLAN_TABLE: 'none',
        PORTOLAN_TABLE_ENDPOINT: 'https://none.table.core.windows.net',
        PORTOLAN_KEY_VAULT_URL: 'https://none.vault.azure.net',
        ...env,
      },
    }),
  gcp: (folder, env) => serveFunction(folder, { env: { GOOGLE_CLOUD_PROJECT: 'none', ...env } }),
};

describe("the user's own code in a package, unpacked and started as it is deployed", () => {
  let folder: string;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'portolan-handlers-'));
    const { status, stderr } = spawnSync(
      process.execPath,
      [
        '.build/package.ts',
        ...['--config', 'examples/gateway/handler.yaml', '--handlers', 'examples/gateway/handlers.mjs'],
        ...['--out', join(folder, 'packages')],
      ],
      { encoding: 'utf8' },
    );
    if (status !== 0) throw new Error(stderr);
    for (const cloud of Object.keys(clouds)) {
      mkdirSync(join(folder, cloud));
      for (const { name, content } of unzip(readFileSync(join(folder, 'packages', cloud, 'function.zip')))) {
        writeFileSync(join(folder, cloud, name), content);
      }
    }
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test.for(Object.entries(clouds))('answers on %s', async ([cloud, start]) => {
    const started = await start(join(folder, cloud));
    try {
      const answer = await fetch(`${started.url}/hello?name=you`);
      expect([answer.status, await answer.json()]).toEqual([200, { hello: 'you' }]);
      expect((await fetch(`${started.url}/elsewhere`)).status).toBe(404);
    } finally {
      await started.stop();
    }
  });

  test.for(Object.entries(clouds))(
    'has to be there on %s: a route to a handler that is not keeps it from starting',
    async ([cloud, start]) => {
      const env = { PORTOLAN_CONFIG: JSON.stringify({ routes: [{ id: 'hello', handler: 'helo' }] }) };
      await expect(start(join(folder, cloud), env)).rejects.toThrow(/\/routes\/0\/handler is not a handler.*did you mean "hello"/);
    },
  );
});

describe("the user's own code beside a configuration file", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'portolan-beside-'));
    writeFileSync(join(folder, 'handlers.mjs'), readFileSync('examples/gateway/handlers.mjs'));
    writeFileSync(join(folder, 'right.yaml'), 'routes: [{ id: mine, handler: hello }]');
    writeFileSync(join(folder, 'mistyped.yaml'), 'routes:\n  - id: mine\n    handler: helo');
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test('is what `config check` and `dev` know handlers by', async () => {
    expect(await portolan(['config', 'check', join(folder, 'right.yaml')])).toMatchObject({ code: 0, stderr: '' });
    for (const command of [
      ['config', 'check'],
      ['dev', '--data', join(folder, 'data'), '--config'],
    ]) {
      const { code, stderr } = await portolan([...command, join(folder, 'mistyped.yaml')]);
      expect([command[0], code]).toEqual([command[0], 2]);
      expect(stderr).toMatch(/mistyped\.yaml:3: \/routes\/0\/handler is not a handler.*did you mean "hello"\?/);
    }
  });

  test('answers under `dev`, and to `invoke`', async () => {
    const config = ['--config', join(folder, 'right.yaml'), '--data', join(folder, 'data')];
    const server = await startPortolan(config);
    try {
      const [, url = ''] = /reverse proxy\s+(\S+)/.exec(server.greeting) ?? [];
      expect(await (await fetch(`${url}/?name=you`)).json()).toEqual({ hello: 'you' });
    } finally {
      await server.kill('SIGTERM');
    }
    const event = join(folder, 'event.json');
    writeFileSync(event, JSON.stringify({ method: 'GET', url: '/?name=event', headers: { host: 'localhost' } }));
    const invoked = await portolan(['invoke', '--source', 'gcp', '--event', event, ...config]);
    expect(JSON.parse(invoked.stdout), invoked.stderr).toMatchObject({ status: 200, body: '{"hello":"event"}' });
  });

  test('is not needed to check a configuration elsewhere, and must be there when it is named', async () => {
    writeFileSync(join(folder, 'data', 'alone.yaml'), 'routes: [{ id: mine, handler: anything }]');
    expect(await portolan(['config', 'check', join(folder, 'data', 'alone.yaml')])).toMatchObject({ code: 0 });
    const named = { PORTOLAN_HANDLERS_FILE: join(folder, 'nowhere.mjs') };
    expect(await portolan(['config', 'check', join(folder, 'right.yaml')], named)).toMatchObject({
      code: 2,
      stderr: 'The file that PORTOLAN_HANDLERS_FILE names does not exist\n',
    });
  });
});
