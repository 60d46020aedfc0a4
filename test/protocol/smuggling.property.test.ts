import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startHttpServer } from '../../adapters/local/server/http-server.ts';
import type { HttpServer } from '../../adapters/local/server/http-server.ts';
import { systemClock } from '../../adapters/node/system-clock.ts';
import { Connection, requestText, responseText } from '../probe/arena.ts';
import { Origin } from '../probe/origin.ts';
import { readResponses } from '../probe/wire.ts';
import { realGateway } from '../support/real-gateway.ts';
import type { RealGateway } from '../support/real-gateway.ts';

/**
 * Whatever bytes a client sends: what reaches the backend is well-formed to the letter, and of as many requests as the client gets answers. A third
 * reading, strict and of its own, is the judge; the backend's is lenient, as those are that get smuggled to.
 */

let gateway: RealGateway;
let server: HttpServer;
const origin = new Origin({ onRequest: (_seen, socket) => socket.write(responseText(200, [], 'reached')) });

beforeAll(async () => {
  const url = `http://127.0.0.1:${await origin.listen()}`;
  gateway = realGateway({
    routes: [{ id: 'all', match: { paths: ['/*'] }, upstream: 'origin', upgrade: true }],
    upstreams: { origin: { url, allowPrivate: true, circuitBreaker: false, outlierEjection: false, retry: { retries: 0 } } },
    proxy: { accessLog: { enabled: false } },
  });
  const { handler, logger } = gateway;
  const limits = { headersTimeoutMs: 1_000, requestTimeoutMs: 1_000 };
  server = await startHttpServer({ handler, host: '127.0.0.1', port: 0, clock: systemClock, logger, limits });
});

afterAll(async () => {
  await server.close();
  await gateway.close();
  await origin.close();
});

const lineEnd = fc.oneof({ weight: 20, arbitrary: fc.constant('\r\n') }, fc.constantFrom('\n', '\r', '\n\r', '\r\r\n', '\0\r\n'));
const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: api.example.com\r\n\r\n';
const method = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom('GET', 'POST', 'PUT', 'HEAD', 'OPTIONS') },
  fc.constantFrom('get', 'PURGE', 'G T', '', 'PRI'),
);
const target = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom('/', '/a?b=c', '/%20') },
  fc.constantFrom('*', '/a b', '/\x00', 'http://evil.example/x', '//evil.example/', '/a#b', '/\r\nX: 1', '/../x', 'a', ''),
);
const version = fc.oneof(
  { weight: 8, arbitrary: fc.constant('HTTP/1.1') },
  fc.constantFrom('HTTP/1.0', 'HTTP/1.2', 'HTTP/2.0', 'http/1.1', 'HTTP/1.1 ', ''),
);
const length = fc.constantFrom(
  '0',
  '3',
  '5',
  '44',
  '+3',
  '0x3',
  '3, 3',
  '3 3',
  '-1',
  ' 3',
  '3\t',
  '03',
  '',
  '99999999999999999999',
);
const coding = fc.constantFrom(
  'chunked',
  'Chunked',
  ' chunked',
  'chunked ',
  'xchunked',
  'chunked, chunked',
  'identity',
  'gzip, chunked',
  '\x0bchunked',
  '"chunked"',
  '',
);
const field = fc.oneof(
  fc.tuple(fc.constantFrom('Content-Length', 'content-length', 'Content-Length ', 'Content_Length', 'Content-Length\t'), length),
  fc.tuple(
    fc.constantFrom('Transfer-Encoding', 'transfer-encoding', 'Transfer-Encoding ', 'Transfer_Encoding', ' Transfer-Encoding'),
    coding,
  ),
  fc.tuple(
    fc.constantFrom('Connection', 'connection'),
    fc.constantFrom('close', 'keep-alive', 'Content-Length', 'Transfer-Encoding', 'Host', 'Upgrade'),
  ),
  fc.tuple(
    fc.constantFrom('Upgrade', 'Expect', 'X-A', 'X:A', 'X A', ''),
    fc.constantFrom('websocket', '100-continue', 'h2c', '1', 'a\x00b', 'a\rb', 'a\nX-B: 1', '\xff'),
  ),
  fc.tuple(fc.constant('Host'), fc.constantFrom('api.example.com', 'evil.example', '', 'a b', 'a, b')),
);
const body = fc.constantFrom(
  '',
  'abc',
  'abcde',
  smuggled,
  `0\r\n\r\n${smuggled}`,
  '3\r\nabc\r\n0\r\n\r\n',
  '3\nabc\n0\n\n',
  '5\r\nabc\r\n0\r\n\r\n',
  '3;x=\ny\r\nabc\r\n0\r\n\r\n',
  '3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n',
  '-1\r\n',
  '0\r\nHost: evil\r\n\r\n',
);
const request = fc
  .tuple(method, target, version, fc.array(fc.tuple(field, lineEnd), { maxLength: 4 }), lineEnd, lineEnd, body, fc.boolean())
  .map(([verb, path, protocol, fields, first, last, content, hasHost]) => {
    const lines = fields.map(([[name, value], end]) => `${name}: ${value}${end}`).join('');
    return `${verb} ${path} ${protocol}${first}${hasHost ? 'Host: api.example.com\r\n' : ''}${lines}${last}${content}`;
  });
/** One byte of it another, or gone. */
const damaged = fc
  .tuple(request, fc.nat(), fc.option(fc.integer({ min: 0, max: 255 }), { nil: undefined }))
  .map(([text, seed, byte]) => {
    const at = seed % Math.max(1, text.length);
    return text.slice(0, at) + (byte === undefined ? '' : String.fromCharCode(byte)) + text.slice(at + 1);
  });
