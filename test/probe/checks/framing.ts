import { expect } from 'vitest';
import { requestText } from '../arena.ts';
import type { Arena, Check } from '../arena.ts';

/** Group F of the incidents, on the client's side: what is not well-formed never becomes a request to anybody. */

const refused = async (arena: Arena, text: string, statuses: readonly number[] = [400]): Promise<void> => {
  const connection = arena.open();
  connection.write(text);
  const answer = await connection.answer();
  expect(statuses).toContain(answer.status);
  // What follows cannot be trusted to be a request.
  connection.write(requestText('GET /smuggled'));
  await connection.closed();
  expect(connection.text).not.toContain(' 200 ');
  expect(arena.origin.requests).toHaveLength(0);
  expect(arena.origin.received.join('')).not.toContain('smuggled');
};

const refuses = (id: string, title: string, texts: readonly string[], statuses?: readonly number[]): readonly Check[] =>
  texts.map((text, at) => ({
    id: texts.length === 1 ? id : `${id}.${at + 1}`,
    title: `${title}: ${JSON.stringify(text).slice(1, 90)}`,
    run: (arena) => refused(arena, text, statuses),
  }));

const post = (fields: string, body: string): string => `POST / HTTP/1.1\r\nHost: api.example.com\r\n${fields}\r\n\r\n${body}`;
const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: api.example.com\r\n\r\n';

