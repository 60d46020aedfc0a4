import type { Command } from 'commander';
import { matchPath } from '../../core/control/routes.ts';
import type { Configuration } from '../../core/config/configuration.ts';
import { parseIpAddress } from '../../core/egress/ip-address.ts';
import { HeaderList } from '../../core/http/header-list.ts';
import { RequestRejected } from '../../core/ports/http.ts';
import type { HttpRequest } from '../../core/ports/http.ts';
import type { RouteConfiguration } from '../../core/proxy/configuration.ts';
import { readSample } from '../../core/proxy/live/diff-configurations.ts';
import { checkLenientPath } from '../../core/proxy/routing/check-lenient-path.ts';
import { checkTarget } from '../../core/proxy/routing/check-target.ts';
import type { ExplainedRoute } from '../../core/proxy/routing/explain.ts';
import { pathOf } from '../../core/proxy/routing/route-match.ts';
import { compileRouter } from '../../core/proxy/routing/router.ts';
import { CommandError } from './command-error.ts';
import { print } from './print.ts';
import { configurationFile, readConfiguration } from './read-configuration.ts';

interface ExplainOptions {
  readonly header: readonly string[];
  readonly client?: string;
  readonly config?: string;
  readonly all?: boolean;
  readonly json?: boolean;
}

/** What would become of a request, as `--json` prints it. */
interface Verdict {
  readonly request: { readonly method: string; readonly host: string; readonly target: string; readonly client: string | null };
  /** Why it is refused with 400, whatever route it fits. */
  readonly refused: string | null;
  /** Whether the control API answers it, before any route is asked. */
  readonly control: boolean;
  readonly winner: {
    readonly id: string;
    readonly action: string;
    readonly parameters: Readonly<Record<string, string>>;
    readonly rest: string;
    /** The target that is forwarded. */
    readonly forwarded: string | null;
    readonly location: string | null;
  } | null;
  /** In order of precedence. `failed` is the first condition that does not hold; without it the route matches. */
  readonly routes: readonly { readonly id: string; readonly priority: number; readonly failed: string | null }[];
}

/** Routes of other hosts and paths are counted, not listed, when there are more than this. */
const maxListed = 20;

/** `portolan routes explain`. Exit code 1: no route, or refused. */
export function addRoutesCommands(program: Command): void {
  program
    .command('routes')
    .description('work with the routes of a configuration file')
    .command('explain <request>')
    .description('say which route wins for a request such as "GET https://host/path", and why the others do not')
    .option('-H, --header <field>', '"name: value"; may be given again', (field, all: readonly string[]) => [...all, field], [])
    .option('--client <address>', "the client's address")
    .option('--config <file>', 'YAML or JSON; default: portolan.yaml if it is there')
    .option('--all', 'list every route, those of other hosts and paths too')
    .option('--json', 'print JSON')
    .action((sample: string, options: ExplainOptions) => {
      const file = configurationFile(options.config);
      if (file === undefined) throw new CommandError(2, 'There is no portolan.yaml here: name a configuration with --config.');
      const { configuration } = readConfiguration(file, { hasGateway: true });
      const { routes } = configuration;
      if (routes === undefined) throw new CommandError(2, `${file} has no routes.`);
      const { client } = options;
      if (client !== undefined && parseIpAddress(client) === undefined)
        throw new CommandError(2, `--client: "${client}" is no IP address.`);
      const { verdict, explained } = judge(configuration, routes, readRequest(sample, options.header), options.client);
      print(options.json, verdict, lines(verdict, explained, options.all === true));
      if (verdict.winner === null || verdict.refused !== null) process.exitCode = 1;
    });
}

function readRequest(sample: string, headers: readonly string[]): HttpRequest {
  let request: HttpRequest;
  try {
    request = readSample(sample);
  } catch (error) {
    if (error instanceof TypeError) throw new CommandError(2, error.message);
    throw error;
  }
  const fields = headers.flatMap((field) => {
    const [, name, value] = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*(.*?)[ \t]*$/s.exec(field) ?? [];
    if (name === undefined || value === undefined) throw new CommandError(2, `"${field}" is no header field: write "name: value".`);
    return [name.toLowerCase(), value];
  });
  return { ...request, headers: new HeaderList([...request.headers.flat(), ...fields]) };
}

