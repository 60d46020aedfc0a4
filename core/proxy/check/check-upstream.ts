import { suggest } from '../../config/findings.ts';
import { parseEgressException } from '../../egress/egress-exception.ts';
import { createEgressPolicy } from '../../egress/egress-policy.ts';
import { parseHost } from '../../egress/host.ts';
import { RequestRejected } from '../../ports/http.ts';
import type { UpstreamConfiguration } from '../configuration.ts';
import { checkHashKey } from './check-hash-key.ts';
import type { Report } from './report.ts';
import { checkTarget } from '../routing/check-target.ts';
import { readHostPattern } from '../routing/host-pattern.ts';
import { upstreamDefaults } from '../upstream/settings.ts';

/** What the schema cannot say of one upstream. Fall-backs are for `checkFallbacks`. */
export function checkUpstream(upstream: UpstreamConfiguration, problem: Report, warning: Report, isServer: boolean): void {
  checkTargets(upstream, problem);
  checkAddresses(upstream, problem);
  const { host = 'upstream' } = upstream;
  if (host !== 'upstream' && host !== 'preserve' && readHostPattern(host)?.wildcard !== false) {
    problem('/host', 'is no host name', 'upstream, preserve, or the name to send');
  }
  if (upstream.balance !== undefined) {
    const { policy, key } = upstream.balance;
    if (key !== undefined && policy !== 'hash') problem('/balance/key', 'is for the policy hash alone');
    if (key !== undefined) checkHashKey(key, '/balance/key', problem);
  }
  checkOrder(upstream, problem);
  if (upstream.healthCheck !== undefined) {
    const { path } = upstream.healthCheck;
    if (path !== undefined) checkPath(path, '/healthCheck/path', problem);
    if (!isServer) {
      warning(
        '/healthCheck',
        'does nothing in a function, which is frozen between requests',
        'failing targets are ejected by what requests meet, everywhere',
      );
    }
  }
}

/** Fall-backs that do not exist, or that lead back. */
export function checkFallbacks(upstreams: Readonly<Record<string, UpstreamConfiguration>>, problem: Report): void {
  const names = Object.keys(upstreams);
  /** Of which it is known where they lead. */
  const known = new Set<string>();
  for (const first of names) {
    const way = new Set<string>();
    for (let name: string | undefined = first; name !== undefined && !known.has(name);) {
      if (way.has(name)) {
        const circle = [...way].slice([...way].indexOf(name));
        // Each of them leads back; once is enough.
        problem(`/${name}/fallback`, `leads back: ${[...circle, name].join(' -> ')}`);
        break;
      }
      way.add(name);
      const next: string | undefined = upstreams[name]?.fallback;
      if (next !== undefined && !Object.hasOwn(upstreams, next)) {
        problem(`/${name}/fallback`, 'is not a configured upstream', suggest(next, names, 'known'));
        break;
      }
      name = next;
    }
    for (const name of way) known.add(name);
  }
}

function checkTargets({ url, targets, discovery, tls }: UpstreamConfiguration, problem: Report): void {
  const given = Object.entries({ url, targets, discovery }).flatMap(([name, value]) => (value === undefined ? [] : [name]));
  if (given.length !== 1) problem('', `needs exactly one of url, targets, discovery; has ${given.join(' and ') || 'none'}`);
  if (targets !== undefined && targets.every(({ weight }) => weight === 0)) {
    problem('/targets', 'have no weight at all', 'give at least one of them a weight over 0');
  }
  if (discovery !== undefined) {
    const { kind, name, port } = discovery;
    const { minTtlMs = upstreamDefaults.discovery.minTtlMs, maxTtlMs = upstreamDefaults.discovery.maxTtlMs } = discovery;
    if (kind === 'dns' && port === undefined) problem('/discovery/port', 'is required', 'A and AAAA records name no port');
    if (kind === 'srv' && port !== undefined) problem('/discovery/port', 'is said by the SRV records');
    if (parseHost(name)?.kind !== 'name') problem('/discovery/name', 'is no name that could be looked up');
    if (minTtlMs > maxTtlMs) problem('/discovery/minTtlMs', `is greater than maxTtlMs (${maxTtlMs})`);
  }
  const schemes = [url, ...(targets ?? []).map((target) => target.url), discovery && `${discovery.scheme ?? 'http'}://`];
  if (tls !== undefined && !schemes.some((scheme) => scheme?.startsWith('https://') === true)) {
    problem('/tls', 'is for https, and no target is', 'change the scheme of the targets, or remove tls');
  }
}

