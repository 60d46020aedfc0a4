import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../../adapters/node/node-crypto.ts';
import { bodyBytes } from '../../../core/http/body.ts';
import { HeaderList } from '../../../core/http/header-list.ts';
import type { WebHandler } from '../../../core/http/web-bridge.ts';
import type { Body, HeaderFields, HttpResponse, RequestContext } from '../../../core/ports/index.ts';
import { createPortolan } from '../../../core/portolan.ts';
import type { ProxyConfiguration } from '../../../core/proxy/configuration.ts';
import { MemoryStore } from '../../../core/storage/memory-store.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { MemoryLogger } from '../../support/memory-logger.ts';
import { MemorySecrets } from '../../support/memory-secrets.ts';
import { reverseProxy } from '../../../core/proxy/reverse-proxy.ts';
import { unusedProxyPlatform } from '../../support/proxy-platform.ts';
import { SimulatedTransport } from '../../support/simulated-transport.ts';

interface Asked {
  readonly method?: string;
  readonly target?: string;
  readonly headers?: readonly string[];
  readonly body?: Body;
  readonly trailers?: readonly string[];
  readonly context?: Partial<RequestContext>;
}

function world(configuration: ProxyConfiguration, handlers: Readonly<Record<string, WebHandler>> = {}, isServer = false) {
  const clock = new FakeClock();
  const transport = new SimulatedTransport(clock);
  const logger = new MemoryLogger();
  const portolan = createPortolan(
    {
      clock,
      crypto: nodeCrypto,
      logger,
      store: new MemoryStore(),
      secrets: new MemorySecrets({}),
      random: () => 0.5,
      proxy: reverseProxy({ ...unusedProxyPlatform, openTransports: () => transport, handlers, isServer }),
    },
    configuration,
  );
  const pending: Promise<unknown>[] = [];
  const ask = async (asked: Asked = {}): Promise<HttpResponse> => {
    const { method = 'GET', target = '/', headers = [], body, trailers, context } = asked;
    return portolan.handler(
      {
        method,
        scheme: 'http',
        authority: 'www.example',
        target,
        headers: new HeaderList(headers),
        body,
        ...(trailers && { trailers: () => new HeaderList(trailers) }),
      },
      {
        source: 'http-server',
        requestId: 'r',
        clientAddress: '10.0.0.1',
        deadline: clock.now() + 60_000,
        waitUntil: (work) => void pending.push(work),
        ...context,
      },
    );
  };
  return { ask, clock, transport, logger, pending };
}

const text = async ({ body }: HttpResponse): Promise<string> => new TextDecoder().decode(await bodyBytes(body));

describe('the client', () => {
  const behindProxies = { trustedProxies: ['10.0.0.0/8'] };

  it('that trusted proxies name decides its side of a split, not the proxy they share', async () => {
    const { ask, transport } = world({
      routes: [{ id: 'all', split: { old: 'old', new: 'new', newPercent: 50 } }],
      upstreams: { old: { url: 'http://old.example' }, new: { url: 'http://new.example' } },
      proxy: behindProxies,
    });
    transport.backend('old.example', {}).backend('new.example', {});
    for (let n = 0; n < 200; n++) await ask({ headers: ['x-forwarded-for', `192.0.2.${n}`] });
    expect(transport.count('new.example')).toBeGreaterThan(60);
    expect(transport.count('old.example')).toBeGreaterThan(60);
  });

  it('that trusted proxies name is who a balancer keeps with one target', async () => {
    const { ask, transport } = world({
      routes: [{ id: 'all', upstream: 'pool' }],
      upstreams: {
        pool: {
          targets: [{ url: 'http://a.example' }, { url: 'http://b.example' }],
          balance: { policy: 'hash', key: { by: 'client' } },
        },
      },
      proxy: behindProxies,
    });
    transport.backend('a.example', {}).backend('b.example', {});
    for (let n = 0; n < 100; n++) await ask({ headers: ['x-forwarded-for', `192.0.2.${n}`] });
    expect(transport.count('a.example')).toBeGreaterThan(20);
    expect(transport.count('b.example')).toBeGreaterThan(20);
  });
});

it('a rule that shuts a path out is not got round by an empty segment or a parameter', async () => {
  const { ask, transport } = world({
    routes: [
      { id: 'closed', match: { paths: ['/api/admin/*'] }, respond: { status: 403 } },
      { id: 'api', match: { paths: ['/api/*'] }, upstream: 'a' },
    ],
    upstreams: { a: { url: 'http://a.example' } },
  });
  transport.backend('a.example', {});
  for (const target of ['/api//admin/x', '/api/admin;a/x', '/api/;/admin']) expect((await ask({ target })).status).toBe(400);
  expect(transport.sent).toEqual([]);
  expect((await ask({ target: '/api/files//a;b?c=//d' })).status).toBe(200);
  expect(transport.sent[0]?.request.target).toBe('/api/files//a;b?c=//d');
});

