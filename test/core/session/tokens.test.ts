import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../../adapters/node/node-crypto.ts';
import { Signer } from '../../../core/auth/signer.ts';
import { CachedSecrets } from '../../../core/secrets/cached-secrets.ts';
import { makeCursor, readCursor } from '../../../core/session/cursor.ts';
import { gatewayToken, readGatewayToken } from '../../../core/session/gateway-token.ts';
import type { Session } from '../../../core/session/session.ts';
import { defaultRetryPolicy, RetryBudget } from '../../../core/storage/retry.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { MemorySecrets } from '../../support/memory-secrets.ts';
import { startPortolan } from '../../support/portolan.ts';

let clock: FakeClock;
let secrets: MemorySecrets;
let signer: Signer;

const newSigner = (): Signer => {
  const retrier = { clock, random: () => 0.5, policy: { ...defaultRetryPolicy, maxAttempts: 1 }, budget: new RetryBudget() };
  return new Signer(nodeCrypto, new CachedSecrets(secrets, retrier), 'signing');
};

beforeEach(() => {
  clock = new FakeClock();
  secrets = new MemorySecrets({ signing: 'a signing secret of 32 characters' });
  signer = newSigner();
});

const session: Session = {
  tenant: 'acme',
  sessionId: 'a-session_1',
  pool: 'default',
  vendor: 'direct',
  tags: {},
  geo: {},
  onPeerLoss: 'fail',
  createdAt: 1_700_000_000_000,
  expiresAt: 1_800_000_000_000,
  generation: 37,
  revision: 40,
  upstream: { startedAt: 0, ttlSeconds: 10 },
  creationId: 'c',
};

/** Every text that differs from `text` in one character, by one bit or by a letter of base64url. */
function* nearly(text: string): Generator<string> {
  for (let at = 0; at < text.length; at++) {
    for (const other of [String.fromCharCode(text.charCodeAt(at) ^ 1), 'A', 'a', '0', '-', '.', '']) {
      const changed = text.slice(0, at) + other + text.slice(at + 1);
      if (changed !== text) yield changed;
    }
  }
  yield* [
    `${text}A`,
    `${text}=`,
    `${text} `,
    ` ${text}`,
    `${text}\n`,
    text.slice(0, -1),
    text.toUpperCase(),
    text.toLowerCase(),
    `${text}${text}`,
  ];
}

describe('a token of the forward gateway', () => {
  it('says for which session and generation it is good, and is the same each time, also when the session is extended', async () => {
    const token = await gatewayToken(signer, session);
    expect(token).toMatch(/^pts_acme\.a-session_1\.11\.[0-9a-z]+\.[A-Za-z0-9_-]{43}$/);
    expect(encodeURIComponent(token)).toBe(token);
    expect(await gatewayToken(signer, { ...session, expiresAt: session.expiresAt + 1, revision: 41 })).toBe(token);
    expect(await readGatewayToken(signer, token)).toEqual({
      tenant: 'acme',
      sessionId: 'a-session_1',
      generation: 37,
      createdAt: 1_700_000_000_000,
    });
  });

  it('can be read back for every session there can be', async () => {
    const id = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/);
    const tenant = fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,62}$/);
    await fc.assert(
      fc.asyncProperty(
        id,
        tenant,
        fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
        fc.nat(253_402_300_799_999),
        async (sessionId, of, generation, createdAt) => {
          const token = await gatewayToken(signer, { ...session, tenant: of, sessionId, generation, createdAt });
          expect(await readGatewayToken(signer, token)).toEqual({ tenant: of, sessionId, generation, createdAt });
        },
      ),
    );
  });

  it('is nothing with any one character changed, dropped or added', async () => {
    for (const forged of nearly(await gatewayToken(signer, session)))
      expect(await readGatewayToken(signer, forged), forged).toBeUndefined();
  });

  it('is nothing with its signature on other claims, or with a cursor’s signature', async () => {
    const token = await gatewayToken(signer, session);
    const signature = token.slice(-43);
    for (const claims of [
      'acme.a-session_1.12.mygk9hz4',
      'other.a-session_1.11.mygk9hz4',
      'acme.a-session.1.11.mygk9hz4',
      'acme.a-session_1.11.zzzzzzzz',
    ]) {
      expect(await readGatewayToken(signer, `pts_${claims}.${signature}`)).toBeUndefined();
    }
    const claims = token.slice(4, -44);
    expect(await readGatewayToken(signer, `pts_${claims}.${await signer.sign('cursor', claims)}`)).toBeUndefined();
    expect(await readGatewayToken(signer, `pts_${claims}.${await signer.sign('gateway-token', claims)}`)).toBeDefined();
  });

  it('survives a rotation of the signing secret, and not a second one', async () => {
    const token = await gatewayToken(signer, session);
    secrets.set('signing', 'another signing secret, 32 characters');
    expect(await readGatewayToken(newSigner(), token)).toBeDefined();
    secrets.set('signing', 'and yet another of 32 characters.....');
    expect(await readGatewayToken(newSigner(), token)).toBeUndefined();
  });

  it('signed by an instance that has seen a rotation is good for one that has not', async () => {
    const late = newSigner();
    await late.sign('x', 'x');
    // A bad token before, so that the absence of a previous version is remembered.
    await readGatewayToken(late, `${(await gatewayToken(late, session)).slice(0, -1)}A`);
    secrets.set('signing', 'another signing secret, 32 characters');
    await clock.advance(30_000);
    const token = await gatewayToken(newSigner(), session);
    expect(await readGatewayToken(late, token)).toBeDefined();
    // And what the late one signed before is good for both.
    expect(await readGatewayToken(late, await gatewayToken(newSigner(), session))).toBeDefined();
  });

  it('that is forged costs one read of the secret in 30 s, not one each', async () => {
    const token = await gatewayToken(signer, session);
    await clock.advance(30_000);
    for (let n = 0; n < 1_000; n++) await readGatewayToken(signer, `${token.slice(0, -5)}${String(n).padStart(5, '0')}`);
    expect(secrets.reads.length).toBeLessThanOrEqual(3);
  });
});

