import { inRange, parseIpAddress, parseIpRange, unmapped } from '../../egress/ip-address.ts';
import type { HeaderFields, HttpRequest, RequestContext } from '../../ports/http.ts';
import { readForwarded, readForwardedFor } from './forwarded.ts';
import type { ForwardedHop } from './forwarded.ts';

/** Who asks, and how it asked: what the platform attests and, before that, what trusted proxies say. */
export interface Client {
  readonly address: string | undefined;
  readonly scheme: 'http' | 'https';
  /** Host and optional port as the client named it. */
  readonly host: string;
  /** The proxies between the client and us, ours last; `undefined` when the peer is the client, and what it claims counts for nothing. */
  readonly proxies: readonly string[] | undefined;
}

/** Tells the proxies in front that may speak for their clients. */
export type TrustedProxies = (address: string) => boolean;

/**
 * @param ranges `10.0.0.0/8` or addresses
 * @returns `undefined` for none
 * @throws {TypeError} an entry that is neither
 */
export function trustProxies(ranges: readonly string[]): TrustedProxies | undefined {
  if (ranges.length === 0) return undefined;
  const trusted = ranges.map((text) => {
    const range = parseIpRange(text);
    if (range === undefined) throw new TypeError(`Not an address range: ${text}`);
    return range;
  });
  return (address) => {
    const bytes = parseIpAddress(address);
    return bytes !== undefined && trusted.some((range) => inRange(unmapped(bytes), range));
  };
}

/**
 * Finds the client. From the peer that the platform attests it goes back along `X-Forwarded-For`, or `Forwarded` where there is none, as long
 * as the hops are trusted: the first that is not is the client. What stands further left a client may have written itself.
 */
export function readClient(request: HttpRequest, context: RequestContext, trusts: TrustedProxies | undefined): Client {
  const { scheme, authority, headers } = request;
  const peer = context.clientAddress;
  if (trusts === undefined || peer === undefined || !trusts(peer)) {
    return { address: peer, scheme, host: authority, proxies: undefined };
  }
  const hops = hopsOf(headers);
  const proxies = [peer];
  let address = peer;
  let at = hops.length - 1;
  // Some platforms have added the peer already.
  if (hops[at]?.address === peer) at--;
  for (; at >= 0; at--) {
    const next = hops[at]?.address;
    if (next === undefined) break;
    address = next;
    if (!trusts(next)) break;
    proxies.unshift(next);
  }
  // The client itself is in a trusted range: there is nothing before it.
  if (address === proxies[0]) proxies.shift();
  const own = hops[Math.max(at, 0)];
  const proto = own?.proto ?? wordOf(headers.get('x-forwarded-proto'), at, hops.length)?.toLowerCase();
  const host = own?.host ?? wordOf(headers.get('x-forwarded-host'), at, hops.length)?.toLowerCase();
  return {
    address,
    scheme: proto === 'https' || proto === 'http' ? proto : scheme,
    host: host !== undefined && hostCharacters.test(host) ? host : authority,
    proxies,
  };
}

const hostCharacters = /^[a-z0-9._~%!$&'()*+;=:[\]-]{1,255}$/;

function hopsOf(headers: HeaderFields): readonly ForwardedHop[] {
  const forwardedFor = headers.get('x-forwarded-for');
  if (forwardedFor !== undefined) return readForwardedFor(forwardedFor);
  const forwarded = headers.get('forwarded');
  return (forwarded === undefined ? undefined : readForwarded(forwarded)) ?? [];
}

/** Proxies that add to these lists keep them as long as that of addresses; the others write one word, the last one's. */
function wordOf(value: string | undefined, at: number, hops: number): string | undefined {
  const words = value?.split(',').map((word) => word.trim());
  return words?.length === hops ? words[Math.max(at, 0)] : words?.at(-1);
}
