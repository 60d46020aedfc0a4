import { expect, onTestFinished } from 'vitest';
import type { Clock } from '../../core/ports/index.ts';
import type { ProxyConfiguration, UpstreamConfiguration } from '../../core/proxy/configuration.ts';
import { responseText } from '../probe/arena.ts';
import { Origin } from '../probe/origin.ts';
import type { OriginScript } from '../probe/origin.ts';
import { fronts } from './fronts.ts';
import type { Front } from './fronts.ts';
import { realGateway } from './real-gateway.ts';
import type { RealGateway } from './real-gateway.ts';

/** A way in, a gateway of real parts and an origin on a raw socket. */
export interface FrontScene {
  readonly front: Front;
  readonly gateway: RealGateway;
  readonly origin: Origin;
}

export interface FrontSceneOptions {
  /** Default: answers everything with `honest`. */
  readonly script?: OriginScript | undefined;
  /** The upstream `origin`, where the origin's URL is given; default that URL. It may be private. */
  readonly upstream?: ((url: string) => UpstreamConfiguration) | undefined;
  /** The rest. Without routes everything goes to the upstream `origin`. */
  readonly more?: ((url: string) => ProxyConfiguration) | undefined;
  /** Of the gateway, not of the way in; default the system's. */
  readonly clock?: Clock | undefined;
}

export const allFronts: readonly string[] = Object.keys(fronts);

export const honest: OriginScript = { onRequest: (_seen, socket) => socket.write(responseText(200, [], 'honest')) };

/** By way of the front of that name. Ends with the test. */
export async function frontScene(name: string, options: FrontSceneOptions = {}): Promise<FrontScene> {
  const { script = honest, upstream = (url) => ({ url }), more, clock } = options;
  const origin = new Origin(script);
  const url = `http://127.0.0.1:${await origin.listen()}`;
  onTestFinished(() => origin.close());
  const { upstreams, ...others } = more?.(url) ?? {};
  const gateway = realGateway(
    {
      routes: [{ id: 'all', match: { paths: ['/*'] }, upstream: 'origin' }],
      ...others,
      upstreams: { origin: { allowPrivate: true, ...upstream(url) }, ...upstreams },
    },
    { clock },
  );
  onTestFinished(() => gateway.close());
  const front = await (fronts[name] ?? expect.unreachable(name))(gateway.handler, gateway.logger);
  onTestFinished(() => front.close());
  return { front, gateway, origin };
}
