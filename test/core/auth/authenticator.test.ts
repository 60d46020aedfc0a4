import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../../adapters/node/node-crypto.ts';
import { newApiKey, parseApiKey, scopes } from '../../../core/auth/api-key.ts';
import type { ApiKeyRecord } from '../../../core/auth/api-key.ts';
import { Authenticator, storedKeyTtlMs, wrongKeysPerMinute } from '../../../core/auth/authenticator.ts';
import { parseKeyRecords, StoredKeys } from '../../../core/auth/key-records.ts';
import type { PortErrorCode } from '../../../core/ports/index.ts';
import { CachedSecrets } from '../../../core/secrets/cached-secrets.ts';
import { durable } from '../../../core/storage/durable.ts';
import { defaultRetryPolicy, RetryBudget } from '../../../core/storage/retry.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { FallibleStore } from '../../support/fallible-store.ts';
import { MemorySecrets } from '../../support/memory-secrets.ts';

const hour = 3_600_000;

function setUp(options: { keysSecret?: boolean; storedKeys?: boolean } = {}) {
  const { keysSecret = true, storedKeys = true } = options;
  const clock = new FakeClock({ autoAdvance: true });
  const store = new FallibleStore();
  const source = new MemorySecrets({ keys: '{"keys":[]}' });
  const retrier = { clock, random: () => 0.5, policy: { ...defaultRetryPolicy, maxAttempts: 1 }, budget: new RetryBudget() };
  const secrets = new CachedSecrets(source, retrier);
  const stored = new StoredKeys(durable(store, { clock, crypto: nodeCrypto, random: () => 0.5 }));
  const authenticator = new Authenticator(clock, nodeCrypto, secrets, {
    keysSecret: keysSecret ? 'keys' : undefined,
    storedKeys: storedKeys ? stored : undefined,
  });
  const make = (expiresAt?: number) => newApiKey(nodeCrypto, clock.now(), { tenant: 'acme', scopes, name: 'a key', expiresAt });
  const inSecret = (...records: readonly ApiKeyRecord[]): void => source.set('keys', JSON.stringify({ keys: records }));
  const authenticate = async (authorization: string | undefined) => authenticator.authenticate(authorization);
  return { clock, store, source, secrets, stored, authenticator, make, inSecret, authenticate };
}

const failure = (code: PortErrorCode): unknown => expect.objectContaining({ name: 'PortError', code });
const bearer = (key: string): string => `Bearer ${key}`;

describe('an API key', () => {
  it('has the form ptl_<id>_<secret>, with 256 random bits, and is kept as a hash only', () => {
    const { make } = setUp();
    const { key, record } = make();
    expect(key).toMatch(/^ptl_[a-z2-7]{12}_[A-Za-z0-9_-]{43}$/);
    expect(parseApiKey(key)).toEqual({ id: record.id, secret: key.slice(key.indexOf(record.id) + record.id.length + 1) });
    expect(record).toMatchObject({ tenant: 'acme', scopes, name: 'a key', createdAt: '2026-01-01T00:00:00.000Z' });
    expect(JSON.stringify(record)).not.toContain(parseApiKey(key)?.secret);
    expect(new Set(Array.from({ length: 1_000 }, () => make().key)).size).toBe(1_000);
  });

  it('fits the schema of the secret that holds key records', () => {
    const { make, clock } = setUp();
    const records = [make().record, make(clock.now() + hour).record];
    expect(parseKeyRecords(JSON.stringify({ keys: records }))).toEqual(JSON.parse(JSON.stringify(records)));
  });

  it.each([
    '',
    'x',
    'ptl_',
    'ptl_abcdefgh_short',
    `ptl_ABCDEFGH_${'a'.repeat(43)}`,
    `ptl_abc_${'a'.repeat(43)}`,
    `ptl_abcdefgh_${'a'.repeat(44)}`,
    `ptl_abcdefgh_${'a'.repeat(42)}=`,
    ` ptl_abcdefgh_${'a'.repeat(43)}`,
  ])('of another form is none: %j', (key) => {
    expect(parseApiKey(key)).toBeUndefined();
  });
});