function judge(
  configuration: Configuration,
  routes: readonly RouteConfiguration[],
  request: HttpRequest,
  client: string | undefined,
): { readonly verdict: Verdict; readonly explained: readonly ExplainedRoute[] } {
  const router = compileRouter(routes);
  const { routes: explained, winner } = router.explain(request, client);
  const { method, authority, target } = request;
  const refused = refusalOf(() => {
    checkTarget(target, winner?.route.configuration);
    if (winner !== undefined) checkLenientPath(router, request, client, winner);
  });
  const forwards = winner !== undefined && winner.route.redirect === undefined && winner.route.respond === undefined;
  return {
    explained,
    verdict: {
      request: { method, host: authority, target, client: client ?? null },
      refused,
      control: isControl(configuration, request),
      winner:
        winner === undefined
          ? null
          : {
              id: winner.route.id,
              action: actionOf(winner.route.configuration),
              parameters: winner.parameters,
              rest: winner.rest,
              forwarded: forwards && refused === null ? (winner.route.rewrite?.(target, winner) ?? target) : null,
              location: winner.route.redirect?.(target, winner).headers.get('location') ?? null,
            },
      routes: explained.map(({ id, priority, failed }) => ({ id, priority, failed: failed?.wanted ?? null })),
    },
  };
}

function refusalOf(check: () => void): string | null {
  try {
    check();
    return null;
  } catch (error) {
    if (error instanceof RequestRejected) return error.detail;
    throw error;
  }
}

/** As the deployed handler decides; without `auth` it offers only what is open. */
function isControl({ auth, proxy }: Configuration, { authority, target }: HttpRequest): boolean {
  const host = authority.replace(/:\d+$/, '');
  if (proxy?.controlHosts !== undefined && !proxy.controlHosts.some((one) => one.toLowerCase() === host)) return false;
  const found = matchPath(pathOf(target));
  const open = [...(found?.methods.values() ?? [])].some(({ scope }) => scope === undefined);
  return found !== undefined && (open || auth !== undefined);
}

function actionOf({ upstream, split, redirect, respond, handler }: RouteConfiguration): string {
  if (upstream !== undefined) return `upstream ${upstream}`;
  if (split !== undefined) return `${split.newPercent} % to upstream ${split.new}, the rest to ${split.old}`;
  if (redirect !== undefined) return `redirect, status ${redirect.status ?? 308}`;
  return respond === undefined ? `handler ${handler ?? ''}` : `answer ${respond.status}`;
}

function lines(verdict: Verdict, explained: readonly ExplainedRoute[], all: boolean): readonly string[] {
  const { request, winner, refused, control } = verdict;
  const isElsewhere = ({ failed }: ExplainedRoute): boolean => failed?.kind === 'host' || failed?.kind === 'path';
  const listed = all || explained.length <= maxListed ? explained : explained.filter((route) => !isElsewhere(route));
  const width = Math.max(0, ...listed.map(({ id }) => id.length));
  let won = false;
  const table = listed.map((route) => {
    const outcome = route.failed === undefined ? (won ? 'matches, too late' : 'WINS') : `no: ${route.failed.wanted}`;
    won ||= route.failed === undefined;
    return `  ${route.id.padEnd(width)}  ${outcome}${route.priority === 0 ? '' : `  (priority ${route.priority})`}`;
  });
  const hidden = explained.length - listed.length;
  const captured = winner === null ? [] : Object.entries(winner.parameters).map(([name, value]) => `${name} = ${value}`);
  if (winner !== null && winner.rest !== '') captured.push(`* = ${winner.rest}`);
  return [
    `${request.method} ${request.host}${request.target}${request.client === null ? '' : ` from ${request.client}`}`,
    '',
    ...table,
    ...(hidden === 0 ? [] : [`  and ${hidden} route(s) of other hosts and paths; --all lists them`]),
    '',
    ...(winner === null ? ['No route matches: 404.'] : [`Route ${winner.id}: ${winner.action}.`]),
    ...(captured.length === 0 ? [] : [`Taken from the path: ${captured.join(', ')}`]),
    ...(winner?.forwarded == null ? [] : [`Forwarded as: ${winner.forwarded}`]),
    ...(winner?.location == null ? [] : [`Location: ${winner.location}`]),
    ...(refused === null ? [] : [`But it is refused, 400: ${refused}.`]),
    ...(control ? ['But the control API keeps this path; see proxy.controlHosts.'] : []),
  ];
}
