import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { startHttpServer } from '../../../adapters/local/server/http-server.ts';
import { nodeCrypto } from '../../../adapters/node/node-crypto.ts';
import { nodeProxy } from '../../../adapters/node/node-proxy.ts';
import { systemClock } from '../../../adapters/node/system-clock.ts';
import { createPortolan } from '../../../core/portolan.ts';
import type { ProxyConfiguration } from '../../../core/proxy/configuration.ts';
import { StoredConfigurations } from '../../../core/proxy/live/stored-configurations.ts';
import { durable } from '../../../core/storage/durable.ts';
import { MemoryStore } from '../../../core/storage/memory-store.ts';
import { MemoryLogger } from '../../support/memory-logger.ts';
import { MemorySecrets } from '../../support/memory-secrets.ts';

const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const work of cleanUps.splice(0).toReversed()) await work();
});

/** Echoes content piece by piece; answers without any come in pieces, too, over some milliseconds. */
async function startBackend(): Promise<{ readonly url: string; connections(): Promise<number> }> {
  const server = createServer((request, response) => {
    if (request.method === 'POST') {
      request.pipe(response);
      return;
    }
    let left = 5;
    const write = (): void => {
      response.write('piece;');
      if (--left === 0) response.end();
      else setTimeout(write, 5);
    };
    write();
  });
  // longer than the test: what is closed, the gateway closes
  server.keepAliveTimeout = 600_000;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanUps.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    connections: () =>
      new Promise((resolve, reject) => {
        server.getConnections((error, count) => {
          if (error === null) resolve(count);
          else reject(error);
        });
      }),
  };
}

it('swaps of the configuration under load fail no request, mix no two versions, and leave no connection of an old one behind', async () => {
  const backend = await startBackend();
  // each version has connections of its own: those of the one before are closed
  const document = (n: number): ProxyConfiguration => ({
    upstreams: { backend: { url: backend.url, allowPrivate: true, retry: { retries: 0 }, timeouts: { connectMs: 20_000 + n } } },
    routes: [{ id: 'all', upstream: 'backend', responseFields: { set: { 'x-of': n === 0 ? 'deployed' : `${n}` } } }],
    proxy: { versionField: 'x-version' },
  });
  const store = new MemoryStore();
  const logger = new MemoryLogger();
  const { handler, proxy } = createPortolan(
    {
      clock: systemClock,
      crypto: nodeCrypto,
      logger,
      store,
      secrets: new MemorySecrets({}),
      proxy: nodeProxy({ isServer: true }),
    },
    { auth: { storedKeys: true }, ...document(0), proxy: { ...document(0).proxy, live: { pollMs: 100 } } },
  );
  const server = await startHttpServer({ handler, host: '127.0.0.1', port: 0, clock: systemClock, logger });
  cleanUps.push(async () => {
    await server.close();
    await proxy?.close();
  });
  const pusher = new StoredConfigurations(
    durable(store, { clock: systemClock, crypto: nodeCrypto, random: Math.random }),
    nodeCrypto,
    systemClock,
  );

  const clientCount = 12;
  const state = { running: true };
  const versions = new Set<string>();
  const client = async (name: number): Promise<void> => {
    for (let n = 0; state.running; n++) {
      const content = `${name}.${n};`.repeat(2_000);
      const response = await fetch(`http://127.0.0.1:${server.port}/`, n % 2 === 0 ? {} : { method: 'POST', body: content });
      expect([response.status, await response.text()]).toEqual([200, n % 2 === 0 ? 'piece;'.repeat(5) : content]);
      expect(response.headers.get('x-of')).toBe(response.headers.get('x-version'));
      versions.add(response.headers.get('x-version') ?? '');
    }
  };
  const clients = Promise.all(Array.from({ length: clientCount }, (_, name) => client(name)));
  await expect.poll(() => versions.has('deployed'), { interval: 10 }).toBe(true);
  for (let n = 1; n <= 8; n++) {
    await pusher.push(document(n), undefined, undefined);
    await expect.poll(() => versions.has(`${n}`), { interval: 10 }).toBe(true);
  }
  state.running = false;
  await clients;
  // nine versions had some each
  await expect.poll(backend.connections, { interval: 10 }).toBeLessThanOrEqual(clientCount);
  expect([...versions]).toEqual(['deployed', '1', '2', '3', '4', '5', '6', '7', '8']);
  expect(logger.lines.filter(({ severity }) => severity === 'error' || severity === 'warn')).toEqual([]);
}, 60_000);
