import { setTimeout as sleep } from 'node:timers/promises';
import { createServer } from 'node:net';
import type { Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HeaderList } from '../../../../core/http/header-list.ts';
import type { UpstreamErrorType } from '../../../../core/ports/index.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import {
  answering,
  closedWithin,
  failure,
  failureOf,
  listen,
  open,
  pieces,
  rawUpstream,
  request,
  textOf,
  within,
} from './support.ts';

const unhandled: unknown[] = [];
const note = (error: unknown): void => {
  unhandled.push(error);
};
beforeAll(() => {
  process.on('unhandledRejection', note).on('uncaughtException', note);
});
afterAll(() => {
  process.off('unhandledRejection', note).off('uncaughtException', note);
});

const good = 'HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ngood';

interface Fault {
  readonly title: string;
  /** What the upstream does with the first request. */
  readonly fault: (socket: Socket) => void;
  readonly type: UpstreamErrorType;
}

function says(text: string): (socket: Socket) => void {
  return (socket) => socket.write(text, 'latin1');
}

function saysAndCloses(text: string): (socket: Socket) => void {
  return (socket) => socket.end(text, 'latin1');
}

const faults: readonly Fault[] = [
  { title: 'resets before the response', fault: (socket) => socket.resetAndDestroy(), type: 'connection_terminated' },
  { title: 'closes before the response', fault: (socket) => socket.end(), type: 'connection_terminated' },
  {
    title: 'closes within the header section',
    fault: saysAndCloses('HTTP/1.1 200 OK\r\ncontent-le'),
    type: 'connection_terminated',
  },
  {
    title: 'resets after the header section',
    fault: (socket) => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nab', () => {
        setTimeout(() => socket.resetAndDestroy(), 20);
      });
    },
    type: 'http_response_incomplete',
  },
  {
    title: 'sends less than its length',
    fault: saysAndCloses('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc'),
    type: 'http_response_incomplete',
  },
  {
    title: 'has white space after the size of a chunk',
    fault: says('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3 \r\nabc\r\n0\r\n\r\n'),
    type: 'http_protocol_error',
  },
  {
    title: 'has an extension of a chunk that is none',
    fault: says('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3;\xe9\r\nabc\r\n0\r\n\r\n'),
    type: 'http_protocol_error',
  },
  {
    title: 'has a tab after its transfer coding',
    fault: says('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\t\r\n\r\n3\r\nabc\r\n0\r\n\r\n'),
    type: 'http_protocol_error',
  },
  {
    title: 'has another white space than blanks before a colon',
    fault: says('HTTP/1.1 200 OK\r\ncontent-length\xa0 : 3\r\n\r\nabc'),
    type: 'http_protocol_error',
  },
  {
    title: 'folds a line with a blank before the colon',
    fault: says('HTTP/1.1 200 OK\r\na: b\r\n content-length : 3\r\n\r\nabc'),
    type: 'http_protocol_error',
  },
  {
    title: 'has a 1xx in HTTP/1.0',
    fault: says('HTTP/1.0 103 Early\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc'),
    type: 'http_protocol_error',
  },
  {
    title: 'ends within a chunk',
    fault: saysAndCloses('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n8\r\nabc'),
    type: 'http_response_incomplete',
  },
  {
    title: 'ends without the last chunk',
    fault: saysAndCloses('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n'),
    type: 'http_response_incomplete',
  },
  { title: 'speaks another protocol', fault: says('SSH-2.0-OpenSSH_9.2\r\n'), type: 'http_protocol_error' },
  { title: 'speaks HTTP/2', fault: says('\x00\x00\x12\x04\x00\x00\x00\x00\x00'), type: 'http_protocol_error' },
  { title: 'has a status line without a status', fault: says('HTTP/1.1 OK\r\n\r\n'), type: 'http_protocol_error' },
  { title: 'has a status of four digits', fault: says('HTTP/1.1 2000 OK\r\n\r\n'), type: 'http_protocol_error' },
  { title: 'has a status below 100', fault: says('HTTP/1.1 099 No\r\n\r\n'), type: 'http_protocol_error' },
  { title: 'has a version of its own', fault: says('HTTP/2.0 200 OK\r\n\r\n'), type: 'http_protocol_error' },
  {
    title: 'says two lengths',
    fault: says('HTTP/1.1 200 OK\r\ncontent-length: 4\r\ncontent-length: 5\r\n\r\ngoods'),
    type: 'http_protocol_error',
  },
  {
    title: 'says one length twice',
    fault: says('HTTP/1.1 200 OK\r\ncontent-length: 4\r\ncontent-length: 4\r\n\r\ngood'),
    type: 'http_protocol_error',
  },
  {
    title: 'says a list of lengths',
    fault: says('HTTP/1.1 200 OK\r\ncontent-length: 4, 4\r\n\r\ngood'),
    type: 'http_protocol_error',
  },
  {
    title: 'says a length with a sign',
    fault: says('HTTP/1.1 200 OK\r\ncontent-length: +4\r\n\r\ngood'),
    type: 'http_protocol_error',
  },
  {
    title: 'says a length in hexadecimal',
    fault: says('HTTP/1.1 200 OK\r\ncontent-length: 0x4\r\n\r\ngood'),
    type: 'http_protocol_error',
  },
  {
    title: 'says a length and chunks',
    fault: says('HTTP/1.1 200 OK\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'),
    type: 'http_protocol_error',
  },
  {
    title: 'says a coding nobody asked for',
    fault: says('HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n'),
    type: 'http_protocol_error',
  },
  {
    title: 'says chunks in HTTP/1.0',
    fault: says('HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'),
    type: 'http_protocol_error',
  },
  {
    title: 'has a chunk size that is no number',
    fault: says('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0x4\r\ngood\r\n0\r\n\r\n'),
    type: 'http_protocol_error',
  },
  {
    title: 'has a chunk longer than its size',
    fault: says('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\ngood\r\n0\r\n\r\n'),
    type: 'http_protocol_error',
  },
  {
    title: 'has a chunk line that never ends',
    fault: says(`HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;${'x'.repeat(5_000)}`),
    type: 'http_protocol_error',
  },
  {
    title: 'ends lines with a line feed alone',
    fault: says('HTTP/1.1 200 OK\ncontent-length: 4\n\ngood'),
    type: 'http_protocol_error',
  },
  {
    title: 'folds a line',
    fault: says('HTTP/1.1 200 OK\r\nx-a: 1\r\n 2\r\ncontent-length: 4\r\n\r\ngood'),
    type: 'http_protocol_error',
  },
  {
    title: 'has a lone carriage return in a value',
    fault: says('HTTP/1.1 200 OK\r\nx-a: 1\r2\r\ncontent-length: 4\r\n\r\ngood'),
    type: 'http_protocol_error',
  },
  {
    title: 'has a NUL in a value',
    fault: says('HTTP/1.1 200 OK\r\nx-a: 1\x002\r\ncontent-length: 4\r\n\r\ngood'),
    type: 'http_protocol_error',
  },
  {
    title: 'has a name that is no token',
    fault: says('HTTP/1.1 200 OK\r\nx(a): 1\r\ncontent-length: 4\r\n\r\ngood'),
    type: 'http_protocol_error',
  },
  {
    title: 'has a line without a colon',
    fault: says('HTTP/1.1 200 OK\r\nnothing\r\ncontent-length: 4\r\n\r\ngood'),
    type: 'http_protocol_error',
  },
  {
    title: 'switches protocols unasked',
    fault: says('HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n'),
    type: 'http_protocol_error',
  },
  {
    title: 'sends 1xx responses without end',
    fault: says('HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n'.repeat(100)),
    type: 'http_protocol_error',
  },
  {
    title: 'sends header fields without end',
    fault: says(`HTTP/1.1 200 OK\r\n${`x-a: ${'a'.repeat(1_000)}\r\n`.repeat(80)}`),
    type: 'http_response_header_section_size',
  },
  {
    title: 'has a reason phrase without end',
    fault: says(`HTTP/1.1 200 ${'a'.repeat(80_000)}`),
    type: 'http_response_header_section_size',
  },
  {
    title: 'sends trailer fields without end',
    fault: says(`HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n${`x-a: ${'a'.repeat(1_000)}\r\n`.repeat(80)}`),
    type: 'http_response_header_section_size',
  },
];