describe('a cursor', () => {
  const scope = JSON.stringify(['acme', undefined, 'active', undefined]);

  it('can be read back for the question it was made for', async () => {
    await fc.assert(
      fc.asyncProperty(fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/), async (after) => {
        expect(await readCursor(signer, scope, await makeCursor(signer, scope, after))).toBe(after);
      }),
    );
  });

  it('is nothing with any one character changed, dropped or added', async () => {
    for (const forged of nearly(await makeCursor(signer, scope, 'ses_abc')))
      expect(await readCursor(signer, scope, forged), forged).toBeUndefined();
  });

  it.each(['', '.', 'a.', '.a', 'a', 'a.b.c', '..', 'a'.repeat(1_024)])(
    'that is none of ours is nothing: %.20s',
    async (cursor) => {
      expect(await readCursor(signer, scope, cursor)).toBeUndefined();
    },
  );

  it('is nothing for another tenant or other filters', async () => {
    const cursor = await makeCursor(signer, scope, 'a');
    for (const other of [
      ['other', undefined, 'active', undefined],
      ['acme', 'tag', 'active', undefined],
      ['acme', undefined, 'all', undefined],
      ['acme', undefined, 'active', 'pool'],
    ]) {
      expect(await readCursor(signer, JSON.stringify(other), cursor)).toBeUndefined();
    }
  });

  it('survives a rotation of the signing secret', async () => {
    const cursor = await makeCursor(signer, scope, 'a');
    secrets.set('signing', 'another signing secret, 32 characters');
    expect(await readCursor(newSigner(), scope, cursor)).toBe('a');
  });
});

