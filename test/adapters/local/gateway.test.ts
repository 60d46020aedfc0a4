import { once } from 'node:events';
import { Agent } from 'node:http';
import { createServer as createTlsServer, getCACertificates, setDefaultCACertificates } from 'node:tls';
import type { AddressInfo, Socket } from 'node:net';
import { connect } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startForwardGateway } from '../../../adapters/local/gateway/forward-gateway.ts';
import type {
  Authorization,
  ForwardGateway,
  ForwardGatewayOptions,
  GatewayUsage,
} from '../../../adapters/local/gateway/forward-gateway.ts';
import { systemClock } from '../../../adapters/node/system-clock.ts';
import { createEgressPolicy } from '../../../core/egress/egress-policy.ts';
import { PortError } from '../../../core/ports/index.ts';
import type { ProxyEndpoint } from '../../../core/session/vendors/render.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import {
  basic,
  openTunnel,
  overTunnel,
  selfSigned,
  startOrigin,
  startSocks,
  startTcp,
  startUpstream,
  throughProxy,
  tunnelTo,
} from './gateway-support.ts';
import type { Answer, Listening, Origin, Seen } from './gateway-support.ts';
import { exchange, statuses } from './server/raw-socket.ts';

const tls = selfSigned();
let origin: Origin;
let secureOrigin: Origin;
beforeAll(async () => {
  origin = await startOrigin();
  secureOrigin = await startOrigin(tls);
});
afterAll(() => Promise.all([origin.close(), secureOrigin.close()]));

let opened: { close(): Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(opened.map((one) => one.close()));
  opened = [];
});
const kept = async <T extends Listening | ForwardGateway>(starting: Promise<T>): Promise<T> => {
  const started = await starting;
  opened.push(started);
  return started;
};

interface Gateway extends ForwardGateway {
  /** Tokens and what they open; change it to delete a session. */
  readonly sessions: Map<string, Authorization>;
  readonly usage: GatewayUsage[];
  readonly logged: string[];
  /** What a token as password opens, without an upstream. */
  readonly url: string;
}

const direct = (sessionId: string, upstream?: ProxyEndpoint): Authorization => ({
  allowed: true,
  tenant: 't1',
  sessionId,
  creationId: `made-${sessionId}`,
  generation: 1,
  upstream,
});
const exit = (port: number, more: Partial<ProxyEndpoint> = {}): ProxyEndpoint => ({
  scheme: 'http',
  host: '127.0.0.1',
  port,
  username: 'vendor-user',
  password: 'vendor-pass',
  ...more,
});

async function start(options: Partial<ForwardGatewayOptions> = {}): Promise<Gateway> {
  const sessions = new Map<string, Authorization>([['pts_one', direct('s1')]]);
  const usage: GatewayUsage[] = [];
  const logged: string[] = [];
  const gateway = await startForwardGateway({
    host: '127.0.0.1',
    port: 0,
    clock: systemClock,
    egress: createEgressPolicy({ allowLoopback: true }),
    logger: { log: (severity, event, attributes) => void logged.push(`${severity} ${event} ${JSON.stringify(attributes)}`) },
    onUsage: (report) => void usage.push(report),
    authorize: async ({ username, password }) => sessions.get(password) ?? sessions.get(username) ?? { allowed: false },
    ...options,
    limits: { closeTimeoutMs: 0, ...options.limits },
  });
  opened.push(gateway);
  return { ...gateway, sessions, usage, logged, url: `http://127.0.0.1:${origin.port}` };
}

const token = basic('pts_one');
const seenBy = (answer: Answer): Seen => JSON.parse(answer.body) as Seen;

