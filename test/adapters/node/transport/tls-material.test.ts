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
import { MemoryLogger } from '../../../support/memory-logger.ts';
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

  it('are looked at as they are now, whatever was read before, and connections get what was found', async () => {
    const clock = new FakeClock();
    const kept = new MemorySecrets();
    const secrets = new CachedSecrets(kept, newRetrier(clock, Math.random));
    const transports = nodeTransports({ clock, secrets });
    const look = async (): Promise<unknown> => (await transports.checkSecrets({ ca: 'ca' }))[0]?.detail;
    expect(await look()).toBe('does not exist');
    kept.set('ca', 'no PEM');
    expect(await look()).toBe('holds no certificate in PEM');
    kept.set('ca', issuer.ca);
    expect(await look()).toBeUndefined();
    expect(secrets.current('ca')).toMatchObject({ value: issuer.ca });
    kept.set('ca', 'spoiled');
    expect(await look()).toBe('holds no certificate in PEM');
    expect(kept.reads).toHaveLength(4);
  });

  it('that were mended are taken by connections within 30 seconds of their last read, without a push', async () => {
    const clock = new FakeClock();
    const kept = new MemorySecrets({ ca: 'no PEM', own: `${one.cert}${other.key}` });
    const secrets = new CachedSecrets(kept, newRetrier(clock, Math.random));
    const transport = nodeTransports({ clock, secrets, resolve: () => Promise.resolve([]) }).open({
      ...profile,
      tls: { ca: 'ca', clientCertificate: 'own' },
    });
    // a connection to nobody fails after its secrets were read
    const dial = (): Promise<unknown> =>
      transport
        .send(request('127.0.0.1:9', { scheme: 'https' }), { deadline: clock.now() + 50_000 })
        .catch((error: unknown) => (error as UpstreamError).type);
    expect(await dial()).toBe('proxy_configuration_error');
    kept.set('ca', issuer.ca);
    kept.set('own', `${one.cert}${one.key}`);
    await clock.advance(29_999);
    expect(await dial()).toBe('proxy_configuration_error');
    expect(kept.reads).toHaveLength(2);
    await clock.advance(1);
    expect(await dial()).not.toBe('proxy_configuration_error');
    expect(kept.reads).toHaveLength(4);
    await transport.close();
  });

  it.each([
    ['certificate_expires', 60, -50, 9],
    ['certificate_expired', 1, -2.5, -2],
    ['certificate_not_yet_valid', 90, 2, 91],
  ])(
    'that hold a client certificate of which is to be said: %s, are told once a day, and are used',
    async (what, days, fromDays, daysLeft) => {
      const clock = new FakeClock({ now: Date.now() + 60_000 });
      const logger = new MemoryLogger();
      const { cert, key } = issuer.issue('DNS:own.example', days, fromDays);
      const source = { current: () => ({ value: `${key}${cert}`, version: '1' }) };
      const transports = nodeTransports({ clock, secrets: source, logger, resolve: () => Promise.resolve([]) });
      const tls = { clientCertificate: 'own' };
      expect(await transports.checkSecrets(tls)).toEqual([]);
      const transport = transports.open({ ...profile, tls });
      const sent = transport.send(request('127.0.0.1:9', { scheme: 'https' }), { deadline: clock.now() + 50_000 });
      await expect(sent).rejects.not.toMatchObject({ type: 'proxy_configuration_error' });
      const event = {
        severity: 'warn',
        event: `upstream.tls.${what}`,
        attributes: {
          'secret.name': 'own',
          'tls.client.subject': expect.stringMatching(/^CN=\d+$/) as string,
          'tls.client.not_before': expect.stringMatching(/^\d{4}-.*Z$/) as string,
          'tls.client.not_after': expect.stringMatching(/^\d{4}-.*Z$/) as string,
          daysLeft,
        },
      };
      expect(logger.lines).toEqual([event]);
      clock.set(clock.now() + 86_400_000);
      await transports.checkSecrets(tls);
      expect(logger.lines.slice(1)).toMatchObject([{ event: event.event, attributes: { daysLeft: daysLeft - 1 } }]);
      await transport.close();
    },
  );

  it('that hold a client certificate which is good for long are not told', async () => {
    const logger = new MemoryLogger();
    const { cert, key } = issuer.issue('DNS:own.example', 90);
    const source = { current: () => ({ value: `${cert}${key}`, version: '1' }) };
    const transports = nodeTransports({ clock: new FakeClock({ now: Date.now() + 60_000 }), secrets: source, logger });
    expect(await transports.checkSecrets({ clientCertificate: 'own' })).toEqual([]);
    expect(logger.lines).toEqual([]);
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
