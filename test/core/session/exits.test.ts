import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../../adapters/node/node-crypto.ts';
import type { SessionsConfiguration } from '../../../core/config/configuration.ts';
import { CachedSecrets } from '../../../core/secrets/cached-secrets.ts';
import { defaultPoolOf, Exits } from '../../../core/session/exits.ts';
import type { Session } from '../../../core/session/session.ts';
import { newUpstreamIdentity } from '../../../core/session/upstream-identity.ts';
import { builtInTemplates } from '../../../core/session/vendors/catalogue.ts';
import { durable } from '../../../core/storage/durable.ts';
import { defaultRetryPolicy, RetryBudget } from '../../../core/storage/retry.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { FallibleStore } from '../../support/fallible-store.ts';
import { MemorySecrets } from '../../support/memory-secrets.ts';

const day = 86_400_000;

function exitsOf(configuration: Partial<SessionsConfiguration>): Exits {
  const clock = new FakeClock();
  const retrier = { clock, random: () => 0.5, policy: defaultRetryPolicy, budget: new RetryBudget() };
  const secrets = new MemorySecrets({ vendor: '{"password":"pw","username":"u","customer":"c","zone":"z"}', plain: 'pw' });
  return new Exits(
    { auth: {}, signingSecret: 's', pools: {}, ...configuration },
    builtInTemplates,
    new CachedSecrets(secrets, retrier),
  );
}

const session = (changes: Partial<Session>): Session => ({
  tenant: 'acme',
  sessionId: 'a',
  pool: 'p',
  vendor: 'iproyal',
  tags: {},
  geo: {},
  onPeerLoss: 'fail',
  createdAt: 0,
  expiresAt: 1_800_000,
  generation: 1,
  revision: 1,
  upstream: { token: 'abcd1234', startedAt: 0, ttlSeconds: 1_800 },
  creationId: 'c',
  ...changes,
});

describe('the pool used when none is named', () => {
  it.each([
    [{ a: { vendor: 'direct' } }, undefined, 'a'],
    [{ a: { vendor: 'direct' }, default: { vendor: 'direct' } }, undefined, 'default'],
    [{ a: { vendor: 'direct' }, b: { vendor: 'direct' } }, undefined, undefined],
    [{ a: { vendor: 'direct' }, b: { vendor: 'direct' } }, 'b', 'b'],
  ])('of %j with %j configured is %j', (pools, defaultPool, chosen) => {
    expect(defaultPoolOf({ auth: {}, signingSecret: 's', pools, defaultPool })).toBe(chosen);
  });

  it('must be named where none is obvious', () => {
    const exits = exitsOf({ pools: { a: { vendor: 'direct' }, b: { vendor: 'direct' } } });
    expect(exits.plan({})).toEqual({ ok: false, reason: 'invalid', problems: [{ field: 'pool', detail: 'must be one of a, b' }] });
  });
});

describe('a plan', () => {
  it('takes the lifetime from the request, the pool, the configuration, or 30 minutes, and never over a maximum', () => {
    const ttl = (pool: object, sessions: object | undefined, ttlSeconds?: number): number | undefined => {
      const planned = exitsOf({ pools: { p: { vendor: 'direct', ...pool } }, sessions }).plan({ ttlSeconds });
      return planned.ok ? planned.value.ttlSeconds : undefined;
    };
    expect(ttl({}, undefined)).toBe(1_800);
    expect(ttl({}, { defaultTtlSeconds: 60 })).toBe(60);
    expect(ttl({ defaultTtlSeconds: 120 }, { defaultTtlSeconds: 60 })).toBe(120);
    expect(ttl({ defaultTtlSeconds: 120 }, undefined, 240)).toBe(240);
    expect(ttl({ maxTtlSeconds: 100 }, undefined)).toBe(100);
    expect(ttl({ maxTtlSeconds: 100 }, undefined, 101)).toBeUndefined();
    expect(ttl({}, { maxTtlSeconds: 100 }, 101)).toBeUndefined();
    expect(ttl({}, undefined, 86_401)).toBeUndefined();
    // The vendor's own maximum, where it is less.
    expect(ttl({ vendor: 'geonode', secret: 'vendor', maxTtlSeconds: 604_800 }, undefined, 86_401)).toBeUndefined();
  });

  it('asks the vendor to refuse where it can, unless pool or request want it to swap', () => {
    const onPeerLoss = (pool: object, asked?: 'fail' | 'rotate'): string | undefined => {
      const planned = exitsOf({ pools: { p: { vendor: 'iproyal', secret: 'vendor', ...pool } } }).plan({ onPeerLoss: asked });
      return planned.ok ? planned.value.onPeerLoss : undefined;
    };
    expect(onPeerLoss({})).toBe('fail');
    expect(onPeerLoss({ onPeerLoss: 'rotate' })).toBe('rotate');
    expect(onPeerLoss({ onPeerLoss: 'rotate' }, 'fail')).toBe('fail');
    expect(onPeerLoss({ vendor: 'webshare' })).toBe('rotate');
    expect(onPeerLoss({ vendor: 'webshare' }, 'fail')).toBeUndefined();
    expect(onPeerLoss({ vendor: 'direct' })).toBe('fail');
  });

  it('takes the country from the request, else from the pool', () => {
    const exits = exitsOf({ pools: { p: { vendor: 'iproyal', secret: 'vendor', country: 'de' } } });
    expect(exits.plan({})).toMatchObject({ value: { geo: { country: 'de' } } });
    expect(exits.plan({ country: 'fr' })).toMatchObject({ value: { geo: { country: 'fr' } } });
  });
});

