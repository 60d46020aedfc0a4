import { expect } from 'vitest';
import type { RouteConfiguration } from '../../../core/proxy/configuration.ts';
import { requestText, responseText, within } from '../arena.ts';
import type { Arena, Check } from '../arena.ts';
import type { OriginScript } from '../origin.ts';
import { readResponses } from '../wire.ts';

/** What an origin can do wrong, and what then reaches the client. Each: the documented answer, and nothing of it in the next exchange. */

/** Misbehaves at the first request that is for `/bad`, and is honest afterwards. */
const misbehaving = (act: Exclude<OriginScript['onRequest'], undefined>): OriginScript => ({
  onRequest: (seen, socket, count) => {
    if (seen.target === '/bad') act(seen, socket, count);
    else socket.write(responseText(200, [], 'honest'));
  },
});

/** The next exchanges, on the same connection and on another, get what is theirs. */
const stillHonest = async (arena: Arena): Promise<void> => {
  for (let n = 0; n < 3; n++) {
    const answer = await arena.ask(`GET /after-${n}`);
    expect([answer.status, answer.body]).toEqual([200, 'honest']);
  }
};

/** Does not wait long for what is bad, but for what is honest. */
const hurriedWithBad: readonly RouteConfiguration[] = [
  { id: 'bad', match: { paths: ['/bad'] }, upstream: 'hurried' },
  { id: 'all', match: { paths: ['/*'] }, upstream: 'origin' },
];

const fault = (id: string, title: string, status: number, act: Exclude<OriginScript['onRequest'], undefined>): Check => ({
  id,
  title: `${title}: ${status}`,
  origin: misbehaving(act),
  run: async (arena) => {
    const answer = await arena.ask('GET /bad');
    expect(answer.status).toBe(status);
    expect(answer.field('proxy-status')).toMatch(/error=[a-z_]+/);
    expect(answer.field('content-type')).toBe('application/problem+json');
    await stillHonest(arena);
  },
});

/** The client must be able to tell that the answer is not whole. */
const cut = (id: string, title: string, act: Exclude<OriginScript['onRequest'], undefined>): Check => ({
  id,
  title: `${title}: the client sees that it is not whole (F10)`,
  origin: misbehaving(act),
  run: async (arena) => {
    const connection = arena.open();
    connection.write(requestText('GET /bad'));
    await connection.closed();
    const [answer] = readResponses(connection.text, 'GET', true);
    // Either we knew in time and said so, or the message is visibly incomplete.
    if (answer?.status !== 502 && answer?.status !== 504) expect(answer?.complete ?? false).toBe(false);
    await stillHonest(arena);
  },
});

/** Extra bytes may not become anybody's answer. */
const poison = (
  id: string,
  title: string,
  act: Exclude<OriginScript['onRequest'], undefined>,
  statuses: readonly number[],
): Check => ({
  id,
  title,
  origin: misbehaving(act),
  run: async (arena) => {
    const connection = arena.open();
    connection.write(requestText('GET /bad'));
    const answer = await connection.answer();
    expect(statuses).toContain(answer.status);
    // The connection it came on is not to be trusted any more: who keeps it would be answered with what nobody asked for.
    await arena.soon('the end of the connection to the origin', () => arena.origin.sockets[0]?.destroyed === true);
    await connection.closed();
    expect(answer.body + connection.text).not.toContain('poison');
    await stillHonest(arena);
  },
});

const poisoned = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison';

