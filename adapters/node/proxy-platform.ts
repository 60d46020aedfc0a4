import type { ProxyPlatform } from '../../core/proxy/platform.ts';
import type { Clock } from '../../core/ports/index.ts';
import { nodeCompression } from './compression.ts';
import { dnsDiscovery } from './discovery.ts';
import { nodeTransports } from './transport/node-transports.ts';

/** What a proxy needs, on any Node. */
export function nodeProxyPlatform(options: {
  readonly clock: Clock;
  readonly isServer: boolean;
  readonly handlers?: ProxyPlatform['handlers'];
}): ProxyPlatform {
  const { clock, isServer, handlers } = options;
  return {
    openTransports: (secrets, logger) => nodeTransports({ clock, secrets, logger }),
    discovery: dnsDiscovery(clock),
    compression: nodeCompression,
    handlers,
    isServer,
  };
}
