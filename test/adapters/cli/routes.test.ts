import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const configuration = {
  routes: [
    { id: 'beta', priority: 10, match: { paths: ['/users/*'], headers: [{ name: 'x-beta', equals: '1' }] }, upstream: 'new' },
    {
      id: 'office',
      match: { paths: ['/users/{id}/*'], clients: ['192.0.2.0/24'] },
      upstream: 'old',
      rewrite: { path: '/u/{id}/{rest}' },
    },
    { id: 'moved', match: { hosts: ['*.example.com'], paths: ['/old/*'] }, redirect: { to: 'https://www.example.com/{rest}' } },
    { id: 'users', match: { paths: ['/users/*'] }, upstream: 'old' },
    ...Array.from({ length: 30 }, (_, at) => ({ id: `s${at}`, match: { paths: [`/s/${at}`] }, respond: { status: 200 } })),
  ],
  upstreams: { old: { url: 'https://old.example.com' }, new: { url: 'https://new.example.com' } },
};

describe('portolan routes explain', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'portolan-routes-'));
    writeFileSync(join(folder, 'portolan.json'), JSON.stringify(configuration));
    writeFileSync(
      join(folder, 'sessions.json'),
      JSON.stringify({ auth: {}, signingSecret: 's', pools: { a: { vendor: 'direct' } } }),
    );
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  interface Result {
    readonly code: number;
    readonly stdout: string;
    readonly stderr: string;
  }

  const explain = (args: readonly string[], cwd = folder): Promise<Result> =>
    new Promise((resolve, reject) => {
      const program = join(import.meta.dirname, '../../../adapters/cli/portolan.ts');
      execFile(process.execPath, [program, 'routes', 'explain', ...args], { cwd }, (error, stdout, stderr) => {
        if (error !== null && typeof error.code !== 'number') reject(error);
        else resolve({ code: Number(error?.code ?? 0), stdout, stderr });
      });
    });

  it('says which route wins, why the others do not, and what is forwarded', async () => {
    const { code, stdout, stderr } = await explain(['GET https://a.example.com/users/7/x?q=1', '--client', '192.0.2.9']);
    expect(stderr).toBe('');
    expect(stdout).toBe(`GET a.example.com/users/7/x?q=1 from 192.0.2.9

  beta    no: header x-beta equals "1"  (priority 10)
  office  WINS
  users   matches, too late
  and 31 route(s) of other hosts and paths; --all lists them

Route office: upstream old.
Taken from the path: id = 7, * = x
Forwarded as: /u/7/x?q=1
`);
    expect(code).toBe(0);
  });

  it('takes header fields, each time -H is given', async () => {
    const { stdout } = await explain(['https://a/users/7', '-H', 'X-Other: 2', '-H', 'X-Beta:1', '--all']);
    expect(stdout).toContain('  beta    WINS  (priority 10)\n');
    expect(stdout).toContain('  s29     no: path /s/29\n');
  });

  it('prints the same as JSON', async () => {
    const { stdout } = await explain(['POST http://www.example.com:8080/old/a%20b', '--json']);
    const verdict = JSON.parse(stdout) as { readonly routes: readonly object[] };
    expect(verdict).toMatchObject({
      request: { method: 'POST', host: 'www.example.com:8080', target: '/old/a%20b', client: null },
      refused: null,
      control: false,
      winner: {
        id: 'moved',
        action: 'redirect, status 308',
        rest: 'a%20b',
        forwarded: null,
        location: 'https://www.example.com/a%20b',
      },
    });
    expect(verdict.routes).toHaveLength(34);
    expect(verdict.routes[1]).toEqual({ id: 'office', priority: 0, failed: 'path /users/{id}/*' });
  });

  it('ends with code 1 when no route matches, or the target is refused', async () => {
    const none = await explain(['GET https://a/nothing']);
    expect([none.code, none.stdout.trimEnd().split('\n').at(-1)]).toEqual([1, 'No route matches: 404.']);
    const refused = await explain(['GET https://a/users/..%2fadmin']);
    expect([refused.code, refused.stdout.trimEnd().split('\n').at(-1)]).toEqual([
      1,
      'But it is refused, 400: The path holds an encoded delimiter.',
    ]);
  });

  it('says when the control API keeps the path', async () => {
    expect((await explain(['GET https://a/healthz'])).stdout).toContain('But the control API keeps this path');
  });

  it('ends with code 2 and what to do when it is not used rightly', async () => {
    const cases: readonly (readonly [args: readonly string[], message: string, cwd?: string])[] = [
      [['GET /users'], 'write METHOD URL'],
      [['GET https://a/', '-H', 'no field'], 'write "name: value"'],
      [['GET https://a/', '--config', 'nowhere.yaml'], 'cannot be read'],
      [['GET https://a/', '--config', 'sessions.json'], 'has no routes'],
      [['GET https://a/'], 'name a configuration with --config', tmpdir()],
    ];
    for (const [args, message, cwd] of cases) {
      const { code, stderr } = await explain(args, cwd);
      expect(stderr).toContain(message);
      expect(code).toBe(2);
    }
  });

  it('refuses a client that is no address, and a host with credentials', async () => {
    expect(await explain(['GET https://a.example.com/users/7/x', '--client', '192.0.2'])).toMatchObject({
      code: 2,
      stderr: '--client: "192.0.2" is no IP address.\n',
    });
    expect((await explain(['GET https://user@a.example.com/'])).code).toBe(2);
  });
});
