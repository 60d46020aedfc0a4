import { startHttpServer } from '../../adapters/local/server/http-server.ts';
import { systemClock } from '../../adapters/node/system-clock.ts';
import type { RouteConfiguration, UpstreamConfiguration } from '../../core/proxy/configuration.ts';
import { realGateway } from '../support/real-gateway.ts';
import type { StartFront } from './arena.ts';

const everything: readonly RouteConfiguration[] = [{ id: 'all', match: { paths: ['/*'] }, upstream: 'origin', upgrade: true }];

/** Our server as it is deployed. */
export const startPortolanFront: StartFront = async (originPort, routes = everything) => {
  const origin: UpstreamConfiguration = {
    url: `http://127.0.0.1:${originPort}`,
    allowPrivate: true,
    timeouts: { connectMs: 20_000, responseHeadersMs: 29_000, idleMs: 29_000 },
    circuitBreaker: false,
    outlierEjection: false,
  };
  const hurried = { ...origin, timeouts: { connectMs: 20_000, responseHeadersMs: 400, idleMs: 400 } };
  const gateway = realGateway({ routes, upstreams: { origin, hurried } });
  const { handler, logger } = gateway;
  const server = await startHttpServer({ handler, host: '127.0.0.1', port: 0, clock: systemClock, logger });
  return {
    port: server.port,
    async close() {
      await server.close();
      await gateway.close();
    },
  };
};
