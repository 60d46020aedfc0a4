import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { portolan, startPortolan } from '../support/local/portolan-process.ts';
import type { RunningPortolan } from '../support/local/portolan-process.ts';
import { selfSigned } from '../support/self-signed.ts';

const run = promisify(execFile);

/** What a newcomer has: curl. Answers status and body. */
async function curl(...args: readonly string[]): Promise<{ readonly status: number; readonly body: string }> {
  try {
    const { stdout } = await run('curl', ['-s', '-k', '--noproxy', '', '-w', '\n%{http_code}', ...args]);
    const end = stdout.lastIndexOf('\n');
    return { status: Number(stdout.slice(end + 1)), body: stdout.slice(0, end) };
  } catch (error) {
    // A tunnel that is refused: curl's exit code 56 and the proxy's status.
    const { code, stdout = '' } = error as { code?: unknown; stdout?: string };
    if (code !== 56 && code !== 7) throw error;
    return { status: Number(stdout.trim().split('\n').at(-1)), body: '' };
  }
}

describe('portolan dev, as a newcomer uses it', () => {
  let folder: string;
  let server: RunningPortolan;
  let key: string;
  let origin: string;
  let secureOrigin: string;
  const closers: (() => void)[] = [];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'portolan-'));
    server = await startPortolan(['--data', join(folder, 'data')]);
    key = server.firstKey ?? '';
    const plain = createServer((request, response) => response.end(`plain from ${request.socket.remoteAddress ?? ''}`)).listen(
      0,
      '127.0.0.1',
    );
    const secure = createSecureServer(selfSigned(), (_request, response) => response.end('secure')).listen(0, '127.0.0.1');
    await Promise.all([once(plain, 'listening'), once(secure, 'listening')]);
    origin = `http://127.0.0.1:${(plain.address() as AddressInfo).port}/`;
    secureOrigin = `https://127.0.0.1:${(secure.address() as AddressInfo).port}/`;
    closers.push(
      () => plain.close(),
      () => secure.close(),
    );
  });
  afterAll(async () => {
    await server.kill('SIGTERM');
    for (const close of closers) close();
    rmSync(folder, { recursive: true });
  });

  const api = (method: string, path: string, body?: object): Promise<{ readonly status: number; readonly body: string }> =>
    curl(
      '-X',
      method,
      `${server.api}${path}`,
      '-H',
      `Authorization: Bearer ${key}`,
      ...(body === undefined ? [] : ['-H', 'Content-Type: application/json', '-d', JSON.stringify(body)]),
    );

  test('it prints a first API key once, and lines to copy', () => {
    expect(key).toMatch(/^ptl_[a-z0-9]+_[A-Za-z0-9_-]{43}$/);
    expect(server.greeting).toContain('curl -x "$proxyUrl"');
  });

  test('the printed lines work as printed', async () => {
    const lines = server.greeting.slice(server.greeting.indexOf('Try it in another terminal:')).split('\n');
    const script = [
      `export PORTOLAN_API_KEY=${key}`,
      ...lines.slice(1, -3),
      `curl -s -o /dev/null -w "%{http_code}" -x "$proxyUrl" --noproxy "" ${server.api}/healthz`,
    ].join('\n');
    const { stdout } = await run('bash', ['-c', script]);
    expect(stdout).toContain('http://session:pts_default.first.');
    expect(stdout).toContain('{"status":"ok"}');
    expect(stdout.trim().endsWith('407'), stdout).toBe(true);
  });

  test('the proxy URL reaches a plain and a secure origin, again and again, until the session is deleted', async () => {
    const created = await api('POST', '/v1/sessions', { sessionId: 'sticky', ttlSeconds: 600 });
    expect(created.status).toBe(201);
    const { proxyUrl } = JSON.parse(created.body) as { proxyUrl: string };
    for (let round = 0; round < 3; round++) {
      expect(await curl('-x', proxyUrl, origin)).toEqual({ status: 200, body: 'plain from 127.0.0.1' });
      expect(await curl('-x', proxyUrl, secureOrigin)).toEqual({ status: 200, body: 'secure' });
    }
    const usage = JSON.parse((await api('GET', '/v1/sessions/sticky/usage')).body) as { bytesUp: number; bytesDown: number };
    expect(usage.bytesUp).toBeGreaterThan(300);
    expect(usage.bytesDown).toBeGreaterThan(300);
    expect((await api('DELETE', '/v1/sessions/sticky')).status).toBe(204);
    expect((await curl('-x', proxyUrl, origin)).status).toBe(407);
    expect((await curl('-x', proxyUrl, '-o', '/dev/null', '-w', '\n%{http_connect}', secureOrigin)).status).toBe(407);
  });

  test('rotating refuses the old token and accepts the new one at once', async () => {
    const first = JSON.parse((await api('POST', '/v1/sessions', { sessionId: 'turning' })).body) as { proxyUrl: string };
    const second = JSON.parse((await api('POST', '/v1/sessions/turning/rotate', { generation: 1 })).body) as { proxyUrl: string };
    expect((await curl('-x', first.proxyUrl, origin)).status).toBe(407);
    expect((await curl('-x', second.proxyUrl, origin)).status).toBe(200);
  });

  // The limit is far sooner than credentials are judged again.
  test('rotating cuts an open tunnel of the former generation at once', { timeout: 20_000 }, async () => {
    const { proxyUrl } = JSON.parse((await api('POST', '/v1/sessions', { sessionId: 'cut' })).body) as { proxyUrl: string };
    const { hostname, port, username, password } = new URL(proxyUrl);
    const tunnel = connect(Number(port), hostname);
    const { host } = new URL(origin);
    const basic = Buffer.from(`${username}:${password}`).toString('base64');
    tunnel.write(`CONNECT ${host} HTTP/1.1\r\nHost: ${host}\r\nProxy-Authorization: Basic ${basic}\r\n\r\n`);
    const [head] = (await once(tunnel, 'data')) as [Buffer];
    expect(head.toString('latin1')).toMatch(/^HTTP\/1\.1 200 /);
    const closed = new Promise<void>((resolve) => {
      tunnel.on('error', () => undefined).once('close', () => resolve());
    });
    expect((await api('POST', '/v1/sessions/cut/rotate')).status).toBe(200);
    await closed;
  });

  test('extending a session keeps the proxy URL in use good beyond the former end, and usage can be read after the end', async () => {
    const created = await api('POST', '/v1/sessions', { sessionId: 'longer', ttlSeconds: 10 });
    const { proxyUrl } = JSON.parse(created.body) as { proxyUrl: string };
    const extended = JSON.parse((await api('POST', '/v1/sessions/longer/extend', { ttlSeconds: 60 })).body) as { proxyUrl: string };
    expect(extended.proxyUrl).toBe(proxyUrl);
    expect((await curl('-x', proxyUrl, origin)).status).toBe(200);
    expect((await api('DELETE', '/v1/sessions/longer')).status).toBe(204);
    const usage = await api('GET', '/v1/sessions/longer/usage');
    expect(usage.status).toBe(200);
    expect((JSON.parse(usage.body) as { bytesDown: number }).bytesDown).toBeGreaterThan(0);
  });

  test('metadata and private addresses are refused', async () => {
    const { proxyUrl } = JSON.parse((await api('POST', '/v1/sessions', {})).body) as { proxyUrl: string };
    for (const target of ['http://169.254.169.254/latest/meta-data/', 'http://10.0.0.1/', 'http://[fd00:ec2::254]/']) {
      expect((await curl('-x', proxyUrl, target)).status, target).toBe(403);
    }
  });

  test('neither a key nor a token is printed or stored', async () => {
    const { proxyUrl } = JSON.parse((await api('POST', '/v1/sessions', {})).body) as { proxyUrl: string };
    const token = new URL(proxyUrl).password;
    const after = server.output().slice(server.greeting.length);
    expect(after).not.toContain(token);
    expect(after).not.toContain(key);
    const stored = ['portolan.sqlite', 'portolan.sqlite-wal']
      .map((file) => readFileSync(join(folder, 'data', file), 'latin1'))
      .join('');
    expect(stored).not.toContain(token.slice(-43));
    expect(stored).not.toContain(key.slice(-43));
    expect(statSync(join(folder, 'data', 'secrets', 'signing-key')).mode & 0o077).toBe(0);
  });

  test('the command line does all that the API does', async () => {
    const as = { PORTOLAN_API_KEY: key, PORTOLAN_URL: server.api };
    const created = await portolan(['sessions', 'create', '--id', 'by-hand', '--ttl', '60', '--tag', 'job=cli', '--json'], as);
    expect(created).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(created.stdout)).toMatchObject({ sessionId: 'by-hand', tags: { job: 'cli' } });
    expect((await portolan(['sessions', 'get', 'by-hand'], as)).stdout).toContain('by-hand (active, generation 1)');
    expect((await portolan(['sessions', 'rotate', 'by-hand', '--generation', '1'], as)).stdout).toContain('generation 2');
    expect((await portolan(['sessions', 'extend', 'by-hand', '--ttl', '120', '--json'], as)).code).toBe(0);
    expect((await portolan(['sessions', 'list', '--tag', 'job:cli'], as)).stdout).toContain('by-hand');
    expect((await portolan(['sessions', 'delete', 'by-hand', '--json'], as)).stdout).toContain('"deleted": true');
    const gone = await portolan(['sessions', 'get', 'by-hand'], as);
    expect(gone).toMatchObject({ code: 1, stdout: '' });
    expect(gone.stderr).toContain('410 The session is deleted');
  });

  test('keys are made, listed and revoked beside the running server', async () => {
    const data = ['--data', join(folder, 'data')];
    const made = JSON.parse((await portolan(['keys', 'create', '--tenant', 'second', '--json', ...data])).stdout) as {
      key: string;
      record: { id: string };
    };
    const asSecond = (): Promise<{ readonly status: number }> =>
      curl(`${server.api}/v1/sessions`, '-H', `Authorization: Bearer ${made.key}`);
    expect((await asSecond()).status).toBe(200);
    const listed = await portolan(['keys', 'list', '--json', ...data]);
    expect(listed.stdout).toContain(made.record.id);
    expect(listed.stdout).not.toContain('hash');
    expect((await portolan(['keys', 'revoke', made.record.id, ...data])).code).toBe(0);
    expect((await portolan(['keys', 'revoke', made.record.id, ...data])).code).toBe(1);
    await expect.poll(async () => (await asSecond()).status, { interval: 500 }).toBe(401);
  });
});

