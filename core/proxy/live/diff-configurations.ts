import { HeaderList } from '../../http/header-list.ts';
import type { HttpRequest } from '../../ports/http.ts';
import { canonicalJson } from '../../text/canonical-json.ts';
import type { ProxyConfiguration, RouteConfiguration } from '../configuration.ts';
import { compileRouter } from '../routing/router.ts';
import type { Router } from '../routing/router.ts';

/** One request that the two configurations treat differently. */
export interface MovedSample {
  /** `GET http://host/path` */
  readonly sample: string;
  readonly before: string;
  readonly after: string;
}

export interface NamedChanges {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly string[];
}

export interface ConfigurationDiff {
  /** By id. A route that only stands elsewhere is not changed; where that matters, samples move. */
  readonly routes: NamedChanges;
  /** By name. */
  readonly upstreams: NamedChanges;
  readonly settingsChanged: boolean;
  readonly moved: readonly MovedSample[];
  readonly samples: number;
}

/** What pushing `after` would change, told by what is written and by what becomes of sample requests. Pure. */
export function diffConfigurations(
  before: ProxyConfiguration,
  after: ProxyConfiguration,
  samples: readonly string[],
): ConfigurationDiff {
  const old = compileRouter(before.routes ?? []);
  const fresh = compileRouter(after.routes ?? []);
  const moved = samples.flatMap((sample) => {
    const request = readSample(sample);
    const [from, to] = [destination(old, request), destination(fresh, request)];
    return from === to ? [] : [{ sample, before: from, after: to }];
  });
  return {
    routes: changes(byId(before.routes), byId(after.routes)),
    upstreams: changes(new Map(Object.entries(before.upstreams ?? {})), new Map(Object.entries(after.upstreams ?? {}))),
    settingsChanged: canonicalJson(before.proxy ?? {}) !== canonicalJson(after.proxy ?? {}),
    moved,
    samples: samples.length,
  };
}

/** A request or two for every host and path that any rule of the configurations names. */
export function sampleRequests(configurations: readonly ProxyConfiguration[]): readonly string[] {
  const samples = new Set<string>();
  for (const { match = {} } of configurations.flatMap(({ routes = [] }) => routes)) {
    const method = match.methods?.[0] ?? 'GET';
    for (const host of match.hosts ?? ['host.example']) {
      for (const path of match.paths ?? ['/']) {
        const filled = path.replaceAll(/\{[^}]*\}/g, 'sample');
        const name = host.replace(/^\*/, 'sample');
        samples.add(`${method} http://${name}${filled.replace(/\/?\*$/, '') || '/'}`);
        if (filled.endsWith('*')) samples.add(`${method} http://${name}${filled.slice(0, -1)}sample`);
      }
    }
  }
  return [...samples];
}

/** @throws {TypeError} not of the form `METHOD URL`, where the method may be missing */
export function readSample(sample: string): HttpRequest {
  const [, method = 'GET', scheme, authority = '', target = ''] =
    /^(?:([!#$%&'*+\-.^_`|~0-9A-Za-z]+)\s+)?(https?):\/\/([^\s/?#@]+)((?:[/?][^\s#]*)?)$/i.exec(sample.trim()) ?? [];
  if (scheme === undefined) throw new TypeError(`${sample} is no request: write METHOD URL, for example GET https://host/path`);
  return {
    method,
    scheme: scheme.toLowerCase() === 'https' ? 'https' : 'http',
    authority: authority.toLowerCase(),
    target: target.startsWith('/') ? target : `/${target}`,
    headers: new HeaderList(['host', authority.toLowerCase()]),
    body: undefined,
  };
}

function destination(router: Router, request: HttpRequest): string {
  const match = router.match(request, undefined);
  if (match === undefined) return 'no route (404)';
  const { id, upstream, split, redirect, respond, handler } = match.route.configuration;
  if (upstream !== undefined) return `${id}: upstream ${upstream}`;
  if (split !== undefined) return `${id}: ${split.newPercent} % to ${split.new}, the rest to ${split.old}`;
  if (redirect !== undefined) return `${id}: redirect to ${redirect.to}`;
  return handler === undefined ? `${id}: answer ${respond?.status ?? ''}` : `${id}: handler ${handler}`;
}

function byId(routes: readonly RouteConfiguration[] = []): ReadonlyMap<string, unknown> {
  return new Map(routes.map((route) => [route.id, route]));
}

function changes(before: ReadonlyMap<string, unknown>, after: ReadonlyMap<string, unknown>): NamedChanges {
  return {
    added: [...after.keys()].filter((name) => !before.has(name)),
    removed: [...before.keys()].filter((name) => !after.has(name)),
    changed: [...after].flatMap(([name, value]) =>
      before.has(name) && canonicalJson(before.get(name)) !== canonicalJson(value) ? [name] : [],
    ),
  };
}
