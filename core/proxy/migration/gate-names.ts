import type { Crypto } from '../../ports/crypto.ts';
import { canonicalJson } from '../../text/canonical-json.ts';
import type { ProxyConfiguration, RouteConfiguration, UpstreamConfiguration } from '../configuration.ts';
import { deployedVersion } from '../deployed-version.ts';

/**
 * What the gates of a pushed version are named after: the epoch of most of them, and of the others, with their routes. An epoch is the version in which split
 * and backends became what they are: its number, `deployedVersion`, or nothing for the pushed version itself.
 */
export interface GateEpochs {
  readonly most: string;
  readonly others: Readonly<Record<string, readonly string[]>>;
}

/** The same by route, without those of the version itself: records of before `GateEpochs` have it. */
export type GateEpochsByRoute = Readonly<Record<string, string>>;

type GatedRoute = Pick<RouteConfiguration, 'id' | 'split'>;

/** A configuration as far as its gates are concerned. */
export interface GatedConfiguration {
  /** `deployedVersion`, or the number of the pushed one. */
  readonly version: string;
  readonly document: ProxyConfiguration;
  /** Of a pushed one: what its record says. */
  readonly epochs?: GateEpochs | undefined;
  readonly gates?: GateEpochsByRoute | undefined;
}

/** Of a version's record, which has room for more: some thousands of gates that are not as most are. Those beyond begin afresh. */
const maxEpochsLength = 20_000;
/** The epoch of what begins with the version itself. */
const own = '';

/**
 * What a roll-back of a route's split holds for: the split as it is, backends included, through pushes that leave it alone, until it is changed. What was
 * deployed is named after what it says, since every deployment has the same version.
 */
export function gateNames(configuration: GatedConfiguration, crypto: Crypto): (route: GatedRoute) => string {
  const epochOf = epochsOf(configuration);
  return (route) => {
    const epoch = epochOf(route.id);
    const text = epoch === deployedVersion ? `.${crypto.sha256(splitOf(route, configuration.document)).slice(0, 16)}` : '';
    return `${route.id}.${epoch}${text}`;
  };
}

/**
 * The gates that a document takes over from the configuration it is pushed over: those of splits that are the same, backends included. None when the whole
 * document is the same: who pushes it again wants to try again.
 */
export function carriedGates(document: ProxyConfiguration, before: GatedConfiguration, crypto: Crypto): GateEpochs | undefined {
  const gated = (document.routes ?? []).filter(({ split }) => split?.gate !== undefined);
  if (gated.length === 0 || textOf(document) === textOf(before.document)) return undefined;
  const earlier = new Map(before.document.routes?.map((route) => [route.id, route]));
  const epochOf = epochsOf(before);
  const digest = splitDigests(document, crypto);
  const earlierDigest = splitDigests(before.document, crypto);
  const routesOf = new Map<string, string[]>();
  for (const route of gated) {
    const same = earlier.get(route.id);
    const epoch = same !== undefined && digest(route) === earlierDigest(same) ? epochOf(route.id) : own;
    const routes = routesOf.get(epoch);
    if (routes === undefined) routesOf.set(epoch, [route.id]);
    else routes.push(route.id);
  }
  return grouped(routesOf);
}

/** `undefined`: all begin with the version. */
function grouped(routesOf: ReadonlyMap<string, readonly string[]>): GateEpochs | undefined {
  // in JSON, with what stands around it
  const lengthOf = (text: string): number => JSON.stringify(text).length + 3;
  const groups = [...routesOf].map(([epoch, ids]) => ({
    epoch,
    ids,
    length: ids.reduce((sum, id) => sum + lengthOf(id), lengthOf(epoch)),
  }));
  const [greatest] = groups.toSorted((a, b) => b.length - a.length);
  if (greatest === undefined) return undefined;
  const length = groups.reduce((sum, group) => sum + group.length, 0) - greatest.length;
  const most = length <= maxEpochsLength ? greatest.epoch : own;
  const others: Record<string, readonly string[]> = {};
  let left = maxEpochsLength;
  for (const { epoch, ids } of groups) {
    if (epoch === most) continue;
    left -= lengthOf(epoch);
    const listed = ids.filter((id) => (left -= lengthOf(id)) >= 0);
    if (listed.length > 0) others[epoch] = listed;
  }
  return most === own && Object.keys(others).length === 0 ? undefined : { most, others };
}

function epochsOf({ version, epochs, gates = {} }: GatedConfiguration): (routeId: string) => string {
  if (epochs === undefined) return (id) => (Object.hasOwn(gates, id) ? gates[id] : undefined) ?? version;
  const byRoute = new Map(Object.entries(epochs.others).flatMap(([epoch, ids]) => ids.map((id) => [id, epoch])));
  return (id) => (byRoute.get(id) ?? epochs.most) || version;
}

function textOf({ routes, upstreams, proxy }: ProxyConfiguration): string {
  return canonicalJson({ routes, upstreams, proxy });
}

/** Equal where splits are, with their backends and those that they fall back to; each upstream is looked at once, however many routes lead to it. */
function splitDigests({ upstreams = {} }: ProxyConfiguration, crypto: Crypto): (route: GatedRoute) => string {
  const digests = new Map<string | undefined, string>([[undefined, '']]);
  const digestOf = (side: string | undefined): string => {
    const way = new Set<string>();
    let name = side;
    while (name !== undefined && !digests.has(name) && !way.has(name)) {
      way.add(name);
      name = upstreams[name]?.fallback;
    }
    let below = digests.get(name) ?? '';
    for (const one of [...way].toReversed()) {
      below = crypto.sha256(canonicalJson({ name: one, upstream: upstreams[one], below }));
      digests.set(one, below);
    }
    return below;
  };
  return ({ split }) => canonicalJson({ split, backends: [digestOf(split?.old), digestOf(split?.new)] });
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