describe('plain HTTP through the gateway', () => {
  it('reaches the origin with the token as username or as password', async () => {
    const { port, url } = await start();
    for (const authorization of [basic('pts_one'), basic('session', 'pts_one'), 'bAsIc  cHRzX29uZTo=']) {
      const answer = await throughProxy(port, `${url}/x`, authorization);
      expect(answer.status).toBe(200);
      expect(seenBy(answer)).toMatchObject({ method: 'GET', url: '/x', from: '127.0.0.1' });
    }
  });

  it.each(['/a/../b', '//evil/x', '/%2F%3f?a=b?c', '/a|b"<>', '/?', '/%zz', '/\u007b\u007d'])(
    'passes the target %s on byte for byte',
    async (target) => {
      const { port } = await start();
      const received = await exchange(
        port,
        `GET http://127.0.0.1:${origin.port}${target} HTTP/1.1\r\nHost: x\r\nProxy-Authorization: ${token}\r\nConnection: close\r\n\r\n`,
      );
      expect(JSON.parse(received.slice(received.indexOf('{'), received.lastIndexOf('}') + 1))).toMatchObject({ url: target });
    },
  );

  it('passes content on, by length and chunked, and repeated fields in their order', async () => {
    const { port, url } = await start();
    const headers = { 'x-b': ['1', '2'], 'x-a': '3', cookie: 'a=1' };
    const byLength = seenBy(
      await throughProxy(port, `${url}/`, token, {
        method: 'POST',
        body: 'h\u00e9llo',
        headers: { ...headers, 'content-length': '6' },
      }),
    );
    expect(byLength.body).toBe('h\u00e9llo');
    expect(byLength.rawHeaders.slice(2)).toEqual(expect.arrayContaining(['x-b', '1', 'x-b', '2', 'x-a', '3']));
    const chunked = seenBy(
      await throughProxy(port, `${url}/`, token, { method: 'PUT', body: 'x', headers: { 'transfer-encoding': 'chunked' } }),
    );
    expect(chunked).toMatchObject({ method: 'PUT', body: 'x' });
  });

  it('keeps what is between two neighbours from the next: credentials, connection options, what they name', async () => {
    const { port, url } = await start();
    const headers = {
      connection: 'x-secret, keep-alive, content-length',
      'x-secret': '1',
      'proxy-connection': 'keep-alive',
      'keep-alive': '5',
      te: 'trailers',
      expect: '100-continue',
    };
    const answer = await throughProxy(port, `${url}/`, token, {
      method: 'POST',
      body: 'abc',
      headers: { ...headers, 'content-length': '3' },
    });
    const names = seenBy(answer)
      .rawHeaders.filter((_, at) => at % 2 === 0)
      .map((name) => name.toLowerCase());
    expect(names).toEqual(['host', 'content-length', 'connection']);
    expect(seenBy(answer).body).toBe('abc');
    expect(answer.headers['set-cookie']).toEqual(['a=1', 'b=2']);
  });

  it('tells the origin the host of the target, not the one in Host', async () => {
    const { port } = await start();
    const received = await exchange(
      port,
      `GET http://127.0.0.1:${origin.port}/ HTTP/1.1\r\nHost: evil.example\r\nProxy-Authorization: ${token}\r\nConnection: close\r\n\r\n`,
    );
    expect(received).toContain(`"Host","127.0.0.1:${origin.port}"`);
    expect(received).not.toContain('evil.example');
  });

  it('leaves redirects and statuses to the client (E5)', async () => {
    const { port, url } = await start();
    expect(await throughProxy(port, `${url}/redirect`, token)).toMatchObject({
      status: 302,
      headers: { location: 'http://169.254.169.254/' },
    });
    expect(await throughProxy(port, `${url}/599`, token)).toMatchObject({ status: 599, body: 'own', headers: { 'x-own': 'yes' } });
  });

  it('cuts an answer that the origin cut (F10)', async () => {
    const { port, url } = await start();
    await expect(throughProxy(port, `${url}/cut`, token)).rejects.toMatchObject({ code: 'ECONNRESET' });
  });

  it.each(['gzip', 'xchunked', 'identity'])('refuses the transfer coding %s', async (coding) => {
    const { port } = await start();
    const before = origin.seen.length;
    const received = await exchange(
      port,
      `POST http://127.0.0.1:${origin.port}/ HTTP/1.1\r\nHost: x\r\nProxy-Authorization: ${token}\r\nTransfer-Encoding: ${coding}\r\n\r\n0\r\n\r\n`,
    );
    expect([400, 501]).toContain(statuses(received)[0]);
    expect(origin.seen.length).toBe(before);
  });

  it.each([
    '/',
    'https://127.0.0.1/',
    'ftp://127.0.0.1/',
    'http://u:p@127.0.0.1/',
    'http:///x',
    'http://127.0.0.1:0/',
    'http://127.0.0.1:99999/',
    'http://a b/',
    'nonsense',
  ])('refuses the target %s', async (target) => {
    const { port } = await start();
    const received = await exchange(port, `GET ${target} HTTP/1.1\r\nHost: x\r\nProxy-Authorization: ${token}\r\n\r\n`);
    expect([400, 403]).toContain(statuses(received)[0]);
  });
});

describe('a tunnel through the gateway', () => {
  it('carries TLS that only the two ends can read', async () => {
    const { port } = await start();
    for (const authorization of [basic('pts_one'), basic('x', 'pts_one')]) {
      const socket = await tunnelTo(port, `127.0.0.1:${secureOrigin.port}`, authorization);
      expect(seenBy(await overTunnel(socket, '/secret', tls.cert))).toMatchObject({ url: '/secret', from: '127.0.0.1' });
    }
  });

  it('carries what the client sent along with CONNECT, and half-closed ends', async () => {
    const upper = await kept(
      startTcp((socket) => {
        let received = '';
        socket.on('data', (chunk: Buffer) => (received += chunk.toString()));
        socket.on('end', () => socket.end(received.toUpperCase()));
      }),
    );
    const { port } = await start();
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    socket.end(`CONNECT 127.0.0.1:${upper.port} HTTP/1.1\r\nHost: x\r\nProxy-Authorization: ${token}\r\n\r\nearly data`);
    let received = '';
    socket.on('data', (chunk: Buffer) => (received += chunk.toString()));
    await once(socket, 'close');
    expect(received).toBe('HTTP/1.1 200 Connection Established\r\n\r\nEARLY DATA');
  });

  it('ends when the origin goes', async () => {
    const brief = await kept(startTcp((socket) => socket.end('bye')));
    const { port } = await start();
    const socket = await tunnelTo(port, `127.0.0.1:${brief.port}`, token);
    socket.resume();
    await once(socket, 'end');
    socket.end();
    await once(socket, 'close');
  });

  it('is open fifty times at once, each with its own megabyte both ways', async () => {
    const mirror = await kept(startTcp((socket) => void socket.pipe(socket)));
    const { port, usage } = await start();
    const size = 1_048_576;
    const echoed = async (mark: number): Promise<boolean> => {
      const socket = await tunnelTo(port, `127.0.0.1:${mirror.port}`, token);
      socket.end(Buffer.alloc(size, mark));
      let length = 0;
      let right = true;
      for await (const chunk of socket as AsyncIterable<Buffer>) {
        length += chunk.length;
        right &&= chunk.every((byte) => byte === mark);
      }
      return right && length === size;
    };
    const all = await Promise.all(Array.from({ length: 50 }, (_, mark) => echoed(mark)));
    expect(all).toEqual(all.map(() => true));
    while (usage.length < 50) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(usage).toEqual(
      usage.map(() => ({ tenant: 't1', sessionId: 's1', creationId: 'made-s1', bytesUp: size, bytesDown: size, requests: 1 })),
    );
  });

  it.each(['a', 'a:', ':80', 'a:0', 'a:65536', 'a:b', '[::1', 'http://a:80', 'a:80/x', 'u@a:80', 'a%20:80', ''])(
    'is refused to %j',
    async (authority) => {
      const { port } = await start();
      const received = await exchange(port, `CONNECT ${authority} HTTP/1.1\r\nHost: x\r\nProxy-Authorization: ${token}\r\n\r\n`);
      expect([400, 403]).toContain(statuses(received)[0]);
    },
  );
});