describe('a caller', () => {
  it('with a good key is known by tenant and scopes', async () => {
    const { make, inSecret, authenticate } = setUp();
    const { key, record } = make();
    inSecret(record);
    expect(await authenticate(bearer(key))).toEqual({ keyId: record.id, tenant: 'acme', scopes: new Set(scopes) });
  });

  it.each(['bEaReR', 'BEARER', 'bearer'])('may write the scheme %s', async (scheme) => {
    const { make, stored, authenticate } = setUp();
    const { key, record } = make();
    await stored.add(record);
    expect(await authenticate(`${scheme} ${key}`)).toMatchObject({ keyId: record.id });
  });

  it('with a good key under another scheme, or dressed up, is nobody', async () => {
    const { make, stored, authenticate, store } = setUp();
    const { key, record } = make();
    await stored.add(record);
    const before = store.calls.length;
    const dressed = [
      undefined,
      '',
      key,
      `Basic ${key}`,
      `Foo ${key}`,
      `Token ${key}`,
      `Bearer: ${key}`,
      `Bearer${key}`,
      `Bearer "${key}"`,
    ];
    dressed.push(
      `Bearer ${key}, Bearer ${key}`,
      `Bearer ${key}x`,
      `Bearer x${key}`,
      `Bearer ${'x'.repeat(10_000)}`,
      `Bearer\u00a0${key}`,
      `Bearer ${key} x`,
    );
    for (const authorization of dressed) expect(await authenticate(authorization), authorization?.slice(0, 80)).toBeUndefined();
    expect(store.calls.length).toBe(before);
  });

  it('with any one character of the secret changed is nobody, whether the key is in a secret, in the store or remembered', async () => {
    for (const place of ['secret', 'store'] as const) {
      const { make, inSecret, stored, authenticate } = setUp();
      const { key, record } = make();
      if (place === 'secret') inSecret(record);
      else await stored.add(record);
      const start = key.length - 43;
      for (const remembered of [false, true]) {
        if (remembered) expect(await authenticate(bearer(key))).toBeDefined();
        for (let at = start; at < key.length; at++) {
          const other = key[at] === 'A' ? 'B' : 'A';
          expect(await authenticate(bearer(key.slice(0, at) + other + key.slice(at + 1)))).toBeUndefined();
        }
      }
      expect(await authenticate(bearer(key))).toBeDefined();
    }
  });

  it('with a key of an id nobody has is nobody', async () => {
    const { make, inSecret, stored, authenticate } = setUp();
    inSecret(make().record);
    await stored.add(make().record);
    for (let n = 0; n < 20; n++) expect(await authenticate(bearer(make().key))).toBeUndefined();
  });

  it('with another key’s secret is nobody', async () => {
    const { make, inSecret, authenticate } = setUp();
    const [a, b] = [make(), make()];
    inSecret(a.record, b.record);
    expect(await authenticate(bearer(`ptl_${a.record.id}_${b.key.slice(-43)}`))).toBeUndefined();
  });

  it('whatever the field holds is known or nobody, never an error', async () => {
    const { make, inSecret, authenticate } = setUp();
    const { key, record } = make();
    inSecret(record);
    const piece = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('Bearer ', key, 'ptl_', '_', ' '));
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 4 }), async (pieces) => {
        const authorization = pieces.join('');
        const expected = /^bearer $/i.test(authorization.slice(0, 7)) && authorization.slice(7).trim() === key;
        expect((await authenticate(authorization)) !== undefined).toBe(expected);
      }),
    );
  });
});

describe('a key that expires', () => {
  it.each(['secret', 'store'] as const)('in the %s is refused from that instant on, also when it was just used', async (place) => {
    const { clock, make, inSecret, stored, authenticate } = setUp();
    const { key, record } = make(clock.now() + hour);
    if (place === 'secret') inSecret(record);
    else await stored.add(record);
    clock.set(clock.now() + hour - 1);
    expect(await authenticate(bearer(key))).toBeDefined();
    await clock.advance(1);
    expect(await authenticate(bearer(key))).toBeUndefined();
    await clock.advance(storedKeyTtlMs);
    expect(await authenticate(bearer(key))).toBeUndefined();
  });

  it('on a date there is not, or whose record a hand has damaged, does not work for ever', async () => {
    const { make, inSecret, authenticate } = setUp();
    const { key, record } = make();
    inSecret({ ...record, expiresAt: '2026-13-45T99:00:00Z' });
    expect(await authenticate(bearer(key))).toBeUndefined();
  });
});

