import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../../adapters/node/node-crypto.ts';
import { Signer } from '../../../core/auth/signer.ts';
import type { Secret, Secrets, SecretVersion } from '../../../core/ports/index.ts';
import { CachedSecrets } from '../../../core/secrets/cached-secrets.ts';
import { newRetrier } from '../../../core/storage/retry.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const long = 'x'.repeat(32);
const short = 'x'.repeat(31);

/** A signer over a secret with these versions, as values. */
function signer(current: string, previous?: string): Signer {
  const values = { current, previous };
  async function get(name: string, version: 'current'): Promise<Secret>;
  async function get(name: string, version: 'previous'): Promise<Secret | undefined>;
  async function get(_name: string, version: SecretVersion): Promise<Secret | undefined> {
    const value = values[version];
    return value === undefined ? undefined : { value, version };
  }
  const secrets: Secrets = { get };
  return new Signer(
    nodeCrypto,
    new CachedSecrets(
      secrets,
      newRetrier(new FakeClock(), () => 0.5),
    ),
    'signing',
  );
}

const tooShort = { code: 'data_loss', reason: 'SigningSecretTooShort' };

describe('the signer', () => {
  it('takes a signing secret of 32 characters', async () => {
    const signature = await signer(long).sign('cursor', 'text');
    expect(await signer(long).verify('cursor', 'text', signature)).toBe(true);
    expect(await signer(long).verify('token', 'text', signature)).toBe(false);
  });

  it.each(['', 'x', short])('neither signs nor verifies with one that can be guessed: %j', async (value) => {
    await expect((async () => signer(value).sign('cursor', 'text'))()).rejects.toMatchObject(tooShort);
    await expect(signer(value).verify('cursor', 'text', nodeCrypto.hmacSha256(value, 'cursor\ntext'))).rejects.toMatchObject(
      tooShort,
    );
  });

  it('verifies nothing with a previous version that is too short, and says so of no request', async () => {
    const forged = nodeCrypto.hmacSha256(short, 'cursor\ntext');
    expect(await signer(long, short).verify('cursor', 'text', forged)).toBe(false);
    expect(await signer(long, `${short}y`).verify('cursor', 'text', nodeCrypto.hmacSha256(`${short}y`, 'cursor\ntext'))).toBe(true);
  });

  it('never shows the secret in its error', async () => {
    const error: unknown = await (async () => signer('c4n4ry').sign('cursor', 'text'))().catch((thrown: unknown) => thrown);
    expect(JSON.stringify([error, String(error)])).not.toContain('c4n4ry');
  });
});
