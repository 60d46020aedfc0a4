import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:http2';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
      /are no certificate with its private key/,
    ],
  ])('is refused, with the reason and nothing of its files: %s', async (_, args, reason) => {
    const { code, stderr } = await portolan(['dev', '--port', '0', '--gateway-port', '0', ...args(files), ...files.slice(4)]);
    expect([code, stderr]).toEqual([2, expect.stringMatching(reason)]);
    expect(stderr).not.toContain('BEGIN');
  });
});
