import { lookup, Resolver } from 'node:dns/promises';
import { UpstreamError } from '../../core/ports/index.ts';
import type { Clock, Discovered, Discovery, Endpoint } from '../../core/ports/index.ts';

/** Names that are not in the DNS: of this machine. */
const localName = /^(?:localhost|.*\.localhost)$/i;
/** What `getaddrinfo` answers has no lifetime of its own. */
const lookupTtlMs = 30_000;

/** What the DNS answers when it says that there is no such record; anything else is a failure of the DNS. */
const absent: ReadonlySet<string> = new Set(['ENODATA', 'ENOTFOUND']);

/**
 * Finds endpoints in the DNS: A and AAAA records, or SRV records (RFC 2782) and the addresses of their targets, with the least TTL of all. Names that the DNS
 * does not have (`localhost`, `/etc/hosts`) are asked of the system, without a TTL.
 *
 * @param servers `address` or `address:port`; default the system's
 */
export function dnsDiscovery(clock: Clock, servers?: readonly string[]): Discovery {
  return {
    async resolve(kind, name, deadline) {
      const timeout = Math.max(1, deadline - clock.now());
      const resolver = new Resolver({ timeout, tries: 1 });
      if (servers !== undefined) resolver.setServers(servers);
      return kind === 'srv' ? services(resolver, name) : addresses(resolver, name);
    },
  };
}

async function addresses(resolver: Resolver, name: string): Promise<Discovered> {
  if (localName.test(name)) return ofSystem(name);
  const [v4, v6] = await Promise.all([
    orNone(resolver.resolve4(name, { ttl: true })),
    orNone(resolver.resolve6(name, { ttl: true })),
  ]);
  const records = [...v4, ...v6];
  if (records.length === 0) return ofSystem(name);
  return {
    endpoints: records.map(({ address }) => ({ address, port: undefined, weight: 1, priority: 0 })),
    ttlMs: Math.min(...records.map(({ ttl }) => ttl)) * 1_000,
  };
}

async function services(resolver: Resolver, name: string): Promise<Discovered> {
  const records = await orNone(resolver.resolveSrv(name));
  // A target of "." says that the service is not offered (RFC 2782).
  const offered = records.filter((record) => record.name !== '' && record.name !== '.');
  const found = await Promise.all(
    offered.map(async ({ name: target, port, weight, priority }) => {
      const { endpoints, ttlMs } = await addresses(resolver, target);
      // Weight 0 is a small share beside others, and not none.
      return {
        ttlMs,
        endpoints: endpoints.map((endpoint): Endpoint => ({ ...endpoint, port, priority, weight: Math.max(weight, 1) })),
      };
    }),
  );
  return {
    endpoints: found.flatMap(({ endpoints }) => endpoints),
    ttlMs: Math.min(lookupTtlMs, ...found.map(({ ttlMs }) => ttlMs)),
  };
}

async function ofSystem(name: string): Promise<Discovered> {
  try {
    const found = await lookup(name, { all: true });
    return {
      endpoints: found.map(({ address }) => ({ address, port: undefined, weight: 1, priority: 0 })),
      ttlMs: lookupTtlMs,
    };
  } catch (error) {
    throw failure(error);
  }
}

async function orNone<Record>(records: Promise<readonly Record[]>): Promise<readonly Record[]> {
  try {
    return await records;
  } catch (error) {
    if (absent.has((error as NodeJS.ErrnoException).code ?? '')) return [];
    throw failure(error);
  }
}

function failure(error: unknown): UpstreamError {
  const { code } = error as NodeJS.ErrnoException;
  return new UpstreamError(
    code === 'ETIMEOUT' || code === 'ETIMEDOUT' || code === 'ECANCELLED' ? 'dns_timeout' : 'dns_error',
    false,
  );
}
