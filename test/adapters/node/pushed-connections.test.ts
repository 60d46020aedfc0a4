import { createServer } from 'node:http';
import type { Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { nodeCrypto } from '../../../adapters/node/node-crypto.ts';
import { systemClock } from '../../../adapters/node/system-clock.ts';
import { nodeTransports } from '../../../adapters/node/transport/node-transports.ts';
import { bodyBytes } from '../../../core/http/body.ts';
import { HeaderList } from '../../../core/http/header-list.ts';
import { createPortolan } from '../../../core/portolan.ts';
import type { ProxyConfiguration, UpstreamConfiguration } from '../../../core/proxy/configuration.ts';
import { StoredConfigurations } from '../../../core/proxy/live/stored-configurations.ts';
import { reverseProxy } from '../../../core/proxy/reverse-proxy.ts';
import { durable } from '../../../core/storage/durable.ts';
import { MemoryStore } from '../../../core/storage/memory-store.ts';
import { MemoryLogger } from '../../support/memory-logger.ts';
import { MemorySecrets } from '../../support/memory-secrets.ts';
import { unusedProxyPlatform } from '../../support/proxy-platform.ts';

const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections();
});

/** A backend that counts its connections. What is asked for /slow is answered when the test says so. */
async function backend() {
  const slow: ServerResponse[] = [];
  let connections = 0;
  const server = createServer((request, response) => {
    if (request.url === '/slow') slow.push(response);
    else response.end('ok');
  }).on('connection', () => connections++);
  servers.push(server);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, slow, connections: () => connections };
}

it('targets that stay keep their connections when a push changes others, and time-outs; those that go finish what they are asked', async () => {
  const [a, b] = [await backend(), await backend()];
  const store = new MemoryStore();
  const document = (main: UpstreamConfiguration): ProxyConfiguration => ({
    routes: [{ id: 'all', upstream: 'main' }],
    upstreams: { main: { allowPrivate: true, balance: { policy: 'roundRobin' }, ...main } },
    proxy: { versionField: 'x-version', live: { pollMs: 100 } },
  });
  const { handler, proxy } = createPortolan(
    {
      clock: systemClock,
      crypto: nodeCrypto,
      logger: new MemoryLogger(),
      store,
      secrets: new MemorySecrets({}),
      proxy: reverseProxy({
        ...unusedProxyPlatform,
        openTransports: () => nodeTransports({ clock: systemClock, secrets: { current: () => expect.unreachable() } }),
        isServer: true,
      }),
    },
    { auth: { storedKeys: true }, ...document({ targets: [{ url: a.url }, { url: b.url }] }) },
  );
  const ask = async (target = '/'): Promise<string> => {
    const context = {
      source: 'test',
      requestId: 'r',
      clientAddress: undefined,
      deadline: systemClock.now() + 60_000,
      waitUntil: (work: Promise<unknown>) => void work,
    };
    const { status, headers, body } = await handler(
      { method: 'GET', scheme: 'http', authority: 'a', target, headers: new HeaderList(), body: undefined },
      context,
    );
    return `${status} ${Buffer.from(await bodyBytes(body)).toString()} of ${headers.get('x-version')}`;
  };
  for (let n = 0; n < 4; n++) expect(await ask()).toBe('200 ok of deployed');
  const slow = [ask('/slow'), ask('/slow')];
  await expect.poll(() => [a.slow.length, b.slow.length], { timeout: 30_000 }).toEqual([1, 1]);
  const stored = new StoredConfigurations(durable(store, { clock: systemClock, crypto: nodeCrypto }), nodeCrypto, systemClock);
  const timeouts = { connectMs: 1_999, responseHeadersMs: 14_000, idleMs: 29_000 };
  await stored.push(document({ targets: [{ url: a.url, weight: 2 }], timeouts }), undefined, undefined);
  await expect.poll(() => ask(), { timeout: 30_000 }).toBe('200 ok of 1');
  const [before, gone] = [a.connections(), b.connections()];
  for (const response of [...a.slow, ...b.slow]) response.end('at last');
  expect(await Promise.all(slow)).toEqual(['200 at last of deployed', '200 at last of deployed']);
  for (let n = 0; n < 8; n++) expect(await ask()).toBe('200 ok of 1');
  expect([a.connections() - before, b.connections() - gone, before]).toEqual([0, 0, 2]);
  await proxy?.close();
});