const good = fc.constantFrom(
  'GET /good HTTP/1.1\r\nHost: api.example.com\r\n\r\n',
  'POST /good HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 3\r\n\r\nabc',
  `POST /good HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: ${smuggled.length}\r\n\r\n${smuggled}`,
  'POST /good HTTP/1.1\r\nHost: api.example.com\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n',
);
const bytes = fc
  .array(fc.oneof({ weight: 3, arbitrary: good }, { weight: 3, arbitrary: request }, damaged), { minLength: 1, maxLength: 3 })
  .map((parts) => parts.join(''));

const requestLine = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+ (?:\/[\x21-\x7e]*|\*) HTTP\/1\.1$/;
const fieldLine = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+: (?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?$/;
const chunkLine = /^[0-9a-f]+$/;

/** How many requests, read to the letter (RFC 9112). @throws for anything else */
function readStrictly(text: string): number {
  let rest = text;
  let count = 0;
  while (rest !== '') {
    const end = rest.indexOf('\r\n\r\n');
    if (end === -1) throw new Error(`no end of a header section: ${JSON.stringify(rest)}`);
    const [line = '', ...fields] = rest.slice(0, end).split('\r\n');
    if (!requestLine.test(line)) throw new Error(`no request line: ${JSON.stringify(line)}`);
    for (const one of fields) if (!fieldLine.test(one)) throw new Error(`no field: ${JSON.stringify(one)}`);
    const valuesOf = (name: string): string[] =>
      fields.filter((one) => one.toLowerCase().startsWith(`${name}:`)).map((one) => one.slice(name.length + 1).trim());
    const [lengths, codings] = [valuesOf('content-length'), valuesOf('transfer-encoding')];
    if (valuesOf('host').length !== 1) throw new Error('not one host');
    if (lengths.length + codings.length > 1) throw new Error(`framed ${lengths.length + codings.length} times`);
    rest = rest.slice(end + 4);
    if (lengths[0] !== undefined) {
      if (!/^\d+$/.test(lengths[0]) || rest.length < Number(lengths[0])) throw new Error('content not as long as it says');
      rest = rest.slice(Number(lengths[0]));
    } else if (codings[0] !== undefined) {
      if (codings[0] !== 'chunked') throw new Error(`coding ${codings[0]}`);
      rest = afterChunks(rest);
    }
    count++;
  }
  return count;
}

function afterChunks(text: string): string {
  let rest = text;
  for (;;) {
    const end = rest.indexOf('\r\n');
    const size = rest.slice(0, Math.max(0, end));
    if (!chunkLine.test(size)) throw new Error(`no chunk: ${JSON.stringify(size)}`);
    rest = rest.slice(end + 2);
    const most = Number.parseInt(size, 16);
    if (most === 0) break;
    if (rest.slice(most, most + 2) !== '\r\n') throw new Error('no end of a chunk');
    rest = rest.slice(most + 2);
  }
  while (!rest.startsWith('\r\n')) {
    const end = rest.indexOf('\r\n');
    if (end === -1 || !fieldLine.test(rest.slice(0, end))) throw new Error('no trailer');
    rest = rest.slice(end + 2);
  }
  return rest.slice(2);
}

describe('whatever a client sends', () => {
  it('reaches the backend as well-formed requests or not at all, one for each answer, and harms nobody after', async () => {
    let reached = 0;
    await fc.assert(
      fc.asyncProperty(bytes, async (text) => {
        const before = origin.received.map((received) => received.length);
        const connection = new Connection(server.port);
        connection.write(text);
        // A request of our own at the end closes the connection, whatever came before it.
        connection.write(requestText('GET /last'));
        await connection.closed();
        const seen = origin.received.map((received, at) => received.slice(before[at] ?? 0));
        let count = 0;
        for (const received of seen) {
          // What broke off in the middle of its content never looked complete, and its connection is gone.
          const at = seen.indexOf(received);
          if (origin.sockets[at]?.destroyed !== true) count += readStrictly(received);
          else count += completeIn(received);
        }
        reached += count;
        const answers = readResponses(connection.text, 'GET', true).filter(({ body: content }) => content === 'reached');
        expect(answers.length).toBeLessThanOrEqual(count);
        const honest = new Connection(server.port);
        honest.write(requestText('GET /honest'));
        expect((await honest.answer()).body).toBe('reached');
      }),
      { numRuns: 600 },
    );
    // It was worth it: many did reach the backend.
    expect(reached).toBeGreaterThan(300);
    expect(gateway.logged.filter(({ event }) => event === 'bug' || event.endsWith('failed'))).toEqual([]);
  }, 60_000);

  it('is judged strictly: the judge sees what others smuggle', () => {
    const good = 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc';
    expect(readStrictly(good + good)).toBe(2);
    expect(readStrictly('POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx: 1\r\n\r\n')).toBe(1);
    for (const bad of [
      good.replace('content-length: 3', 'content-length: 3\r\ntransfer-encoding: chunked'),
      good.replace('content-length: 3', 'content-length: 3\r\ncontent-length: 3'),
      good.replace('content-length: 3', 'content-length : 3'),
      good.replace('content-length: 3', 'content-length: 5'),
      good.replace('host: a', 'host: a\nx: 1'),
      good.replace('host: a', 'host: a\r\nhost: b'),
      good.replace('/ HTTP', '/a b HTTP'),
      good.replace('content-length: 3', 'transfer-encoding: xchunked'),
    ]) {
      expect(() => readStrictly(bad), bad).toThrow();
    }
  });
});

/** Requests that are whole before whatever broke off. */
function completeIn(text: string): number {
  for (let end = text.length; end > 0; end = text.lastIndexOf('\r\n', end - 1)) {
    try {
      return readStrictly(text.slice(0, end));
    } catch {
      // shorter
    }
  }
  return 0;
}
