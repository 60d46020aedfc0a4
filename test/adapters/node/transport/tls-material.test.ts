import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { faultOfAuthorities, faultOfClientCertificate } from '../../../../adapters/node/transport/tls-material.ts';
import { nodeTransports } from '../../../../adapters/node/transport/node-transports.ts';
import { systemClock } from '../../../../adapters/node/system-clock.ts';
import { PortError, UpstreamError } from '../../../../core/ports/index.ts';
import type { CallOptions, PortErrorCode } from '../../../../core/ports/index.ts';
import { CachedSecrets } from '../../../../core/secrets/cached-secrets.ts';
import { newRetrier } from '../../../../core/storage/retry.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { MemorySecrets } from '../../../support/memory-secrets.ts';
import { createIssuer } from '../../../support/certificates.ts';
import type { Certificate, Issuer } from '../../../support/certificates.ts';
import { profile, request, within } from './support.ts';

let issuer: Issuer;
let one: Certificate;
let other: Certificate;
beforeAll(() => {
  issuer = createIssuer();
  one = issuer.issue('DNS:one.example');
  other = issuer.issue('DNS:other.example');
});
afterAll(() => {
  issuer.remove();
});

/** PEM with a piece of its base64 missing. */
const cut = (pem: string): string => pem.replace(/[A-Za-z0-9+/]{20}\n/, '\n');
const encrypted = (key: string): string =>
  execFileSync('openssl', ['pkcs8', '-topk8', '-passout', 'pass:x'], { input: key, encoding: 'utf8' });

describe('certificates to trust', () => {
  it('are one or many in PEM, with whatever stands between them, also when their lines end as on Windows', () => {
    const many = `Our roots\n\n${issuer.ca}\n# and another\n${one.cert}`;
    for (const pem of [issuer.ca, many, many.replaceAll('\n', '\r\n')]) expect(faultOfAuthorities(pem)).toBeUndefined();
  });

  it.each<[string, () => string]>([
    ['nothing', () => ''],
    ['another text', () => 'c4n4ry'],
    ['a key alone', () => one.key],
    ['DER in base64', () => issuer.ca.replace(/-----.*-----\n/g, '')],
    ['a certificate without its end', () => issuer.ca.replace(/-----END.*/, '')],
  ])('are not %s', (_what, pem) => {
    expect(faultOfAuthorities(pem())).toBe('holds no certificate in PEM');
  });

  it('are all to be read: one that is broken among others is told', () => {
    expect(faultOfAuthorities(`${issuer.ca}${cut(one.cert)}`)).toBe('holds a certificate that cannot be read');
  });
});

describe('a client certificate', () => {
  it('is a chain with the key of its first certificate, in whatever order', () => {
    for (const pem of [`${one.cert}${one.key}`, `${one.key}${one.cert}`, `${one.cert}${issuer.ca}${one.key}`]) {
      expect(faultOfClientCertificate(pem)).toBeUndefined();
    }
  });

  it.each<[string, () => string, string]>([
    ['no certificate', () => one.key, 'holds no certificate in PEM'],
    ['a broken certificate', () => `${cut(one.cert)}${one.key}`, 'holds a certificate that cannot be read'],
    ['no key', () => one.cert, 'holds no private key in PEM'],
    ['a broken key', () => `${one.cert}${cut(one.key)}`, 'holds a private key that cannot be read'],
    ['a key with a passphrase', () => `${one.cert}${encrypted(one.key)}`, 'holds a private key with a passphrase'],
    ['the key of another', () => `${one.cert}${other.key}`, 'holds a private key that is of another certificate'],
  ])('with %s is none', (_what, pem, fault) => {
    expect(faultOfClientCertificate(pem())).toBe(fault);
  });
});

describe('the secrets of a profile', () => {
  const transportsWith = (values: Readonly<Record<string, string>>, seen: (CallOptions | undefined)[] = []) =>
    nodeTransports({
      clock: systemClock,
      secrets: {
        current(name, options) {
          seen.push(options);
          const value = values[name];
          if (value === undefined) return Promise.reject(new PortError('not_found', 'secrets.get'));
          if (/^[a-z_]+$/.test(value)) return Promise.reject(new PortError(value as PortErrorCode, 'secrets.get'));
          return { value, version: '1' };
        },
      },
      resolve: () => expect.unreachable(),
    });

  it('are told by name where they are missing or cannot be used, and by nothing that they hold', async () => {
    const seen: (CallOptions | undefined)[] = [];
    const transports = transportsWith({ good: issuer.ca, own: `${one.cert}${one.key}`, text: 'C4N4RY', binary: 'data_loss' }, seen);
    const options = { deadline: 5 };
    expect(await transports.checkSecrets({ ca: 'good', clientCertificate: 'own', serverName: 'x' }, options)).toEqual([]);
    expect(seen).toEqual([options, options]);
    expect(await transports.checkSecrets({ serverName: 'x' })).toEqual([]);
    expect(await transports.checkSecrets({ ca: 'text', clientCertificate: 'gone' })).toEqual([
      { member: 'ca', secret: 'text', detail: 'holds no certificate in PEM' },
      { member: 'clientCertificate', secret: 'gone', detail: 'does not exist' },
    ]);
    expect(await transports.checkSecrets({ clientCertificate: 'binary' })).toEqual([
      { member: 'clientCertificate', secret: 'binary', detail: 'is no text that a secret may hold' },
    ]);
  });

  it('that were mended since they were read are right', async () => {
    const clock = new FakeClock({ autoAdvance: true });
    const kept = new MemorySecrets({ ca: 'no PEM' });
    const transports = nodeTransports({ clock, secrets: new CachedSecrets(kept, newRetrier(clock, Math.random)) });
    expect(await transports.checkSecrets({ ca: 'ca' })).toHaveLength(1);
    kept.set('ca', 'still none');
    await clock.sleep(30_000);
    expect(await transports.checkSecrets({ ca: 'ca' })).toHaveLength(1);
    kept.set('ca', issuer.ca);
    await clock.sleep(30_000);
    expect(await transports.checkSecrets({ ca: 'ca' })).toEqual([]);
    expect(kept.reads).toHaveLength(3);
  });

  it('that cannot be read at present are not called wrong', async () => {
    for (const code of ['unavailable', 'permission_denied'] as const) {
      await expect(transportsWith({ a: code }).checkSecrets({ ca: 'a' })).rejects.toMatchObject({ code });
    }
  });

  it('that name no certificate to trust stop a connection before it is made', async () => {
    const transport = transportsWith({ text: 'C4N4RY' }).open({ ...profile, tls: { ca: 'text' } });
    const sent = transport.send(request('127.0.0.1:9', { scheme: 'https' }), within());
    await expect(sent).rejects.toEqual(new UpstreamError('proxy_configuration_error', false));
    await transport.close();
  });
});
