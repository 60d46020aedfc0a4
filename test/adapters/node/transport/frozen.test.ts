import { once } from 'node:events';
import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import { createServer as createHttpsServer } from 'node:https';
import { connect } from 'node:net';
import type { Server, Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { Clock } from '../../../../core/ports/index.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { FreezingClock } from '../../../support/freezing-clock.ts';
import { selfSigned } from '../../../support/self-signed.ts';
import { answering, atEnd, failure, failureOf, listen, open, rawUpstream, request, textOf } from './support.ts';
import type { RawUpstream } from './support.ts';

const good = 'HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ngood';

/** An upstream that leaves it to the test what it answers to its first request. */
async function silentUpstream(): Promise<{ readonly upstream: RawUpstream; readonly asked: Promise<Socket> }> {
  const asked = Promise.withResolvers<Socket>();
  const upstream = await rawUpstream(
    answering((_head, socket) => {
      asked.resolve(socket);
      return undefined;
    }),
  );
  return { upstream, asked: asked.promise };
}

describe('a process that is frozen', () => {
  it('takes an answer over HTTP/1.1 that came meanwhile, whatever time-out is over', async () => {
    for (const [profile, deadlineMs] of [
      [{ responseHeadersTimeoutMs: 5_000 }, 600_000],
      [{}, 5_000],
    ] as const) {
      const clock = new FreezingClock();
      const { upstream, asked } = await silentUpstream();
      const sent = open(profile, { clock }).send(request(upstream.authority), { deadline: clock.now() + deadlineMs });
      const socket = await asked;
      await clock.freeze(60_000, () => socket.write(good));
      expect(await textOf(await sent)).toBe('good');
    }
  });

  it('takes an answer over HTTP/2 that came meanwhile', async () => {
    const clock = new FreezingClock();
    const server = createHttp2Server();
    server.on('stream', (stream) => {
      stream.on('error', () => undefined);
      stream.respond({ ':status': 200 });
      stream.end('good');
    });
    const port = await listen(server as unknown as Server);
    atEnd(() => server.close());
    let isHeld = false;
    const held: Buffer[] = [];
    const relay = await rawUpstream((socket) => {
      const onward = connect(port, '127.0.0.1');
      onward.on('error', () => undefined);
      onward.on('data', (chunk: Buffer) => (isHeld ? held.push(chunk) : socket.write(chunk)));
      socket.pipe(onward);
      atEnd(() => onward.destroy());
    });
    const transport = open({ protocol: 'http2', responseHeadersTimeoutMs: 5_000 }, { clock });
    const get = (): Promise<string> => transport.send(request(relay.authority), { deadline: clock.now() + 600_000 }).then(textOf);
    expect(await get()).toBe('good');
    isHeld = true;
    const answer = get();
    await expect.poll(() => Buffer.concat(held).includes('good'), { timeout: 60_000 }).toBe(true);
    await clock.freeze(60_000, () => relay.sockets[0]?.write(Buffer.concat(held)));
    expect(await answer).toBe('good');
  });

  it('goes on with content that came meanwhile', async () => {
    const clock = new FreezingClock();
    const { upstream, asked } = await silentUpstream();
    const sent = open({ idleTimeoutMs: 5_000 }, { clock }).send(request(upstream.authority), { deadline: clock.now() + 600_000 });
    const socket = await asked;
    socket.write(good.slice(0, -2));
    const response = await sent;
    await clock.freeze(60_000, () => socket.write('o'));
    const text = textOf(response);
    await clock.freeze(4_000, () => socket.write('d'));
    expect(await text).toBe('good');
  });

  it('goes on with the next step of a connection where a step was done meanwhile, and not without end', async () => {
    const clock = new FreezingClock();
    const own = selfSigned();
    const server = createHttpsServer(own, (_request, response) => response.end('good'));
    const port = await listen(server);
    atEnd(() => {
      server.closeAllConnections();
      server.close();
    });
    const named = Promise.withResolvers<readonly string[]>();
    const asked = Promise.withResolvers<void>();
    const resolve = (): Promise<readonly string[]> => {
      asked.resolve();
      return named.promise;
    };
    const options = { deadline: clock.now() + 600_000 };
    const secrets = { current: () => ({ value: own.cert, version: '1' }) };
    const transport = open({ connectTimeoutMs: 5_000, tls: { ca: 'ca', serverName: 'localhost' } }, { clock, resolve, secrets });
    const sent = transport.send(request(`a.example:${port}`, { scheme: 'https' }), options);
    await asked.promise;
    await clock.freeze(60_000, () => named.resolve(['127.0.0.1']));
    expect(await textOf(await sent)).toBe('good');

    const never = Promise.withResolvers<readonly string[]>();
    const unnamed = failureOf(
      open({ connectTimeoutMs: 5_000 }, { clock, resolve: () => never.promise }).send(request('a.example'), options),
    );
    await clock.freeze(60_000);
    expect(await unnamed).toEqual(failure('dns_timeout', false));
  });

  it('still does not wait for what did not come', async () => {
    const clock = new FreezingClock();
    const { upstream, asked } = await silentUpstream();
    const sent = failureOf(
      open({ responseHeadersTimeoutMs: 5_000 }, { clock }).send(request(upstream.authority), { deadline: clock.now() + 600_000 }),
    );
    await asked;
    await clock.freeze(60_000);
    expect(await sent).toEqual(failure('http_response_timeout', true));
  });
});

/** What a process does with what it has read last: it is not asked for what has come since until that is done. */
async function whileReading(work: () => void): Promise<void> {
  const upstream = await rawUpstream((socket) => void socket.write('x'));
  const client = connect(upstream.port, '127.0.0.1');
  atEnd(() => client.destroy());
  await once(client, 'data', { signal: AbortSignal.timeout(60_000) });
  await new Promise<void>((resolve) => {
    client.once('data', () => {
      work();
      resolve();
    });
    upstream.sockets[0]?.write('y');
  });
}

describe('a connection that was kept', () => {
  const both = ['http1', 'http2'] as const;

  async function keptOf(protocol: (typeof both)[number], clock: Clock) {
    // it does not say how long it keeps them
    const server = protocol === 'http1' ? createServer({ keepAliveTimeout: 0 }) : createHttp2Server();
    server.on('request', (_request: unknown, response: ServerResponse) => response.end('good'));
    const port = await listen(server as Server);
    const relay = await rawUpstream((socket) => {
      const onward = connect(port, '127.0.0.1');
      onward.on('error', () => undefined);
      socket.pipe(onward).pipe(socket);
      atEnd(() => onward.destroy());
    });
    atEnd(() => server.close());
    const transport = open({ protocol }, { clock });
    const post = (): Promise<string> =>
      transport.send(request(relay.authority, { method: 'POST', body: 'x' }), { deadline: clock.now() + 3_600_000 }).then(textOf);
    expect(await post()).toBe('good');
    expect(await post()).toBe('good');
    expect(relay.sockets).toHaveLength(1);
    return { post, sockets: relay.sockets };
  }

  it.each(both)('over %s and was closed while the process was frozen carries no request', async (protocol) => {
    const clock = new FreezingClock();
    const { post, sockets } = await keptOf(protocol, clock);
    let sent: Promise<string> | undefined;
    await whileReading(() => {
      clock.freezeHere(5_000, () => sockets[0]?.destroy());
      sent = post();
    });
    expect(await sent).toBe('good');
    expect(sockets).toHaveLength(2);
  });

  it.each(both)('over %s and is still open after a short freeze carries the next request', async (protocol) => {
    const clock = new FreezingClock();
    const { post, sockets } = await keptOf(protocol, clock);
    await clock.freeze(5_000);
    expect(await post()).toBe('good');
    expect(sockets).toHaveLength(1);
  });

  it.each(both)('over %s is too old after 30 seconds by either clock', async (protocol) => {
    const clock = new FakeClock();
    const { post, sockets } = await keptOf(protocol, clock);
    // frozen: the monotonic clock stood still
    clock.set(clock.now() + 30_000);
    expect([await post(), await post()]).toEqual(['good', 'good']);
    expect(sockets).toHaveLength(2);
    // the wall's was set back
    clock.set(clock.now() - 3_600_000);
    await clock.advance(30_000);
    expect([await post(), await post()]).toEqual(['good', 'good']);
    expect(sockets).toHaveLength(3);
  });
});
