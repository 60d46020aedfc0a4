import { describe, expect, it } from 'vitest';
import type { Transport } from '../../../../core/ports/index.ts';
import { fieldBlock, flag, frame, frameType, settings, uint32 } from '../../../support/http2-frames.ts';
import { hostileHttp2Backend } from '../../../support/hostile-http2-backend.ts';
import type { SilentServer } from '../../../support/silent-server.ts';
import type { HostileScript } from '../../../support/hostile-http2-backend.ts';
import { atEnd, failure, failureOf, open, request, textOf, within } from './support.ts';

/** What Node's HTTP/2 client does not tell, or tells in a way that two things look alike. */

async function backend(script: HostileScript): Promise<SilentServer & { readonly authority: string }> {
  const hostile = hostileHttp2Backend(script);
  const port = await hostile.listen();
  atEnd(() => hostile.close());
  return Object.assign(hostile, { authority: `127.0.0.1:${port}` });
}

/** Long times: what ends by itself within them has not waited for them. */
const patient = (connectTimeoutMs = 60_000): Transport =>
  open({ protocol: 'http2', connectTimeoutMs, responseHeadersTimeoutMs: 60_000, idleTimeoutMs: 60_000 });

const late = (): ReturnType<typeof within> => within({ deadline: Date.now() + 120_000 });

const large = (): Uint8Array => Buffer.alloc(300_000, 'x');

describe('An HTTP/2 upstream', () => {
  it.each([
    ['before the response', 'connection_terminated'],
    ['within the content', 'http_response_incomplete'],
  ] as const)('that closes its side of the connection %s has left its exchanges: nobody waits for more', async (when, type) => {
    const upstream = await backend({
      onStream: (peer, stream) => {
        if (when === 'within the content') peer.write(peer.head(stream, 200), peer.data(stream, 'part'));
        peer.socket.end();
      },
    });
    expect(await failureOf(patient().send(request(upstream.authority), late()))).toEqual(failure(type, true));
  });

  it('that resets a stream without an error within the content leaves it incomplete', async () => {
    const upstream = await backend({
      onStream: (peer, stream) => peer.write(peer.head(stream, 200), peer.data(stream, 'part'), peer.reset(stream, 0)),
    });
    expect(await failureOf(patient().send(request(upstream.authority), late()))).toEqual(failure('http_response_incomplete', true));
  });

  it('that has answered and wants no more of the request (RFC 9113 section 8.1) has answered', async () => {
    const upstream = await backend({
      onStream: (peer, stream) =>
        peer.write(peer.head(stream, 200), peer.data(stream, 'whole', flag.endStream), peer.reset(stream, 0)),
    });
    const body = (async function* () {
      yield Buffer.from('begun');
      await new Promise(() => undefined);
    })();
    const response = await patient().send(request(upstream.authority, { method: 'POST', body }), late());
    expect(await textOf(response)).toBe('whole');
  });

  it.each([0, 8])('that resets with %d a request whose end waits for its window fails it', async (code) => {
    const upstream = await backend({
      onStream: (peer, stream) => {
        peer.generous = false;
        setTimeout(() => peer.write(peer.reset(stream, code)), 50);
      },
    });
    const sent = patient().send(request(upstream.authority, { method: 'POST', body: large() }), late());
    expect(await failureOf(sent)).toEqual(failure('connection_terminated', true));
  });

  it('whose content has all come and is not wanted keeps neither the stream nor the connection', async () => {
    const upstream = await backend({
      onStream: (peer, stream) => {
        peer.write(peer.head(stream, 200));
        for (let at = 0; at < 15; at++) peer.write(peer.data(stream, 'x'.repeat(10_000)));
        peer.write(peer.data(stream, 'x', flag.endStream));
      },
    });
    const transport = patient();
    const response = await transport.send(request(upstream.authority), late());
    const reader = (response.body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
    await reader.next();
    // all of it is in memory, and held there
    await new Promise((resolve) => setTimeout(resolve, 100));
    await reader.return?.();
    await transport.close();
    await expect.poll(() => upstream.open).toBe(0);
  });

  it('that goes away as soon as it has begun, and closes nothing, does not bar the way for those who come after', async () => {
    const upstream = await backend({
      onConnection: (peer) => (peer.connection === 1 ? peer.write(settings(), peer.goaway(0, 0)) : peer.write(settings())),
      onStream: (peer, stream) => peer.write(peer.head(stream, 200), peer.data(stream, 'good', flag.endStream)),
    });
    const transport = patient(200);
    await failureOf(transport.send(request(upstream.authority), late())).catch(() => undefined);
    expect(await textOf(await transport.send(request(upstream.authority), late()))).toBe('good');
  });

  it('that never closes its side of a connection does not keep a transport from closing', async () => {
    const upstream = await backend({
      onStream: (peer, stream) => peer.write(peer.head(stream, 200), peer.data(stream, 'good', flag.endStream)),
    });
    const transport = patient(200);
    await textOf(await transport.send(request(upstream.authority), late()));
    await transport.close();
    await expect.poll(() => upstream.open).toBe(0);
  });

  it('that takes no streams at all is not asked on one connection after the other', async () => {
    // SETTINGS_MAX_CONCURRENT_STREAMS
    const upstream = await backend({ onConnection: (peer) => peer.write(settings([3, 0])), onStream: () => undefined });
    const transport = patient();
    const first = transport.send(request(upstream.authority), within({ deadline: Date.now() + 1_000 }));
    const others = Array.from({ length: 5 }, () => failureOf(transport.send(request(upstream.authority), late())));
    expect(await Promise.all(others)).toEqual(others.map(() => failure('connection_limit_reached', false)));
    expect(await failureOf(first)).toEqual(failure('http_response_timeout', true));
    expect(upstream.sockets.length).toBe(1);
  });

  it('that pushes before it has heard that it may not fails its exchanges and nothing else', async () => {
    const upstream = await backend({
      onConnection: (peer) => {
        peer.acknowledges = false;
        peer.write(settings());
      },
      onStream: (peer, stream) => {
        const promised = fieldBlock([':method', 'GET'], [':scheme', 'http'], [':authority', 'a'], [':path', '/']);
        peer.write(
          frame(frameType.pushPromise, flag.endHeaders, stream, Buffer.concat([uint32(2), promised])),
          peer.head(2, 200),
          peer.reset(2, 1),
          peer.data(stream, 'before HEADERS'),
        );
      },
    });
    expect(await failureOf(patient().send(request(upstream.authority), late()))).toEqual(failure('http_protocol_error', true));
  });

  it.each(['600', '999', '099'])('answering with the status %s has not answered in HTTP', async (status) => {
    const upstream = await backend({ onStream: (peer, stream) => peer.write(peer.head(stream, status, [], flag.endStream)) });
    expect(await failureOf(patient().send(request(upstream.authority), late()))).toEqual(failure('http_protocol_error', true));
  });
});