describe('a client without a live session', () => {
  const refusals: readonly (readonly [string, string | undefined])[] = [
    ['no credentials', undefined],
    ['an unknown token', basic('pts_unknown')],
    ['a token elsewhere', basic('x', 'y:pts_one')],
    ['another scheme', 'Bearer pts_one'],
    ['no base64', 'Basic !!!'],
    ['a token without a colon, which RFC 7617 wants', `Basic ${Buffer.from('pts_one').toString('base64')}`],
    ['a token beside what is no UTF-8', `Basic ${Buffer.from([0xff, ...Buffer.from(':pts_one')]).toString('base64')}`],
    ['a token beside a control character', basic('a\u0000', 'pts_one')],
    ['an empty value', 'Basic '],
    ['nonsense', 'nonsense'],
  ];
  it.each(refusals)('is answered 407 to plain HTTP and CONNECT: %s', async (_, authorization) => {
    const { port, url } = await start();
    const before = origin.seen.length;
    for (const answer of [
      await throughProxy(port, `${url}/`, authorization),
      (await openTunnel(port, `127.0.0.1:${origin.port}`, authorization)) as Answer,
    ]) {
      expect(answer.status).toBe(407);
      expect(answer.headers['proxy-authenticate']).toBe('Basic realm="portolan"');
      expect(answer.body).toMatch(/^The proxy needs/);
    }
    expect(origin.seen.length).toBe(before);
  });

  it('is answered 407 when it sends two credentials', async () => {
    const { port } = await start();
    const received = await exchange(
      port,
      `GET http://127.0.0.1:${origin.port}/ HTTP/1.1\r\nHost: x\r\nProxy-Authorization: ${basic('x')}\r\nProxy-Authorization: ${token}\r\n\r\n`,
    );
    expect(statuses(received)).toEqual([407]);
  });

  it('is refused at its next request on a connection that is kept', async () => {
    const { port, url, sessions } = await start();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (let at = 0; at < 15; at++) expect((await throughProxy(port, `${url}/`, token, { agent })).status).toBe(200);
    sessions.delete('pts_one');
    expect((await throughProxy(port, `${url}/`, token, { agent })).status).toBe(407);
    agent.destroy();
  });

  it('is not told so when sessions cannot be looked up: that is 503', async () => {
    const { port, url, logged } = await start({
      authorize: () => Promise.reject(new PortError('unavailable', 'key-value-store.get')),
    });
    for (const answer of [
      await throughProxy(port, `${url}/`, token),
      (await openTunnel(port, `127.0.0.1:${origin.port}`, token)) as Answer,
    ]) {
      expect(answer).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
      expect(answer.headers['proxy-authenticate']).toBeUndefined();
    }
    expect(logged.join()).toContain('unavailable');
  });

  it('is answered 500 without the reason when asking has a bug, and the gateway lives', async () => {
    const { port, url } = await start({ authorize: () => Promise.reject(new Error('c4n4ry')) });
    for (const answer of [
      await throughProxy(port, `${url}/`, token),
      (await openTunnel(port, `127.0.0.1:${origin.port}`, token)) as Answer,
    ]) {
      expect(answer.status).toBe(500);
      expect(answer.body).not.toContain('c4n4ry');
    }
  });
});

