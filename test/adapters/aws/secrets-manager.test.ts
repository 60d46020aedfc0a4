import { CreateSecretCommand, PutSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { secretsManagerCodes } from '../../../adapters/aws/secrets-manager-errors.ts';
import { SecretsManager } from '../../../adapters/aws/secrets-manager.ts';
import { maxSecretBytes } from '../../../core/ports/index.ts';
import { emulatorOptions } from '../../support/aws/emulator-options.ts';
import { startFakeSecretsManager } from '../../support/aws/fake-secrets-manager.ts';
import type { FakeSecretsManager } from '../../support/aws/fake-secrets-manager.ts';
import { startMoto } from '../../support/aws/moto.ts';

describe('SecretsManager over the wire', () => {
  let fake: FakeSecretsManager;
  let secrets: SecretsManager;
  beforeAll(async () => {
    fake = await startFakeSecretsManager();
    secrets = new SecretsManager({ ...emulatorOptions(fake.address), prefix: 'portolan/test/', attemptTimeoutMs: 30_000 });
  });
  afterAll(() => fake.stop());

  test('reads current and previous by staging label, under the prefix', async () => {
    const first = fake.put('portolan/test/api-key', 'one');
    expect(await secrets.get('api-key', 'previous')).toBeUndefined();
    const second = fake.put('portolan/test/api-key', 'zwei €');
    expect(await secrets.get('api-key', 'current')).toMatchObject({ value: 'zwei €', version: second });
    expect(await secrets.get('api-key', 'previous')).toMatchObject({ value: 'one', version: first });
    expect((await secrets.get('api-key', 'current')).createdAt).toBeGreaterThan(1_700_000_000_000);
  });

  test('a current version that does not exist is not_found', async () => {
    await expect(secrets.get('missing', 'current')).rejects.toMatchObject({ code: 'not_found', operation: 'secrets.get' });
  });

  test('a binary payload is data_loss, and so is ill-formed text', async () => {
    fake.put('portolan/test/binary', new Uint8Array([1, 2, 3]));
    await expect(secrets.get('binary', 'current')).rejects.toMatchObject({ code: 'data_loss' });
    fake.put('portolan/test/lone', '\uD800');
    await expect(secrets.get('lone', 'current')).rejects.toMatchObject({ code: 'data_loss' });
  });

  test('a secret of the greatest size is read, one byte more is out_of_range', async () => {
    fake.put('portolan/test/large', 'é'.repeat(maxSecretBytes / 2));
    expect((await secrets.get('large', 'current')).value).toHaveLength(maxSecretBytes / 2);
    fake.put('portolan/test/larger', `${'é'.repeat(maxSecretBytes / 2)}x`);
    await expect(secrets.get('larger', 'current')).rejects.toMatchObject({ code: 'out_of_range' });
  });

  test('a name outside the grammar is a TypeError before any call', async () => {
    const before = fake.calls;
    for (const name of ['', 'A', '1a', 'a_b', 'a/b', '../a', `a${'b'.repeat(63)}`, 'a\n']) {
      await expect(secrets.get(name, 'current')).rejects.toBeInstanceOf(TypeError);
    }
    expect(fake.calls).toBe(before);
  });

  test.each(Object.entries(secretsManagerCodes))('%s is %s', async (name, code) => {
    fake.fail({ name, status: 400 });
    await expect(secrets.get('api-key', 'current')).rejects.toMatchObject({ code, reason: name });
    fake.fail(undefined);
  });

  test('an outage is never absence, not even of the previous version, and is asked once', async () => {
    for (const [failure, code] of [
      [{ name: 'InternalServiceError', status: 500 }, 'unavailable'],
      [{ name: 'ThrottlingException', status: 400 }, 'resource_exhausted'],
      [{ name: 'AccessDeniedException', status: 400 }, 'permission_denied'],
      ['drop', 'unavailable'],
    ] as const) {
      fake.fail(failure);
      const before = fake.calls;
      await expect(secrets.get('api-key', 'previous')).rejects.toMatchObject({ code });
      expect(fake.calls).toBe(before + 1);
    }
    fake.fail(undefined);
  });

  test('a caller’s signal is cancelled', async () => {
    await expect(secrets.get('api-key', 'current', { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'cancelled' });
  });
});

const moto = await startMoto();
console.log(`emulator leg secrets-manager: ${moto?.name ?? 'moto_server not found on this machine, skipped'}`);

describe.runIf(moto !== undefined)('SecretsManager on moto', () => {
  afterAll(() => moto?.stop());

  test('reads current and previous, and tells absence', async () => {
    const options = { ...emulatorOptions(moto?.address ?? ''), attemptTimeoutMs: 10_000 };
    const client = new SecretsManagerClient({ ...options });
    const secrets = new SecretsManager({ ...options, prefix: 'p/' });
    await client.send(new CreateSecretCommand({ Name: 'p/s', SecretString: 'one' }));
    expect(await secrets.get('s', 'previous')).toBeUndefined();
    await client.send(new PutSecretValueCommand({ SecretId: 'p/s', SecretString: 'two' }));
    expect(await secrets.get('s', 'current')).toMatchObject({ value: 'two' });
    expect(await secrets.get('s', 'previous')).toMatchObject({ value: 'one' });
    await expect(secrets.get('t', 'current')).rejects.toMatchObject({ code: 'not_found' });
    client.destroy();
  });
});