function checkAddresses({ url, targets = [], allowPrivate, allow = [] }: UpstreamConfiguration, problem: Report): void {
  let known = true;
  for (const [at, entry] of allow.entries()) {
    if (parseEgressException(entry) !== undefined) continue;
    known = false;
    problem(
      `/allow/${at}`,
      'is not an address range, an address, a name, or one of the latter two with a port',
      'for example 10.1.0.0/16 or intranet.example:443',
    );
  }
  if (!known) return;
  const policy = createEgressPolicy({ allowLoopback: allowPrivate, allowPrivate, allow });
  const all = [...(url === undefined ? [] : [['/url', url]]), ...targets.map((target, at) => [`/targets/${at}/url`, target.url])];
  for (const [pointer = '', text = ''] of all) {
    if (!URL.canParse(text)) {
      problem(pointer, 'is not a URL', 'for example https://backend.example.com:8443/base');
      continue;
    }
    const { hostname, port, protocol } = new URL(text);
    const decision = policy.decideHost(hostname, port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port));
    if (!decision.allowed) {
      const { reason } = decision;
      const isPrivate = reason === 'private' || reason === 'loopback' || reason === 'shared';
      problem(
        pointer,
        reason === 'invalid-host' || reason === 'port' ? 'names no host and port that could be reached' : `is a ${reason} address`,
        isPrivate ? 'set allowPrivate: true on this upstream, or list it in allow' : undefined,
      );
    }
    // As written: `new URL` has removed dot segments.
    const path = text.replace(/^https?:\/\/[^/]*/i, '');
    if (path !== '') checkPath(path, pointer, problem);
  }
}

function checkPath(path: string, pointer: string, problem: Report): void {
  try {
    checkTarget(path);
  } catch (error) {
    if (!(error instanceof RequestRejected)) throw error;
    problem(pointer, `has a path that cannot be asked for: ${error.detail.charAt(0).toLowerCase()}${error.detail.slice(1)}`);
  }
}

/** Pairs of figures of which one makes the other pointless. Only what is written counts: defaults never contradict anybody. */
function checkOrder(upstream: UpstreamConfiguration, problem: Report): void {
  const { timeouts = {}, retry = {}, healthCheck, outlierEjection, circuitBreaker } = upstream;
  const least = (pointer: string, small: number | undefined, greatName: string, great: number | undefined): void => {
    if (small !== undefined && great !== undefined && small > great) problem(pointer, `is greater than ${greatName} (${great})`);
  };
  least('/timeouts/connectMs', timeouts.connectMs, 'tryMs', timeouts.tryMs);
  least('/timeouts/responseHeadersMs', timeouts.responseHeadersMs, 'tryMs', timeouts.tryMs);
  least('/retry/baseBackoffMs', retry.baseBackoffMs, 'maxBackoffMs', retry.maxBackoffMs);
  least('/healthCheck/timeoutMs', healthCheck?.timeoutMs, 'intervalMs', healthCheck?.intervalMs);
  if (outlierEjection) {
    least('/outlierEjection/baseEjectionMs', outlierEjection.baseEjectionMs, 'maxEjectionMs', outlierEjection.maxEjectionMs);
  }
  if (circuitBreaker) least('/circuitBreaker/openMs', circuitBreaker.openMs, 'maxOpenMs', circuitBreaker.maxOpenMs);
}