export const framingChecks: readonly Check[] = [
  ...refuses(
    'F1',
    'a transfer coding we do not have is refused',
    ['xchunked', 'gzip', 'identity', '\xa0chunked', 'chunked, identity', 'chunked, chunked', '"chunked"', 'chunked;x=1', ''].map(
      (coding) => post(`Transfer-Encoding: ${coding}`, `0\r\n\r\n${smuggled}`),
    ),
    [400, 501],
  ),
  ...refuses('F2', 'a length beside a transfer coding is refused', [
    post('Content-Length: 4\r\nTransfer-Encoding: chunked', `0\r\n\r\n${smuggled}`),
    post('Transfer-Encoding: chunked\r\nContent-Length: 4', `0\r\n\r\n${smuggled}`),
    post('Transfer-Encoding : chunked\r\nContent-Length: 4', `0\r\n\r\n${smuggled}`),
    post('Transfer-Encoding:\tchunked\r\nContent-Length: 0', `0\r\n\r\n${smuggled}`),
  ]),
  ...refuses('F3', 'two lengths are refused', [
    post('Content-Length: 3\r\nContent-Length: 4', 'abcd'),
    post('Content-Length: 3\r\nContent-Length: 3', 'abc'),
    post('Content-Length: 3, 3', 'abc'),
    post('Content-Length: 3 3', 'abc'),
  ]),
  ...refuses(
    'F4',
    'a length that is no number is refused',
    ['+3', '0x3', '-1', '1_0', '3.0', '3e0', '', '٣', '99999999999999999999'].map((length) =>
      post(`Content-Length: ${Buffer.from(length).toString('latin1')}`, 'abc'),
    ),
    [400, 413],
  ),
  ...refuses('F5', 'a line that ends otherwise than with CR LF is refused', [
    `GET / HTTP/1.1\r\nHost: api.example.com\nX-A: 1\r\n\r\n`,
    `GET / HTTP/1.1\r\nHost: api.example.com\r\nX-A: 1\rX-B: 2\r\n\r\n`,
    post('Transfer-Encoding: chunked', `3\nabc\r\n0\r\n\r\n${smuggled}`),
    post('Transfer-Encoding: chunked', `3\r\nabc\n0\r\n\r\n${smuggled}`),
  ]),
  ...refuses('F6', 'a space before the colon, and a folded line, are refused', [
    'GET / HTTP/1.1\r\nHost: api.example.com\r\nX-A : 1\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: api.example.com\r\n X-A: 1\r\n\r\n',
    post('Transfer-Encoding:\r\n chunked', `0\r\n\r\n${smuggled}`),
    'GET / HTTP/1.1\r\nHost: api.example.com\r\nX-A: 1\r\n folded\r\n\r\n',
  ]),
  ...refuses('F7', 'NUL in a field is refused', [
    'GET / HTTP/1.1\r\nHost: api.example.com\0\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: api.example.com\r\nX-A: a\0b\r\n\r\n',
  ]),
  ...refuses('chunk', 'a chunk that is not well-formed is refused', [
    post('Transfer-Encoding: chunked', `0x3\r\nabc\r\n0\r\n\r\n${smuggled}`),
    post('Transfer-Encoding: chunked', `-3\r\nabc\r\n0\r\n\r\n${smuggled}`),
    post('Transfer-Encoding: chunked', `FFFFFFFFFFFFFFFFF\r\nabc\r\n0\r\n\r\n${smuggled}`),
    post('Transfer-Encoding: chunked', `3\r\nabcdef\r\n0\r\n\r\n${smuggled}`),
  ]),
  ...refuses('line', 'a start line that is not well-formed is refused', [
    'GET / HTTP/1.1 \r\nHost: api.example.com\r\n\r\n',
    'GET / HTTP/9.9\r\nHost: api.example.com\r\n\r\n',
    'GET /a b HTTP/1.1\r\nHost: api.example.com\r\n\r\n',
    'GET /a#b HTTP/1.1\r\nHost: api.example.com\r\n\r\n',
    'G\x01T / HTTP/1.1\r\nHost: api.example.com\r\n\r\n',
  ]),
  ...refuses('host', 'a request without one Host is refused', [
    'GET / HTTP/1.1\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: a.example\r\nHost: b.example\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: a.example/b\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: a@b.example\r\n\r\n',
  ]),
  ...refuses('te-1.0', 'a transfer coding in HTTP/1.0 is refused', [
    `POST / HTTP/1.0\r\nHost: api.example.com\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`,
  ]),
  {
    id: 'limit-1',
    title: 'a header section over the limit is 431',
    run: async ({ ask, origin }) => {
      expect((await ask('GET /', [`X-Long: ${'x'.repeat(20_000)}`])).status).toBe(431);
      expect(origin.requests).toHaveLength(0);
    },
  },
  {
    id: 'limit-2',
    title: 'content over the route’s limit is 413, by its length',
    routes: [{ id: 'all', match: { paths: ['/*'] }, upstream: 'origin', maxRequestBytes: 10 }],
    run: async ({ ask, origin }) => {
      expect((await ask('POST /', [], 'x'.repeat(11))).status).toBe(413);
      expect(origin.requests).toHaveLength(0);
      expect((await ask('POST /', [], 'x'.repeat(10))).status).toBe(200);
    },
  },
  {
    id: 'limit-3',
    title: 'content over the route’s limit is 413, in chunks, and the origin never takes it for whole (R1)',
    routes: [{ id: 'all', match: { paths: ['/*'] }, upstream: 'origin', maxRequestBytes: 10 }],
    run: async (arena) => {
      const connection = arena.open();
      connection.write(`${requestText('POST /', ['Transfer-Encoding: chunked'])}b\r\n${'x'.repeat(11)}\r\n0\r\n\r\n`);
      expect((await connection.answer()).status).toBe(413);
      expect(arena.origin.requests).toHaveLength(0);
    },
  },
  {
    id: 'connect',
    title: 'CONNECT is not for us',
    run: async ({ ask, origin }) => {
      expect((await ask('CONNECT other.example:443', ['Host: other.example:443'])).status).toBe(405);
      expect(origin.sockets).toHaveLength(0);
    },
  },
  {
    id: 'http-1.0',
    title: 'an HTTP/1.0 client gets an answer it can read to its end',
    run: async (arena) => {
      const text = await arena.raw('GET / HTTP/1.0\r\nHost: api.example.com\r\n\r\n');
      expect(text).toMatch(/^HTTP\/1\.[01] 200 /);
      expect(text.toLowerCase()).not.toContain('transfer-encoding');
      expect(text.endsWith('ok')).toBe(true);
    },
  },
  {
    id: 'pipeline',
    title: 'pipelined requests are answered in order, each its own',
    origin: {
      onRequest: (seen, socket) => socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${seen.target.length}\r\n\r\n${seen.target}`),
    },
    run: async (arena) => {
      const connection = arena.open();
      const keep = ['Connection: keep-alive'];
      connection.write(requestText('GET /a', keep) + requestText('POST /bb', keep, 'body') + requestText('GET /ccc'));
      const bodies = [await connection.answer(), await connection.answer(), await connection.answer()].map(({ body }) => body);
      expect(bodies).toEqual(['/a', '/bb', '/ccc']);
    },
  },
];