export const faultChecks: readonly Check[] = [
  fault('garbage', 'an origin that speaks no HTTP', 502, (_seen, socket) => socket.end('SSH-2.0-OpenSSH_9.9\r\n\r\n')),
  fault('status-line', 'a status line that is none', 502, (_seen, socket) =>
    socket.write('HTTP/1.1 abc OK\r\nContent-Length: 2\r\n\r\nok'),
  ),
  fault('version', 'a version that is none', 502, (_seen, socket) =>
    socket.write('HTTP/7.3 200 OK\r\nContent-Length: 2\r\n\r\nok'),
  ),
  fault('response-field', 'a field that is none', 502, (_seen, socket) =>
    socket.write('HTTP/1.1 200 OK\r\nA B: 1\r\nContent-Length: 2\r\n\r\nok'),
  ),
  fault('two-lengths', 'two lengths (F9)', 502, (_seen, socket) =>
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc'),
  ),
  fault('bad-length', 'a length that is none', 502, (_seen, socket) =>
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2x\r\n\r\nok'),
  ),
  fault('close-early', 'an origin that closes without a word', 502, (_seen, socket) => socket.end()),
  fault('reset-early', 'an origin that resets before its header section', 502, (_seen, socket) => socket.resetAndDestroy()),
  fault('reset-in-head', 'an origin that resets within its header section', 502, (_seen, socket) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Le', () => socket.resetAndDestroy());
  }),
  { ...fault('silent', 'an origin that says nothing', 504, () => undefined), routes: hurriedWithBad },
  {
    ...fault('slow-head', 'a header section that never ends', 504, (_seen, socket) => {
      socket.write('HTTP/1.1 200 OK\r\n');
      const timer = setInterval(() => socket.write('X-A: 1\r\n'), 50);
      socket.on('close', () => clearInterval(timer));
    }),
    routes: hurriedWithBad,
  },
  fault('huge-head', 'a header section without end, as fast as it goes', 502, (_seen, socket) => {
    socket.write('HTTP/1.1 200 OK\r\n');
    const more = (): void => {
      if (!socket.destroyed && socket.write(`X-A: ${'x'.repeat(1_000)}\r\n`.repeat(64))) setImmediate(more);
    };
    socket.on('drain', more);
    more();
  }),
  cut('cut-length', 'content shorter than its length', (_seen, socket) =>
    socket.end('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc'),
  ),
  cut('cut-chunk', 'content whose chunk breaks off', (_seen, socket) =>
    socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\nabc'),
  ),
  cut('cut-chunks', 'content whose chunks have no end', (_seen, socket) =>
    socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n'),
  ),
  cut('cut-reset', 'content that is reset', (_seen, socket) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc', () => setTimeout(() => socket.resetAndDestroy(), 20));
  }),
  cut('bad-chunk', 'content with a chunk size that is none', (_seen, socket) =>
    socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n'),
  ),
  {
    ...cut('stalled-body', 'content that stalls', (_seen, socket) =>
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc'),
    ),
    routes: hurriedWithBad,
  },
  poison(
    'extra-bytes',
    'bytes after the content are nobody’s answer (F9)',
    (_seen, socket) => {
      socket.write(`${responseText(200, [], 'mine')}${poisoned}`);
    },
    [200, 502],
  ),
  poison(
    'extra-late',
    'an answer that nobody asked for, on an idle connection, is nobody’s (F9)',
    (_seen, socket) => {
      socket.write(responseText(200, [], 'mine'), () => setTimeout(() => socket.write(poisoned), 30));
    },
    [200],
  ),
  poison(
    'length-and-chunks',
    'content framed in two ways is not taken for two answers (F9)',
    (_seen, socket) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${poisoned}`);
    },
    [200, 502],
  ),
  poison(
    'body-to-head',
    'content in answer to HEAD, or with 304, is nobody’s answer',
    (_seen, socket) => {
      socket.write(`HTTP/1.1 304 Not Modified\r\nContent-Length: ${poisoned.length}\r\n\r\n${poisoned}`);
    },
    [304, 502],
  ),
  {
    id: 'refused',
    title: 'an origin that is not there: 502',
    run: async (arena) => {
      await arena.origin.close();
      const answer = await arena.ask('GET /');
      expect(answer.status).toBe(502);
      expect(answer.field('proxy-status')).toContain('error=connection_refused');
    },
  },
  {
    id: 'retry-1',
    title: 'a GET is sent again when a kept connection turns out to be dead (S10)',
    origin: {
      onRequest: (_seen, socket, count) => {
        if (count === 2) socket.resetAndDestroy();
        else socket.write(responseText(200, [], 'honest'));
      },
    },
    run: async ({ ask, origin }) => {
      expect((await ask('GET /1')).body).toBe('honest');
      expect((await ask('GET /2')).body).toBe('honest');
      expect(origin.requests.map(({ target }) => target)).toEqual(['/1', '/2', '/2']);
    },
  },
  {
    id: 'retry-2',
    title: 'a POST whose bytes were sent is not sent twice (S10)',
    origin: {
      onRequest: (_seen, socket, count) => {
        if (count === 2) socket.resetAndDestroy();
        else socket.write(responseText(200, [], 'honest'));
      },
    },
    run: async ({ ask, origin }) => {
      expect((await ask('POST /1', [], 'body')).body).toBe('honest');
      expect((await ask('POST /2', [], 'body')).status).toBe(502);
      expect(origin.requests.map(({ target }) => target)).toEqual(['/1', '/2']);
    },
  },
  {
    id: 'amplification',
    title: 'an origin that always answers 503 is asked at most twice for one request, and its answer passes',
    origin: { onRequest: (_seen, socket) => socket.write(responseText(503, ['Retry-After: 0'], 'busy')) },
    run: async ({ ask, origin }) => {
      const answer = await ask('GET /');
      expect([answer.status, answer.body]).toEqual([503, 'busy']);
      expect(origin.requests.length).toBeLessThanOrEqual(2);
    },
  },
  {
    id: 'abort',
    title: 'a client that goes takes its request with it',
    origin: { onHead: () => undefined },
    run: async (arena) => {
      const connection = arena.open();
      connection.write(requestText('GET /'));
      await arena.origin.until(() => arena.origin.heads.length > 0);
      connection.destroy();
      await arena.soon('the end of the request to the origin', () => arena.origin.sockets.every(({ destroyed }) => destroyed));
    },
  },
  {
    id: 'abort-body',
    title: 'a client that goes in the middle of an answer ends it at the origin',
    origin: {
      onRequest: (_seen, socket) => {
        socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
        const timer = setInterval(() => socket.write('3\r\nabc\r\n'), 10);
        socket.on('close', () => clearInterval(timer));
      },
    },
    run: async (arena) => {
      const connection = arena.open();
      connection.write(requestText('GET /'));
      await connection.until((text) => text.includes('abc'), 'the beginning');
      connection.destroy();
      await arena.soon('the end of the request to the origin', () => arena.origin.sockets.every(({ destroyed }) => destroyed));
    },
  },
  {
    id: 'abort-upload',
    title: 'a client that goes in the middle of its content is never taken for one that has finished',
    run: async (arena) => {
      const connection = arena.open();
      connection.write(`${requestText('POST /', ['Content-Length: 1000000'])}abc`);
      await within(500, 'a look at the origin', () => arena.origin.until(() => arena.origin.heads.length > 0)).catch(
        () => undefined,
      );
      connection.destroy();
      await arena.soon('the end of the request to the origin', () => arena.origin.sockets.every(({ destroyed }) => destroyed));
      expect(arena.origin.requests).toHaveLength(0);
    },
  },
  {
    id: 'informational-1',
    title: '103 reaches the client before the answer, without the connection’s fields',
    origin: {
      onRequest: (_seen, socket) => {
        socket.write('HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nConnection: X-Named\r\nX-Named: 1\r\n\r\n');
        setTimeout(() => socket.write(responseText(200)), 50);
      },
    },
    run: async (arena) => {
      const connection = arena.open();
      connection.write(requestText('GET /'));
      await connection.until((text) => text.includes('\r\n\r\n'), 'early hints');
      const [hint] = readResponses(connection.text, 'GET', false);
      expect([hint?.status, hint?.fields]).toEqual([103, [['link', '</a.css>; rel=preload']]]);
      expect((await connection.answer()).status).toBe(200);
    },
  },
  {
    id: 'informational-2',
    title: 'a storm of 1xx responses does not keep the answer from the client, nor harm anybody',
    origin: misbehaving((_seen, socket) => {
      socket.write(`${'HTTP/1.1 102 Processing\r\n\r\n'.repeat(2_000)}${responseText(200, [], 'at last')}`);
    }),
    run: async (arena) => {
      const answer = await arena.ask('GET /bad');
      expect([200, 502]).toContain(answer.status);
      await stillHonest(arena);
    },
  },
  {
    id: 'continue-1',
    title: 'a client that expects 100 gets it, and then its answer',
    run: async (arena) => {
      const connection = arena.open();
      connection.write(requestText('POST /', ['Expect: 100-continue', 'Content-Length: 4']));
      await connection.until((text) => text.startsWith('HTTP/1.1 100 '), '100');
      connection.write('body');
      expect((await connection.answer()).status).toBe(200);
      expect(arena.origin.last.body).toBe('body');
    },
  },
  {
    id: 'continue-2',
    title: 'it is the origin that says 100, and the client is told once (RFC 9110 section 10.1.1)',
    origin: {
      onHead: (_seen, socket) => {
        setTimeout(() => socket.write('HTTP/1.1 100 Continue\r\nX-By: origin\r\n\r\n'), 60);
      },
      onRequest: (_seen, socket) => socket.write(responseText(200, [], 'mine')),
    },
    run: async (arena) => {
      const connection = arena.open();
      connection.write(requestText('POST /', ['Expect: 100-continue', 'Content-Length: 4']));
      await arena.origin.until(() => arena.origin.heads.length === 1);
      expect(connection.text).toBe('');
      expect(arena.origin.last.field('expect')).toBe('100-continue');
      const text = await connection.until((all) => all.includes('\r\n\r\n'), '100');
      expect(text).toMatch(/^HTTP\/1\.1 100 /);
      connection.write('body');
      await connection.until((all) => all.includes('mine'), 'the answer');
      expect(connection.text.match(/HTTP\/1\.1 100 /g)).toHaveLength(1);
      expect(arena.origin.last.body).toBe('body');
    },
  },
  {
    id: 'continue-3',
    title: 'a client that expects 100 and is refused hears only that, and its content stays with it',
    origin: { onHead: (_seen, socket) => socket.write(responseText(401, [], 'no')) },
    run: async (arena) => {
      const connection = arena.open();
      connection.write(requestText('POST /', ['Expect: 100-continue', 'Content-Length: 4']));
      const text = await connection.until((all) => all.endsWith('no'), 'the refusal');
      expect(text).toMatch(/^HTTP\/1\.1 401 /);
      expect(arena.origin.requests).toHaveLength(0);
      await connection.closed();
    },
  },
  {
    id: 'abort-next',
    title: 'a client that goes leaves no answer of its own to the next',
    origin: {
      onRequest: (seen, socket) => {
        if (seen.target === '/slow') setTimeout(() => socket.write(poisoned), 100);
        else socket.write(responseText(200, [], 'honest'));
      },
    },
    run: async (arena) => {
      expect((await arena.ask('GET /first')).body).toBe('honest');
      const connection = arena.open();
      connection.write(requestText('GET /slow'));
      await arena.origin.until(() => arena.origin.requests.length === 2);
      connection.destroy();
      await arena.soon('the end of the request to the origin', () => arena.origin.sockets.every(({ destroyed }) => destroyed));
      await stillHonest(arena);
    },
  },
  {
    id: 'early-answer',
    title: 'an origin that answers before the content is there is heard',
    origin: { onHead: (_seen, socket) => socket.end(responseText(413, ['Connection: close'], 'too much')) },
    run: async (arena) => {
      const connection = arena.open();
      connection.write(`${requestText('POST /', ['Content-Length: 1000000'])}${'x'.repeat(100_000)}`);
      const answer = await connection.answer();
      expect([answer.status, answer.body]).toEqual([413, 'too much']);
    },
  },
  {
    id: 'events',
    title: 'server-sent events arrive one by one, not when all are there',
    origin: {
      onRequest: (_seen, socket) =>
        socket.write(
          'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n',
        ),
    },
    run: async (arena) => {
      const connection = arena.open();
      connection.write(requestText('GET /', ['Accept: text/event-stream']));
      await connection.until((text) => text.includes('data: 1'), 'the first event');
      arena.origin.sockets[0]?.write('9\r\ndata: 2\n\n\r\n0\r\n\r\n');
      expect((await connection.answer()).body).toBe('data: 1\n\ndata: 2\n\n');
    },
  },
  {
    id: 'upload',
    title: 'content of a request arrives at the origin while more is still to come',
    run: async (arena) => {
      const connection = arena.open();
      connection.write(`${requestText('POST /', ['Transfer-Encoding: chunked'])}5\r\nfirst\r\n`);
      await arena.soon('the first chunk at the origin', () => arena.origin.received.some((text) => text.includes('first')));
      connection.write('4\r\nlast\r\n0\r\n\r\n');
      expect((await connection.answer()).status).toBe(200);
      expect(arena.origin.last.body).toBe('firstlast');
    },
  },
  {
    id: 'large',
    title: 'three megabytes pass both ways without losing a byte',
    origin: { onRequest: (seen, socket) => socket.write(responseText(200, [], seen.body), 'latin1') },
    run: async ({ ask }) => {
      const body = Array.from({ length: 3 * 1_024 }, (_, n) => String.fromCharCode(n % 256).repeat(1_024)).join('');
      const answer = await ask('PUT /', [], body);
      expect(answer.body === body).toBe(true);
    },
  },
  {
    id: 'keep-alive',
    title: 'connections to the origin are kept, and survive an answer we made ourselves',
    run: async (arena) => {
      const connection = arena.open();
      for (let n = 0; n < 5; n++) {
        connection.write(requestText('GET /', ['Connection: keep-alive']));
        expect((await connection.answer()).status).toBe(200);
      }
      expect(arena.origin.sockets).toHaveLength(1);
    },
  },
  {
    id: 'close-delimited',
    title: 'an answer that ends with its connection is passed on whole',
    origin: { onRequest: (_seen, socket) => socket.end('HTTP/1.1 200 OK\r\n\r\nuntil the end') },
    run: async ({ ask }) => {
      expect((await ask('GET /')).body).toBe('until the end');
    },
  },
  {
    id: 'http-1.0-origin',
    title: 'an HTTP/1.0 origin is understood',
    origin: { onRequest: (_seen, socket) => socket.end('HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok') },
    run: async ({ ask }) => {
      expect((await ask('GET /')).body).toBe('ok');
    },
  },
];
