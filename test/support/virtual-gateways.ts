import { nodeCrypto } from '../../adapters/node/node-crypto.ts';
import { HeaderList } from '../../core/http/header-list.ts';
import { createPortolan } from '../../core/portolan.ts';
import type { KeyValueStore } from '../../core/ports/index.ts';
import type { ProxyConfiguration } from '../../core/proxy/configuration.ts';
import { StoredConfigurations } from '../../core/proxy/live/stored-configurations.ts';
import type { ProxyPlatform } from '../../core/proxy/platform.ts';
import { reverseProxy } from '../../core/proxy/reverse-proxy.ts';
import { durable } from '../../core/storage/durable.ts';
import { MemoryStore } from '../../core/storage/memory-store.ts';
import { FakeClock } from './fake-clock.ts';
import { MemoryLogger } from './memory-logger.ts';
import { MemorySecrets } from './memory-secrets.ts';
import { unusedProxyPlatform } from './proxy-platform.ts';
import { SimulatedTransport } from './simulated-transport.ts';

/** Sends one request through a gateway, does what was to be done beside it, and answers the status. */
export type AskGateway = (target?: string, clientAddress?: string) => Promise<number>;

/** Whole gateways in virtual time: deployments and instances on one store in memory, before simulated backends. */
export class VirtualGateways {
  readonly clock: FakeClock = new FakeClock();
  readonly store: MemoryStore = new MemoryStore();
  readonly transport: SimulatedTransport = new SimulatedTransport(this.clock);
  readonly logger: MemoryLogger = new MemoryLogger();
  /** `store` as gateways see it. */
  readonly records: KeyValueStore = durable(this.store, { clock: this.clock, crypto: nodeCrypto });
  readonly pusher: StoredConfigurations = new StoredConfigurations(this.records, nodeCrypto, this.clock);

  /** An instance of what is deployed. It follows what is pushed. */
  start(deployed: ProxyConfiguration, platform: Partial<ProxyPlatform> = {}): AskGateway {
    const { clock, store, transport, logger } = this;
    const { handler } = createPortolan(
      {
        clock,
        crypto: nodeCrypto,
        logger,
        store,
        secrets: new MemorySecrets({}),
        random: () => 0.5,
        proxy: reverseProxy({ ...unusedProxyPlatform, openTransports: () => transport, isServer: true, ...platform }),
      },
      { auth: { storedKeys: true }, ...deployed },
    );
    return async (target = '/', clientAddress = '192.0.2.1') => {
      const pending: Promise<unknown>[] = [];
      const { status } = await handler(
        { method: 'GET', scheme: 'http', authority: 'a', target, headers: new HeaderList(), body: undefined },
        {
          source: 'test',
          requestId: 'r',
          clientAddress,
          deadline: clock.now() + 60_000,
          waitUntil: (work) => void pending.push(work),
        },
      );
      await Promise.all(pending);
      return status;
    };
  }
}