describe('how long an exit can be counted on', () => {
  it('is the session’s whole life without a vendor', () => {
    expect(exitsOf({ pools: { p: { vendor: 'direct' } } }).lifetime(session({ vendor: 'direct' }))).toEqual({
      effectiveUntil: 1_800_000,
      idleTimeoutSeconds: null,
      ttlKind: 'none',
      guarantee: 'fail-closed',
    });
  });

  it('ends with what the vendor was told, also when the session is extended', () => {
    const exits = exitsOf({ pools: { p: { vendor: 'iproyal', secret: 'vendor' } } });
    expect(exits.lifetime(session({}))).toMatchObject({ effectiveUntil: 1_800_000, ttlKind: 'fixed', guarantee: 'fail-closed' });
    expect(exits.lifetime(session({ expiresAt: 7_200_000 }))).toMatchObject({ effectiveUntil: 1_800_000 });
    expect(exits.lifetime(session({ onPeerLoss: 'rotate' }))).toMatchObject({ guarantee: 'best-effort' });
  });

  it('ends with the vendor’s own limit where the grammar has no lifetime', () => {
    const exits = exitsOf({ pools: { p: { vendor: 'hex-proxies', secret: 'vendor', endpoint: { host: 'h.example', port: 1 } } } });
    expect(
      exits.lifetime(
        session({ vendor: 'hex-proxies', expiresAt: 7_200_000, upstream: { token: 't', startedAt: 0, ttlSeconds: 7_200 } }),
      ),
    ).toMatchObject({ effectiveUntil: 1_800_000 });
  });

  it('tells the vendor’s idle time-out', () => {
    const idle = Object.entries(builtInTemplates).find(([, { ttl }]) => ttl.idleSeconds !== undefined);
    const exits = exitsOf({ pools: { p: { vendor: idle?.[0] ?? '', secret: 'vendor' } } });
    expect(exits.lifetime(session({ vendor: idle?.[0] ?? '' })).idleTimeoutSeconds).toBe(idle?.[1].ttl.idleSeconds);
  });

  it('is that of the session’s own vendor when its pool is configured no more, or for another vendor', async () => {
    const before = exitsOf({ pools: { p: { vendor: 'iproyal', secret: 'vendor' } } }).lifetime(session({}));
    for (const [pools, reason] of [
      [{ other: { vendor: 'direct' } }, 'PoolNotConfigured'],
      [{ p: { vendor: 'direct' } }, 'PoolChanged'],
      [{ p: { vendor: 'webshare', secret: 'vendor' } }, 'PoolChanged'],
    ] as const) {
      const exits = exitsOf({ pools });
      expect(exits.lifetime(session({}))).toEqual(before);
      expect(exits.hasPoolOf(session({}))).toBe(false);
      await expect(exits.endpoint(session({}))).rejects.toMatchObject({ code: 'failed_precondition', reason });
      expect(() => exits.checkTtl(session({}), 60)).toThrow(expect.objectContaining({ code: 'failed_precondition', reason }));
    }
  });

  it('of a vendor nobody knows any more promises nothing', () => {
    const exits = exitsOf({ pools: { p: { vendor: 'direct' } } });
    expect(exits.lifetime(session({ vendor: 'gone' }))).toMatchObject({ effectiveUntil: 1_800_000, guarantee: 'best-effort' });
    expect(exits.lifetime(session({ vendor: 'constructor' }))).toMatchObject({ guarantee: 'best-effort' });
  });
});