describe('a revoked key', () => {
  it('stops working within 5 s, and at once where it was not used lately', async () => {
    const { clock, make, stored, authenticate } = setUp();
    const [used, unused] = [make(), make()];
    await stored.add(used.record);
    await stored.add(unused.record);
    expect(await authenticate(bearer(used.key))).toBeDefined();
    expect(await stored.revoke(used.record.id)).toBe(true);
    expect(await stored.revoke(unused.record.id)).toBe(true);
    expect(await authenticate(bearer(unused.key))).toBeUndefined();
    await clock.advance(storedKeyTtlMs - 1);
    expect(await authenticate(bearer(used.key))).toBeDefined();
    await clock.advance(1);
    expect(await authenticate(bearer(used.key))).toBeUndefined();
    expect(await stored.revoke(used.record.id)).toBe(false);
  });

  it('stops working although the clock steps back an hour', async () => {
    const { clock, make, stored, authenticate } = setUp();
    const { key, record } = make();
    await stored.add(record);
    expect(await authenticate(bearer(key))).toBeDefined();
    await stored.revoke(record.id);
    clock.set(clock.now() - hour);
    expect(await authenticate(bearer(key))).toBeUndefined();
  });
});

describe('keys in a secret', () => {
  it('that a new version does not list stop working when it is read, although the version before lists them', async () => {
    const { clock, make, inSecret, authenticate } = setUp();
    const [kept, dropped, added] = [make(), make(), make()];
    inSecret(kept.record, dropped.record);
    expect(await authenticate(bearer(dropped.key))).toBeDefined();
    inSecret(kept.record, added.record);
    // By then it has been read again in the background.
    await clock.advance(300_000);
    await authenticate(bearer(kept.key));
    await clock.advance(storedKeyTtlMs);
    expect(await authenticate(bearer(dropped.key))).toBeUndefined();
    expect(await authenticate(bearer(kept.key))).toBeDefined();
    expect(await authenticate(bearer(added.key))).toBeDefined();
  });

  it('that were given another secret part accept the old one while its version is the previous, with what they may do now', async () => {
    const { clock, make, inSecret, authenticate } = setUp();
    const [first, second, third] = [make(), make(), make()];
    const { id } = first.record;
    const keyOf = ({ key }: { key: string }): string => bearer(`ptl_${id}_${key.slice(-43)}`);
    inSecret(first.record);
    inSecret({ ...second.record, id, scopes: ['sessions:read'] });
    expect(await authenticate(keyOf(second))).toMatchObject({ keyId: id, scopes: new Set(['sessions:read']) });
    expect(await authenticate(keyOf(first))).toMatchObject({ keyId: id, scopes: new Set(['sessions:read']) });
    inSecret({ ...third.record, id });
    await clock.advance(300_000);
    await authenticate(bearer(make().key));
    await clock.advance(storedKeyTtlMs);
    expect(await authenticate(keyOf(third))).toBeDefined();
    expect(await authenticate(keyOf(second))).toBeDefined();
    expect(await authenticate(keyOf(first))).toBeUndefined();
  });

  it.each([
    '',
    '{}',
    'no json',
    '[]',
    '{"keys":{}}',
    '{"keys":[{"id":"short"}]}',
    '{"keys":[],"extra":1}',
    '{"keys":[{"id":"abcdefgh","hash":"c4n4ry","tenant":"a","scopes":[]}]}',
  ])('of another shape are data_loss, said without the value: %j', async (value) => {
    const { make, source, authenticate } = setUp({ storedKeys: false });
    source.set('keys', value);
    const error = await authenticate(bearer(make().key)).catch((thrown: unknown) => thrown);
    expect(error).toEqual(failure('data_loss'));
    expect(String((error as Error).stack)).not.toContain('c4n4ry');
  });
});

describe('an outage', () => {
  it('of the store is an error, never a refusal', async () => {
    for (const code of [
      'unavailable',
      'permission_denied',
      'failed_precondition',
      'deadline_exceeded',
      'resource_exhausted',
    ] as const) {
      const { make, stored, store, authenticate } = setUp();
      const { key, record } = make();
      await stored.add(record);
      store.fault = () => ({ code });
      await expect(authenticate(bearer(key))).rejects.toEqual(failure(code));
    }
  });

  it('of the secrets does not stop a key in the store, and is an error for a key that is not there', async () => {
    const { make, stored, source, authenticate } = setUp();
    const { key, record } = make();
    await stored.add(record);
    source.failure = 'unavailable';
    expect(await authenticate(bearer(key))).toMatchObject({ keyId: record.id });
    await expect(authenticate(bearer(make().key))).rejects.toEqual(failure('unavailable'));
  });

  it('of the secrets is an error where there are no keys in the store', async () => {
    const { make, source, authenticate } = setUp({ storedKeys: false });
    source.failure = 'permission_denied';
    await expect(authenticate(bearer(make().key))).rejects.toEqual(failure('permission_denied'));
  });

  it('of the store does not stop a key in a secret', async () => {
    const { make, inSecret, store, authenticate } = setUp();
    const { key, record } = make();
    inSecret(record);
    store.fault = () => ({ code: 'unavailable' });
    expect(await authenticate(bearer(key))).toBeDefined();
  });

  it('is nothing to a key that was verified within 5 s', async () => {
    const { clock, make, stored, store, authenticate } = setUp();
    const { key, record } = make();
    await stored.add(record);
    await authenticate(bearer(key));
    store.fault = () => ({ code: 'unavailable' });
    expect(await authenticate(bearer(key))).toBeDefined();
    await clock.advance(storedKeyTtlMs);
    await expect(authenticate(bearer(key))).rejects.toEqual(failure('unavailable'));
  });

  it('is not met for a field that holds no key at all', async () => {
    const { store, source, authenticate } = setUp();
    store.fault = () => ({ code: 'unavailable' });
    source.failure = 'unavailable';
    expect(await authenticate('Bearer nonsense')).toBeUndefined();
  });
});

