import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { devConfiguration, startLocal } from '../../../adapters/local/start-local.ts';
import { createIssuer } from '../../support/certificates.ts';
import { selfSigned } from '../../support/self-signed.ts';
import type { LocalOptions } from '../../../adapters/local/start-local.ts';

describe('starting on this machine', () => {
  let dataFolder: string;
  beforeEach(() => {
    dataFolder = mkdtempSync(join(tmpdir(), 'portolan-start-'));
  });
  afterEach(() => rmSync(dataFolder, { recursive: true }));

  const options = (change: Partial<LocalOptions> = {}): LocalOptions => ({
    configuration: devConfiguration,
    dataFolder,
    host: '127.0.0.1',
    port: 0,
    gatewayPort: 0,
    logSink: () => undefined,
    env: {},
    ...change,
  });

  /** What SQLite has beside an open database, and removes with the last connection. */
  const open = (): readonly string[] => readdirSync(dataFolder).filter((name) => /-(wal|shm)$/.test(name));

  it('leaves no database open when the gateway cannot be started', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    await expect(startLocal(options({ gatewayPort: port }))).rejects.toMatchObject({ code: 'EADDRINUSE' });
    expect(open()).toEqual([]);
    await expect(startLocal(options({ port }))).rejects.toMatchObject({ code: 'EADDRINUSE' });
    expect(open()).toEqual([]);
    taken.close();
  });

  it('leaves nothing running when the files of the certificate cannot be used, or the port to redirect from is taken', async () => {
    const tls = { cert: join(dataFolder, 'cert.pem'), key: join(dataFolder, 'key.pem') };
    await expect(startLocal(options({ tls }))).rejects.toMatchObject({ name: 'CertificateError' });
    expect(readdirSync(dataFolder)).toEqual([]);
    const { cert, key } = selfSigned();
    writeFileSync(tls.cert, cert);
    writeFileSync(tls.key, key);
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port: fromPort } = taken.address() as AddressInfo;
    await expect(startLocal(options({ tls, redirect: { fromPort } }))).rejects.toMatchObject({
      code: 'EADDRINUSE',
      port: fromPort,
    });
    expect(open()).toEqual([]);
    taken.close();
  });

  it('leaves no database open when the rules of the gateway say nothing', async () => {
    const configuration = { ...devConfiguration, gateway: { egress: { allow: ['not a host!!'] } } };
    await expect(startLocal(options({ configuration }))).rejects.toThrow(TypeError);
    expect(open()).toEqual([]);
  });

  it('tells each secret that the configuration names and that cannot be used, without its value', async () => {
    const local = await startLocal(
      options({
        configuration: {
          auth: { keysSecret: 'api-keys' },
          signingSecret: 'guessable',
          pools: {
            a: { vendor: 'iproyal', secret: 'gone', account: { username: 'u' } },
            b: { vendor: 'iproyal', secret: 'there', account: { username: 'u' } },
          },
        },
        env: { PORTOLAN_SECRET_GUESSABLE: 'c4n4ry', PORTOLAN_SECRET_THERE: 'password' },
      }),
    );
    expect(local.unreadableSecrets).toMatchObject([
      { name: 'guessable', error: { code: 'data_loss', reason: 'SigningSecretTooShort' } },
      { name: 'api-keys', error: { code: 'not_found' } },
      { name: 'gone', error: { code: 'not_found' } },
    ]);
    expect(JSON.stringify(local.unreadableSecrets)).not.toContain('c4n4ry');
    await local.close();
    expect(open()).toEqual([]);
  });

  it('tells secrets for TLS that are no PEM, in the log too', async () => {
    const lines: string[] = [];
    const local = await startLocal(
      options({
        configuration: {
          routes: [{ id: 'all', upstream: 'private' }],
          upstreams: { private: { url: 'https://backend.example', tls: { ca: 'authority', clientCertificate: 'own' } } },
        },
        env: { PORTOLAN_SECRET_AUTHORITY: 'c4n4ry', PORTOLAN_SECRET_OWN: selfSigned().cert },
        logSink: (line) => lines.push(line),
      }),
    );
    expect(lines.filter((line) => line.includes('upstream.tls.unusable')).map((line) => JSON.parse(line) as unknown)).toMatchObject(
      [
        {
          severity: 'error',
          pointer: '/upstreams/private/tls/ca',
          detail: 'names the secret authority, which holds no certificate in PEM',
        },
        { severity: 'error', pointer: '/upstreams/private/tls/clientCertificate' },
      ],
    );
    expect(lines.join('')).not.toContain('c4n4ry');
    expect(local.unreadableSecrets).toMatchObject([
      { name: 'authority', error: { code: 'data_loss', reason: 'holds no certificate in PEM' } },
      { name: 'own', error: { code: 'data_loss', reason: 'holds no private key in PEM' } },
    ]);
    await local.close();
  });

  it('takes a push as soon as the secret for TLS that it names is there and right', async () => {
    const routes = [{ id: 'all', upstream: 'private' }];
    const upstreams = { private: { url: 'https://backend.example', tls: { ca: 'authority' } } };
    const local = await startLocal(
      options({
        configuration: {
          auth: { storedKeys: true },
          routes: [{ id: 'none', respond: { status: 204 } }],
          proxy: { controlHosts: ['127.0.0.1'] },
        },
      }),
    );
    const push = async (): Promise<number> => {
      const response = await fetch(`http://127.0.0.1:${local.port}/v1/configuration`, {
        method: 'PUT',
        headers: { authorization: `Bearer ${local.firstKey}`, 'content-type': 'application/json' },
        body: JSON.stringify({ routes, upstreams }),
      });
      await response.arrayBuffer();
      return response.status;
    };
    const secret = join(dataFolder, 'secrets', 'authority');
    const refused = [await push()];
    writeFileSync(secret, 'no PEM', { mode: 0o600 });
    refused.push(await push());
    writeFileSync(secret, selfSigned().cert);
    expect([refused, await push()]).toEqual([[422, 422], 200]);
    await local.close();
  });

  it('tells a client certificate that has expired, without its key, and starts', async () => {
    const issuer = createIssuer();
    const { cert, key } = issuer.issue('DNS:own.example', 1, -2.5);
    issuer.remove();
    const lines: string[] = [];
    const local = await startLocal(
      options({
        configuration: {
          routes: [{ id: 'all', upstream: 'private' }],
          upstreams: { private: { url: 'https://backend.example', tls: { clientCertificate: 'own' } } },
        },
        env: { PORTOLAN_SECRET_OWN: `${cert}${key}` },
        logSink: (line) => lines.push(line),
      }),
    );
    expect(lines.filter((line) => line.includes('"upstream.tls.')).map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { severity: 'warn', 'secret.name': 'own', 'tls.client.subject': expect.stringMatching(/^CN=\d+$/) as string, daysLeft: -2 },
    ]);
    expect(lines.join('')).not.toMatch(/BEGIN|PRIVATE/);
    expect(local.unreadableSecrets).toEqual([]);
    await local.close();
  });

  it('has nothing to tell without a configuration', async () => {
    const local = await startLocal(options());
    expect(local.unreadableSecrets).toEqual([]);
    await local.close();
  });
});
