import { nodeCrypto } from '../../adapters/node/node-crypto.ts';
import { nodeProxyPlatform } from '../../adapters/node/proxy-platform.ts';
import { systemClock } from '../../adapters/node/system-clock.ts';
import type { Clock, Discovery, HttpHandler, LogAttributes, Logger } from '../../core/ports/index.ts';
import { createPortolan } from '../../core/portolan.ts';
import type { ProxyConfiguration } from '../../core/proxy/configuration.ts';
import type { ProxyPlatform } from '../../core/proxy/platform.ts';
import { reverseProxy } from '../../core/proxy/reverse-proxy.ts';
import { MemoryStore } from '../../core/storage/memory-store.ts';
import { MemorySecrets } from './memory-secrets.ts';

export interface Logged {
  readonly event: string;
  readonly attributes: LogAttributes;
}

/** A gateway of real parts, without a way in. */
export interface RealGateway {
  readonly handler: HttpHandler;
  readonly logger: Logger;
  readonly logged: readonly Logged[];
  /** The access lines. */
  lines(): readonly LogAttributes[];
  close(): Promise<void>;
}

export interface RealGatewayOptions {
  /** Default the system's. */
  readonly clock?: Clock | undefined;
  /** Default none. */
  readonly secrets?: Readonly<Record<string, string>>;
  /** Default: DNS. */
  readonly discovery?: Discovery | undefined;
  readonly handlers?: ProxyPlatform['handlers'];
  /** Default true. */
  readonly isServer?: boolean;
}

export function realGateway(configuration: ProxyConfiguration, options: RealGatewayOptions = {}): RealGateway {
  const { clock = systemClock, secrets = {}, discovery, handlers, isServer = true } = options;
  const logged: Logged[] = [];
  const logger: Logger = { log: (_severity, event, attributes = {}) => void logged.push({ event, attributes }) };
  const platform = nodeProxyPlatform({ clock, isServer });
  const { handler, proxy } = createPortolan(
    {
      clock,
      crypto: nodeCrypto,
      logger,
      store: new MemoryStore(),
      secrets: new MemorySecrets(secrets),
      proxy: reverseProxy({ ...platform, discovery: discovery ?? platform.discovery, handlers }),
    },
    configuration,
  );
  return {
    handler,
    logger,
    logged,
    lines: () => logged.filter(({ event }) => event === 'http.request').map(({ attributes }) => attributes),
    async close() {
      await proxy?.close();
    },
  };
}