describe('the vendor’s endpoint', () => {
  it('is the same each time for one state of a session, with the account from configuration and secret', async () => {
    const exits = exitsOf({
      pools: {
        p: { vendor: 'iproyal', secret: 'vendor', country: 'de' },
        q: { vendor: 'iproyal', secret: 'plain', account: { username: 'conf' } },
      },
    });
    const one = session({ geo: { country: 'de' } });
    expect(await exits.endpoint(one)).toEqual({
      scheme: 'http',
      host: 'geo.iproyal.com',
      port: 12_321,
      username: 'u',
      password: 'pw_country-de_session-abcd1234_lifetime-30m_killswitch-1',
    });
    expect(await exits.endpoint(one)).toEqual(await exits.endpoint(one));
    expect(await exits.endpoint(session({ pool: 'q' }))).toMatchObject({ username: 'conf' });
    // Extending does not change what the vendor is told: to some it would be another session.
    expect(await exits.endpoint({ ...one, expiresAt: 9_999_000, revision: 5 })).toEqual(await exits.endpoint(one));
  });

  it('is an error, never half a credential, when the account is not complete', async () => {
    const exits = exitsOf({ pools: { p: { vendor: 'iproyal', secret: 'plain' } } });
    await expect(exits.endpoint(session({}))).rejects.toMatchObject({
      code: 'data_loss',
      reason: 'VendorAccount:account.username',
    });
  });
});

describe('what a vendor knows a session by', () => {
  const setUp = () => {
    const clock = new FakeClock({ autoAdvance: true });
    const raw = new FallibleStore();
    return { clock, raw, store: durable(raw, { clock, crypto: nodeCrypto, random: () => 0.5 }) };
  };
  const pool = (vendor: string) => exitsOf({ pools: { p: { vendor, secret: 'vendor' } } }).poolOf({ pool: 'p', vendor });

  it('is nothing without a vendor', async () => {
    const { clock, raw, store } = setUp();
    const made = await newUpstreamIdentity({ store, clock, crypto: nodeCrypto }, pool('direct'), 60);
    expect(made).toEqual({ startedAt: clock.now(), ttlSeconds: 60 });
    expect(raw.calls).toEqual([]);
  });

  it('is reserved where the vendor’s space is small: two sessions never get the same', async () => {
    const { clock, store, raw } = setUp();
    // Six digits only, so that they would meet often.
    const crowded = pool('scrapeops');
    const tokens = new Set<string>();
    for (let n = 0; n < 300; n++)
      tokens.add((await newUpstreamIdentity({ store, clock, crypto: nodeCrypto }, crowded, 60)).token ?? '');
    expect(tokens.size).toBe(300);
    expect(raw.calls.filter((name) => name === 'create').length).toBeGreaterThanOrEqual(300);
  });

  it.each(Object.entries(builtInTemplates))('of %s is reserved if and only if 100,000 could collide', async (vendor, { sid }) => {
    const { clock, store, raw } = setUp();
    const made = exitsOf({ pools: { p: { vendor, secret: 'vendor', endpoint: { host: 'h.example', port: 1 } } } }).poolOf({
      pool: 'p',
      vendor,
    });
    const { token = '' } = await newUpstreamIdentity({ store, clock, crypto: nodeCrypto }, made, 60);
    const bits = 'min' in sid ? Math.log2(sid.max - sid.min + 1) : token.length * Math.log2(new Set(expand(sid.alphabet)).size);
    expect(raw.calls.length > 0, `${vendor}: ${bits} bits`).toBe(bits < 64);
  });

  it('is not used again for seven days after a session, or longer where the vendor keeps it longer', async () => {
    const { clock, store } = setUp();
    const ports = {
      store,
      clock,
      crypto: { ...nodeCrypto, randomBytes: (size: number) => new Uint8Array(size).fill(1) },
    };
    const first = await newUpstreamIdentity(ports, pool('scrapeops'), 60);
    await expect(newUpstreamIdentity(ports, pool('scrapeops'), 60)).rejects.toMatchObject({ code: 'resource_exhausted' });
    clock.set(first.startedAt + 7 * day - 1_000);
    await expect(newUpstreamIdentity(ports, pool('scrapeops'), 60)).rejects.toMatchObject({ code: 'resource_exhausted' });
    clock.set(first.startedAt + 7 * day);
    expect((await newUpstreamIdentity(ports, pool('scrapeops'), 60)).token).toBe(first.token);
  });

  it('is reserved beyond the end of the longest session', async () => {
    const { clock, store } = setUp();
    const made = await newUpstreamIdentity({ store, clock, crypto: nodeCrypto }, pool('webshare'), 604_800);
    const reserved = await store.list(`tokens.${pool('webshare').account}`);
    expect(made.usableUntil).toBeGreaterThan(made.startedAt + 7 * day);
    expect(reserved.records[0]?.expiresAt).toBe((made.usableUntil ?? 0) + day);
  });

  it('is told no longer a lifetime than the vendor has', async () => {
    const { clock, store } = setUp();
    const made = await newUpstreamIdentity({ store, clock, crypto: nodeCrypto }, pool('geonode'), 604_800);
    expect(made.ttlSeconds).toBe(86_400);
  });
});

/** `a-z0-9_` as its characters. */
function expand(alphabet: string): string[] {
  return [
    ...alphabet.replaceAll(/(.)-(.)/g, (_, from: string, to: string) => {
      let all = '';
      for (let code = from.charCodeAt(0); code <= to.charCodeAt(0); code++) all += String.fromCharCode(code);
      return all;
    }),
  ];
}
