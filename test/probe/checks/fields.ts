import { gunzipSync } from 'node:zlib';
import { expect } from 'vitest';
import { answering, requestText, responseText } from '../arena.ts';
import type { Check } from '../arena.ts';
import { readMessage, valueOf } from '../wire.ts';

/** RFC 9110 section 7.6 and group T of the incidents: what becomes of fields. */

const removedFromRequests = (id: string, title: string, fields: readonly string[], names: readonly string[]): Check => ({
  id,
  title,
  run: async ({ ask, origin }) => {
    expect((await ask('GET /', [...fields, 'X-Kept: 1'])).status).toBe(200);
    for (const name of names) expect(origin.last.field(name), name).toBeUndefined();
    expect(origin.last.field('x-kept')).toBe('1');
  },
});

const removedFromResponses = (id: string, title: string, fields: readonly string[], names: readonly string[]): Check => ({
  id,
  title,
  origin: answering(200, [...fields, 'X-Kept: 1']),
  run: async ({ ask }) => {
    const answer = await ask('GET /');
    for (const name of names) expect(answer.field(name), name).toBeUndefined();
    expect([answer.field('x-kept'), answer.body]).toEqual(['1', 'ok']);
  },
});

function endsHere(id: string, method: string): Check {
  return {
    id,
    title: `${method} with Max-Forwards: 0 ends at us (RFC 9110 section 7.6.2)`,
    run: async ({ ask, origin }) => {
      const answer = await ask(`${method} /`, ['Max-Forwards: 0']);
      expect([200, 204, 405]).toContain(answer.status);
      expect(origin.requests).toHaveLength(0);
    },
  };
}

function methodPasses(method: string): Check {
  return {
    id: `pass-method-${method.toLowerCase()}`,
    title: `the method ${method} passes`,
    run: async ({ ask, origin }) => {
      expect((await ask(`${method} /`)).status).toBe(200);
      expect(origin.last.method).toBe(method);
    },
  };
}

function statusPasses(status: number): Check {
  return {
    id: `pass-status-${status}`,
    title: `the status ${status} passes`,
    origin: answering(status),
    run: async ({ ask }) => {
      const answer = await ask('GET /');
      expect([answer.status, answer.body]).toEqual([status, 'ok']);
    },
  };
}

const long = 'compressible '.repeat(500);

