import { once } from 'node:events';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { readCertificate } from '../../../../adapters/local/server/certificate-files.ts';
import { followCertificate } from '../../../../adapters/local/server/follow-certificate.ts';
import { startHttpServer } from '../../../../adapters/local/server/http-server.ts';
import { HeaderList } from '../../../../core/http/header-list.ts';
import { createIssuer } from '../../../support/certificates.ts';
import type { Certificate, Issuer } from '../../../support/certificates.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

const dayMs = 86_400_000;

describe('a certificate whose files change', () => {
  let issuer: Issuer;
  beforeAll(() => {
    issuer = createIssuer();
  });
  afterAll(() => {
    issuer.remove();
  });
  const cleanUps: (() => Promise<void> | void)[] = [];
  afterEach(async () => {
    for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
  });

  /** A folder as Kubernetes mounts a secret: names that lead through `..data`, which is swapped whole. */
  function mount(first: Certificate): { files: { cert: string; key: string }; swap(next: Certificate): void } {
    const folder = mkdtempSync(join(tmpdir(), 'portolan-mounted-'));
    cleanUps.push(() => {
      rmSync(folder, { recursive: true });
    });
    let version = 0;
    const swap = ({ cert, key }: Certificate): void => {
      const name = `..${version++}`;
      mkdirSync(join(folder, name));
      writeFileSync(join(folder, name, 'tls.crt'), cert);
      writeFileSync(join(folder, name, 'tls.key'), key);
      symlinkSync(name, join(folder, '..next'));
      renameSync(join(folder, '..next'), join(folder, '..data'));
    };
    swap(first);
    for (const name of ['tls.crt', 'tls.key']) symlinkSync(join('..data', name), join(folder, name));
    return { files: { cert: join(folder, 'tls.crt'), key: join(folder, 'tls.key') }, swap };
  }

  /** A server on mounted files, an hour ahead of the certificates that are made meanwhile. `look` lets it look at them, and waits until it has. */
  async function serve(first: Certificate, clock: FakeClock = new FakeClock({ now: Date.now() + 3_600_000 })) {
    const { files, swap } = mount(first);
    const lines: (readonly [severity: string, event: string, attributes: Readonly<Record<string, unknown>>])[] = [];
    const logger = {
      log: (...[severity, event, attributes = {}]: [string, string, object?]) =>
        void lines.push([severity, event, { ...attributes }]),
    };
    const inUse = await readCertificate(files);
    const handler = () => ({ status: 200, headers: new HeaderList(), body: 'ok' });
    const server = await startHttpServer({
      handler,
      host: '127.0.0.1',
      port: 0,
      clock,
      logger,
      tls: inUse,
      limits: { closeTimeoutMs: 0 },
    });
    const stop = followCertificate({
      files,
      inUse,
      clock,
      logger,
      use: (renewed) => {
        server.useCertificate(renewed);
      },
    });
    cleanUps.push(async () => {
      stop();
      await clock.advance(0);
      expect(clock.sleeping).toBe(0);
      const closed = server.close();
      await clock.advance(0);
      await closed;
    });
    const look = async (afterMs = 10_000): Promise<void> => {
      await expect.poll(() => clock.sleeping).toBe(1);
      await clock.advance(afterMs);
      await expect.poll(() => clock.sleeping).toBe(1);
    };
    return { port: server.port, swap, look, lines, files };
  }

  const numbered = (socket: TLSSocket): string => socket.getPeerCertificate().subject.CN as string;

  async function open(port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
    const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ca: issuer.ca, ...options });
    cleanUps.push(() => {
      socket.destroy();
    });
    await once(socket, 'secureConnect');
    return socket;
  }

  async function ask(socket: TLSSocket): Promise<string> {
    socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    let received = '';
    while (!received.includes('\r\n\r\nok')) received += String((await once(socket, 'data'))[0]);
    return received.slice(0, 15);
  }

  async function askHttp2(session: ReturnType<typeof connectHttp2>): Promise<unknown> {
    const stream = session.request({ ':path': '/' });
    const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
    stream.close();
    return headers[':status'];
  }

  it('is the new one for new connections, while those that are open go on, over HTTP/1.1 and HTTP/2', async () => {
    const [old, renewed] = [issuer.issue('DNS:localhost', 90), issuer.issue('DNS:localhost', 90)];
    const { port, swap, look, lines } = await serve(old);
    const url = `https://127.0.0.1:${port}`;
    const http1 = await open(port);
    const http2 = connectHttp2(url, { ca: issuer.ca, servername: 'localhost' });
    cleanUps.push(() => {
      http2.destroy();
    });
    const before = numbered(http1);
    expect([await ask(http1), await askHttp2(http2)]).toEqual(['HTTP/1.1 200 OK', 200]);
    swap(renewed);
    expect(numbered(await open(port))).toBe(before);
    await look();
    const after = numbered(await open(port));
    expect(after).not.toBe(before);
    const session = connectHttp2(url, { ca: issuer.ca, servername: 'localhost' });
    cleanUps.push(() => {
      session.destroy();
    });
    expect(await askHttp2(session)).toBe(200);
    expect([session.alpnProtocol, numbered(session.socket as TLSSocket)]).toEqual(['h2', after]);
    expect([await ask(http1), await askHttp2(http2)]).toEqual(['HTTP/1.1 200 OK', 200]);
    expect(lines.filter(([, event]) => event.startsWith('tls.'))).toEqual([
      ['info', 'tls.certificate_renewed', { 'tls.server.not_after': expect.stringMatching(/^\d{4}-/) as string }],
    ]);
  });

  it('is shown to clients that resume a session of the old one', async () => {
    const { port, swap, look } = await serve(issuer.issue('DNS:localhost', 90));
    const first = await open(port, { maxVersion: 'TLSv1.2' });
    const session = first.getSession();
    expect((await open(port, { maxVersion: 'TLSv1.2', session })).isSessionReused()).toBe(true);
    const before = numbered(first);
    swap(issuer.issue('DNS:localhost', 90));
    await look();
    const resumed = await open(port, { maxVersion: 'TLSv1.2', session });
    expect([resumed.isSessionReused(), numbered(resumed) === before]).toEqual([false, false]);
  });

  it('stays the last good one when the new pair cannot be used, which is said once, until one can', async () => {
    const { port, swap, look, lines, files } = await serve(issuer.issue('DNS:localhost', 90));
    const before = numbered(await open(port));
    const [one, other] = [issuer.issue('DNS:localhost', 90), issuer.issue('DNS:localhost', 90)];
    for (const broken of [
      { cert: one.cert, key: other.key },
      { cert: 'c4n4ry', key: one.key },
    ]) {
      swap(broken);
      await look();
      await look();
      expect(numbered(await open(port))).toBe(before);
    }
    rmSync(files.key);
    await look();
    expect(numbered(await open(port))).toBe(before);
    symlinkSync(join('..data', 'tls.key'), files.key);
    swap(one);
    await look();
    expect(numbered(await open(port))).not.toBe(before);
    expect(lines.map(([severity, event, { detail }]) => [severity, event, detail])).toEqual([
      ['error', 'tls.certificate_refused', expect.stringContaining('of another certificate')],
      ['error', 'tls.certificate_refused', expect.stringContaining('holds no certificate')],
      ['error', 'tls.certificate_refused', expect.stringContaining('ENOENT')],
      ['info', 'tls.certificate_renewed', undefined],
    ]);
    expect(JSON.stringify(lines)).not.toMatch(/c4n4ry|BEGIN/);
  });

  it('is said to expire from 14 days before, once a day, until it is renewed', async () => {
    const clock = new FakeClock({ now: Date.now() + 75 * dayMs });
    const { swap, look, lines } = await serve(issuer.issue('DNS:localhost', 90), clock);
    const days = (): readonly unknown[] => lines.map(([severity, event, { daysLeft }]) => [severity, event, daysLeft]);
    await look();
    expect(days()).toEqual([]);
    clock.set(clock.now() + dayMs + 60_000);
    await look();
    await look();
    expect(days()).toEqual([['warn', 'tls.certificate_expires', 13]]);
    clock.set(clock.now() + dayMs);
    await look();
    clock.set(clock.now() + 14 * dayMs);
    await look();
    expect(days().slice(1)).toEqual([
      ['warn', 'tls.certificate_expires', 12],
      ['warn', 'tls.certificate_expired', -2],
    ]);
    swap(issuer.issue('DNS:localhost', 365));
    await look();
    clock.set(clock.now() + dayMs);
    await look();
    expect(days().slice(3)).toEqual([['info', 'tls.certificate_renewed', undefined]]);
  });

  it('is said to expire at once where it does when the server starts', async () => {
    const clock = new FakeClock({ now: Date.now() + 85 * dayMs + 60_000 });
    const { lines } = await serve(issuer.issue('DNS:localhost', 90), clock);
    expect(lines).toMatchObject([['warn', 'tls.certificate_expires', { daysLeft: 4 }]]);
  });

  it('is said to expire also after a clock that was ahead has been put right', async () => {
    const clock = new FakeClock({ now: Date.now() + 80 * dayMs + 60_000 });
    let aheadMs = 320 * dayMs;
    const rightly = clock.now.bind(clock);
    clock.now = () => rightly() + aheadMs;
    const { look, lines } = await serve(issuer.issue('DNS:localhost', 90), clock);
    aheadMs = 0;
    await look();
    expect(lines.map(([, event, { daysLeft }]) => [event, daysLeft])).toEqual([
      ['tls.certificate_expired', -311],
      ['tls.certificate_expires', 9],
    ]);
  });

  it('is served and told where it is not valid yet when the server starts, until it is valid', async () => {
    const clock = new FakeClock({ now: Date.now() - 1.5 * dayMs });
    const { port, look, lines } = await serve(issuer.issue('DNS:localhost', 90), clock);
    await open(port);
    expect(lines).toEqual([
      [
        'warn',
        'tls.certificate_not_yet_valid',
        {
          'tls.server.subject': expect.stringMatching(/^CN=\d+$/) as string,
          'tls.server.not_before': expect.stringMatching(/^\d{4}-.*Z$/) as string,
          'tls.server.not_after': expect.stringMatching(/^\d{4}-.*Z$/) as string,
          daysLeft: 91,
        },
      ],
    ]);
    await look();
    clock.set(clock.now() + 2 * dayMs);
    await look();
    await look();
    expect(lines).toHaveLength(1);
  });

  it('is served and told where it has expired when the server starts', async () => {
    const { port, lines } = await serve(issuer.issue('DNS:localhost', 1, -2.5));
    await open(port, { rejectUnauthorized: false });
    expect(lines).toMatchObject([['warn', 'tls.certificate_expired', { daysLeft: -2 }]]);
  });

  it('stays the one that is valid until the new one is, too', async () => {
    const clock = new FakeClock({ now: Date.now() + 3_600_000 });
    const { port, swap, look, lines } = await serve(issuer.issue('DNS:localhost', 90), clock);
    const before = numbered(await open(port));
    for (const invalid of [issuer.issue('DNS:localhost', 1, -2.5), issuer.issue('DNS:localhost', 90, 2)]) {
      swap(invalid);
      await look();
      await look();
      expect(numbered(await open(port))).toBe(before);
    }
    const told = (): readonly unknown[] => lines.map(([severity, event, { detail }]) => [severity, event, detail]);
    const refused = ['error', 'tls.certificate_refused', expect.stringContaining('the one in use is valid now') as string];
    expect(told()).toEqual([refused, refused]);
    clock.set(clock.now() + 2 * dayMs);
    await look();
    expect(numbered(await open(port, { rejectUnauthorized: false }))).not.toBe(before);
    expect(told().slice(2)).toEqual([['info', 'tls.certificate_renewed', undefined]]);
  });

  it('that is not valid is replaced by what there is', async () => {
    const { port, swap, look, lines } = await serve(issuer.issue('DNS:localhost', 1, -2.5));
    const before = numbered(await open(port, { rejectUnauthorized: false }));
    swap(issuer.issue('DNS:localhost', 1, -1.5));
    await look();
    expect(numbered(await open(port, { rejectUnauthorized: false }))).not.toBe(before);
    expect(lines.map(([, event]) => event)).toEqual([
      'tls.certificate_expired',
      'tls.certificate_renewed',
      'tls.certificate_expired',
    ]);
  });

  it('that lives for a few days is said to expire in the last third of them', async () => {
    const clock = new FakeClock({ now: Date.now() + 3.9 * dayMs });
    const { look, lines } = await serve(issuer.issue('DNS:localhost', 6), clock);
    expect(lines).toEqual([]);
    clock.set(clock.now() + 0.2 * dayMs);
    await look();
    expect(lines).toMatchObject([['warn', 'tls.certificate_expires', { daysLeft: 1 }]]);
  });
});
