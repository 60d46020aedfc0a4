import { startHttpServer } from '../../adapters/local/http-server.ts';
import { nodeCrypto } from '../../adapters/node/node-crypto.ts';
import { nodeProxyPlatform } from '../../adapters/node/proxy-platform.ts';
import { systemClock } from '../../adapters/node/system-clock.ts';
import type { Logger } from '../../core/ports/index.ts';
import { createPortolan } from '../../core/portolan.ts';
import type { RouteConfiguration } from '../../core/proxy/configuration.ts';
import { MemoryStore } from '../../core/storage/memory-store.ts';
import { MemorySecrets } from '../support/memory-secrets.ts';
import type { StartFront } from './arena.ts';

const everything: readonly RouteConfiguration[] = [{ id: 'all', match: { paths: ['/*'] }, upstream: 'origin', upgrade: true }];

/** Our server as it is deployed, with time-outs short enough for a test. */
export const startPortolanFront =
  (logger: Logger = { log: () => undefined }): StartFront =>
  async (originPort, routes = everything) => {
    const { handler, proxy } = createPortolan(
      {
        clock: systemClock,
        crypto: nodeCrypto,
        logger,
        store: new MemoryStore(),
        secrets: new MemorySecrets({}),
        proxy: nodeProxyPlatform({ clock: systemClock, isServer: true }),
      },
      {
        routes,
        upstreams: {
          origin: {
            url: `http://127.0.0.1:${originPort}`,
            allowPrivate: true,
            timeouts: { connectMs: 500, responseHeadersMs: 400, idleMs: 400 },
            circuitBreaker: false,
            outlierEjection: false,
          },
        },
      },
    );
    const server = await startHttpServer({ handler, host: '127.0.0.1', port: 0, clock: systemClock, logger });
    return {
      port: server.port,
      async close() {
        await server.close();
        await proxy?.close();
      },
    };
  };
