import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { ManagedIdentityCredential } from '../../../adapters/azure/functions-identity.ts';
import { toPortError } from '../../../adapters/azure/to-port-error.ts';
import { FakeKeyVault } from '../../support/azure/fake-key-vault.ts';

/** What a failure of the credential means to a caller. */
async function codeOf(asked: Promise<unknown>): Promise<string> {
  const error: unknown = await asked.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  const { code, reason } = toPortError(error, 'secrets.get');
  expect(reason).toBe('CredentialUnavailableError');
  return code;
}

describe("the Azure bundle's credential", () => {
  let fake: FakeKeyVault;
  beforeAll(async () => {
    fake = await FakeKeyVault.start();
  });
  beforeEach(() => {
    for (const [name, value] of Object.entries(fake.identityEnvironment)) vi.stubEnv(name, value);
  });
  afterEach(() => {
    fake.failIdentity(undefined);
    vi.unstubAllEnvs();
  });
  afterAll(() => fake.stop());

  const scope = 'https://vault.azure.net/.default';

  test("is a token of the app's identity, and tells when it ends", async () => {
    const before = Date.now();
    const { token, expiresOnTimestamp } = await new ManagedIdentityCredential().getToken(scope);
    expect(token).toBe('token-of-the-managed-identity');
    // whole seconds, an hour from when it was given
    expect(expiresOnTimestamp).toBeGreaterThanOrEqual(before - 1_000 + 3_600_000);
    expect(expiresOnTimestamp).toBeLessThanOrEqual(Date.now() + 3_600_000);
  });

  test.each<[number | 'reset', string]>([
    ['reset', 'unavailable'],
    [500, 'unavailable'],
    [503, 'unavailable'],
    [429, 'resource_exhausted'],
    [400, 'unauthenticated'],
    [403, 'unauthenticated'],
  ])('an endpoint that answers %s is %s, and asked again', async (failure, code) => {
    const credential = new ManagedIdentityCredential();
    fake.failIdentity(failure);
    expect(await codeOf(credential.getToken(scope))).toBe(code);
    fake.failIdentity(undefined);
    expect((await credential.getToken(scope)).token).toBe('token-of-the-managed-identity');
  });

  test.each(['IDENTITY_ENDPOINT', 'IDENTITY_HEADER'])('without %s there is no identity', async (name) => {
    vi.stubEnv(name, undefined);
    expect(await codeOf(new ManagedIdentityCredential().getToken(scope))).toBe('unauthenticated');
  });

  test('an endpoint nobody listens at is unavailable', async () => {
    vi.stubEnv('IDENTITY_ENDPOINT', 'http://127.0.0.1:1/msi/token');
    expect(await codeOf(new ManagedIdentityCredential().getToken(scope))).toBe('unavailable');
  });
});

describe('the exchange with the identity endpoint', () => {
  const asked: { url: string; header: unknown }[] = [];
  let content = '';
  const server = createServer((request, response) => {
    asked.push({ url: request.url ?? '', header: request.headers['x-identity-header'] });
    response.end(content);
  });
  beforeAll(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    vi.stubEnv('IDENTITY_ENDPOINT', `http://127.0.0.1:${(server.address() as AddressInfo).port}/msi/token`);
    vi.stubEnv('IDENTITY_HEADER', 'header');
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });

  test('names the resource of the scope and the user-assigned identity', async () => {
    content = JSON.stringify({ access_token: 'a', expires_on: '1795248000' });
    const credential = new ManagedIdentityCredential({ clientId: 'b1f1&' });
    expect(await credential.getToken(['https://storage.azure.com/.default'])).toEqual({
      token: 'a',
      expiresOnTimestamp: 1_795_248_000_000,
    });
    const [{ url, header } = { url: '', header: '' }] = asked;
    const { pathname, searchParams } = new URL(url, 'http://localhost');
    expect(pathname).toBe('/msi/token');
    expect(Object.fromEntries(searchParams)).toEqual({
      'api-version': '2019-08-01',
      resource: 'https://storage.azure.com',
      client_id: 'b1f1&',
    });
    expect(header).toBe('header');
  });

  test.each([
    '',
    'null',
    '<html>',
    '[]',
    '{}',
    '{"access_token":"","expires_on":"1795248000"}',
    '{"access_token":1,"expires_on":"1795248000"}',
    '{"access_token":"a"}',
    '{"access_token":"a","expires_on":"soon"}',
  ])('an answer that is no token is unavailable, and not told: %s', async (answer) => {
    content = answer;
    const failure: unknown = await new ManagedIdentityCredential()
      .getToken('https://storage.azure.com/.default')
      .catch((error) => error);
    expect(toPortError(failure, 'key-value-store.get').code).toBe('unavailable');
    expect(String(failure)).toBe('CredentialUnavailableError: The identity endpoint gave no token');
  });
});