describe('closing a session', () => {
  const silent = (): Promise<Listening> => kept(startTcp((socket) => void socket.on('data', () => undefined)));

  it('cuts its open tunnels and leaves others alone', async () => {
    const hole = await silent();
    const { port, sessions, closeSession } = await start();
    sessions.set('pts_two', direct('s2'));
    const one = await tunnelTo(port, `127.0.0.1:${hole.port}`, token);
    const two = await tunnelTo(port, `127.0.0.1:${hole.port}`, basic('pts_two'));
    sessions.set('pts_namesake', { ...direct('s1'), tenant: 't2' } as Authorization);
    const namesake = await tunnelTo(port, `127.0.0.1:${hole.port}`, basic('pts_namesake'));
    closeSession({ tenant: 't1', sessionId: 's1', generation: 1 });
    await once(one, 'close');
    expect([two.destroyed, namesake.destroyed]).toEqual([false, false]);
    namesake.destroy();
    closeSession({ tenant: 't1', sessionId: 'unknown', generation: 1 });
    two.destroy();
  });

  it('after a rotation cuts the former generation’s tunnels and leaves the new one’s alone', async () => {
    const hole = await silent();
    const { port, sessions, closeSession } = await start();
    sessions.set('pts_next', { ...direct('s1'), generation: 2 } as Authorization);
    const former = await tunnelTo(port, `127.0.0.1:${hole.port}`, token);
    const next = await tunnelTo(port, `127.0.0.1:${hole.port}`, basic('pts_next'));
    closeSession({ tenant: 't1', sessionId: 's1', generation: 1 });
    await once(former, 'close');
    expect(next.destroyed).toBe(false);
    next.destroy();
  });

  it('leaves a kept connection alone that another session uses by now', async () => {
    const { port, url, sessions, closeSession } = await start();
    sessions.set('pts_two', direct('s2'));
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    await throughProxy(port, `${url}/`, token, { agent });
    const before = origin.seen.length;
    let ended = false;
    const answer = throughProxy(port, `${url}/hang`, basic('pts_two'), { agent }).finally(() => (ended = true));
    while (origin.seen.length === before) await new Promise((resolve) => setTimeout(resolve, 2));
    closeSession({ tenant: 't1', sessionId: 's1', generation: 1 });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(ended).toBe(false);
    closeSession({ tenant: 't1', sessionId: 's2', generation: 1 });
    await expect(answer).rejects.toMatchObject({ code: 'ECONNRESET' });
    agent.destroy();
  });

  it('cuts plain requests in flight', async () => {
    const { port, url, closeSession } = await start();
    const before = origin.seen.length;
    const answer = throughProxy(port, `${url}/hang`, token);
    while (origin.seen.length === before) await new Promise((resolve) => setTimeout(resolve, 2));
    closeSession({ tenant: 't1', sessionId: 's1', generation: 1 });
    await expect(answer).rejects.toMatchObject({ code: 'ECONNRESET' });
  });

  it('cuts what is still being connected', async () => {
    let resolving = (): void => undefined;
    const started = new Promise<void>((resolve) => (resolving = resolve));
    const { port, closeSession } = await start({ resolve: () => (resolving(), new Promise(() => undefined)) });
    const tunnel = openTunnel(port, 'slow.example:443', token);
    await started;
    closeSession({ tenant: 't1', sessionId: 's1', generation: 1 });
    await expect(tunnel).rejects.toMatchObject({ code: 'ECONNRESET' });
  });

  it('refuses a request whose authorization was read before and arrives after', async () => {
    let release = (): void => undefined;
    let asked = (): void => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    const asking = new Promise<void>((resolve) => (asked = resolve));
    const { port, closeSession } = await start({
      authorize: async () => {
        asked();
        await gate;
        return direct('s1');
      },
    });
    const tunnel = openTunnel(port, `127.0.0.1:${origin.port}`, token);
    await asking;
    closeSession({ tenant: 't1', sessionId: 's1', generation: 1 });
    release();
    expect(await tunnel).toMatchObject({ status: 407 });
  });

  it('happens to a tunnel whose token is refused later on, while an outage leaves it open', async () => {
    let arrived = '';
    const hole = await kept(startTcp((socket) => void socket.on('data', (chunk: Buffer) => (arrived += chunk.toString()))));
    const clock = new FakeClock();
    let decide = (): Authorization => direct('s1');
    const { port, usage } = await start({ clock, authorize: async () => decide(), limits: { reauthorizeEveryMs: 30_000 } });
    const socket = await tunnelTo(port, `127.0.0.1:${hole.port}`, token);
    socket.write('12345');
    await expect.poll(() => arrived).toBe('12345');
    await clock.advance(30_000);
    decide = () => {
      throw new PortError('unavailable', 'key-value-store.get');
    };
    await clock.advance(30_000);
    expect(socket.destroyed).toBe(false);
    decide = () => ({ allowed: false });
    const closed = once(socket, 'close');
    await clock.advance(30_000);
    await closed;
    while (usage.reduce((sum, { bytesUp }) => sum + bytesUp, 0) < 5) await new Promise((resolve) => setTimeout(resolve, 2));
    expect(usage.map(({ requests }) => requests).reduce((sum, one) => sum + one)).toBe(1);
  });
});

