import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { KeyVault } from '../../../adapters/azure/key-vault.ts';
import { testSecrets } from '../../conformance/secrets.ts';
import type { SecretsFailure } from '../../conformance/secrets.ts';
import { FakeKeyVault } from '../../support/azure/fake-key-vault.ts';
import type { Failure } from '../../support/azure/fake-key-vault.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const clock = new FakeClock({ now: Date.UTC(2026, 10, 21) });
const seconds = clock.now() / 1_000;
const failures: Readonly<Record<Exclude<SecretsFailure, 'unreachable'>, Failure>> = {
  denied: { status: 403, code: 'Forbidden', inner: 'ForbiddenByRbac' },
  throttled: { status: 429, code: 'Throttled' },
};

let fake: FakeKeyVault;

beforeAll(async () => {
  fake = await FakeKeyVault.start();
  for (const [name, value] of Object.entries(fake.identityEnvironment)) vi.stubEnv(name, value);
});
afterEach(() => fake.fail(undefined));
afterAll(async () => {
  vi.unstubAllEnvs();
  await fake.stop();
});

const vault = (more: Partial<ConstructorParameters<typeof KeyVault>[0]> = {}): KeyVault =>
  new KeyVault({ vaultUrl: fake.url, prefix: 'test-', ...more }, clock);

testSecrets({
  name: 'Key Vault (fake service)',
  makeSecrets: async () => {
    const own = await FakeKeyVault.start();
    return {
      secrets: new KeyVault({ vaultUrl: own.url }, clock),
      put: async (name, value) => own.put(name, typeof value === 'string' ? value : '\uDCFF'),
      fail: (kind) => own.fail(kind === undefined ? undefined : kind === 'unreachable' ? 'reset' : failures[kind]),
      close: () => own.stop(),
    };
  },
});

describe('Key Vault', () => {
  test('reads with a token of the managed identity, after the vault’s challenge, and keeps the token', async () => {
    const version = fake.put('test-a', 'one');
    // The library keeps tokens per identity for the whole process.
    const secrets = vault({ clientId: 'first-seen-here' });
    const before = fake.requests.length;
    expect(await secrets.get('a', 'current')).toEqual({ value: 'one', version, createdAt: expect.any(Number) });
    expect(fake.requests.slice(before)).toEqual(['GET /secrets/test-a/', 'GET /msi/token', 'GET /secrets/test-a/']);
    await secrets.get('a', 'current');
    expect(fake.requests.slice(before + 3)).toEqual(['GET /secrets/test-a/']);
  });

  test('asks for the token of the user-assigned identity it is told', async () => {
    fake.put('test-b', 'one');
    await expect(vault({ clientId: 'unknown' }).get('b', 'current')).rejects.toMatchObject({ code: 'unauthenticated' });
    expect(await vault({ clientId: 'known' }).get('b', 'current')).toMatchObject({ value: 'one' });
  });

  test.each([
    ['disabled', { enabled: false }],
    ['not yet valid', { nbf: seconds + 1 }],
    ['expired', { exp: seconds }],
  ])('a %s version is passed over, as current and as previous', async (title, state) => {
    const name = `state-${title.replaceAll(' ', '-')}`;
    fake.put(`test-${name}`, 'oldest');
    fake.put(`test-${name}`, 'unusable', state);
    fake.put(`test-${name}`, 'older');
    fake.put(`test-${name}`, 'unusable', state);
    fake.put(`test-${name}`, 'unusable', state);
    expect(await vault().get(name, 'current')).toMatchObject({ value: 'older' });
    expect(await vault().get(name, 'previous')).toMatchObject({ value: 'oldest' });
  });

  test.each([
    ['valid from this second', { nbf: seconds }],
    ['valid until the next second', { exp: seconds + 1 }],
  ])('a version %s is usable', async (title, state) => {
    const name = `edge-${title.replaceAll(' ', '-')}`;
    fake.put(`test-${name}`, 'value', state);
    expect(await vault().get(name, 'current')).toMatchObject({ value: 'value' });
  });

  test('a secret with no usable version is not_found, and has no previous', async () => {
    fake.put('test-off', 'one', { enabled: false });
    await expect(vault().get('off', 'current')).rejects.toMatchObject({ code: 'not_found' });
    expect(await vault().get('off', 'previous')).toBeUndefined();
  });

  test('versions over several pages are ordered by time, not as the vault lists them', async () => {
    for (let n = 0; n < 9; n++) fake.put('test-many', `value-${n}`);
    expect(await vault().get('many', 'current')).toMatchObject({ value: 'value-8' });
    expect(await vault().get('many', 'previous')).toMatchObject({ value: 'value-7' });
  });

  test.each<[string, Failure, string]>([
    ['access refused', { status: 403, code: 'Forbidden', inner: 'AccessDenied' }, 'permission_denied'],
    ['a firewall', { status: 403, code: 'Forbidden', inner: 'ForbiddenByFirewall' }, 'permission_denied'],
    ['throttling', { status: 429, code: 'Throttled' }, 'resource_exhausted'],
    ['a fault with an empty answer', { status: 503 }, 'unavailable'],
    ['a fault whose answer is no JSON', { status: 500, headers: { 'content-type': 'application/json' } }, 'unavailable'],
    ['a 404 that names no secret', { status: 404 }, 'failed_precondition'],
  ])('%s is its own error, never an absent secret', async (_, failure, code) => {
    fake.put('test-c', 'one');
    fake.fail(failure);
    await expect(vault().get('c', 'current')).rejects.toMatchObject({ code, operation: 'secrets.get' });
    await expect(vault().get('c', 'previous')).rejects.toMatchObject({ code });
  });

  test('a vault nobody listens at is unavailable', async () => {
    await expect(vault({ vaultUrl: 'http://127.0.0.1:1' }).get('a', 'current')).rejects.toMatchObject({ code: 'unavailable' });
  });

  test.each<[number | 'reset', string]>([
    ['reset', 'unavailable'],
    [500, 'unavailable'],
    [429, 'resource_exhausted'],
    [400, 'unauthenticated'],
  ])('an identity endpoint that answers %s is %s', async (failure, code) => {
    fake.put('test-d', 'one');
    fake.failIdentity(failure);
    const secrets = vault({ clientId: `fails-${failure}` });
    await expect(secrets.get('d', 'current')).rejects.toMatchObject({ code, reason: 'CredentialUnavailableError' });
    fake.failIdentity(undefined);
    expect(await secrets.get('d', 'current')).toMatchObject({ value: 'one' });
  });

  test('a token is never sent over plain HTTP to another machine', async () => {
    await expect(vault({ vaultUrl: 'http://vault.example' }).get('a', 'current')).rejects.toMatchObject({ code: 'internal' });
  });

  test('a prefix the vault cannot name is refused at once', () => {
    expect(() => vault({ prefix: 'a/b' })).toThrow(TypeError);
  });
});
