import { createServer } from 'node:http';
import type { Server } from 'node:net';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../../adapters/node/system-clock.ts';
import { nodeTransports } from '../../../../adapters/node/transport/node-transports.ts';
import { ResponseParser } from '../../../../adapters/node/transport/response-parser.ts';
import { UpgradedSocket } from '../../../../adapters/node/upgraded-socket.ts';
import { HeaderList } from '../../../../core/http/header-list.ts';
import type { BodyFlow, PushBody } from '../../../../core/ports/index.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import {
  answering,
  atEnd,
  closedWithin,
  failure,
  failureOf,
  listen,
  open,
  pieces,
  profile,
  rawUpstream,
  request,
  textOf,
  within,
} from './support.ts';

/** What the upstream reads of one request sent with these fields. */
async function written(over: Parameters<typeof request>[1], options: Parameters<typeof within>[0] = {}): Promise<string> {
  let received = '';
  const upstream = await rawUpstream((socket) => {
    let quiet: NodeJS.Timeout | undefined;
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString('latin1');
      clearTimeout(quiet);
      quiet = setTimeout(() => socket.write('HTTP/1.1 204 No Content\r\n\r\n'), 50);
    });
  });
  await open().send(request(upstream.authority, over), within(options));
  return received.replaceAll(upstream.authority, 'HOST');
}

