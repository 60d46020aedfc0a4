import { crc32 } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { crc32c } from '../../../adapters/gcp/crc32c.ts';
import { SecretManager } from '../../../adapters/gcp/secret-manager.ts';
import { testSecrets } from '../../conformance/index.ts';
import { fakeSecretManager } from '../../support/gcp/fake-secret-manager.ts';
import type { FakeSecretManager } from '../../support/gcp/fake-secret-manager.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const codes = { unreachable: 14, denied: 7, throttled: 8 };

testSecrets({
  name: 'Secret Manager (fake)',
  makeSecrets: async () => {
    const service = await fakeSecretManager();
    return {
      secrets: new SecretManager({ projectId: 'project', emulatorHost: service.address, attemptTimeoutMs: 30_000 }),
      put: async (name, value) => {
        const data = typeof value === 'string' ? bytes(value) : value;
        return service.add(`projects/project/secrets/${name}`, data, String(crc32c(data)));
      },
      fail: (kind) => service.fail(kind && codes[kind]),
      close: () => service.stop(),
    };
  },
});

describe('Secret Manager', () => {
  let service: FakeSecretManager;
  beforeAll(async () => {
    service = await fakeSecretManager();
  });
  afterAll(() => service.stop());
  const manager = (options: { readonly prefix?: string; readonly attemptTimeoutMs?: number } = {}): SecretManager =>
    new SecretManager({ projectId: 'project', emulatorHost: service.address, attemptTimeoutMs: 30_000, ...options });

  test('the prefix stands before the name, and only the accessor role is needed', async () => {
    service.add('projects/project/secrets/portolan-test-token', bytes('value'));
    await expect(manager({ prefix: 'portolan-test-' }).get('token', 'current')).resolves.toEqual({ value: 'value', version: '1' });
    expect(service.asked).toContain('projects/project/secrets/portolan-test-token/versions/latest');
  });

  test('a prefix outside the grammar of names is a TypeError', () => {
    for (const prefix of ['a/b', 'a.b', 'é', 'x'.repeat(191)]) expect(() => manager({ prefix })).toThrow(TypeError);
  });

  test('previous is the newest enabled version before the current one', async () => {
    const secret = 'projects/project/secrets/rotated';
    for (const value of ['1', '2', '3', '4']) service.add(secret, bytes(value));
    service.setState(secret, '3', 'DISABLED');
    await expect(manager().get('rotated', 'previous')).resolves.toEqual({ value: '2', version: '2' });
    service.setState(secret, '2', 'DESTROYED');
    await expect(manager().get('rotated', 'previous')).resolves.toEqual({ value: '1', version: '1' });
    service.setState(secret, '1', 'DESTROYED');
    await expect(manager().get('rotated', 'previous')).resolves.toBeUndefined();
  });

  test('previous is looked for ten versions back and no further', async () => {
    const secret = 'projects/project/secrets/long';
    for (let version = 1; version <= 13; version++) service.add(secret, bytes('x'));
    for (let version = 3; version <= 12; version++) service.setState(secret, String(version), 'DESTROYED');
    const before = service.asked.length;
    await expect(manager().get('long', 'previous')).resolves.toBeUndefined();
    expect(service.asked.slice(before)).toHaveLength(11);
  });

  test('a current version that is disabled is failed_precondition, never absence', async () => {
    const secret = 'projects/project/secrets/disabled';
    service.add(secret, bytes('x'));
    service.setState(secret, '1', 'DISABLED');
    const error = { name: 'PortError', code: 'failed_precondition' };
    await expect(manager().get('disabled', 'current')).rejects.toMatchObject(error);
    await expect(manager().get('disabled', 'previous')).rejects.toMatchObject(error);
  });

  test('a payload damaged on the way is a retryable error', async () => {
    service.add('projects/project/secrets/damaged', bytes('value'), String(crc32c(bytes('valve'))));
    await expect(manager().get('damaged', 'current')).rejects.toMatchObject({ code: 'unavailable', retryable: true });
  });

  test('a service that does not answer in time is deadline_exceeded, asked once', async () => {
    const before = service.asked.length;
    service.fail('silence');
    await expect(manager({ attemptTimeoutMs: 2_000 }).get('token', 'current')).rejects.toMatchObject({ code: 'deadline_exceeded' });
    service.fail(14);
    await expect(manager().get('token', 'current')).rejects.toMatchObject({ code: 'unavailable' });
    service.fail(undefined);
    expect(service.asked.slice(before)).toHaveLength(2);
  });
});

test('crc32c is Castagnoli, not the CRC-32 of zlib', () => {
  // RFC 3720 appendix B.4
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
  expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
  expect(crc32c(bytes('123456789'))).toBe(0xe3069283);
  expect(crc32c(bytes('123456789'))).not.toBe(crc32(bytes('123456789')));
});
