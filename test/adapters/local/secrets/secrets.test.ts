import { chmod, mkdir, mkdtemp, rename, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { EnvSecrets } from '../../../../adapters/local/secrets/env-secrets.ts';
import { FileSecrets } from '../../../../adapters/local/secrets/file-secrets.ts';
import { testSecrets } from '../../../conformance/secrets.ts';
import type { LogAttributes, Logger } from '../../../../core/ports/index.ts';

const folder = await mkdtemp(join(tmpdir(), 'portolan-secrets-'));
afterAll(async () => {
  await rm(folder, { recursive: true });
});

testSecrets({
  name: 'files',
  makeSecrets: async () => {
    const own = await mkdtemp(join(folder, 'files-'));
    return {
      secrets: new FileSecrets(own),
      async put(name, value) {
        const file = join(own, name);
        await rename(file, `${file}.previous`).catch(() => undefined);
        await writeFile(file, value, { mode: 0o600 });
        const { mtimeNs, ino } = await stat(file, { bigint: true });
        return `${mtimeNs.toString(36)}-${ino.toString(36)}`;
      },
      async fail(kind) {
        const away = `${own}-away`;
        await (kind === undefined ? rename(away, own) : rename(own, away)).catch(() => undefined);
      },
    };
  },
  skips: {
    'refused access is permission_denied or unauthenticated, never an absent secret':
      'permissions do not bind the superuser, who may run the tests',
    'throttling is resource_exhausted, never an absent secret': 'a file system does not throttle',
    'no error holds the value or a cause': 'needs the two above; see the cases of data_loss below',
  },
});

const unfailing = 'reading the environment cannot fail';
testSecrets({
  name: 'environment',
  makeSecrets: async () => {
    const env: Record<string, string> = {};
    const secrets = new EnvSecrets(env);
    return {
      secrets,
      async put(name, value) {
        const variable = `PORTOLAN_SECRET_${name.toUpperCase().replaceAll('-', '_')}`;
        const before = env[variable];
        if (before !== undefined) env[`${variable}_PREVIOUS`] = before;
        env[variable] = typeof value === 'string' ? value : new TextDecoder().decode(value);
        return secrets.get(name, 'current').then(
          ({ version }) => version,
          () => 'refused',
        );
      },
      fail: () => undefined,
    };
  },
  skips: {
    'a put of the same value is a new version all the same': 'a variable has no version but its content',
    'a payload that is no text is data_loss': 'the system hands variables over as text',
    'an unreachable service is a retryable error, never an absent secret': unfailing,
    'refused access is permission_denied or unauthenticated, never an absent secret': unfailing,
    'throttling is resource_exhausted, never an absent secret': unfailing,
    'a failure is not remembered: the next call after it heals answers': unfailing,
    'no error holds the value or a cause': unfailing,
  },
});

describe('EnvSecrets', () => {
  it('reads PORTOLAN_SECRET_<NAME> and its _PREVIOUS', async () => {
    const secrets = new EnvSecrets({ PORTOLAN_SECRET_SESSION_KEY: 'new', PORTOLAN_SECRET_SESSION_KEY_PREVIOUS: 'old' });
    expect(await secrets.get('session-key', 'current')).toMatchObject({ value: 'new' });
    expect(await secrets.get('session-key', 'previous')).toMatchObject({ value: 'old' });
  });

  it('takes an empty variable for a set-up gone wrong, not for an empty or an absent secret', async () => {
    await expect(new EnvSecrets({ PORTOLAN_SECRET_K: '' }).get('k', 'current')).rejects.toMatchObject({ code: 'data_loss' });
  });

  it('refuses a secret that is too large without its value in the error', async () => {
    const error: unknown = await new EnvSecrets({ PORTOLAN_SECRET_K: 'c4n4ry'.repeat(5_000) })
      .get('k', 'current')
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'out_of_range' });
    expect(JSON.stringify(error) + String(error)).not.toContain('c4n4ry');
  });
});

describe('FileSecrets', () => {
  const write = async (name: string, value: string | Uint8Array): Promise<void> =>
    writeFile(join(folder, name), value, { mode: 0o600 });

  it('tells when the file was made', async () => {
    await write('dated', 'v');
    await utimes(join(folder, 'dated'), 1_700_000_000, 1_700_000_000);
    expect((await new FileSecrets(folder).get('dated', 'current')).createdAt).toBe(1_700_000_000_000);
  });

  it.each([
    ['bytes that are no UTF-8', Uint8Array.of(0xff, 0xfe, 0x41)],
    ['a NUL', 'a\0b'],
  ])('reports %s as data_loss, without the bytes', async (_, value) => {
    await write('binary', value);
    const error: unknown = await new FileSecrets(folder).get('binary', 'current').catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'data_loss' });
    expect(String(error)).not.toContain(folder);
  });

  it('never takes a missing folder, a folder or a broken mount for a missing secret', async () => {
    await expect(new FileSecrets(join(folder, 'nowhere')).get('k', 'previous')).rejects.toMatchObject({
      code: 'unavailable',
    });
    await mkdir(join(folder, 'dir'));
    await expect(new FileSecrets(folder).get('dir', 'current')).rejects.toMatchObject({ code: 'failed_precondition' });
    await write('plain', 'v');
    await expect(new FileSecrets(join(folder, 'plain')).get('k', 'previous')).rejects.toMatchObject({
      code: 'failed_precondition',
    });
    await symlink('loop', join(folder, 'loop'));
    await expect(new FileSecrets(folder).get('loop', 'current')).rejects.toMatchObject({ code: 'failed_precondition' });
  });

  it('warns once of a file that everybody can read, without its content', async () => {
    const logged: (readonly [string, string, LogAttributes | undefined])[] = [];
    const logger: Logger = { log: (...line) => void logged.push([line[0], line[1], line[2]]) };
    await write('open', 'c4n4ry');
    await chmod(join(folder, 'open'), 0o644);
    const secrets = new FileSecrets(folder, logger);
    await secrets.get('open', 'current');
    await secrets.get('open', 'current');
    expect(logged).toEqual([['warn', 'secrets.file_readable_by_everyone', { 'secret.name': 'open', 'file.name': 'open' }]]);
  });
});