describe('a destination', () => {
  const tried = async (port: number, host: string, destinationPort = origin.port): Promise<Answer[]> => [
    await throughProxy(port, `http://${host}:${destinationPort}/`, token),
    (await openTunnel(port, `${host}:${destinationPort}`, token)) as Answer,
  ];

  it.each([
    '127.0.0.1',
    '127.1',
    '0x7f.1',
    '2130706433',
    '[::1]',
    '[::ffff:127.0.0.1]',
    'localhost',
    '169.254.169.254',
    '[fd00:ec2::254]',
    'metadata.google.internal',
    '10.0.0.1',
    '0.0.0.0',
  ])('%s is refused by default, with a reason (E1, E2, E3)', async (host) => {
    const { port } = await start({ egress: createEgressPolicy() });
    const before = origin.seen.length;
    for (const answer of await tried(port, host)) {
      expect(answer).toMatchObject({ status: 403, headers: { 'proxy-status': 'portolan; error=destination_ip_prohibited' } });
      expect(answer.body).toMatch(/^Destination refused: its address is /);
    }
    expect(origin.seen.length).toBe(before);
  });

  it('on loopback is reached where the policy allows it, by every spelling', async () => {
    const { port } = await start();
    for (const host of ['127.0.0.1', '127.1', 'LOCALHOST', '[::ffff:127.0.0.1]']) {
      expect((await throughProxy(port, `http://${host}:${origin.port}/`, token)).status).toBe(200);
    }
    expect((await throughProxy(port, 'http://169.254.169.254/', token)).status).toBe(403);
  });

  it('is refused through an upstream proxy too (E1)', async () => {
    const upstream = await kept(startUpstream('127.0.0.2'));
    const { port, sessions } = await start({ egress: createEgressPolicy() });
    sessions.set('pts_one', direct('s1', exit(upstream.port)));
    for (const host of ['127.0.0.1', '169.254.169.254', '0xA9FEA9FE', 'metadata.google.internal', 'localhost']) {
      for (const answer of await tried(port, host)) expect(answer.status).toBe(403);
    }
    expect(upstream.credentials).toEqual([]);
  });

  it('whose name resolves to refused addresses only is refused, and to some is reached at the others (E4)', async () => {
    const asked: string[] = [];
    const answers: Record<string, string[]> = {
      'evil.example': ['169.254.169.254', '::1', '10.0.0.1'],
      'mixed.example': ['10.0.0.1', '127.0.0.1', 'fe80::1'],
    };
    const { port } = await start({
      egress: createEgressPolicy({ allow: ['127.0.0.1'] }),
      resolve: async (name) => {
        asked.push(name);
        return answers[name] ?? [];
      },
    });
    for (const answer of await tried(port, 'evil.example')) expect(answer).toMatchObject({ status: 403 });
    expect((await throughProxy(port, `http://mixed.example:${origin.port}/`, token)).status).toBe(200);
    expect(asked).toEqual(['evil.example', 'evil.example', 'mixed.example']);
  });

  it('is connected to at the address that was checked, whatever the name says the next time (E4)', async () => {
    let times = 0;
    const { port } = await start({
      egress: createEgressPolicy({ allow: ['127.0.0.1'] }),
      resolve: async () => (times++ === 0 ? ['127.0.0.1'] : ['169.254.169.254']),
    });
    expect((await throughProxy(port, `http://rebind.example:${origin.port}/`, token)).status).toBe(200);
    expect(times).toBe(1);
    expect((await throughProxy(port, `http://rebind.example:${origin.port}/`, token)).status).toBe(403);
  });

  it.each([
    ['refuses connections', { resolve: async () => ['127.0.0.1'] }, 502, 'connection_refused'],
    ['has no address', { resolve: async () => [] }, 502, 'dns_error'],
    [
      'cannot be resolved',
      { resolve: () => Promise.reject(Object.assign(new Error('c4n4ry'), { code: 'ENOTFOUND' })) },
      502,
      'dns_error',
    ],
  ] as const)('that %s is told in the words of RFC 9209', async (_, options, status, error) => {
    const closed = await startTcp(() => undefined);
    await closed.close();
    const { port } = await start(options);
    for (const answer of await tried(port, 'some.example', closed.port)) {
      expect(answer).toMatchObject({ status, headers: { 'proxy-status': `portolan; error=${error}` } });
      expect(answer.body).not.toContain('c4n4ry');
    }
  });

  it('that does not answer in time is 504', async () => {
    const clock = new FakeClock();
    let resolving = (): void => undefined;
    const started = new Promise<void>((resolve) => (resolving = resolve));
    const { port } = await start({ clock, resolve: () => (resolving(), new Promise(() => undefined)) });
    const answer = throughProxy(port, 'http://slow.example/', token);
    await started;
    await clock.advance(10_000);
    expect(await answer).toMatchObject({ status: 504, headers: { 'proxy-status': 'portolan; error=connection_timeout' } });
  });

  it('that sends nothing for too long is 504 before its answer began, and cut in a tunnel', async () => {
    const hole = await kept(startTcp((socket) => void socket.on('data', () => undefined)));
    const { port, url } = await start({ limits: { idleTimeoutMs: 50 } });
    expect(await throughProxy(port, `${url}/hang`, token)).toMatchObject({ status: 504 });
    const socket = await tunnelTo(port, `127.0.0.1:${hole.port}`, token);
    await once(socket.resume(), 'close');
  });

  it('that speaks no HTTP is 502', async () => {
    const garbage = await kept(startTcp((socket) => socket.end('\u0000garbage\r\n\r\n')));
    const { port } = await start();
    expect(await throughProxy(port, `http://127.0.0.1:${garbage.port}/`, token)).toMatchObject({ status: 502 });
    const silent = await kept(startTcp((socket) => socket.destroy()));
    expect(await throughProxy(port, `http://127.0.0.1:${silent.port}/`, token)).toMatchObject({ status: 502 });
  });
});