describe('A request over HTTP/1.1', () => {
  it('is the method, the target byte for byte, the fields in order, and nothing the protocol does not need', async () => {
    const headers = new HeaderList(['x-b', '2', 'x-a', '1', 'x-b', '3', 'x-empty', '']);
    expect(await written({ method: 'PROPFIND', target: '/a/../b%2F?x=[1]&é'.replace('é', '\xe9'), headers })).toBe(
      'PROPFIND /a/../b%2F?x=[1]&\xe9 HTTP/1.1\r\nhost: HOST\r\nx-b: 2\r\nx-a: 1\r\nx-b: 3\r\nx-empty: \r\n\r\n',
    );
  });

  it('tells the upstream the host of the field, where there is one', async () => {
    expect(await written({ headers: HeaderList.of(['host', 'public.example']) })).toBe(
      'GET / HTTP/1.1\r\nhost: public.example\r\n\r\n',
    );
  });

  it('may have an asterisk for a target', async () => {
    expect(await written({ method: 'OPTIONS', target: '*' })).toBe('OPTIONS * HTTP/1.1\r\nhost: HOST\r\n\r\n');
  });

  it('has the length of its content, whatever the field says', async () => {
    const headers = HeaderList.of(['content-length', '99']);
    expect(await written({ method: 'POST', body: 'h\u00e9', headers })).toBe(
      'POST / HTTP/1.1\r\nhost: HOST\r\ncontent-length: 3\r\n\r\nh\xc3\xa9',
    );
    expect(await written({ method: 'GET', body: Buffer.from('abc') })).toBe(
      'GET / HTTP/1.1\r\nhost: HOST\r\ncontent-length: 3\r\n\r\nabc',
    );
    expect(await written({ method: 'GET', headers })).toBe('GET / HTTP/1.1\r\nhost: HOST\r\n\r\n');
    expect(await written({ method: 'POST' })).toBe('POST / HTTP/1.1\r\nhost: HOST\r\ncontent-length: 0\r\n\r\n');
  });

  it('sends a stream in chunks with its trailers, or with the length that is given', async () => {
    const trailers = (): HeaderList => new HeaderList(['x-sum', '1', 'content-length', '9']);
    expect(await written({ method: 'POST', body: pieces('abc', '', 'defg'), trailers })).toBe(
      'POST / HTTP/1.1\r\nhost: HOST\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\nx-sum: 1\r\n\r\n',
    );
    expect(await written({ method: 'POST', body: pieces('abc', 'defg'), headers: HeaderList.of(['content-length', '7']) })).toBe(
      'POST / HTTP/1.1\r\nhost: HOST\r\ncontent-length: 7\r\n\r\nabcdefg',
    );
  });

  it('leaves out what belongs to another connection, and names TE where it has it', async () => {
    const headers = HeaderList.of(
      ['connection', 'x-a'],
      ['keep-alive', 'timeout=5'],
      ['proxy-connection', 'keep-alive'],
      ['transfer-encoding', 'chunked'],
      ['upgrade', 'h2c'],
      ['te', 'trailers'],
    );
    expect(await written({ headers })).toBe('GET / HTTP/1.1\r\nhost: HOST\r\nte: trailers\r\nconnection: te\r\n\r\n');
  });

  it.each([
    ['a line break in a value', { headers: new HeaderList(['x-a', '1\r\nx-evil: 1']) }],
    ['a character in a value whose low byte is a line feed', { headers: new HeaderList(['x-a', '1\u010a']) }],
    ['a name that is no token', { headers: new HeaderList(['x a', '1']) }],
    ['two hosts', { headers: new HeaderList(['host', 'a', 'host', 'b']) }],
    ['a space in the target', { target: '/a b' }],
    ['a line break in the method', { method: 'GET / HTTP/1.1\r\nx' }],
    ['a line break in the authority', { headers: new HeaderList(['host', 'a\r\nb: c']) }],
  ])('with %s is never written', async (_what, over) => {
    let received = '';
    const upstream = await rawUpstream((socket) => socket.on('data', (chunk: Buffer) => (received += chunk.toString())));
    expect(await failureOf(open().send(request(upstream.authority, over), within()))).toEqual(
      failure('http_protocol_error', false),
    );
    await sleep(20);
    expect(received).toBe('');
  });

  it('that expects 100-continue keeps its content until it is asked for it', async () => {
    let content = '';
    const seen: number[] = [];
    const upstream = await rawUpstream((socket) => {
      let head = '';
      socket.on('data', (chunk: Buffer) => {
        if (head.includes('\r\n\r\n')) content += chunk.toString();
        else head += chunk.toString();
        if (content === '' && head.endsWith('\r\n\r\n')) setTimeout(() => socket.write('HTTP/1.1 100 Continue\r\n\r\n'), 30);
        if (content.length === 4) socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
      });
    });
    const headers = HeaderList.of(['expect', '100-continue']);
    const response = await open().send(
      request(upstream.authority, { method: 'PUT', body: 'data', headers }),
      within({ onInformational: (status) => seen.push(status) }),
    );
    expect([response.status, content, seen]).toEqual([200, 'data', []]);
  });

  it('that expects 100-continue and is refused never sends its content', async () => {
    let received = '';
    const upstream = await rawUpstream((socket) => {
      socket.on('data', (chunk: Buffer) => {
        received += chunk.toString();
        socket.write('HTTP/1.1 413 Too Much\r\ncontent-length: 0\r\n\r\n');
      });
    });
    let read = false;
    const body = (async function* () {
      read = true;
      yield Buffer.from('data');
    })();
    // On this clock the second, after which it would be sent all the same, never passes.
    const response = await open({}, { clock: new FakeClock() }).send(
      request(upstream.authority, { method: 'PUT', body, headers: HeaderList.of(['expect', '100-continue']) }),
      within(),
    );
    expect(response.status).toBe(413);
    expect(await closedWithin(upstream.sockets[0] as Socket)).toBe(true);
    expect([received.endsWith('\r\n\r\n'), read]).toEqual([true, false]);
  });

  it('that expects 100-continue of an upstream that does not know it sends its content after a second', async () => {
    const clock = new FakeClock();
    let received = '';
    const upstream = await rawUpstream((socket) => {
      socket.on('data', (chunk: Buffer) => {
        received += chunk.toString();
        if (received.endsWith('data')) socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
      });
    });
    const headers = HeaderList.of(['expect', '100-continue']);
    const sent = open({}, { clock }).send(request(upstream.authority, { method: 'PUT', body: 'data', headers }), within());
    await expect.poll(() => received).toMatch(/\r\n\r\n$/);
    await clock.advance(999);
    expect(received).toMatch(/\r\n\r\n$/);
    await clock.advance(1);
    expect((await sent).status).toBe(200);
  });
});

