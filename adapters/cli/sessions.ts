import type { Command } from 'commander';
import { CommandError } from './command-error.ts';
import { print, printTable } from './print.ts';

interface Connection {
  readonly url: string;
  readonly key?: string;
  readonly json?: boolean;
}

interface ShownSession {
  readonly sessionId: string;
  readonly state: string;
  readonly pool: string;
  readonly vendor: string;
  readonly label: string | null;
  readonly expiresAt: string;
  readonly effectiveUntil: string;
  readonly guarantee: string;
  readonly generation: number;
  readonly proxyUrl: string | null;
}

/** `portolan sessions ...`: a client of the control API. */
export function addSessionsCommands(program: Command): void {
  const sessions = program.command('sessions').description('create and manage sessions through the control API');

  connected(sessions.command('create').description('create a sticky session'))
    .option('--id <id>', 'session id; default: a random one')
    .option('--label <text>', 'for people')
    .option('--tag <key=value...>', 'tags')
    .option('--pool <name>', 'pool; default: the configured one')
    .option('--ttl <seconds>', 'lifetime')
    .option('--country <code>', 'ISO 3166-1 alpha-2')
    .option('--region <name>', 'state or region')
    .option('--city <name>', 'city')
    .option('--on-peer-loss <what>', 'fail or rotate')
    .option('--idempotency-key <key>', 'makes repeating the command safe')
    .action(async (options: Connection & Record<string, string | undefined> & { readonly tag?: readonly string[] }) => {
      const body = {
        sessionId: options['id'],
        label: options['label'],
        tags: options.tag && Object.fromEntries(options.tag.map(splitTag)),
        pool: options['pool'],
        ttlSeconds: options['ttl'] === undefined ? undefined : Number(options['ttl']),
        country: options['country'],
        region: options['region'],
        city: options['city'],
        onPeerLoss: options['onPeerLoss'],
      };
      const key = options['idempotencyKey'];
      show(options, await call(options, 'POST', '/v1/sessions', body, key === undefined ? {} : { 'idempotency-key': key }));
    });

  connected(sessions.command('get <id>').description('read a session')).action(async (id: string, options: Connection) => {
    show(options, await call(options, 'GET', `/v1/sessions/${encodeURIComponent(id)}`));
  });

  connected(sessions.command('list').description('list sessions'))
    .option('--limit <n>', 'page size, at most 200')
    .option('--cursor <cursor>', 'from the page before')
    .option('--tag <key[:value]>', 'only with this tag')
    .option('--state <state>', 'active, expired, deleted or all')
    .option('--pool <name>', 'only of this pool')
    .action(async (options: Connection & Record<string, string | undefined>) => {
      const query = new URLSearchParams();
      for (const name of ['limit', 'cursor', 'tag', 'state', 'pool'])
        if (options[name] !== undefined) query.set(name, options[name]);
      const page = (await call(options, 'GET', `/v1/sessions?${query.toString()}`)) as {
        sessions: ShownSession[];
        nextCursor: string | null;
      };
      if (options.json === true) return print(true, page, []);
      printTable(
        ['id', 'state', 'pool', 'generation', 'expires', 'label'],
        page.sessions.map((one) => [one.sessionId, one.state, one.pool, String(one.generation), one.expiresAt, one.label ?? '']),
      );
      if (page.nextCursor !== null) process.stdout.write(`More: --cursor ${page.nextCursor}\n`);
    });

  connected(sessions.command('extend <id>').description('let a session live longer'))
    .requiredOption('--ttl <seconds>', 'from now')
    .action(async (id: string, options: Connection & { readonly ttl: string }) => {
      show(
        options,
        await call(options, 'POST', `/v1/sessions/${encodeURIComponent(id)}/extend`, { ttlSeconds: Number(options.ttl) }),
      );
    });

  connected(sessions.command('rotate <id>').description('give a session another exit'))
    .option('--generation <n>', 'only if this is the present one')
    .action(async (id: string, options: Connection & { readonly generation?: string }) => {
      const body = options.generation === undefined ? {} : { generation: Number(options.generation) };
      show(options, await call(options, 'POST', `/v1/sessions/${encodeURIComponent(id)}/rotate`, body));
    });

  connected(sessions.command('delete <id>').description('end a session, for good')).action(
    async (id: string, options: Connection) => {
      await call(options, 'DELETE', `/v1/sessions/${encodeURIComponent(id)}`);
      print(options.json, { sessionId: id, deleted: true }, [`Deleted ${id}.`]);
    },
  );
}

function connected(command: Command): Command {
  return command
    .option('--url <url>', 'control API', process.env['PORTOLAN_URL'] ?? 'http://127.0.0.1:8787')
    .option('--key <key>', 'API key; default: PORTOLAN_API_KEY')
    .option('--json', 'print JSON');
}

function splitTag(tag: string): readonly [string, string] {
  const equals = tag.indexOf('=');
  if (equals < 1) throw new CommandError(2, `--tag ${tag}: write key=value`);
  return [tag.slice(0, equals), tag.slice(equals + 1)];
}

async function call(
  { url, key = process.env['PORTOLAN_API_KEY'] }: Connection,
  method: string,
  path: string,
  body?: object,
  headers: Readonly<Record<string, string>> = {},
): Promise<unknown> {
  if (key === undefined) throw new CommandError(2, 'No API key: set PORTOLAN_API_KEY or pass --key');
  const target = `${url.replace(/\/+$/, '')}${path}`;
  if (!/^https?:/i.test(target) || !URL.canParse(target))
    throw new CommandError(2, `--url ${url}: write http://host:port or https://host/path`);
  let response: Response;
  try {
    response = await fetch(target, {
      method,
      headers: { authorization: `Bearer ${key}`, ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  } catch {
    throw new CommandError(
      1,
      `No answer from ${url}: is Portolan running there? Start it with "portolan dev", or set PORTOLAN_URL.`,
    );
  }
  const text = await response.text();
  if (!response.ok) throw new CommandError(1, `${response.status} ${explain(text)}`);
  return text === '' ? undefined : (JSON.parse(text) as unknown);
}

interface ShownProblem {
  readonly title?: string;
  readonly detail?: string;
  readonly errors?: readonly { readonly pointer?: string; readonly parameter?: string; readonly detail: string }[];
}

/** A problem response in one line. */
function explain(text: string): string {
  if (!text.startsWith('{')) return text.slice(0, 200);
  const { title = '', detail, errors = [] } = JSON.parse(text) as ShownProblem;
  return [title, detail, ...errors.map((error) => `${error.pointer ?? error.parameter ?? ''} ${error.detail}`)]
    .filter(Boolean)
    .join('; ');
}

function show({ json }: Connection, answered: unknown): void {
  const session = answered as ShownSession;
  print(json, session, [
    `session     ${session.sessionId} (${session.state}, generation ${session.generation})`,
    `pool        ${session.pool}, vendor ${session.vendor}, ${session.guarantee}`,
    `expires     ${session.expiresAt}, exit kept until ${session.effectiveUntil}`,
    `proxy URL   ${session.proxyUrl ?? '(none handed out)'}`,
  ]);
}
