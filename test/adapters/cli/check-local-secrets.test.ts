import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { selfSigned } from '../../support/self-signed.ts';

const { cert, key } = selfSigned();
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'portolan-check-'));
  mkdirSync(join(folder, 'data', 'secrets'), { recursive: true });
  writeFileSync(
    join(folder, 'portolan.yaml'),
    [
      'upstreams:',
      '  private:',
      '    url: https://backend.example',
      '    tls:',
      '      ca: authority',
      '      clientCertificate: own',
      'routes:',
      '  - { id: all, upstream: private }',
    ].join('\n'),
  );
});
afterAll(() => rmSync(folder, { recursive: true }));

interface Checked {
  readonly code: unknown;
  readonly stderr: string;
}

function check(env: Readonly<Record<string, string>>): Promise<Checked> {
  const command = ['adapters/cli/portolan.ts', 'config', 'check', join(folder, 'portolan.yaml'), '--data', join(folder, 'data')];
  return new Promise((resolve) => {
    execFile(process.execPath, command, { env: { ...process.env, ...env } }, (error, _stdout, stderr) => {
      resolve({ code: error?.code ?? 0, stderr });
    });
  });
}

it('config check takes secrets for right that are not on this machine, and refuses those that are here and no PEM, by line and name', async () => {
  expect(await check({})).toMatchObject({ code: 0 });
  expect(await check({ PORTOLAN_SECRET_AUTHORITY: cert, PORTOLAN_SECRET_OWN: `${cert}${key}` })).toMatchObject({ code: 0 });
  writeFileSync(join(folder, 'data', 'secrets', 'own'), key);
  const { code, stderr } = await check({ PORTOLAN_SECRET_AUTHORITY: 'c4n4ry' });
  expect([
    code,
    stderr
      .replaceAll(folder, '')
      .split('\n')
      .filter((line) => line.includes('secret')),
  ]).toEqual([
    2,
    [
      '/portolan.yaml:5: /upstreams/private/tls/ca names the secret authority, which holds no certificate in PEM',
      '/portolan.yaml:6: /upstreams/private/tls/clientCertificate names the secret own, which holds no certificate in PEM',
    ],
  ]);
  expect(stderr).not.toContain('c4n4ry');
});
