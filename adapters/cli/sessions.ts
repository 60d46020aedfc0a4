import type { Command } from 'commander';
import { callControlApi, connected } from './control-api.ts';
import type { Connection } from './control-api.ts';
import { CommandError } from './command-error.ts';
import { print, printTable } from './print.ts';

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
      show(
        options,
        await callControlApi(options, 'POST', '/v1/sessions', body, key === undefined ? {} : { 'idempotency-key': key }),
      );
    });

  connected(sessions.command('get <id>').description('read a session')).action(async (id: string, options: Connection) => {
    show(options, await callControlApi(options, 'GET', `/v1/sessions/${encodeURIComponent(id)}`));
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
      const page = (await callControlApi(options, 'GET', `/v1/sessions?${query.toString()}`)) as {
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
        await callControlApi(options, 'POST', `/v1/sessions/${encodeURIComponent(id)}/extend`, { ttlSeconds: Number(options.ttl) }),
      );
    });

  connected(sessions.command('rotate <id>').description('give a session another exit'))
    .option('--generation <n>', 'only if this is the present one')
    .action(async (id: string, options: Connection & { readonly generation?: string }) => {
      const body = options.generation === undefined ? {} : { generation: Number(options.generation) };
      show(options, await callControlApi(options, 'POST', `/v1/sessions/${encodeURIComponent(id)}/rotate`, body));
    });

  connected(sessions.command('delete <id>').description('end a session, for good')).action(
    async (id: string, options: Connection) => {
      await callControlApi(options, 'DELETE', `/v1/sessions/${encodeURIComponent(id)}`);
      print(options.json, { sessionId: id, deleted: true }, [`Deleted ${id}.`]);
    },
  );
}

function splitTag(tag: string): readonly [string, string] {
  const equals = tag.indexOf('=');
  if (equals < 1) throw new CommandError(2, `--tag ${tag}: write key=value`);
  return [tag.slice(0, equals), tag.slice(equals + 1)];
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