describe('what is acknowledged is kept', () => {
  test('killing the server at any moment loses no acknowledged session', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'portolan-kill-'));
    const acknowledged: string[] = [];
    let key: string | undefined;
    for (let life = 0; life < 3; life++) {
      const server = await startPortolan(['--data', folder, '--quiet']);
      key ??= server.firstKey;
      const headers = { authorization: `Bearer ${key ?? ''}` };
      for (const id of acknowledged) {
        expect((await fetch(`${server.api}/v1/sessions/${id}`, { headers })).status, id).toBe(200);
      }
      const writers = Array.from({ length: 4 }, async () => {
        for (;;) {
          const answer = await fetch(`${server.api}/v1/sessions`, { method: 'POST', headers }).catch(() => undefined);
          if (answer?.status !== 201) return;
          const body = await answer.text().catch(() => undefined);
          if (body === undefined) return;
          acknowledged.push((JSON.parse(body) as { sessionId: string }).sessionId);
          if (acknowledged.length >= 20 * (life + 1)) void server.kill('SIGKILL');
        }
      });
      await Promise.all(writers);
    }
    expect(acknowledged.length).toBeGreaterThanOrEqual(60);
    rmSync(folder, { recursive: true });
  });
});

/** A kilobyte of YAML that stands for a billion items. */
const bomb = Array.from(
  { length: 10 },
  (_, at) =>
    `a${at}: &a${at} [${Array(10)
      .fill(at === 0 ? 'x' : `*a${at - 1}`)
      .join(',')}]\n`,
).join('');

