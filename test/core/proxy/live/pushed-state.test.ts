import { expect, it } from 'vitest';
import { nodeCrypto } from '../../../../adapters/node/node-crypto.ts';
import { HeaderList } from '../../../../core/http/header-list.ts';
import { createPortolan } from '../../../../core/portolan.ts';
import type { ProxyConfiguration, RouteConfiguration } from '../../../../core/proxy/configuration.ts';
import { StoredConfigurations } from '../../../../core/proxy/live/stored-configurations.ts';
import { durable } from '../../../../core/storage/durable.ts';
import { MemoryStore } from '../../../../core/storage/memory-store.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { MemoryLogger } from '../../../support/memory-logger.ts';
import { MemorySecrets } from '../../../support/memory-secrets.ts';
import { reverseProxy } from '../../../../core/proxy/reverse-proxy.ts';
import { unusedProxyPlatform } from '../../../support/proxy-platform.ts';
import { SimulatedTransport } from '../../../support/simulated-transport.ts';

/** A gateway that serves a deployed configuration, and those pushed over it. */
function world(deployed: ProxyConfiguration) {
  const clock = new FakeClock();
  const store = new MemoryStore();
  const transport = new SimulatedTransport(clock);
  const start = () =>
    createPortolan(
      {
        clock,
        crypto: nodeCrypto,
        logger: new MemoryLogger(),
        store,
        secrets: new MemorySecrets({}),
        random: () => 0.5,
        proxy: reverseProxy({ ...unusedProxyPlatform, openTransports: () => transport, isServer: true }),
      },
      { auth: { storedKeys: true }, ...deployed },
    );
  let portolan = start();
  const pusher = new StoredConfigurations(durable(store, { clock, crypto: nodeCrypto }), nodeCrypto, clock);
  const pending: Promise<unknown>[] = [];
  return {
    clock,
    transport,
    pusher,
    /** Another instance takes the place of the one before. */
    restart(): void {
      portolan = start();
    },
    /** Pushes, and lets the instance know. */
    async push(document: ProxyConfiguration): Promise<void> {
      await pusher.push(document, undefined, undefined);
      await clock.advance(5_000);
    },
    async ask(target = '/', clientAddress = '192.0.2.1'): Promise<number> {
      const { status } = await portolan.handler(
        { method: 'GET', scheme: 'http', authority: 'a', target, headers: new HeaderList(), body: undefined },
        {
          source: 'test',
          requestId: 'r',
          clientAddress,
          deadline: clock.now() + 60_000,
          waitUntil: (work) => void pending.push(work),
        },
      );
      await Promise.all(pending.splice(0));
      return status;
    },
  };
}

const page: RouteConfiguration = { id: 'page', match: { paths: ['/page'] }, respond: { status: 204 } };

it('a push of another route leaves an open circuit open, and so does the way back to what was deployed', async () => {
  const route: RouteConfiguration = { id: 'all', upstream: 'main' };
  const upstreams = { main: { url: 'http://a', retry: { retries: 0 }, circuitBreaker: { openMs: 60_000 } } };
  const { ask, push, pusher, transport, clock } = world({ routes: [route], upstreams });
  transport.backend('a', { status: 500 });
  for (let n = 0; n < 5; n++) expect(await ask()).toBe(500);
  expect(await ask()).toBe(503);
  await push({ routes: [page, route], upstreams });
  expect([await ask('/page'), await ask()]).toEqual([204, 503]);
  await pusher.activate(0, undefined);
  await clock.advance(5_000);
  expect([await ask('/page'), transport.count('a')]).toEqual([503, 5]);
});
