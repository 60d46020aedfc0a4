import type { Crypto } from '../../ports/crypto.ts';
import { canonicalJson } from '../../text/canonical-json.ts';
import type { ProxyConfiguration, RouteConfiguration, UpstreamConfiguration } from '../configuration.ts';
import { deployedVersion } from '../deployed-version.ts';

/** By route, what the gate of its split is named after where that is not the pushed version itself, but one before in which it was the same. */
export type GateEpochs = Readonly<Record<string, string>>;

type GatedRoute = Pick<RouteConfiguration, 'id' | 'split'>;

/** A configuration as far as its gates are concerned. */
export interface GatedConfiguration {
  /** `deployedVersion`, or the number of the pushed one. */
  readonly version: string;
  readonly document: ProxyConfiguration;
  /** Of a pushed one. */
  readonly gates?: GateEpochs | undefined;
}

/** Of a version's record, which has room for more: some hundreds of gates. Those beyond begin afresh. */
const maxEpochsLength = 20_000;

/**
 * What a roll-back of a route's split holds for: the split as it is, backends included, through pushes that leave it alone, until it is changed. What was
 * deployed is named after what it says, since every deployment has the same version.
 */
export function gateId(route: GatedRoute, configuration: GatedConfiguration, crypto: Crypto): string {
  return `${route.id}.${epochOf(route, configuration, crypto)}`;
}

/**
 * The gates that a document takes over from the configuration it is pushed over: those of splits that are the same, backends included. None when the whole
 * document is the same: who pushes it again wants to try again.
 */
export function carriedGates(document: ProxyConfiguration, before: GatedConfiguration, crypto: Crypto): GateEpochs | undefined {
  const routes = (document.routes ?? []).filter(({ split }) => split?.gate !== undefined);
  if (routes.length === 0 || textOf(document) === textOf(before.document)) return undefined;
  const earlier = new Map(before.document.routes?.map((route) => [route.id, route]));
  const carried: Record<string, string> = {};
  let length = 0;
  for (const route of routes) {
    const same = earlier.get(route.id);
    if (same === undefined || splitOf(route, document) !== splitOf(same, before.document)) continue;
    const epoch = epochOf(same, before, crypto);
    length += JSON.stringify([route.id, epoch]).length;
    if (length > maxEpochsLength) break;
    carried[route.id] = epoch;
  }
  return length === 0 ? undefined : carried;
}

function epochOf(route: GatedRoute, { version, document, gates = {} }: GatedConfiguration, crypto: Crypto): string {
  const carried = Object.hasOwn(gates, route.id) ? gates[route.id] : undefined;
  if (carried !== undefined) return carried;
  return version === deployedVersion ? `${version}.${crypto.sha256(splitOf(route, document)).slice(0, 16)}` : version;
}

function textOf({ routes, upstreams, proxy }: ProxyConfiguration): string {
  return canonicalJson({ routes, upstreams, proxy });
}

/** A split with its backends, and those that they fall back to, in canonical JSON. */
function splitOf({ split }: GatedRoute, { upstreams = {} }: ProxyConfiguration): string {
  const reached = new Map<string, UpstreamConfiguration | undefined>();
  for (const side of [split?.old, split?.new]) {
    for (let name = side; name !== undefined && !reached.has(name); name = upstreams[name]?.fallback) {
      reached.set(name, upstreams[name]);
    }
  }
  return canonicalJson({ split, upstreams: Object.fromEntries(reached) });
}
