import type { ConfigurationProblem, Findings } from '../config/findings.ts';
import { parseIpRange } from '../egress/ip-address.ts';
import type { ProxyConfiguration, ProxySettings, RouteConfiguration } from './configuration.ts';
import { checkRoute } from './check/check-route.ts';
import { checkTimeouts, warnOfPlatforms } from './check/check-timeouts.ts';
import { checkFallbacks, checkUpstream } from './check/check-upstream.ts';
import { reporter } from './check/report.ts';
import type { Report } from './check/report.ts';
import { findUnreachable } from './check/unreachable.ts';
import { refusalOfName } from './rewrite/field-edits.ts';
import { readHostPattern } from './routing/host-pattern.ts';
import { inOrder } from './routing/in-order.ts';

export interface ProxySurroundings {
  /** Whether work goes on between requests: only then do active health checks do something. */
  readonly isServer: boolean;
  /** Names of the user's own handlers; `undefined`: not known, so not checked. */
  readonly handlers?: readonly string[] | undefined;
}

/**
 * Checks what the schema cannot say of routes, upstreams and proxy settings. That no pattern takes more than linear time needs no check: the
 * grammar of paths and hosts has nothing that could, and there are no regular expressions in a configuration.
 *
 * @param configuration that fits the schema
 */
export function checkProxy(
  { routes = [], upstreams = {}, proxy = {} }: ProxyConfiguration,
  { isServer, handlers }: ProxySurroundings,
): Findings {
  const problems: ConfigurationProblem[] = [];
  const warnings: ConfigurationProblem[] = [];
  checkSettings(proxy, reporter(problems, '/proxy'));
  for (const [name, upstream] of Object.entries(upstreams)) {
    checkUpstream(upstream, reporter(problems, `/upstreams/${name}`), reporter(warnings, `/upstreams/${name}`), isServer);
  }
  checkFallbacks(upstreams, reporter(problems, '/upstreams'));
  const known = { upstreams: Object.keys(upstreams), handlers };
  for (const [at, route] of routes.entries()) {
    const problem = reporter(problems, `/routes/${at}`);
    const warning = reporter(warnings, `/routes/${at}`);
    checkRoute(route, known, problem);
    checkTimeouts(route, upstreams, problem, warning);
    warnOfPlatforms(route, warning);
  }
  checkUnique(routes, reporter(problems, '/routes'));
  // Only rules that could be read can be compared.
  if (!problems.some(({ pointer }) => pointer.startsWith('/routes/'))) checkReachable(routes, reporter(problems, '/routes'));
  warnOfUnused(routes, upstreams, reporter(warnings, '/upstreams'));
  return { problems, warnings };
}

function checkUnique(routes: readonly RouteConfiguration[], problem: Report): void {
  const ids = new Map<string, number>();
  const priorities = new Map<number, RouteConfiguration>();
  for (const [at, route] of routes.entries()) {
    const first = ids.get(route.id);
    if (first === undefined) ids.set(route.id, at);
    else problem(`/${at}/id`, `is the id of route ${first}, too`);
    if (route.priority === undefined) continue;
    const other = priorities.get(route.priority);
    if (other === undefined) priorities.set(route.priority, route);
    else problem(`/${at}/priority`, `is that of route "${other.id}", too`, 'leave it out where the order may decide');
  }
}

function checkReachable(routes: readonly RouteConfiguration[], problem: Report): void {
  for (const { route, by } of findUnreachable(inOrder(routes))) {
    const takers = by.map(({ id }) => `"${id}"`).join(' and ');
    problem(
      `/${routes.indexOf(route)}`,
      `can never win: route ${takers} ${by.length === 1 ? 'takes' : 'take'} every request it matches`,
      'move it up, give it a higher priority, or remove it',
    );
  }
}

function warnOfUnused(
  routes: readonly RouteConfiguration[],
  upstreams: NonNullable<ProxyConfiguration['upstreams']>,
  warning: Report,
): void {
  const used = new Set([
    ...routes.flatMap(({ upstream, split, mirror }) => [upstream, split?.old, split?.new, mirror?.upstream]),
    ...Object.values(upstreams).map(({ fallback }) => fallback),
  ]);
  for (const name of Object.keys(upstreams)) if (!used.has(name)) warning(`/${name}`, 'is used by no route');
}

/** What carries credentials: never logged, whoever asks for it. */
const secretFields: ReadonlySet<string> = new Set(['authorization', 'cookie', 'proxy-authorization', 'set-cookie']);

function checkSettings(
  { trustedProxies = [], controlHosts = [], versionField, accessLog = {}, compression = {} }: ProxySettings,
  problem: Report,
): void {
  for (const [at, range] of trustedProxies.entries()) {
    if (parseIpRange(range) === undefined)
      problem(`/trustedProxies/${at}`, 'is no address range', 'for example 10.0.0.0/8 or 192.0.2.7');
  }
  for (const [at, host] of controlHosts.entries()) {
    const read = readHostPattern(host);
    if (read === undefined || read.wildcard || read.port !== undefined)
      problem(`/controlHosts/${at}`, 'is no name of a host', 'for example control.example.com, without port');
  }
  const refusal = versionField === undefined ? undefined : refusalOfName(versionField, 'response');
  if (refusal !== undefined) problem('/versionField', refusal);
  for (const [at, name] of (accessLog.requestFields ?? []).entries()) {
    if (secretFields.has(name.toLowerCase()))
      problem(`/accessLog/requestFields/${at}`, 'carries credentials, which are never logged');
  }
  for (const [at, type] of (compression.types ?? []).entries()) {
    if (!/^(?:[a-z0-9!#$&^_.+*-]+\/[a-z0-9!#$&^_.+*-]+|\+[a-z0-9-]+)$/i.test(type)) {
      problem(`/compression/types/${at}`, 'is no media type', 'for example application/json, text/* or +json');
    }
  }
}