describe('what a route removes', () => {
  const configuration: ProxyConfiguration = {
    routes: [
      {
        id: 'all',
        upstream: 'backend',
        requestFields: { set: { 'X-User': 'gateway' }, remove: ['X-Debug'] },
        responseFields: { set: { 'X-Version': 'ours' }, remove: ['X-Internal'] },
      },
    ],
    upstreams: { backend: { url: 'http://backend.example' } },
  };

  it('comes to no backend in trailers either, in whatever spelling', async () => {
    const { ask, transport } = world(configuration);
    transport.backend('backend.example', {});
    await ask({
      method: 'PUT',
      body: 'x',
      trailers: ['x-user', 'admin', 'x_user', 'admin', 'x-debug', '1', 'x.debug', '1', 'x-digest', 'kept'],
    });
    expect(transport.sent[0]?.request.trailers?.()?.flat()).toEqual(['x-digest', 'kept']);
  });

  it('comes to no client in trailers or in what is sent before the answer', async () => {
    const { ask, transport } = world(configuration);
    transport.backend('backend.example', (_request, _count, { onInformational }) => {
      onInformational?.(103, new HeaderList(['link', '</a>', 'x-internal', 'host-7', 'x-version', 'theirs']));
      return { headers: { 'x-internal': 'host-7' }, trailers: { 'x-internal': 'host-7', 'x-version': 'theirs', 'x-sum': '1' } };
    });
    const informed: (readonly [number, HeaderFields])[] = [];
    const answer = await ask({ context: { sendInformational: (status, headers) => void informed.push([status, headers]) } });
    expect(answer.headers.getAll('x-internal')).toEqual([]);
    expect(answer.headers.getAll('x-version')).toEqual(['ours']);
    expect(answer.trailers?.()?.flat()).toEqual(['x-sum', '1']);
    expect(informed.map(([status, headers]) => [status, headers.flat()])).toEqual([[103, ['link', '</a>']]]);
  });
});

describe('a copy of a request', () => {
  it.each([
    [false, undefined, 1_000],
    [true, undefined, 10_000],
    [false, 250, 250],
  ])(
    'on a server: %s, with timeoutMs %s, holds a platform that freezes for %i ms at the most',
    async (isServer, timeoutMs, most) => {
      const { ask, clock, transport, pending } = world(
        {
          routes: [{ id: 'all', upstream: 'a', mirror: { upstream: 'b', ...(timeoutMs !== undefined && { timeoutMs }) } }],
          upstreams: { a: { url: 'http://a.example' }, b: { url: 'http://b.example', timeouts: { responseHeadersMs: 60_000 } } },
        },
        {},
        isServer,
      );
      transport.backend('a.example', {}).backend('b.example', { afterMs: Infinity });
      expect((await ask()).status).toBe(200);
      let done = false;
      const all = Promise.all(pending).then(() => (done = true));
      await clock.advance(most - 1);
      expect(done).toBe(false);
      await clock.advance(1);
      await all;
      expect(transport.sent.map(({ authority, outcome }) => [authority, outcome])).toEqual([
        ['b.example', 'failed'],
        ['a.example', 200],
      ]);
    },
  );
});

describe('a handler of the user', () => {
  const configuration: ProxyConfiguration = { routes: [{ id: 'own', handler: 'own', timeoutMs: 2_000 }] };

  it('that never answers is a 504 when the time of its route is over', async () => {
    const { ask, clock, logger } = world(configuration, { own: () => new Promise(() => undefined) });
    const asked = ask();
    await clock.advance(2_001);
    const answer = await asked;
    expect(answer.status).toBe(504);
    expect(await text(answer)).toContain('problems/upstream-timeout');
    expect(logger.lines.at(-1)?.attributes).toMatchObject({ 'http.route': 'own', 'error.type': 'http_response_timeout' });
  });

  it('is not waited for when its client has gone, and may fail later unseen', async () => {
    const gone = new AbortController();
    const failing = Promise.withResolvers<Response>();
    const { ask } = world(configuration, { own: () => failing.promise });
    const asked = ask({ context: { signal: gone.signal } });
    gone.abort();
    expect((await asked).status).toBe(499);
    failing.reject(new Error('planted'));
    await failing.promise.catch(() => undefined);
  });

  it('that throws is a 500 with an incident, and no word of what it said', async () => {
    const { ask, logger } = world(configuration, { own: () => Promise.reject(new Error('c4n4ry')) });
    const answer = await ask();
    expect(answer.status).toBe(500);
    const { incident } = JSON.parse(await text(answer)) as { readonly incident: string };
    expect(logger.lines.find(({ event }) => event === 'bug')?.attributes).toMatchObject({ incident, 'http.route': 'own' });
    expect(JSON.stringify(logger.lines)).not.toContain('c4n4ry');
  });
});
