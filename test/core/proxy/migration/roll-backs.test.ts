import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../../../adapters/node/node-crypto.ts';
import { HeaderList } from '../../../../core/http/header-list.ts';
import { createPortolan } from '../../../../core/portolan.ts';
import type { ProxyConfiguration } from '../../../../core/proxy/configuration.ts';
import { MemoryStore } from '../../../../core/storage/memory-store.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { MemoryLogger } from '../../../support/memory-logger.ts';
import { MemorySecrets } from '../../../support/memory-secrets.ts';
import { reverseProxy } from '../../../../core/proxy/reverse-proxy.ts';
import { unusedProxyPlatform } from '../../../support/proxy-platform.ts';
import { SimulatedTransport } from '../../../support/simulated-transport.ts';

/** Deployments one after the other, on one store. */
function world() {
  const clock = new FakeClock();
  const store = new MemoryStore();
  const transport = new SimulatedTransport(clock).backend('old.example', {}).backend('new.example', { status: 500 });
  const deploy = (configuration: ProxyConfiguration) => {
    const portolan = createPortolan(
      {
        clock,
        crypto: nodeCrypto,
        logger: new MemoryLogger(),
        store,
        secrets: new MemorySecrets({}),
        random: () => 0.5,
        proxy: reverseProxy({ ...unusedProxyPlatform, openTransports: () => transport, isServer: true }),
      },
      configuration,
    );
    /** How many of 50 requests of different clients went to the new backend. */
    return async (): Promise<number> => {
      const before = transport.count('new.example');
      const pending: Promise<unknown>[] = [];
      for (let n = 0; n < 50; n++) {
        await portolan.handler(
          { method: 'GET', scheme: 'http', authority: 'a', target: '/', headers: new HeaderList(), body: undefined },
          {
            source: 'test',
            requestId: 'r',
            clientAddress: `192.0.2.${n}`,
            deadline: clock.now() + 60_000,
            waitUntil: (work) => void pending.push(work),
          },
        );
      }
      await clock.advance(2_000);
      await Promise.all(pending);
      return transport.count('new.example') - before;
    };
  };
  return { deploy, transport };
}

function split(newPercent: number): ProxyConfiguration {
  return {
    routes: [{ id: 'orders', split: { old: 'old', new: 'new', newPercent, gate: { minRequests: 10 } } }],
    upstreams: {
      old: { url: 'http://old.example' },
      new: { url: 'http://new.example', retry: { retries: 0 }, circuitBreaker: false, outlierEjection: false },
    },
  };
}

describe('a roll-back of a deployed split', () => {
  it('holds for every instance and every new start of what was deployed, and not for what is deployed in its place', async () => {
    const { deploy, transport } = world();
    const first = deploy(split(100));
    expect(await first()).toBeGreaterThan(9);
    expect(await first()).toBe(0);
    expect(await deploy(split(100))()).toBe(0);
    transport.backend('new.example', {});
    expect(await deploy(split(100))()).toBe(0);
    expect(await deploy(split(90))()).toBeGreaterThan(30);
  });
});
