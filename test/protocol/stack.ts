import { onTestFinished } from 'vitest';
import { startHttpServer } from '../../adapters/local/server/http-server.ts';
import type { HttpServerOptions } from '../../adapters/local/server/http-server.ts';
import { systemClock } from '../../adapters/node/system-clock.ts';
import type { Clock } from '../../core/ports/index.ts';
import type { ProxyConfiguration, RouteConfiguration, UpstreamConfiguration } from '../../core/proxy/configuration.ts';
import { realGateway } from '../support/real-gateway.ts';
import type { RealGateway } from '../support/real-gateway.ts';

export interface Stack {
  readonly port: number;
  readonly gateway: RealGateway;
  /** As at the end of the process; done after the test in any case. */
  close(): Promise<void>;
}

export interface StackOptions {
  /** Of the gateway, not of the server; default the system's. */
  readonly clock?: Clock | undefined;
  readonly server?: Partial<HttpServerOptions>;
  readonly route?: Partial<RouteConfiguration>;
  readonly upstream?: Partial<UpstreamConfiguration>;
  readonly proxy?: ProxyConfiguration['proxy'];
  /** Before the route and beside the upstream that every stack has. */
  readonly also?: Pick<ProxyConfiguration, 'routes' | 'upstreams'>;
}

/** The plain server with a gateway of real parts, in front of one backend. Ends with the test. */
export async function startStack(url: string, { clock, server, route, upstream, proxy, also }: StackOptions = {}): Promise<Stack> {
  const gateway = realGateway(
    {
      routes: [...(also?.routes ?? []), { id: 'all', upstream: 'backend', upgrade: true, ...route }],
      upstreams: {
        ...also?.upstreams,
        backend: { url, allowPrivate: true, circuitBreaker: false, outlierEjection: false, ...upstream },
      },
      proxy,
    },
    { clock },
  );
  const { handler, logger } = gateway;
  const front = await startHttpServer({
    handler,
    host: '127.0.0.1',
    port: 0,
    clock: systemClock,
    logger,
    ...server,
    limits: { closeTimeoutMs: 1_000, ...server?.limits },
  });
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => (closing ??= front.close().then(() => gateway.close()));
  onTestFinished(close);
  return { port: front.port, gateway, close };
}