export const fieldChecks: readonly Check[] = [
  removedFromRequests(
    'hop-1',
    'a request field that Connection names is removed',
    ['Connection: close, X-Hop', 'X-Hop: 1'],
    ['x-hop'],
  ),
  removedFromRequests('hop-2', 'Keep-Alive is removed from requests, named or not', ['Keep-Alive: timeout=5'], ['keep-alive']),
  removedFromRequests('hop-3', 'Proxy-Connection is removed', ['Proxy-Connection: keep-alive'], ['proxy-connection']),
  removedFromRequests('hop-4', 'Upgrade that Connection does not name is removed', ['Upgrade: h2c'], ['upgrade']),
  removedFromRequests(
    'hop-5',
    'an upgrade to h2c is not passed on: it would lead past every later check',
    ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA'],
    ['upgrade', 'http2-settings'],
  ),
  removedFromRequests('hop-6', 'TE is not passed on as it came', ['Connection: close, TE', 'TE: gzip'], ['te']),
  {
    id: 'te-1',
    title: 'the wish for trailers is said again, and of TE nothing else (RFC 9110 section 10.1.4)',
    run: async ({ ask, origin }) => {
      await ask('GET /', ['Connection: close, TE', 'TE: trailers, deflate;q=0.5']);
      expect(origin.last.field('te')).toBe('trailers');
      expect(origin.last.field('connection')?.toLowerCase()).toContain('te');
    },
  },
  removedFromRequests(
    'hop-7',
    'Proxy-Authorization is for nobody behind us',
    ['Proxy-Authorization: Basic eDp5'],
    ['proxy-authorization'],
  ),
  removedFromResponses(
    'hop-8',
    'a response field that Connection names is removed (T2)',
    ['Connection: X-Hop', 'X-Hop: 1'],
    ['x-hop'],
  ),
  removedFromResponses(
    'hop-9',
    'Keep-Alive, Proxy-Authenticate and Alt-Svc are removed from responses (T2)',
    ['Keep-Alive: timeout=77', 'Proxy-Authenticate: Basic realm="x"', 'Alt-Svc: h3=":443"', 'Proxy-Connection: close'],
    ['proxy-authenticate', 'alt-svc', 'proxy-connection'],
  ),
  {
    id: 'hop-10',
    title: 'fields we set arrive although Connection names them (T1)',
    run: async ({ ask, origin }) => {
      await ask('GET /', ['Connection: close, X-Forwarded-For, X-Forwarded-Host, X-Forwarded-Proto, Forwarded, Via']);
      for (const name of ['x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'forwarded', 'via']) {
        expect(origin.last.field(name), name).toBeDefined();
      }
    },
  },
  {
    id: 'via-1',
    title: 'Via is added to requests, beside what is there',
    run: async ({ ask, origin }) => {
      await ask('GET /', ['Via: 1.0 fred']);
      expect(origin.last.field('via')).toMatch(/^1\.0 fred, 1\.1 \S+$/);
    },
  },
  {
    id: 'via-2',
    title: 'Via is added to responses, beside what is there',
    origin: answering(200, ['Via: 1.0 fred']),
    run: async ({ ask }) => {
      expect((await ask('GET /')).field('via')).toMatch(/^1\.0 fred, 1\.1 \S+$/);
    },
  },
  {
    id: 'via-3',
    title: 'Via says the version in which the request came, not that of the next hop',
    run: async (arena) => {
      await arena.raw('GET / HTTP/1.0\r\nHost: api.example.com\r\n\r\n');
      expect(arena.origin.last.field('via')).toMatch(/^1\.0 [^, ]+$/);
    },
  },
  {
    id: 'via-4',
    title: 'Via says the version in which the answer came',
    origin: { onRequest: (_seen, socket) => socket.end('HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok') },
    run: async ({ ask }) => {
      expect((await ask('GET /')).field('via')).toMatch(/^1\.0 [^, ]+$/);
    },
  },
  {
    id: 'loop-1',
    title: 'a request whose Via names us is a loop: 508, and it goes nowhere',
    run: async ({ ask, origin }) => {
      expect((await ask('GET /', ['Via: 1.1 portolan'])).status).toBe(508);
      expect(origin.sockets).toHaveLength(0);
    },
  },
  {
    id: 'loop-2',
    title: 'a request whose CDN-Loop names us is a loop, also when Connection names CDN-Loop (RFC 8586)',
    run: async ({ ask, origin }) => {
      expect((await ask('GET /', ['CDN-Loop: a, portolan', 'Connection: close, CDN-Loop'])).status).toBe(508);
      expect(origin.sockets).toHaveLength(0);
    },
  },
  {
    id: 'loop-3',
    title: 'a gateway that leads to itself ends at once',
    run: async (arena) => {
      // What the front sends to its origin comes back to the front.
      const connection = arena.open();
      connection.write(requestText('GET /loop'));
      await arena.origin.until(() => arena.origin.requests.length === 1);
      const seen = arena.origin.last;
      const again = await arena.ask(
        'GET /loop',
        seen.fields.filter(([name]) => !/^(host|connection)$/.test(name)).map(([name, value]) => `${name}: ${value}`),
      );
      expect(again.status).toBe(508);
      expect(arena.origin.requests).toHaveLength(1);
    },
  },
  endsHere('max-forwards-1', 'OPTIONS'),
  endsHere('max-forwards-2', 'TRACE'),
  {
    id: 'max-forwards-3',
    title: 'Max-Forwards counts down for OPTIONS and TRACE, and means nothing elsewhere',
    run: async ({ ask, origin }) => {
      for (const [method, sent, received] of [
        ['OPTIONS', '5', '4'],
        ['TRACE', '1', '0'],
        ['GET', '0', '0'],
        ['POST', '3', '3'],
      ] as const) {
        await ask(`${method} /`, [`Max-Forwards: ${sent}`]);
        expect([origin.last.method, origin.last.field('max-forwards')]).toEqual([method, received]);
      }
    },
  },
  {
    id: 'trust-1',
    title: 'X-Forwarded-For is the peer, whatever the client says (T5)',
    run: async ({ ask, origin }) => {
      await ask('GET /', ['X-Forwarded-For: 1.2.3.4', 'X-Forwarded-For: 5.6.7.8']);
      expect(origin.last.field('x-forwarded-for')).toBe('127.0.0.1');
    },
  },
  {
    id: 'trust-2',
    title: 'an untrusted peer’s X-Forwarded-Host, -Proto, -Prefix and -Port are removed (T7)',
    run: async ({ ask, origin }) => {
      await ask('GET /', [
        'X-Forwarded-Host: evil',
        'X-Forwarded-Proto: gopher',
        'X-Forwarded-Prefix: /evil',
        'X-Forwarded-Port: 666',
      ]);
      expect(origin.last.field('x-forwarded-host')).toBe('api.example.com');
      expect(origin.last.field('x-forwarded-proto')).toBe('http');
      expect(origin.last.field('x-forwarded-prefix')).toBeUndefined();
      expect(origin.last.field('x-forwarded-port')).toBeUndefined();
    },
  },
  removedFromRequests(
    'trust-3',
    'spellings with _ and . of what we say are dropped like the hyphen form (T4)',
    ['X_Forwarded_For: 1', 'X.Forwarded.Host: 1', 'x-forwarded_proto: 1', 'X_Real_IP: 1'],
    ['x_forwarded_for', 'x.forwarded.host', 'x-forwarded_proto', 'x_real_ip'],
  ),
  removedFromRequests(
    'trust-4',
    'identity that no platform attests is stripped (T8)',
    ['X-MS-CLIENT-PRINCIPAL: a', 'X-MS-CLIENT-PRINCIPAL-NAME: a', 'X-Amzn-Oidc-Identity: a', 'X-Goog-Iap-Jwt-Assertion: a'],
    ['x-ms-client-principal', 'x-ms-client-principal-name', 'x-amzn-oidc-identity', 'x-goog-iap-jwt-assertion'],
  ),
  {
    id: 'trust-5',
    title: 'a field that the route sets wins over the client’s, however that is spelt (T3, T4)',
    routes: [{ id: 'all', match: { paths: ['/*'] }, upstream: 'origin', requestFields: { set: { 'X-User-Id': 'known' } } }],
    run: async ({ ask, origin }) => {
      await ask('GET /', ['X-User-Id: admin', 'X_User_Id: admin', 'X.User.Id: admin', 'Connection: close, X-User-Id']);
      expect(origin.last.field('x-user-id')).toBe('known');
      expect(origin.received.join('')).not.toContain('admin');
    },
  },
  {
    id: 'forwarded-1',
    title: 'Forwarded says address, host and scheme (RFC 7239), and drops what an untrusted peer said',
    run: async ({ ask, origin }) => {
      await ask('GET /', ['Forwarded: for=1.2.3.4;host=evil', 'Host: api.example.com:81']);
      expect(origin.last.field('forwarded')).toBe('for=127.0.0.1;host="api.example.com:81";proto=http');
    },
  },
  {
    id: 'pass-1',
    title: 'path and query reach the origin byte for byte',
    run: async ({ ask, origin }) => {
      const target = "/a%20b/%7Eu/;p=1/!$&'()*+,=:@/?q=%2B+&&=;%zz?/x%41";
      await ask(`GET ${target}`);
      expect(origin.last.target).toBe(target);
    },
  },
  {
    id: 'pass-2',
    title: 'unknown fields pass in order, repeated ones too, empty ones too',
    run: async ({ ask, origin }) => {
      await ask('GET /', ['X-A: 1', 'Accept: a', 'X-B:', 'X-A: 2', 'X-A: 3']);
      expect(origin.last.all('x-a')).toEqual(['1', '2', '3']);
      expect(origin.last.field('x-b')).toBe('');
    },
  },
  {
    id: 'pass-3',
    title: 'two Set-Cookie stay two (T11)',
    origin: answering(200, ['Set-Cookie: a=1, x', 'Set-Cookie: b=2']),
    run: async ({ ask }) => {
      expect((await ask('GET /')).all('set-cookie')).toEqual(['a=1, x', 'b=2']);
    },
  },
  ...['PURGE', 'REPORT', 'M-SEARCH', 'QUERY'].map(methodPasses),
  ...[299, 418, 451, 599].map(statusPasses),
  {
    id: 'pass-4',
    title: 'bytes outside ASCII in values pass unchanged both ways',
    origin: answering(200, ['X-Obs: gr\xfc\xdfe \xe2\x82\xac']),
    run: async ({ ask, origin }) => {
      const answer = await ask('GET /', ['X-Obs: gr\xfc\xdfe \xe2\x82\xac']);
      expect(origin.last.field('x-obs')).toBe('gr\xfc\xdfe \xe2\x82\xac');
      expect(answer.field('x-obs')).toBe('gr\xfc\xdfe \xe2\x82\xac');
    },
  },
  {
    id: 'pass-5',
    title: 'an answer to HEAD has its length and no content',
    origin: { onRequest: (_seen, socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1234\r\nETag: "a"\r\n\r\n') },
    run: async ({ ask }) => {
      const answer = await ask('HEAD /');
      expect([answer.status, answer.field('content-length'), answer.field('etag'), answer.rest]).toEqual([200, '1234', '"a"', '']);
    },
  },
  {
    id: 'pass-6',
    title: 'a 304 passes without content, with its validators',
    origin: { onRequest: (_seen, socket) => socket.write('HTTP/1.1 304 Not Modified\r\nETag: "a"\r\n\r\n') },
    run: async ({ ask, origin }) => {
      const answer = await ask('GET /', ['If-None-Match: "a"']);
      expect(origin.last.field('if-none-match')).toBe('"a"');
      expect([answer.status, answer.field('etag'), answer.rest]).toEqual([304, '"a"', '']);
    },
  },
  {
    id: 'pass-7',
    title: 'a 204 has neither content nor framing',
    origin: { onRequest: (_seen, socket) => socket.write('HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n') },
    run: async ({ ask }) => {
      const answer = await ask('DELETE /');
      expect([answer.status, answer.field('x-a')]).toEqual([204, '1']);
      expect(answer.field('transfer-encoding') ?? answer.field('content-length')).toBeUndefined();
    },
  },
  {
    id: 'date-1',
    title: 'Date is added where the origin has none (RFC 9110 section 6.6.1)',
    run: async ({ ask }) => {
      expect(Date.parse((await ask('GET /')).field('date') ?? '')).toBeGreaterThan(Date.now() - 60_000);
    },
  },
  {
    id: 'date-2',
    title: 'the origin’s Date is kept, once',
    origin: answering(200, ['Date: Sun, 06 Nov 1994 08:49:37 GMT']),
    run: async ({ ask }) => {
      expect((await ask('GET /')).all('date')).toEqual(['Sun, 06 Nov 1994 08:49:37 GMT']);
    },
  },
  {
    id: 'coding-1',
    title: 'content is compressed for a client that takes it, with Vary and a weak tag',
    origin: answering(200, ['Content-Type: text/plain', 'ETag: "a"'], long),
    run: async ({ ask }) => {
      const answer = await ask('GET /', ['Accept-Encoding: gzip']);
      expect([answer.field('content-encoding'), answer.field('vary'), answer.field('etag')]).toEqual([
        'gzip',
        'accept-encoding',
        'W/"a"',
      ]);
      expect(gunzipSync(Buffer.from(answer.body, 'latin1')).toString()).toBe(long);
    },
  },
  {
    id: 'coding-2',
    title: 'content under no-transform is not touched',
    origin: answering(200, ['Content-Type: text/plain', 'Cache-Control: no-transform'], long),
    run: async ({ ask }) => {
      const answer = await ask('GET /', ['Accept-Encoding: gzip']);
      expect([answer.field('content-encoding'), answer.body]).toEqual([undefined, long]);
    },
  },
  {
    id: 'coding-3',
    title: 'content that has a coding passes as it is',
    origin: answering(200, ['Content-Type: text/plain', 'Content-Encoding: br'], 'not really brotli, byte for byte'),
    run: async ({ ask }) => {
      const answer = await ask('GET /', ['Accept-Encoding: br, gzip']);
      expect([answer.field('content-encoding'), answer.body]).toEqual(['br', 'not really brotli, byte for byte']);
    },
  },
  {
    id: 'trace-1',
    title: 'a trace goes on under its id with another parent; an invalid one begins anew',
    run: async ({ ask, origin }) => {
      await ask('GET /', ['traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', 'tracestate: a=1']);
      expect(origin.last.field('traceparent')).toMatch(/^00-4bf92f3577b34da6a3ce929d0e0e4736-(?!00f067aa0ba902b7)[0-9a-f]{16}-01$/);
      expect(origin.last.field('tracestate')).toBe('a=1');
      await ask('GET /', ['traceparent: 00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01', 'tracestate: a=1']);
      expect(origin.last.field('traceparent')).toMatch(/^00-(?!4bf92f3577)[0-9a-f]{32}-[0-9a-f]{16}-0[0-3]$/);
      expect(origin.last.field('tracestate')).toBeUndefined();
    },
  },
  {
    id: 'trailers-1',
    title: 'trailers of a response reach the client, without those that may not come late (RFC 9110 section 6.5.1)',
    origin: {
      onRequest: (_seen, socket) =>
        socket.write(
          'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\nConnection: X-Named\r\n\r\n2\r\nok\r\n0\r\n' +
            'X-Sum: abc\r\nContent-Length: 99\r\nX-Named: 1\r\nSet-Cookie: a=1\r\n\r\n',
        ),
    },
    run: async ({ ask }) => {
      const answer = await ask('GET /', ['TE: trailers', 'Connection: close, TE']);
      expect(answer.body).toBe('ok');
      expect(answer.trailers).toEqual([['x-sum', 'abc']]);
    },
  },
  {
    id: 'trailers-2',
    title: 'trailers of a request reach the origin, without those that may not come late',
    run: async (arena) => {
      const connection = arena.open();
      connection.write(
        `${requestText('POST /', ['Transfer-Encoding: chunked', 'Trailer: X-Sum'])}2\r\nok\r\n0\r\nX-Sum: abc\r\nX-Forwarded-For: 1.2.3.4\r\nHost: evil\r\n\r\n`,
      );
      await connection.answer();
      expect(arena.origin.last.body).toBe('ok');
      expect(arena.origin.last.trailers).toEqual([['x-sum', 'abc']]);
    },
  },
  {
    id: 'upgrade-1',
    title: 'a WebSocket is passed through, both ways, without Connection’s other fields (T2)',
    origin: {
      onHead: (_seen, socket) => {
        socket.write(
          'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade, X-Named\r\nX-Named: 1\r\nSec-WebSocket-Accept: k\r\n\r\nhello',
        );
      },
    },
    run: async (arena) => {
      const connection = arena.open();
      connection.write(requestText('GET /ws', ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Key: k']));
      const text = await connection.until((all) => all.includes('hello'), 'what the origin says first');
      const head = readMessage(text, true);
      expect(head?.start).toMatch(/^HTTP\/1\.1 101 /);
      expect(valueOf(head?.fields ?? [], 'upgrade')).toBe('websocket');
      expect(valueOf(head?.fields ?? [], 'connection')?.toLowerCase()).toContain('upgrade');
      expect(valueOf(head?.fields ?? [], 'x-named')).toBeUndefined();
      expect(arena.origin.last.field('connection')?.toLowerCase()).toContain('upgrade');
      connection.write('ping');
      await arena.origin.until(() => arena.origin.received[0]?.endsWith('ping') === true);
      arena.origin.sockets[0]?.write('pong');
      await connection.until((all) => all.includes('pong'), 'what the origin says last');
    },
  },
  {
    id: 'upgrade-2',
    title: 'an origin that does not switch is answered for as usual',
    origin: { onHead: (_seen, socket) => socket.write(responseText(426, ['Upgrade: websocket', 'Connection: upgrade'], 'no')) },
    run: async ({ ask }) => {
      const answer = await ask('GET /ws', ['Connection: Upgrade', 'Upgrade: websocket']);
      expect([answer.status, answer.body]).toEqual([426, 'no']);
    },
  },
  {
    id: 'upgrade-3',
    title: 'a 101 that nobody asked for is no answer',
    origin: {
      onHead: (_seen, socket) => socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: evil\r\nConnection: upgrade\r\n\r\n'),
    },
    run: async ({ ask }) => {
      expect((await ask('GET /')).status).toBe(502);
    },
  },
];