describe('an upstream proxy', () => {
  it('is the session\u2019s exit: the same over repeated calls, another one for another session', async () => {
    const [second, third] = await Promise.all([kept(startUpstream('127.0.0.2')), kept(startUpstream('127.0.0.3'))]);
    const { port, url, sessions } = await start();
    sessions.set('pts_a', direct('a', exit(second.port)));
    sessions.set('pts_b', direct('b', exit(third.port)));
    for (let round = 0; round < 3; round++) {
      expect(seenBy(await throughProxy(port, `${url}/`, basic('pts_a'))).from).toBe('127.0.0.2');
      expect(seenBy(await throughProxy(port, `${url}/`, basic('pts_b'))).from).toBe('127.0.0.3');
      const socket = await tunnelTo(port, `localhost:${secureOrigin.port}`, basic('pts_a'));
      expect(seenBy(await overTunnel(socket, '/', tls.cert)).from).toBe('127.0.0.2');
    }
  });

  it('gets its credentials as they are, and the origin none (E7, E8)', async () => {
    const upstream = await kept(startUpstream('127.0.0.2'));
    const { port, url, sessions } = await start();
    const username = 'u@x/y%20#?&=+ \u00e9\u4e2d';
    const password = 'p:@/%#?\'"\u00fc\ud83d\ude00:';
    sessions.set('pts_one', direct('s1', exit(upstream.port, { username, password })));
    const plain = await throughProxy(port, `${url}/`, token);
    const socket = await tunnelTo(port, `localhost:${secureOrigin.port}`, token);
    const secure = await overTunnel(socket, '/', tls.cert);
    expect(upstream.credentials).toEqual([
      { username, password },
      { username, password },
    ]);
    for (const answer of [plain, secure]) expect(seenBy(answer).rawHeaders.join().toLowerCase()).not.toContain('proxy-auth');
    expect(upstream.rawHeaders.flat().join()).not.toContain('pts_one');
    expect(upstream.rawHeaders.flat().join()).not.toContain(token);
  });

  it('gets the vendor\u2019s own header fields with each request', async () => {
    const upstream = await kept(startUpstream('127.0.0.2'));
    const { port, url, sessions } = await start();
    sessions.set(
      'pts_one',
      direct('s1', exit(upstream.port, { username: '', password: '', headers: { 'X-Vendor-Session': 'abc' } })),
    );
    await throughProxy(port, `${url}/`, token, { headers: { 'x-vendor-session': 'forged' } });
    (await tunnelTo(port, `localhost:${secureOrigin.port}`, token)).destroy();
    expect(upstream.rawHeaders).toHaveLength(2);
    for (const fields of upstream.rawHeaders) {
      expect(fields[fields.indexOf('X-Vendor-Session') + 1]).toBe('abc');
      expect(fields.join()).not.toContain('forged');
      expect(fields.join().toLowerCase()).not.toContain('proxy-authorization');
    }
  });

  it.each([
    ['is dead', undefined, 'error=connection_refused'],
    ['hangs up', (socket: Socket) => socket.destroy(), 'error='],
    ['speaks no HTTP', (socket: Socket) => socket.end('SSH-2.0-OpenSSH\r\n'), 'error='],
    [
      'refuses our credentials',
      (socket: Socket) => socket.end('HTTP/1.1 407 No\r\nContent-Length: 0\r\nProxy-Authenticate: Basic\r\n\r\n'),
      'received-status=407',
    ],
  ] as const)('that %s is 502 to plain HTTP and CONNECT, and the gateway lives', async (_, behave, status) => {
    const upstream = await startTcp((socket) => {
      socket.once('data', () => behave?.(socket));
    });
    if (behave === undefined) await upstream.close();
    else opened.push(upstream);
    const { port, url, sessions } = await start();
    sessions.set('pts_up', direct('s2', exit(upstream.port)));
    for (const answer of [
      await throughProxy(port, `${url}/`, basic('pts_up')),
      (await openTunnel(port, `127.0.0.1:${origin.port}`, basic('pts_up'))) as Answer,
    ]) {
      expect(answer.status).toBe(502);
      expect(answer.headers['proxy-status']).toContain(status);
      expect(answer.headers['proxy-authenticate']).toBeUndefined();
      expect(answer.body + JSON.stringify(answer.headers)).not.toContain('vendor-pass');
    }
    expect((await throughProxy(port, `${url}/`, token)).status).toBe(200);
  });

  it('that refuses a tunnel is 502 with what it said', async () => {
    const upstream = await kept(
      startTcp((socket) => void socket.once('data', () => socket.end('HTTP/1.1 403 Blocked\r\nContent-Length: 3\r\n\r\nno\n'))),
    );
    const { port, sessions } = await start();
    sessions.set('pts_one', direct('s1', exit(upstream.port)));
    expect(await openTunnel(port, 'example.com:443', token)).toMatchObject({
      status: 502,
      body: 'The upstream proxy answered 403.',
      headers: { 'proxy-status': 'portolan; received-status=403' },
    });
  });

  it('that drops the connection instead of answering CONNECT is 502, and is asked once (F11)', async () => {
    let asked = 0;
    const upstream = await kept(
      startTcp((socket) => {
        asked++;
        socket.once('data', () => socket.destroy());
      }),
    );
    const { port, sessions } = await start();
    sessions.set('pts_one', direct('s1', exit(upstream.port)));
    expect(await openTunnel(port, 'example.com:443', token)).toMatchObject({ status: 502 });
    expect(asked).toBe(1);
  });

  it('that never answers CONNECT is 504', async () => {
    let connected = (): void => undefined;
    const asked = new Promise<void>((resolve) => (connected = resolve));
    const upstream = await kept(
      startTcp(
        (socket) =>
          void socket.once('data', () => {
            connected();
          }),
      ),
    );
    const clock = new FakeClock();
    const { port, sessions } = await start({ clock });
    sessions.set('pts_one', direct('s1', exit(upstream.port)));
    const tunnel = openTunnel(port, 'example.com:443', token);
    await asked;
    await clock.advance(10_000);
    expect(await tunnel).toMatchObject({ status: 504 });
  });

  it('that sends data along with its answer loses none of it', async () => {
    const upstream = await kept(startTcp((socket) => void socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\n\r\nearly'))));
    const { port, sessions } = await start();
    sessions.set('pts_one', direct('s1', exit(upstream.port)));
    const socket = await tunnelTo(port, 'example.com:25', token);
    const chunks: Buffer[] = [];
    for await (const chunk of socket as AsyncIterable<Buffer>) chunks.push(chunk);
    expect(Buffer.concat(chunks).toString()).toBe('early');
  });

  it('is reached over TLS with its certificate checked', async () => {
    const plain = await kept(startUpstream('127.0.0.2'));
    const wrapper = createTlsServer(tls, (socket) => {
      const inner = connect(plain.port, '127.0.0.1');
      for (const one of [socket, inner]) one.on('error', () => undefined);
      socket.pipe(inner).pipe(socket);
    });
    await new Promise<void>((resolve) => wrapper.listen(0, '127.0.0.1', resolve));
    opened.push({
      close: () =>
        new Promise((resolve) =>
          wrapper.close(() => {
            resolve();
          }),
        ),
    });
    const upstream = exit((wrapper.address() as AddressInfo).port, { scheme: 'https', host: 'localhost' });
    const { port, url, sessions } = await start();
    sessions.set('pts_one', direct('s1', upstream));
    expect(await throughProxy(port, `${url}/`, token)).toMatchObject({
      status: 502,
      headers: { 'proxy-status': 'portolan; error=tls_certificate_error' },
    });
    const before = getCACertificates('default');
    setDefaultCACertificates([...before, tls.cert]);
    try {
      expect(seenBy(await throughProxy(port, `${url}/`, token)).from).toBe('127.0.0.2');
      const socket = await tunnelTo(port, `localhost:${secureOrigin.port}`, token);
      expect(seenBy(await overTunnel(socket, '/', tls.cert)).from).toBe('127.0.0.2');
    } finally {
      setDefaultCACertificates(before);
    }
  });

  it('may speak SOCKS5, with the same bytes of credentials (E8)', async () => {
    const password = 'p:@/%#\u00fc';
    const socks = await kept(startSocks('127.0.0.3', password));
    const { port, url, sessions } = await start();
    sessions.set('pts_one', direct('s1', exit(socks.port, { scheme: 'socks5', password })));
    sessions.set('pts_bad', direct('s2', exit(socks.port, { scheme: 'socks5', password: 'wrong' })));
    expect(seenBy(await throughProxy(port, `${url}/a/../b`, token))).toMatchObject({ from: '127.0.0.3', url: '/a/../b' });
    const socket = await tunnelTo(port, `localhost:${secureOrigin.port}`, token);
    expect(seenBy(await overTunnel(socket, '/', tls.cert)).from).toBe('127.0.0.3');
    expect(socks.asked).toEqual([`127.0.0.1:${origin.port}`, `localhost:${secureOrigin.port}`]);
    expect(await openTunnel(port, `127.0.0.1:${origin.port}`, basic('pts_bad'))).toMatchObject({ status: 502 });
    expect(await openTunnel(port, 'example.com:1', token)).toMatchObject({
      status: 502,
      headers: { 'proxy-status': 'portolan; error=connection_refused' },
    });
  });
});

describe('the usage of a session', () => {
  const settled = async (usage: readonly GatewayUsage[], reports: number): Promise<void> => {
    while (usage.length < reports) await new Promise((resolve) => setTimeout(resolve, 2));
  };

  it('counts the bytes behind the gateway, within framing, per session', async () => {
    const { port, url, usage, sessions } = await start();
    sessions.set('pts_two', direct('s2'));
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    await throughProxy(port, `${url}/big`, token, { agent });
    await throughProxy(port, `${url}/`, basic('pts_two'), {
      agent,
      method: 'POST',
      body: 'x'.repeat(10_000),
      headers: { 'content-length': '10000' },
    });
    agent.destroy();
    await settled(usage, 2);
    const [first, second] = usage;
    expect(first).toMatchObject({ tenant: 't1', sessionId: 's1', requests: 1 });
    expect(first?.bytesDown).toBeGreaterThan(1_048_576);
    expect(first?.bytesDown).toBeLessThan(1_048_576 + 20_000);
    expect(first?.bytesUp).toBeLessThan(500);
    expect(second).toMatchObject({ sessionId: 's2', requests: 1 });
    expect(second?.bytesUp).toBeGreaterThan(10_000);
    expect(second?.bytesUp).toBeLessThan(10_500);
  });

  it('counts nothing for what was refused', async () => {
    const { port, url, usage } = await start({ egress: createEgressPolicy() });
    await throughProxy(port, `${url}/`, token);
    await throughProxy(port, `${url}/`, basic('x'));
    expect(usage).toEqual([]);
  });
});

describe('what the gateway logs', () => {
  it('holds neither tokens nor credentials', async () => {
    const upstream = await kept(startUpstream('127.0.0.2', { refuse: true }));
    const { port, url, logged, sessions } = await start();
    sessions.set('pts_one', direct('s1', exit(upstream.port)));
    await throughProxy(port, `${url}/path?c4n4ry`, token);
    await openTunnel(port, 'example.com:443', token);
    await openTunnel(port, 'example.com:443', basic('pts_refused'));
    expect(logged.length).toBeGreaterThan(2);
    for (const secret of ['pts_', 'vendor-', 'c4n4ry', token.slice(6)]) expect(logged.join('\n')).not.toContain(secret);
  });
});

describe('the gateway', () => {
  it('stops at once where nothing is to be waited for: listening, tunnels and all', async () => {
    const hole = await kept(startTcp((socket) => void socket.on('data', () => undefined)));
    const gateway = await start();
    const socket = await tunnelTo(gateway.port, `127.0.0.1:${hole.port}`, token);
    const closed = once(socket, 'close');
    await gateway.close();
    opened = opened.filter((one) => one !== gateway && !('closeSession' in one));
    await closed;
    await expect(openTunnel(gateway.port, 'a:1', token)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  describe('that is told to stop', () => {
    /** Answers with what it was sent, once it may. */
    const slowEcho = async (): Promise<Listening & { release(): void; readonly asked: Promise<void> }> => {
      let release = (): void => undefined;
      let entered = (): void => undefined;
      const gate = new Promise<void>((resolve) => (release = resolve));
      const asked = new Promise<void>((resolve) => (entered = resolve));
      const listening = await kept(
        startTcp((socket) => {
          socket.on('data', (data) => {
            entered();
            void gate.then(() => socket.write(data));
          });
        }),
      );
      return { ...listening, release, asked };
    };
    const limits = { closeTimeoutMs: 25_000 };

    it('lets a tunnel go on until its client ends it, and takes no new connection', async () => {
      const echo = await slowEcho();
      const gateway = await start({ clock: new FakeClock(), limits });
      const tunnel = await tunnelTo(gateway.port, `127.0.0.1:${echo.port}`, token);
      tunnel.write('ping');
      await echo.asked;
      const closed = gateway.close();
      await expect(openTunnel(gateway.port, 'a:1', token)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
      echo.release();
      expect(String((await once(tunnel, 'data'))[0])).toBe('ping');
      tunnel.resetAndDestroy();
      await closed;
      expect(gateway.logged.join('\n')).not.toContain('gateway.cut');
    });

    it('finishes an answer and says that its connection is the last thing it carried', async () => {
      let release = (): void => undefined;
      const gate = new Promise<void>((resolve) => (release = resolve));
      let entered = (): void => undefined;
      const asked = new Promise<void>((resolve) => (entered = resolve));
      const authorize = async (): Promise<Authorization> => {
        entered();
        await gate;
        return direct('s1');
      };
      const gateway = await start({ clock: new FakeClock(), limits, authorize });
      const agent = new Agent({ keepAlive: true });
      const answer = throughProxy(gateway.port, `${gateway.url}/x`, token, { agent });
      await asked;
      const closed = gateway.close();
      release();
      expect(await answer).toMatchObject({ status: 200, headers: { connection: 'close' } });
      await closed;
      agent.destroy();
    });

    it('closes idle connections at once', async () => {
      const gateway = await start({ clock: new FakeClock(), limits });
      const agent = new Agent({ keepAlive: true });
      expect((await throughProxy(gateway.port, `${gateway.url}/x`, token, { agent })).status).toBe(200);
      const silent = connect(gateway.port, '127.0.0.1');
      await once(silent, 'connect');
      const cut = once(silent, 'close');
      await gateway.close();
      await cut;
      agent.destroy();
    });

    it('cuts what has not ended in time, says how much, and has reported all usage', async () => {
      const echo = await slowEcho();
      const clock = new FakeClock();
      let recorded = false;
      const onUsage = async (): Promise<void> => {
        await new Promise((resolve) => setImmediate(resolve));
        recorded = true;
      };
      const gateway = await start({ clock, limits, onUsage });
      const tunnel = await tunnelTo(gateway.port, `127.0.0.1:${echo.port}`, token);
      const cut = once(tunnel, 'close');
      tunnel.write('ping');
      await echo.asked;
      const closed = gateway.close();
      await clock.advance(24_999);
      expect(tunnel.destroyed).toBe(false);
      await clock.advance(1);
      await closed;
      await cut;
      expect(recorded).toBe(true);
      expect(gateway.logged.join('\n')).toContain('warn gateway.cut {"running":2}');
    });
  });

  it.each([
    '',
    '\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: a\r\n X: folded\r\n\r\n',
    '\x16\x03\x01\x00',
    'GET http://a/ HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\nHost: a\r\n\r\n',
    '\0'.repeat(100_000),
  ])('lives through %j', async (text) => {
    const { port, url } = await start();
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.end(text);
    socket.resume();
    await once(socket, 'close');
    expect((await throughProxy(port, `${url}/`, token)).status).toBe(200);
  });
});