describe('An HTTP/1.1 upstream', () => {
  it.each(faults)('that $title fails that exchange, loses its connection and spoils no other', async ({ fault, type }) => {
    let first = true;
    const upstream = await rawUpstream(
      answering((_head, socket) => {
        if (!first) return good;
        first = false;
        fault(socket);
        return undefined;
      }),
    );
    const transport = open();
    expect(await failureOf(transport.send(request(upstream.authority), within()))).toEqual(failure(type, true));
    expect(await closedWithin(upstream.sockets[0] as Socket)).toBe(true);
    expect(await textOf(await transport.send(request(upstream.authority), within()))).toBe('good');
    expect(upstream.sockets.length).toBe(2);
  });

  it('that sends more than its length is believed for the length, and its connection is not used again', async () => {
    const upstream = await rawUpstream(
      answering((_head, socket) =>
        socket === upstream.sockets[0] ? `${good}HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison` : good,
      ),
    );
    const transport = open();
    expect(await textOf(await transport.send(request(upstream.authority), within()))).toBe('good');
    expect(await textOf(await transport.send(request(upstream.authority), within()))).toBe('good');
    expect(upstream.sockets.length).toBe(2);
  });

  it('that speaks on an idle connection loses it before the next request is written', async () => {
    const heads: string[] = [];
    const upstream = await rawUpstream(
      answering((head, socket) => {
        heads.push(`${upstream.sockets.indexOf(socket)} ${head.split(' ')[1] ?? ''}`);
        return good;
      }),
    );
    const transport = open();
    await textOf(await transport.send(request(upstream.authority, { target: '/1' }), within()));
    upstream.sockets[0]?.write('HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison');
    expect(await closedWithin(upstream.sockets[0] as Socket)).toBe(true);
    expect(await textOf(await transport.send(request(upstream.authority, { target: '/2' }), within()))).toBe('good');
    expect(heads).toEqual(['0 /1', '1 /2']);
  });

  it('whose unasked-for response lies unread in the socket does not have it taken for the next answer', async () => {
    const upstream = await rawUpstream(answering(() => good));
    const transport = open();
    await textOf(await transport.send(request(upstream.authority), within()));
    upstream.sockets[0]?.write('HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison');
    // the bytes arrive while this thread is busy, and the next request is made before the loop can read them
    await new Promise((resolve) => setImmediate(resolve));
    const until = Date.now() + 50;
    while (Date.now() < until);
    const answer = transport.send(request(upstream.authority), within());
    expect(await textOf(await answer)).toBe('good');
  });

  it('that closes a kept connection costs nothing: the next request goes over another, and no byte was lost', async () => {
    let requests = 0;
    const upstream = await rawUpstream(
      answering((_head, socket) => {
        requests++;
        setImmediate(() => socket.end());
        return good;
      }),
    );
    const transport = open();
    for (let at = 0; at < 5; at++) {
      expect(await textOf(await transport.send(request(upstream.authority, { method: 'POST' }), within()))).toBe('good');
      expect(await closedWithin(upstream.sockets.at(-1) as Socket)).toBe(true);
    }
    expect([requests, upstream.sockets.length]).toEqual([5, 5]);
  });

  it('that refuses connections is connection_refused, and nothing was sent', async () => {
    const server = createServer();
    const port = await listen(server);
    await new Promise((resolve) => server.close(resolve));
    expect(await failureOf(open().send(request(`127.0.0.1:${port}`), within()))).toEqual(failure('connection_refused', false));
  });

  it('that never answers is http_response_timeout after the time for the header section', async () => {
    const upstream = await rawUpstream(answering(() => undefined));
    const transport = open({ responseHeadersTimeoutMs: 80 });
    // The deadline is beyond the test's own limit.
    const sent = transport.send(request(upstream.authority), within({ deadline: Date.now() + 120_000 }));
    expect(await failureOf(sent)).toEqual(failure('http_response_timeout', true));
    expect(await closedWithin(upstream.sockets[0] as Socket)).toBe(true);
  });

  it('whose header section comes a byte at a time has no more than the time for it', async () => {
    const upstream = await rawUpstream(
      answering((_head, socket) => {
        const timer = setInterval(() => socket.write('x'), 10);
        socket.write('HTTP/1.1 200 OK\r\nx-slow: ');
        socket.on('close', () => {
          clearInterval(timer);
        });
        return undefined;
      }),
    );
    expect(await failureOf(open({ responseHeadersTimeoutMs: 100 }).send(request(upstream.authority), within()))).toEqual(
      failure('http_response_timeout', true),
    );
  });

  it('that sends 1xx responses slowly has no more than the time for the header section either', async () => {
    const upstream = await rawUpstream(
      answering((_head, socket) => {
        const timer = setInterval(() => socket.write('HTTP/1.1 102 Processing\r\n\r\n'), 20);
        socket.on('close', () => {
          clearInterval(timer);
        });
        return undefined;
      }),
    );
    expect(await failureOf(open({ responseHeadersTimeoutMs: 150 }).send(request(upstream.authority), within()))).toEqual(
      failure('http_response_timeout', true),
    );
  });

  it('that stops within the content is connection_read_timeout after the idle time', async () => {
    const upstream = await rawUpstream(answering(() => 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nsome'));
    const response = await open({ idleTimeoutMs: 80 }).send(request(upstream.authority), within());
    expect(response.status).toBe(200);
    expect(await failureOf(Promise.resolve(response))).toEqual(failure('connection_read_timeout', true));
  });

  it('whose content is slow but never silent for long goes on until the deadline', async () => {
    const clock = new FakeClock();
    const upstream = await rawUpstream(answering(() => 'HTTP/1.1 200 OK\r\ncontent-length: 10000\r\n\r\n'));
    const sent = open({ idleTimeoutMs: 100 }, { clock }).send(request(upstream.authority), { deadline: clock.now() + 400 });
    const content = ((await sent).body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
    for (let at = 0; at < 4; at++) {
      upstream.sockets[0]?.write('x');
      expect((await content.next()).value).toEqual(Buffer.from('x'));
      await clock.advance(99);
    }
    const cut = expect(content.next()).rejects.toEqual(failure('connection_read_timeout', true));
    await clock.advance(4);
    await cut;
  });

  it('that does not answer before the deadline is http_response_timeout', async () => {
    const upstream = await rawUpstream(answering(() => undefined));
    const sent = open().send(request(upstream.authority), within({ deadline: Date.now() + 60 }));
    expect(await failureOf(sent)).toEqual(failure('http_response_timeout', true));
  });

  it('that takes no more of the content is connection_write_timeout', async () => {
    const upstream = await rawUpstream((socket) => socket.pause());
    const body = (async function* () {
      for (;;) yield Buffer.alloc(1_048_576);
    })();
    const sent = open({ idleTimeoutMs: 100 }).send(request(upstream.authority, { method: 'PUT', body }), within());
    expect(await failureOf(sent)).toEqual(failure('connection_write_timeout', true));
  });

  it('is not blamed for content that is slow to come', async () => {
    const body = (async function* () {
      yield Buffer.from('a');
      await sleep(200);
      yield Buffer.from('b');
    })();
    let received = '';
    const upstream = await rawUpstream((socket) => {
      socket.on('data', (chunk: Buffer) => {
        received += chunk.toString();
        if (received.endsWith('0\r\n\r\n')) socket.write(good);
      });
    });
    const response = await open({ idleTimeoutMs: 50 }).send(request(upstream.authority, { method: 'PUT', body }), within());
    expect(await textOf(response)).toBe('good');
  });

  it('is cut off when the content of the request breaks off, and never sees a complete message', async () => {
    let received = '';
    const upstream = await rawUpstream((socket) => {
      socket.on('data', (chunk: Buffer) => (received += chunk.toString()));
    });
    const body = (async function* () {
      yield Buffer.from('part');
      await sleep(20);
      throw new TypeError('gone');
    })();
    await expect(open().send(request(upstream.authority, { method: 'PUT', body }), within())).rejects.toThrow(
      new TypeError('gone'),
    );
    expect(await closedWithin(upstream.sockets[0] as Socket)).toBe(true);
    expect(received).toContain('part');
    expect(received).not.toContain('0\r\n\r\n');
  });

  it.each([
    ['longer', ['abc', 'def']],
    ['shorter', ['ab']],
  ])('never gets content %s than its length', async (_which, texts) => {
    let received = '';
    const upstream = await rawUpstream((socket) => {
      socket.on('data', (chunk: Buffer) => (received += chunk.toString()));
    });
    const sent = open().send(
      request(upstream.authority, { method: 'PUT', body: pieces(...texts), headers: HeaderList.of(['content-length', '4']) }),
      within(),
    );
    expect(await failureOf(sent)).toEqual(failure('http_protocol_error', true));
    expect(await closedWithin(upstream.sockets[0] as Socket)).toBe(true);
    expect(received.split('\r\n\r\n')[1]?.length).toBeLessThan(4);
  });

  it('that drops trailer fields into the framing has them dropped', async () => {
    const upstream = await rawUpstream(
      answering(
        () =>
          'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\ngood\r\n0\r\ncontent-length: 1\r\nTransfer-Encoding: x\r\nhost: evil\r\nset-cookie: a=b\r\nauthorization: b\r\nx-checksum: 7\r\n\r\n',
      ),
    );
    const response = await open().send(request(upstream.authority), within());
    expect(await textOf(response)).toBe('good');
    expect(response.trailers?.()?.flat()).toEqual(['x-checksum', '7']);
  });

  it('loses the connection with an abort, before and after the response has begun', async () => {
    const upstream = await rawUpstream(
      answering((head) => (head.startsWith('GET /stall') ? undefined : 'HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nab')),
    );
    const transport = open();
    for (const target of ['/stall', '/partial']) {
      const abort = new AbortController();
      const sent = transport.send(request(upstream.authority, { target }), within({ signal: abort.signal }));
      setTimeout(() => {
        abort.abort(new TypeError('client gone'));
      }, 50);
      await expect(sent.then(textOf)).rejects.toThrow(new TypeError('client gone'));
      expect(await closedWithin(upstream.sockets.at(-1) as Socket)).toBe(true);
    }
    expect(upstream.sockets.length).toBe(2);
  });

  it('sees no request that was aborted before it could be written', async () => {
    let heads = 0;
    const upstream = await rawUpstream(answering(() => (heads++, good)));
    const transport = open();
    await textOf(await transport.send(request(upstream.authority), within()));
    const abort = new AbortController();
    const sent = transport.send(request(upstream.authority), within({ signal: abort.signal }));
    abort.abort(new TypeError('gone'));
    await expect(sent).rejects.toThrow(new TypeError('gone'));
    await expect(transport.send(request(upstream.authority), within({ signal: abort.signal }))).rejects.toThrow(
      new TypeError('gone'),
    );
    await sleep(20);
    expect(heads).toBe(1);
  });

  it('loses the connection when its content is not wanted', async () => {
    const upstream = await rawUpstream(answering(() => 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nsome'));
    const response = await open().send(request(upstream.authority), within());
    await (response.body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]().return?.();
    expect(await closedWithin(upstream.sockets[0] as Socket)).toBe(true);
  });

  it('under a hundred exchanges with every fault at once answers each as if it were alone', async () => {
    const upstream = await rawUpstream(
      answering((head, socket) => {
        const at = Number(/ \/(\d+)/.exec(head)?.[1]);
        const chosen = faults[at % (faults.length * 2)];
        if (chosen === undefined) return `HTTP/1.1 200 OK\r\ncontent-length: ${`${at}`.length}\r\n\r\n${at}`;
        chosen.fault(socket);
        return undefined;
      }),
    );
    const transport = open();
    const outcomes = await Promise.all(
      Array.from({ length: faults.length * 6 }, async (_, at) => {
        const sent = transport.send(request(upstream.authority, { target: `/${at}` }), within());
        const expected = faults[at % (faults.length * 2)]?.type ?? `${at}`;
        const outcome = await sent.then(textOf).catch((error: unknown) => (error as { type: string }).type);
        return outcome === expected;
      }),
    );
    expect(outcomes.filter((right) => !right)).toEqual([]);
  });

  it('never left a rejection or an error of all this to nobody', async () => {
    await sleep(20);
    expect(unhandled).toEqual([]);
  });
});