describe('the gateway authorizer', () => {
  async function withSession(): Promise<{ harness: ReturnType<typeof startPortolan>; token: string }> {
    const harness = startPortolan();
    const { json } = await harness.call('POST', '/v1/sessions', {
      body: { sessionId: 'a', ttlSeconds: 60, pool: 'residential', country: 'de' },
    });
    return { harness, token: json.proxy.password as string };
  }

  it('allows a live session’s token in the password or in the username, with the vendor’s endpoint', async () => {
    const { harness, token } = await withSession();
    for (const credentials of [
      { username: 'session', password: token },
      { username: token, password: '' },
      { username: token, password: 'x' },
    ]) {
      const decision = await harness.portolan.gatewayAuthorizer.authorize(credentials);
      expect(decision).toMatchObject({
        allowed: true,
        tenant: 'acme',
        sessionId: 'a',
        upstream: { host: 'geo.iproyal.com', username: 'cust' },
      });
    }
  });

  it('refuses what is no token', async () => {
    const { harness, token } = await withSession();
    for (const password of ['', 'pts_', 'x', token.slice(0, -1), `${token}x`, harness.key]) {
      expect(await harness.portolan.gatewayAuthorizer.authorize({ username: 'session', password })).toEqual({ allowed: false });
    }
  });

  it('gives one session one exit, and another after a rotation, when the old token is refused at once', async () => {
    const { harness, token } = await withSession();
    const { gatewayAuthorizer } = harness.portolan;
    const decide = async (password: string) => gatewayAuthorizer.authorize({ username: 'session', password });
    const first = await decide(token);
    await harness.clock.advance(10_000);
    expect(await decide(token)).toEqual(first);
    const { json } = await harness.call('POST', '/v1/sessions/a/rotate');
    expect(await decide(token)).toEqual({ allowed: false });
    const second = await decide(json.proxy.password as string);
    expect(second).toMatchObject({ allowed: true });
    expect(second).not.toEqual(first);
  });

  it('refuses a deleted and an expired session’s token, to the millisecond', async () => {
    const { harness, token } = await withSession();
    const { gatewayAuthorizer } = harness.portolan;
    harness.clock.set(Date.UTC(2026, 0, 1) + 59_999);
    expect(await gatewayAuthorizer.authorize({ username: '', password: token })).toMatchObject({ allowed: true });
    await harness.clock.advance(1);
    expect(await gatewayAuthorizer.authorize({ username: '', password: token })).toEqual({ allowed: false });
    harness.clock.set(Date.UTC(2026, 0, 1));
    expect((await harness.call('DELETE', '/v1/sessions/a')).status).toBe(204);
    expect(await gatewayAuthorizer.authorize({ username: '', password: token })).toEqual({ allowed: false });
  });

  it('lets the token in use live on when the session is extended', async () => {
    const { harness, token } = await withSession();
    expect((await harness.call('POST', '/v1/sessions/a/extend', { body: { ttlSeconds: 3_600 } })).status).toBe(200);
    await harness.clock.advance(61_000);
    const { gatewayAuthorizer } = harness.portolan;
    expect(await gatewayAuthorizer.authorize({ username: '', password: token })).toMatchObject({ allowed: true });
    await harness.clock.advance(3_600_000);
    expect(await gatewayAuthorizer.authorize({ username: '', password: token })).toEqual({ allowed: false });
  });

  it('knows a session from an earlier one of the same id and generation, whose record is gone', async () => {
    const { harness, token } = await withSession();
    await harness.clock.advance(2 * 3_600_000);
    const { json } = await harness.call('POST', '/v1/sessions', { body: { sessionId: 'a' } });
    expect(json.generation).toBe(1);
    expect(await harness.portolan.gatewayAuthorizer.authorize({ username: '', password: token })).toEqual({ allowed: false });
  });

  it('sends a live session to no other vendor when its pool has become another’s', async () => {
    const { harness, token } = await withSession();
    const changed = startPortolan({
      clock: harness.clock,
      store: harness.store,
      configuration: { pools: { residential: { vendor: 'webshare', secret: 'webshare' } }, defaultPool: 'residential' },
    });
    await expect(changed.portolan.gatewayAuthorizer.authorize({ username: '', password: token })).rejects.toMatchObject({
      code: 'failed_precondition',
      reason: 'PoolChanged',
    });
  });

  it('does not let a token outlive its session into the next one of the same id', async () => {
    const { harness, token } = await withSession();
    await harness.clock.advance(60_000);
    expect((await harness.call('POST', '/v1/sessions', { body: { sessionId: 'a' } })).status).toBe(201);
    // Even a clock that steps back does not revive it: the generation went on.
    harness.clock.set(Date.UTC(2026, 0, 1) + 1_000);
    expect(await harness.portolan.gatewayAuthorizer.authorize({ username: '', password: token })).toEqual({ allowed: false });
  });

  it('neither allows nor refuses while the store or the vendor’s secret is out', async () => {
    const { harness, token } = await withSession();
    const { gatewayAuthorizer } = harness.portolan;
    harness.secrets.failure = 'unavailable';
    await expect(gatewayAuthorizer.authorize({ username: '', password: token })).rejects.toMatchObject({ code: 'unavailable' });
    harness.secrets.failure = undefined;
    harness.store.fault = () => ({ code: 'permission_denied' });
    await expect(gatewayAuthorizer.authorize({ username: '', password: token })).rejects.toMatchObject({
      code: 'permission_denied',
    });
  });
});