describe('the way of a known key', () => {
  it('is synchronous and asks nobody', async () => {
    const { make, stored, store, source, authenticator } = setUp();
    const { key, record } = make();
    await stored.add(record);
    await authenticator.authenticate(bearer(key));
    const before = [store.calls.length, source.reads.length];
    expect(authenticator.authenticate(bearer(key))).toMatchObject({ keyId: record.id });
    expect([store.calls.length, source.reads.length]).toEqual(before);
  });

  it('is bounded in memory, and more keys than are remembered are all accepted', async () => {
    const { make, stored, authenticate } = setUp({ keysSecret: false });
    for (let n = 0; n < 1_100; n++) {
      const { key, record } = make();
      await stored.add(record);
      expect(await authenticate(bearer(key))).toMatchObject({ keyId: record.id });
    }
  });
});

describe('stored keys', () => {
  it('are listed, and an id is given out once', async () => {
    const { make, stored } = setUp();
    const records = Array.from({ length: 130 }, () => make().record);
    for (const record of records) await stored.add(record);
    const listed: ApiKeyRecord[] = [];
    for await (const record of stored.list()) listed.push(record);
    expect(listed.map(({ id }) => id).toSorted()).toEqual(records.map(({ id }) => id).toSorted());
    await expect(stored.add(records[0] as ApiKeyRecord)).rejects.toEqual(failure('aborted'));
  });

  it('that could not be read back are refused before they are stored', async () => {
    const { make, stored, store } = setUp();
    const { record } = make();
    for (const wrong of [
      { tenant: 'Not A Tenant' },
      { id: 'x' },
      { hash: 'plain' },
      { expiresAt: 'tomorrow' },
      { name: 'x'.repeat(129) },
    ]) {
      await expect(stored.add({ ...record, ...wrong })).rejects.toBeInstanceOf(TypeError);
    }
    expect(store.writes).toBe(0);
  });

  it('that cannot be read back are data_loss, never a key and never absence', async () => {
    for (const value of ['', 'no json', '{}', '{"id":"abcdefgh"}', 'null']) {
      const { clock, store, make, authenticate } = setUp();
      const { key, record } = make();
      const layered = durable(store, { clock, crypto: nodeCrypto });
      await layered.create({ partition: 'api-keys', id: record.id, value });
      await expect(authenticate(bearer(key)), value).rejects.toEqual(failure('data_loss'));
    }
  });
});

describe('keys nobody made', () => {
  it('cost a bounded number of reads, and do not stop keys that are known', async () => {
    const { clock, store, stored, make, authenticate } = setUp({ keysSecret: false });
    const good = make();
    await stored.add(good.record);
    expect(await authenticate(bearer(good.key))).toMatchObject({ tenant: 'acme' });
    const before = store.calls.length;
    let refused = 0;
    for (let n = 0; n < wrongKeysPerMinute + 50; n++) {
      await authenticate(bearer(make().key)).catch((error: unknown) => {
        expect(error).toEqual(failure('resource_exhausted'));
        refused++;
      });
    }
    expect(store.calls.length - before).toBe(wrongKeysPerMinute);
    expect(refused).toBe(50);
    expect(await authenticate(bearer(good.key))).toMatchObject({ tenant: 'acme' });
    clock.set(clock.now() + 60_000);
    expect(await authenticate(bearer(make().key))).toBeUndefined();
    expect(await authenticate(bearer(good.key))).toMatchObject({ tenant: 'acme' });
  });
});
