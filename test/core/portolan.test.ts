import { describe, expect, it } from 'vitest';
import { createPortolan } from '../../core/portolan.ts';
import { nodeCrypto } from '../../adapters/node/node-crypto.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { FallibleStore } from '../support/fallible-store.ts';
import { MemorySecrets } from '../support/memory-secrets.ts';
import { canaries, startPortolan } from '../support/portolan.ts';

describe('Portolan in one process', () => {
  it('creates, reads, extends, rotates, lists and ends a session', async () => {
    const { call, expectNoSecrets, portolan } = startPortolan();
    const created = await call('POST', '/v1/sessions', { body: { sessionId: 'a', label: 'first', tags: { team: 'blue' } } });
    expect(created.status).toBe(201);
    expect(created.headers.get('location')).toBe('/v1/sessions/a');
    expect(created.json).toMatchObject({ sessionId: 'a', state: 'active', generation: 1, label: 'first', vendor: 'direct' });
    expect(created.json.proxyUrl).toMatch(/^http:\/\/session:pts_acme\.a\.1\.[0-9a-z]+\.[\w-]{43}@127\.0\.0\.1:8788$/);

    expect((await call('GET', '/v1/sessions/a')).json).toEqual(created.json);
    expect((await call('POST', '/v1/sessions/a/extend', { body: { ttlSeconds: 7_200 } })).json.expiresAt).toBe(
      '2026-01-01T02:00:00.000Z',
    );
    const rotated = await call('POST', '/v1/sessions/a/rotate');
    expect(rotated.json.generation).toBe(2);
    expect((await call('GET', '/v1/sessions')).json.sessions).toEqual([rotated.json]);

    const { username, password } = rotated.json.proxy;
    expect(await portolan.gatewayAuthorizer.authorize({ username, password })).toEqual({
      allowed: true,
      tenant: 'acme',
      sessionId: 'a',
      creationId: expect.stringMatching(/^[\w-]{22}$/) as unknown,
      generation: 2,
      upstream: undefined,
    });
    expect((await call('DELETE', '/v1/sessions/a')).status).toBe(204);
    expect(await portolan.gatewayAuthorizer.authorize({ username, password })).toEqual({ allowed: false });
    expect((await call('GET', '/v1/sessions/a')).status).toBe(410);
    expectNoSecrets();
  });

  it('does no I/O while it is put together', () => {
    const store = new FallibleStore();
    const secrets = new MemorySecrets();
    createPortolan(
      { clock: new FakeClock(), crypto: nodeCrypto, logger: { log: () => undefined }, store, secrets },
      { auth: { keysSecret: 'api-keys' }, signingSecret: 'signing', pools: { default: { vendor: 'direct' } } },
    );
    expect([store.calls, secrets.reads]).toEqual([[], []]);
  });

  it.each([
    ['http://gateway.example.com:8788', 'http', 'gateway.example.com', 8788],
    ['http://gateway.example.com', 'http', 'gateway.example.com', 80],
    ['https://gateway.example.com', 'https', 'gateway.example.com', 443],
    ['https://[2001:db8::1]:9000', 'https', '2001:db8::1', 9000],
  ])('points at the configured gateway %s', async (publicUrl, scheme, host, port) => {
    const { call } = startPortolan({ gateway: null, configuration: { gateway: { publicUrl } } });
    const { json } = await call('POST', '/v1/sessions', { body: {} });
    expect(json.proxy).toMatchObject({ scheme, host, port });
    const url = new URL(json.proxyUrl as string);
    expect([url.hostname, Number(url.port) || port]).toEqual([host.includes(':') ? `[${host}]` : host, port]);
  });

  it('tells each secret that is loaded, so that logs can be scrubbed of it', async () => {
    const told: string[] = [];
    const store = new FallibleStore();
    const { handler, sessions } = createPortolan(
      {
        clock: new FakeClock(),
        crypto: nodeCrypto,
        logger: { log: () => undefined },
        store,
        secrets: new MemorySecrets({ signing: canaries.signingSecret }),
        onSecretValue: (value) => told.push(value),
      },
      { auth: { storedKeys: true }, signingSecret: 'signing', pools: { default: { vendor: 'direct' } } },
    );
    expect(handler).toBeTypeOf('function');
    const principal = { keyId: 'k', tenant: 'acme', scopes: new Set<never>() };
    await sessions.create(principal, {}, undefined);
    await sessions.create(principal, {}, undefined);
    await sessions.list(principal, { limit: 1 });
    expect(told).toEqual([canaries.signingSecret]);
  });

  it('tells which generation of a session a deletion or a rotation ended, once, and only when it ended one', async () => {
    const ended: unknown[] = [];
    const { sessions } = createPortolan(
      {
        clock: new FakeClock(),
        crypto: nodeCrypto,
        logger: { log: () => undefined },
        store: new FallibleStore(),
        secrets: new MemorySecrets({ signing: canaries.signingSecret }),
        onSessionEnded: (session) => ended.push(session),
      },
      { auth: {}, signingSecret: 'signing', pools: { default: { vendor: 'direct' } } },
    );
    const principal = { keyId: 'k', tenant: 'acme', scopes: new Set<never>() };
    await sessions.create(principal, { sessionId: 'a' }, undefined);
    await sessions.rotate(principal, 'a', 1, undefined);
    await sessions.rotate(principal, 'a', 1, undefined);
    expect(ended.splice(0)).toEqual([{ tenant: 'acme', sessionId: 'a', generation: 1 }]);
    await sessions.delete(principal, 'a', undefined);
    await sessions.delete(principal, 'a', undefined);
    await sessions.delete(principal, 'never-was', undefined);
    expect(ended).toEqual([{ tenant: 'acme', sessionId: 'a', generation: 2 }]);
  });

  it('refuses to be put together with a pool of a vendor that does not exist', () => {
    expect(() => startPortolan({ configuration: { pools: { default: { vendor: 'no-such' } } } })).toThrow(TypeError);
  });
});