describe('what cannot start says why', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'portolan-config-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const start = (text: string): ReturnType<typeof portolan> => {
    const file = join(folder, 'portolan.yaml');
    writeFileSync(file, text);
    return portolan(['dev', '--data', join(folder, 'data'), '--config', file]);
  };

  test.for<[name: string, text: string, says: RegExp]>([
    [
      'a mistyped member',
      'auth: {storedKeys: true}\nsigningSecret: k\npools:\n  a:\n    vendro: direct\n',
      /portolan\.yaml:\d: \/pools\/a\/\S+ .*/,
    ],
    [
      'an unknown member',
      'auth: {storedKeys: true}\nsigningSecrett: k\npools: {a: {vendor: direct}}\n',
      /portolan\.yaml:\d: .*signingSecret/,
    ],
    [
      'an unknown vendor',
      'auth: {storedKeys: true}\nsigningSecret: k\npools:\n  a:\n    vendor: oxylab\n',
      /portolan\.yaml:5: \/pools\/a\/vendor is not a vendor template; did you mean "oxylabs"\?/,
    ],
    ['no authentication', 'signingSecret: k\npools: {a: {vendor: direct}}\n', /\/auth is required/],
    ['no YAML', 'auth: [\n', /portolan\.yaml:\d: /],
    [
      'a vendor called constructor',
      'auth: {}\nsigningSecret: k\npools:\n  a:\n    vendor: constructor\n',
      /portolan\.yaml:5: \/pools\/a\/vendor is not a vendor template/,
    ],
    [
      'an egress exception that says nothing',
      'auth: {}\nsigningSecret: k\npools: {a: {vendor: direct}}\ngateway:\n  egress:\n    allow:\n      - 10.0.0.1\n      - not a host!!\n',
      /portolan\.yaml:8: \/gateway\/egress\/allow\/1 is not an address range/,
    ],
    ['aliases that would fill the memory', bomb, /portolan\.yaml: Excessive alias count/],
    ['an alias that names nothing', 'auth: *nobody\n', /portolan\.yaml: Unresolved alias/],
    [
      'a required member under a mistyped name',
      'auth: {}\nsigningSecret: k\npols: {a: {vendor: direct}}\n',
      /\/pols is not a known member; did you mean "pools"\?/,
    ],
  ])('%s: exit code 2, file, line and hint', async ([, text, says]) => {
    const { code, stderr, stdout } = await start(text);
    expect(stderr).toMatch(says);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  test('a port that is taken: exit code 2 and what to do', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const { code, stderr } = await portolan([
      'dev',
      '--data',
      join(folder, 'taken'),
      '--port',
      String(port),
      '--gateway-port',
      '0',
    ]);
    server.close();
    expect(code).toBe(2);
    expect(stderr).toContain(`Port ${port} is taken`);
  });

  test.each([
    ['an address of another machine', ['--host', '192.0.2.1'], '--host 192.0.2.1 is no address of this machine (EADDRNOTAVAIL).'],
    ['a data folder that is a file', ['--data', 'package.json'], 'The data folder package.json cannot be used (ENOTDIR)'],
  ])('%s: exit code 2 and what to do', async (_what, args, says) => {
    const { code, stderr } = await portolan([
      'dev',
      '--data',
      join(folder, 'elsewhere'),
      '--port',
      '0',
      '--gateway-port',
      '0',
      ...args,
    ]);
    expect([code, stderr]).toEqual([2, expect.stringContaining(says)]);
  });

  test('secrets that are missing are named in the greeting, and no example is printed that egress refuses', async () => {
    const file = join(folder, 'vendor.yaml');
    writeFileSync(
      file,
      'auth: {}\nsigningSecret: no-key\npools:\n  a: { vendor: iproyal, secret: gone-too, account: { username: u } }\n',
    );
    const data = join(folder, 'vendor');
    const server = await startPortolan(['--data', data, '--config', file]);
    await server.kill('SIGTERM');
    expect(server.greeting).toContain('Portolan is running, but not ready:');
    expect(server.greeting).toContain(
      `secret no-key: not_found; set PORTOLAN_SECRET_NO_KEY, or write ${join(data, 'secrets', 'no-key')}`,
    );
    expect(server.greeting).toContain('secret gone-too: not_found');
    expect(server.greeting).not.toMatch(/curl -x .*healthz/);
  });

  test('the command that makes another key is printed so that it runs', async () => {
    const data = join(folder, 'again');
    await (await startPortolan(['--data', data])).kill('SIGTERM');
    const server = await startPortolan(['--data', data]);
    await server.kill('SIGTERM');
    const command = /^ {2}(.* keys create .*)$/m.exec(server.greeting)?.[1] ?? 'false';
    expect((await run('bash', ['-c', command])).stdout).toContain('ptl_');
  });

  test('an IPv6 address stands in brackets for the gateway too', async () => {
    const server = await startPortolan(['--data', join(folder, 'six'), '--host', '::1']);
    await server.kill('SIGTERM');
    expect(server.greeting).toMatch(/forward gateway {2}http:\/\/\[::1\]:\d+\n/);
  });

  test.for<[string, readonly string[], number, RegExp]>([
    ['a name that is too long', ['keys', 'create', '--name', 'x'.repeat(129)], 2, /--name must have at most 128/],
    ['a data folder that is a file', ['keys', 'create', '--data', 'README.md'], 1, /^Failed: E(NOTDIR|EXIST): .*\n$/],
    ['listing the keys of a file', ['keys', 'list', '--data', 'README.md'], 2, /README\.md is no data folder/],
    ['an address that is none', ['sessions', 'list', '--key', 'k', '--url', 'nonsense'], 2, /--url: write http/],
  ])('%s: one sentence, no stack', async ([, args, code, says]) => {
    const result = await portolan(args);
    expect(result.stderr).toMatch(says);
    expect(result.stderr).not.toMatch(/\n\s+at /);
    expect(result).toMatchObject({ code, stdout: '' });
  });

  test('a database of another make: one sentence, no stack', async () => {
    const data = join(folder, 'garbage');
    mkdirSync(data);
    writeFileSync(join(data, 'portolan.sqlite'), 'no database at all, but long enough to be taken for one');
    const { code, stderr } = await portolan(['keys', 'list', '--data', data]);
    expect(code).toBe(1);
    expect(stderr).toBe('Failed: sqlite.open: data_loss (SQLITE_NOTADB)\n');
  });

  test.for([
    ['20.20.2', 2, 'Portolan needs Node 22.13 or newer, and this is 20.20.2.'],
    ['22.12.0', 2, 'Portolan needs Node 22.13 or newer, and this is 22.12.0.'],
    ['22.13.0', 0, ''],
  ] as const)('under Node %s: exit code %d', async ([version, code, says]) => {
    const claim = `Object.defineProperty(process,'versions',{value:{...process.versions,node:'${version}'}})`;
    const result = await portolan(['--version'], { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(claim)}` });
    expect(result.stderr).toContain(says);
    expect(result.stderr).not.toMatch(/\n\s+at /);
    expect(result.code).toBe(code);
  });

  test('looking for keys in a mistyped folder makes none there', async () => {
    const data = join(folder, 'mistyped');
    expect(await portolan(['keys', 'list', '--data', data])).toMatchObject({ code: 2 });
    expect(await portolan(['keys', 'revoke', 'x', '--data', data])).toMatchObject({ code: 2 });
    expect(existsSync(data)).toBe(false);
  });

  test('an API behind a path is called at that path', async () => {
    const asked: (string | undefined)[] = [];
    const server = createServer((request, response) => {
      asked.push(request.url);
      response.end('{"sessions":[],"nextCursor":null}');
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    for (const base of [`${url}/prod`, `${url}/prod/`, url]) await portolan(['sessions', 'list', '--key', 'k', '--url', base]);
    server.close();
    expect(asked).toEqual(['/prod/v1/sessions?', '/prod/v1/sessions?', '/v1/sessions?']);
  });

  test('wrong usage: exit code 2 and the help', async () => {
    expect(await portolan(['dev', '--prot', '1'])).toMatchObject({ code: 2 });
    expect((await portolan(['--help'])).stdout).toContain('A serverless proxy that belongs to no cloud');
  });
});