describe('A response over HTTP/1.1', () => {
  it('is passed on as it is: status, repeated fields in order with names in lower case, bytes above ASCII, content not decoded', async () => {
    const upstream = await rawUpstream(
      answering(
        () =>
          'HTTP/1.1 599 \xc3\xa9\r\nX-B: 1\r\nSet-Cookie: a=1\r\nx-b:2\t\r\nSet-Cookie: b=2\r\nX-Space : v\r\nX-Bytes: \xff\r\ncontent-encoding: gzip\r\nContent-Length: 4\r\n\r\n\x00\xff\r\n',
      ),
    );
    const response = await open().send(request(upstream.authority), within());
    expect(response.status).toBe(599);
    expect(response.headers.flat()).toEqual([
      ...['x-b', '1', 'set-cookie', 'a=1', 'x-b', '2', 'set-cookie', 'b=2', 'x-space', 'v', 'x-bytes', '\xff'],
      ...['content-encoding', 'gzip', 'content-length', '4'],
    ]);
    expect(await textOf(response)).toBe('\x00\xff\r\n');
  });

  it.each([
    ['1.0', 'HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok'],
    ['1.0', 'HTTP/1.0 200 OK\r\n\r\nok'],
    ['1.1', 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'],
    ['1.1', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n'],
  ])('tells the version it came in, %s: %j', async (version, answer) => {
    const upstream = await rawUpstream((socket) => socket.once('data', () => socket.end(answer)));
    const response = await open().send(request(upstream.authority), within());
    expect([response.protocolVersion, await textOf(response)]).toEqual([version, 'ok']);
  });

  it.each([
    ['HEAD', 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n'],
    ['HEAD', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n'],
    ['GET', 'HTTP/1.1 204 No Content\r\n\r\n'],
    ['GET', 'HTTP/1.1 304 Not Modified\r\ncontent-length: 10\r\netag: "a"\r\n\r\n'],
    ['GET', 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'],
    ['POST', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n'],
    ['PURGE', 'HTTP/1.1 200 OK\r\nkeep-alive: timeout=20\r\ncontent-length: 5\r\n\r\nhello'],
  ])('to %s with %j leaves the connection for the next request', async (method, answer) => {
    const upstream = await rawUpstream(answering(() => answer));
    const transport = open();
    for (let at = 0; at < 3; at++) {
      const text = await textOf(await transport.send(request(upstream.authority, { method }), within()));
      expect(text).toBe(answer.includes('hello') ? 'hello' : '');
    }
    expect(upstream.sockets.length).toBe(1);
  });

  it.each([
    ['says close', 'HTTP/1.1 200 OK\r\nConnection: x, Close\r\ncontent-length: 5\r\n\r\nhello'],
    ['is HTTP/1.0', 'HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nhello'],
    [
      'promises to keep the connection for a second only',
      'HTTP/1.1 200 OK\r\nkeep-alive: timeout=1\r\ncontent-length: 5\r\n\r\nhello',
    ],
    ['has a length where no content can be', 'HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\n'],
  ])('that %s is the last on its connection', async (_what, answer) => {
    const upstream = await rawUpstream(answering(() => answer));
    const transport = open();
    for (let at = 0; at < 2; at++) await textOf(await transport.send(request(upstream.authority), within()));
    expect(upstream.sockets.length).toBe(2);
  });

  it('without a length ends with the connection', async () => {
    const upstream = await rawUpstream((socket) => {
      socket.on('data', () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\nhello ');
        setTimeout(() => socket.end('world'), 30);
      });
    });
    expect(await textOf(await open().send(request(upstream.authority), within()))).toBe('hello world');
  });

  it('is told with every 1xx before it, in order, also a 100 that nobody asked for', async () => {
    const upstream = await rawUpstream(
      answering(
        () =>
          'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 P\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n',
      ),
    );
    const seen: unknown[] = [];
    const response = await open().send(
      request(upstream.authority),
      within({ onInformational: (status, headers) => seen.push([status, headers.flat()]) }),
    );
    seen.push(response.status);
    expect(seen).toEqual([[100, []], [103, ['link', '</a>']], [102, []], 200]);
  });

  it('can be final before the request has been sent: the rest is not, and the connection is not used again', async () => {
    const upstream = await rawUpstream((socket) => {
      socket.once('data', () => socket.write('HTTP/1.1 401 Unauthorized\r\ncontent-length: 2\r\n\r\nno'));
    });
    let cancelled = false;
    const body: PushBody = {
      pushTo(sink): BodyFlow {
        sink.write(Buffer.from('first'));
        return { resume: () => undefined, cancel: () => (cancelled = true) };
      },
      [Symbol.asyncIterator]: () => expect.unreachable('it can push'),
    };
    const response = await open().send(request(upstream.authority, { method: 'POST', body }), within());
    expect([response.status, await textOf(response), cancelled]).toEqual([401, 'no', true]);
    expect(await closedWithin(upstream.sockets[0] as Socket)).toBe(true);
  });

  it("is read at the reader's pace: what he does not take stays with the upstream", async () => {
    let sent = 0;
    const server = createServer((_message, response) => {
      const chunk = Buffer.alloc(65_536);
      const more = (): void => {
        while (sent < 200 && response.write(chunk)) sent++;
        if (sent++ < 200) response.once('drain', more);
        else response.end();
      };
      more();
    });
    const port = await listen(server as unknown as Server);
    atEnd(() => {
      server.closeAllConnections();
      server.close();
    });
    const response = await open().send(request(`127.0.0.1:${port}`), within());
    const flows: BodyFlow[] = [];
    let received = 0;
    const ended = new Promise<void>((resolve, reject) => {
      flows.push(
        (response.body as PushBody).pushTo({
          write(chunk) {
            received += chunk.length;
            return false;
          },
          end: resolve,
          abort: reject,
        }),
      );
    });
    await sleep(150);
    // one chunk of ours, and what both sockets' buffers hold
    expect(received).toBeLessThan(262_144);
    expect(sent).toBeLessThan(190);
    const timer = setInterval(() => flows[0]?.resume(), 0);
    await ended;
    clearInterval(timer);
    expect(received).toBeGreaterThanOrEqual(200 * 65_536);
  });

  it('of many at once belongs to its own request, and connections are shared one after the other', async () => {
    const upstream = await rawUpstream(
      answering((head) => {
        const target = head.split(' ')[1] ?? '';
        return `HTTP/1.1 200 OK\r\ncontent-length: ${target.length}\r\n\r\n${target}`;
      }),
    );
    const transport = open();
    for (let round = 0; round < 5; round++) {
      const targets = Array.from({ length: 40 }, (_, at) => `/${round}/${at}`);
      const texts = await Promise.all(
        targets.map(async (target) => textOf(await transport.send(request(upstream.authority, { target }), within()))),
      );
      expect(texts).toEqual(targets);
    }
    expect(upstream.sockets.length).toBeLessThanOrEqual(40);
  });
});

describe('An upgrade', () => {
  it('gives the connection away, with what the upstream has said already', async () => {
    const upstream = await rawUpstream(
      answering((head, socket) => {
        expect(head).toContain('connection: upgrade\r\n');
        socket.on('data', (chunk: Buffer) => socket.write(`echo ${chunk.toString()}`));
        return 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: chat\r\nConnection: upgrade\r\n\r\nhello';
      }),
    );
    const headers = HeaderList.of(['upgrade', 'chat'], ['connection', 'upgrade']);
    const clock = new FakeClock();
    const response = await open({}, { clock }).send(request(upstream.authority, { headers }), {
      upgrade: true,
      deadline: clock.now() + 300,
    });
    expect([response.status, response.headers.get('upgrade'), response.body]).toEqual([101, 'chat', undefined]);
    const upgraded = response.upgraded as UpgradedSocket;
    expect(upgraded).toBeInstanceOf(UpgradedSocket);
    expect(Buffer.from(upgraded.head).toString()).toBe('hello');
    // The deadline, and every other time, was that of the exchange.
    await clock.advance(120_000);
    upgraded.socket.write('one');
    upgraded.socket.resume();
    const [echo] = (await new Promise((resolve) =>
      upgraded.socket.once('data', (...all) => {
        resolve(all);
      }),
    )) as [Buffer];
    expect(echo.toString()).toBe('echo one');
    upgraded.destroy();
    expect(await closedWithin(upstream.sockets[0] as Socket)).toBe(true);
  });

  it('that the upstream does not want is an ordinary exchange', async () => {
    const upstream = await rawUpstream(answering(() => 'HTTP/1.1 426 Upgrade Required\r\ncontent-length: 2\r\n\r\nno'));
    const response = await open().send(
      request(upstream.authority, { headers: HeaderList.of(['upgrade', 'chat']) }),
      within({ upgrade: true }),
    );
    expect([response.status, response.upgraded, await textOf(response)]).toEqual([426, undefined, 'no']);
  });
});

describe('The transport', () => {
  it('closes idle connections at once and the others after their exchange', async () => {
    const upstream = await rawUpstream(
      answering((head) => (head.startsWith('GET /slow') ? undefined : 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n')),
    );
    const transport = open();
    const slow = transport.send(request(upstream.authority, { target: '/slow' }), within());
    await transport.send(request(upstream.authority), within());
    const closed = transport.close();
    expect(await closedWithin(upstream.sockets[1] as Socket)).toBe(true);
    expect(await closedWithin(upstream.sockets[0] as Socket, 50)).toBe(false);
    upstream.sockets[0]?.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
    expect((await slow).status).toBe(200);
    await closed;
    expect(await closedWithin(upstream.sockets[0] as Socket)).toBe(true);
  });

  it('leaves no connection behind that was opened for a late try after it was closed', async () => {
    const upstream = await rawUpstream(answering(() => 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'));
    const transport = open();
    await transport.send(request(upstream.authority), within());
    await transport.close();
    expect((await transport.send(request(upstream.authority), within())).status).toBe(200);
    expect(await closedWithin(upstream.sockets[1] as Socket)).toBe(true);
  });

  it('shares connections between equal profiles, until the last of them closes', async () => {
    const upstream = await rawUpstream(answering(() => 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'));
    const transports = nodeTransports({ clock: systemClock, secrets: { current: () => expect.unreachable() } });
    const before = transports.open(profile);
    await before.send(request(upstream.authority), within());
    const after = transports.open({ ...profile });
    await before.close();
    await after.send(request(upstream.authority), within());
    expect(upstream.sockets.length).toBe(1);
    await after.close();
    expect(await closedWithin(upstream.sockets[0] as Socket)).toBe(true);
  });

  it('shares connections between profiles that differ in their time-outs alone; each exchange has its own', async () => {
    const upstream = await rawUpstream(
      answering((head) => (head.startsWith('GET /silent') ? '' : 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n')),
    );
    const transports = nodeTransports({ clock: systemClock, secrets: { current: () => expect.unreachable() } });
    const before = transports.open({ ...profile, responseHeadersTimeoutMs: 60_000 });
    await before.send(request(upstream.authority), within());
    const after = transports.open({ ...profile, connectTimeoutMs: 1_999, idleTimeoutMs: 60_000 });
    const hasty = transports.open({ ...profile, responseHeadersTimeoutMs: 100 });
    await before.close();
    await after.send(request(upstream.authority), within());
    expect(upstream.sockets.length).toBe(1);
    await expect(hasty.send(request(upstream.authority, { target: '/silent' }), within())).rejects.toMatchObject({
      type: 'http_response_timeout',
    });
    expect(upstream.sockets.length).toBe(1);
    await Promise.all([after.close(), hasty.close()]);
  });
});

describe('The parser', () => {
  /** What is told, with content joined, so that how it was cut does not show. */
  function told(text: string, cuts: readonly number[]): unknown[] {
    const seen: unknown[] = [];
    let content = '';
    const parser: ResponseParser = new ResponseParser({
      onInformational: ({ status, fields }) => seen.push([status, fields]),
      onHead: ({ status, fields }, length) => seen.push([status, fields, length]),
      onContent: (chunk) => {
        content += chunk.toString('latin1');
      },
      onEnd: (trailers, rest) => {
        seen.push([content, trailers, rest !== undefined && rest.length > 0]);
        content = '';
      },
      onUpgrade: ({ status }, rest) => seen.push([status, rest.toString()]),
    });
    parser.begin('GET', false);
    const bytes = Buffer.from(text, 'latin1');
    const bounds = [0, ...[...new Set(cuts.map((cut) => cut % bytes.length))].toSorted((a, b) => a - b), bytes.length];
    try {
      for (const [at, from] of bounds.slice(0, -1).entries()) parser.push(bytes.subarray(from, bounds[at + 1]));
      parser.end();
    } catch (error) {
      seen.push((error as { type: string }).type);
    }
    return seen;
  }

  const messages = [
    'HTTP/1.1 103 Early\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 12\r\nx-a: b\r\n\r\nhello\r\nworld',
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0A\r\n\r\n0\r\n\r\nabc\r\n0\r\nx-t: 1\r\nx-u: 2\r\n\r\n',
    'HTTP/1.1 200 OK\r\n\r\nuntil the end',
    'HTTP/1.1 204 No Content\r\nx-a: 1\r\n\r\n',
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhellox\n',
    'HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello',
    'HTTP/1.1 200 OK\r\ncontent-length: 5\r\nx-a',
  ];

  it('tells the same however the bytes are cut', () => {
    fc.assert(
      fc.property(fc.constantFrom(...messages), fc.array(fc.nat(), { maxLength: 60 }), (message, cuts) => {
        expect(told(message, cuts)).toEqual(told(message, []));
      }),
      { numRuns: 500 },
    );
    expect(messages.map((message) => told(message, []).at(-1))).toEqual([
      ['hello\r\nworld', undefined, false],
      ['hello\r\n0\r\n\r\nabc', ['x-t', '1', 'x-u', '2'], false],
      ['until the end', undefined, false],
      ['', undefined, false],
      'http_protocol_error',
      'http_protocol_error',
      'connection_terminated',
    ]);
  });

  it('ends whatever bytes it is fed, with a message or an error, and never with two messages', () => {
    const bit = fc.constantFrom(
      'HTTP/1.1 200 OK',
      'HTTP/1.1 100 C',
      '\r\n',
      '\n',
      '\r',
      'a: b',
      ':',
      ' ',
      'content-length: 3',
      'transfer-encoding: chunked',
      '3',
      '0',
      'abc',
      '\x00',
    );
    fc.assert(
      fc.property(fc.array(bit, { maxLength: 30 }), (bits) => {
        const seen = told(`HTTP/1.1 200 OK\r\n${bits.join('')}`, []);
        expect(seen.filter((one) => Array.isArray(one) && one[0] === 200).length).toBeLessThanOrEqual(1);
        expect(seen.length).toBeGreaterThan(0);
      }),
      { numRuns: 2_000 },
    );
  });
});
