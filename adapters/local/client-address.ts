import { inRange, parseIpAddress, parseIpRange, unmapped } from '../../core/egress/ip-address.ts';
import type { IpRange } from '../../core/egress/ip-address.ts';

/**
 * Finds the client behind proxies that are trusted to write `X-Forwarded-For`: from the right, the first hop that is not one of
 * them. What stands further left a client may have written itself.
 */
export type ClientAddress = (peer: string | undefined, forwardedFor: () => string | undefined) => string | undefined;

/**
 * @param trustedProxies ranges (`10.0.0.0/8`) or addresses; none means that the peer is the client
 * @throws {TypeError} an entry that is neither
 */
export function createClientAddress(trustedProxies: readonly string[] = []): ClientAddress {
  const trusted = trustedProxies.map(trustedRange);
  const isTrusted = (address: string): boolean => {
    const bytes = parseIpAddress(address);
    return bytes !== undefined && trusted.some((range) => inRange(unmapped(bytes), range));
  };
  return (peer, forwardedFor) => {
    const address = peer === undefined ? undefined : unmappedText(peer);
    if (trusted.length === 0 || address === undefined || !isTrusted(address)) return address;
    let client = address;
    for (const hop of (forwardedFor() ?? '').split(',').toReversed()) {
      const next = bare(hop.trim());
      if (parseIpAddress(next) === undefined) break;
      client = next;
      if (!isTrusted(next)) break;
    }
    return client;
  };
}

/** Without port or brackets, IPv4-mapped addresses as the IPv4 address they are. */
function bare(text: string): string {
  const [, address = text] = /^\[([^\]]*)\](?::\d+)?$/.exec(text) ?? /^([\d.]+):\d+$/.exec(text) ?? [];
  return unmappedText(address);
}

function unmappedText(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}

function trustedRange(text: string): IpRange {
  const range = parseIpRange(text);
  if (range === undefined) throw new TypeError(`Not an address range: ${text}`);
  return range;
}
