import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CertificateError, readCertificate } from '../../../../adapters/local/server/certificate-files.ts';
import { createIssuer } from '../../../support/certificates.ts';
import type { Certificate, Issuer } from '../../../support/certificates.ts';

describe('a certificate in files', () => {
  const folder = mkdtempSync(join(tmpdir(), 'portolan-certificate-'));
  let issuer: Issuer;
  let pair: Certificate;
  beforeAll(() => {
    issuer = createIssuer();
    pair = issuer.issue('DNS:localhost', 30);
  });
  afterAll(() => {
    issuer.remove();
    rmSync(folder, { recursive: true });
  });

  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const files = (change: Partial<Certificate> = {}): { readonly cert: string; readonly key: string } => ({
    cert: file('cert.pem', change.cert ?? pair.cert),
    key: file('key.pem', change.key ?? pair.key),
  });

  it('is read with its chain and the life of the server’s own', async () => {
    const chain = pair.cert + issuer.ca;
    const read = await readCertificate(files({ cert: chain }));
    expect(read).toMatchObject({ cert: chain, key: pair.key });
    expect(read.notAfter - read.notBefore).toBe(30 * 86_400_000);
  });

  it.each<readonly [string, () => Partial<Certificate>, RegExp]>([
    ['no certificate', () => ({ cert: 'c4n4ry' }), /cert\.pem holds no certificate in PEM$/],
    ['an empty file', () => ({ cert: '' }), /cert\.pem holds no certificate in PEM/],
    ['no key', () => ({ key: 'c4n4ry' }), /key\.pem holds no private key in PEM$/],
    ['a certificate for a key', () => ({ key: pair.cert }), /key\.pem holds no private key in PEM$/],
    [
      'the key of another certificate',
      () => ({ key: issuer.issue('DNS:localhost').key }),
      /key\.pem holds a private key that is of another certificate$/,
    ],
    [
      'a key with a passphrase',
      () => ({ key: execFileSync('openssl', ['pkey', '-aes256', '-passout', 'pass:c4n4ry'], { input: pair.key }).toString() }),
      /key\.pem holds a private key with a passphrase$/,
    ],
    ['a chain that breaks off', () => ({ cert: `${pair.cert}-----BEGIN CERTIFICATE-----\nc4n4ry` }), /are refused by OpenSSL \(/],
  ])('is refused for %s, by a sentence with nothing of the files', async (_, change, sentence) => {
    const refused: unknown = await readCertificate(files(change())).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(CertificateError);
    expect((refused as Error).message).toMatch(sentence);
    expect((refused as Error).message).not.toMatch(/c4n4ry|BEGIN/);
  });

  it('is refused with the name of a file that is not there', async () => {
    await expect(readCertificate({ ...files(), key: join(folder, 'gone.pem') })).rejects.toThrow(
      /gone\.pem cannot be read \(ENOENT\)$/,
    );
  });
});
