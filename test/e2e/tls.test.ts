import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:http2';
import { get } from 'node:https';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { portolan, startPortolan } from '../support/local/portolan-process.ts';
import { selfSigned } from '../support/self-signed.ts';

describe('portolan dev with a certificate', () => {
  const tls = selfSigned();
  let folder: string;
  let files: readonly string[];
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'portolan-tls-'));
    const [cert, key, config] = ['cert.pem', 'key.pem', 'portolan.json'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    writeFileSync(cert, tls.cert);
    writeFileSync(key, tls.key);
    writeFileSync(config, JSON.stringify({ routes: [{ id: 'all', respond: { status: 200, body: 'over TLS' } }] }));
    files = ['--tls-cert', cert, '--tls-key', key, '--config', config, '--data', join(folder, 'data')];
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  const strangersKey = (): string => {
    const file = join(folder, 'stranger.pem');
    writeFileSync(file, selfSigned().key);
    return file;
  };

  const overHttp1 = (url: string): Promise<string> =>
    new Promise((resolve, reject) => {
      get(url, { ca: tls.cert, agent: false }, (answer) => {
        let text = `${answer.httpVersion} `;
        answer.on('data', (chunk: Buffer) => (text += chunk.toString())).on('end', () => resolve(text));
      }).on('error', reject);
    });

  it('speaks TLS, HTTP/1.1 and HTTP/2 by ALPN, and says so in its greeting', async () => {
    const running = await startPortolan(files);
    try {
      expect(running.api).toMatch(/^https:/);
      expect(await overHttp1(running.api)).toBe('1.1 over TLS');
      const session = connect(running.api, { ca: tls.cert });
      const stream = session.request({ ':path': '/' });
      let text = '';
      for await (const chunk of stream) text += (chunk as Buffer).toString();
      expect([session.alpnProtocol, text]).toEqual(['h2', 'over TLS']);
      session.destroy();
      await expect(fetch(running.api.replace('https', 'http'))).rejects.toThrow();
    } finally {
      await running.kill('SIGTERM');
    }
  });

  it('speaks HTTP/1.1 alone with --no-http2', async () => {
    const running = await startPortolan([...files, '--no-http2']);
    try {
      expect(await overHttp1(running.api)).toBe('1.1 over TLS');
      const session = connect(running.api, { ca: tls.cert });
      const failed = await new Promise<string>((resolve) => {
        session.on('error', ({ message }: Error) => resolve(message));
        session.on('connect', () => resolve(`connected with ${session.alpnProtocol}`));
      });
      expect(failed).not.toBe('connected with h2');
      session.destroy();
    } finally {
      await running.kill('SIGTERM');
    }
  });

  it('takes up a pair that was renewed while it runs, and keeps the old one while only half of it is there', async () => {
    const [certFile, keyFile] = [join(folder, 'followed.pem'), join(folder, 'followed.key')];
    writeFileSync(certFile, tls.cert);
    writeFileSync(keyFile, tls.key);
    const running = await startPortolan(['--tls-cert', certFile, '--tls-key', keyFile, ...files.slice(4)]);
    const fingerprint = async (): Promise<string> => {
      const socket = connectTls({ port: Number(new URL(running.api).port), host: '127.0.0.1', rejectUnauthorized: false });
      await once(socket, 'secureConnect');
      const { fingerprint256 } = socket.getPeerCertificate();
      socket.destroy();
      return fingerprint256;
    };
    try {
      const renewed = selfSigned();
      const before = await fingerprint();
      expect(before).toBe(new X509Certificate(tls.cert).fingerprint256);
      writeFileSync(certFile, renewed.cert);
      await expect.poll(() => running.output(), { timeout: 50_000, interval: 200 }).toContain('tls.certificate_refused');
      expect(await fingerprint()).toBe(before);
      writeFileSync(keyFile, renewed.key);
      await expect.poll(fingerprint, { timeout: 50_000, interval: 200 }).toBe(new X509Certificate(renewed.cert).fingerprint256);
    } finally {
      await running.kill('SIGTERM');
    }
  }, 120_000);

  it('redirects from a port in the clear, to its own or to the one that clients know', async () => {
    const location = async (...args: readonly string[]): Promise<{ readonly api: string; readonly location: string | null }> => {
      const running = await startPortolan([...files, '--redirect-from-port', '0', ...args]);
      try {
        const [, from = ''] = /redirected\s+(\S+)/.exec(running.greeting) ?? [];
        const response = await fetch(`${from}/a%2Fb?c=d`, { method: 'POST', body: 'x', redirect: 'manual' });
        expect(response.status).toBe(308);
        return { api: running.api, location: response.headers.get('location') };
      } finally {
        await running.kill('SIGTERM');
      }
    };
    const own = await location();
    expect(own.location).toBe(`${own.api}/a%2Fb?c=d`);
    expect((await location('--redirect-to-port', '443')).location).toBe('https://127.0.0.1/a%2Fb?c=d');
  });

  it('says which port of the three is taken', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    try {
      await expect(startPortolan([...files, '--redirect-from-port', String(port)])).rejects.toThrow(
        new RegExp(`Port ${port} is taken: .* --port, --gateway-port, --redirect-from-port\\.`),
      );
    } finally {
      taken.close();
    }
  });

  it.each([
    ['one without the other', (all: readonly string[]) => all.slice(0, 2), /--tls-cert and --tls-key go together/],
    [
      'a file that is not there',
      (all: readonly string[]) => ['--tls-cert', '/nowhere.pem', ...all.slice(2, 4)],
      /nowhere\.pem cannot be read \(ENOENT\)/,
    ],
    [
      'a key that is a certificate',
      (all: readonly string[]) => [...all.slice(0, 3), all[1] ?? ''],
      /cert\.pem holds no private key in PEM/,
    ],
    [
      'a key of another certificate',
      (all: readonly string[]) => [...all.slice(0, 3), strangersKey()],
      /stranger\.pem holds a private key that is of another certificate\./,
    ],
    [
      'a redirect without a certificate',
      () => ['--redirect-from-port', '0'],
      /--redirect-from-port goes with --tls-cert and --tls-key/,
    ],
    [
      'where to redirect to without a redirect',
      (all: readonly string[]) => [...all.slice(0, 4), '--redirect-to-port', '443'],
      /--redirect-to-port goes with --redirect-from-port/,
    ],
    [
      'a redirect to no port',
      (all: readonly string[]) => [...all.slice(0, 4), '--redirect-from-port', '0', '--redirect-to-port', '0'],
      /--redirect-to-port must be a whole number from 1 to 65535/,
    ],
  ])('is refused, with the reason and nothing of its files: %s', async (_, args, reason) => {
    const { code, stderr } = await portolan(['dev', '--port', '0', '--gateway-port', '0', ...args(files), ...files.slice(4)]);
    expect([code, stderr]).toEqual([2, expect.stringMatching(reason)]);
    expect(stderr).not.toContain('BEGIN');
  });
});
