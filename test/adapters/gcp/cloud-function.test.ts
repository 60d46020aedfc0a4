import { once } from 'node:events';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readCorpusFile } from '../../corpus/format.ts';
import type { SentEvent } from '../../support/gcp/function-event.ts';
import { serveFunction } from '../../support/gcp/functions-framework.ts';
import type { ServedFunction } from '../../support/gcp/functions-framework.ts';
import { rawMessage, rawRequest } from '../../support/gcp/raw-request.ts';

const source = fileURLToPath(new URL('../../support/gcp/function', import.meta.url));

interface Seen {
  readonly method: string;
  readonly scheme: string;
  readonly authority: string;
  readonly target: string;
  readonly headers: readonly string[];
  readonly content: string | null;
  readonly kind: 'bytes' | 'none' | 'stream' | 'text';
  readonly context: {
    readonly source: string;
    readonly requestId: string;
    readonly clientAddress?: string;
    readonly remainingMs: number;
    readonly traceId?: string;
    readonly coldStart: boolean;
  };
}

/** What reached the handler, sent byte for byte. */
async function seen(port: number, ...message: Parameters<typeof rawMessage>): Promise<Seen> {
  const answer = await rawRequest(port, rawMessage(...message));
  expect(answer).toMatch(/^HTTP\/1\.1 200 /);
  return JSON.parse(Buffer.from(answer.slice(answer.indexOf('\r\n\r\n')), 'latin1').toString()) as Seen;
}

describe.each(['as-sent', 'as-framework'])('under the Functions Framework, receiving %s', (RECEIVE) => {
  let served: ServedFunction;
  beforeAll(async () => {
    served = await serveFunction(source, { env: { RECEIVE, IGNORED_ROUTES: '' } });
  });
  afterAll(() => served.stop());
  const events = async (): Promise<string> => (await fetch(`${served.url}/events`)).text();

  test('the first request of a process is the cold start, and only it', async () => {
    expect((await seen(served.port, 'GET /')).context).toMatchObject({ source: 'gcp', coldStart: true });
    expect((await seen(served.port, 'GET /')).context.coldStart).toBe(false);
  });

  test('the target comes byte for byte', async () => {
    for (const target of [
      '/',
      '/a%2Fb',
      '/a%2fb',
      '//a//b',
      '/a/../b/./c',
      "/~!$&'()*+,;=:@",
      '/q?',
      '/q?a=1&a=%32&&b',
      '/q?a=1?b',
      '/%F0',
    ]) {
      if (target === '/%F0' && RECEIVE === 'as-framework') continue;
      expect((await seen(served.port, `GET ${target}`)).target).toBe(target);
    }
    expect(await seen(served.port, 'GET https://Other.example:444/x?y')).toMatchObject({
      authority: 'other.example:444',
      target: '/x?y',
    });
  });

  test('/favicon.ico and /robots.txt are targets like any other', async () => {
    for (const target of ['/favicon.ico', '/robots.txt']) expect((await seen(served.port, `GET ${target}`)).target).toBe(target);
  });

  test('fields come in their order, repeated ones apart, names lower case, values as Latin-1', async () => {
    const { headers } = await seen(served.port, 'GET /', [
      'X-Tag: one',
      'Cookie: a=1',
      'x-tag: two',
      'COOKIE: b=2',
      'X-Latin: caf\u00e9',
    ]);
    expect(headers).toEqual([
      'host',
      'function.example',
      'connection',
      'close',
      'x-tag',
      'one',
      'cookie',
      'a=1',
      'x-tag',
      'two',
      'cookie',
      'b=2',
      'x-latin',
      'caf\u00e9',
    ]);
  });

  test('every method comes, with content on any', async () => {
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND', 'QUERY']) {
      const { method: came, content } = await seen(served.port, `${method} /`, ['Content-Length: 2'], 'hi');
      expect({ came, content }).toEqual({ came: method, content: 'aGk=' });
    }
  });

  test('binary content is exact, without content there is none', async () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte);
    const type = 'Content-Type: application/octet-stream';
    expect((await seen(served.port, 'POST /', ['Content-Length: 256', type], bytes)).content).toBe(
      Buffer.from(bytes).toString('base64'),
    );
    expect((await seen(served.port, 'POST /')).kind).toBe('none');
    expect((await seen(served.port, 'POST /', ['Content-Length: 0'])).kind).toBe('none');
  });

  test('well-formed JSON and forms are bytes too', async () => {
    const json = '{ "a" : 1.0 }';
    const sent = await seen(served.port, 'POST /', [`Content-Length: ${json.length}`, 'Content-Type: application/json'], json);
    expect(Buffer.from(sent.content ?? '', 'base64').toString()).toBe(json);
    const form = 'a=1&a=%32+';
    const type = 'Content-Type: application/x-www-form-urlencoded';
    expect((await seen(served.port, 'POST /', [`Content-Length: ${form.length}`, type], form)).content).toBe(btoa(form));
  });

  test('the client is the right-most hop, without port; what it wrote itself does not count', async () => {
    const hop = async (...fields: string[]): Promise<string | undefined> =>
      (await seen(served.port, 'GET /', fields)).context.clientAddress;
    expect(await hop('X-Forwarded-For: 6.6.6.6, 203.0.113.9')).toBe('203.0.113.9');
    expect(await hop('X-Forwarded-For: 6.6.6.6', 'X-Forwarded-For: 203.0.113.9:1234')).toBe('203.0.113.9');
    expect(await hop('X-Forwarded-For: [2001:db8::1]:1234')).toBe('2001:db8::1');
    expect(await hop('X-Forwarded-For: 203.0.113.9, unknown')).toBeUndefined();
    expect(await hop()).toBeUndefined();
  });

  test('the context holds the execution id, the trace and the time left', async () => {
    const { context, scheme } = await seen(served.port, 'GET /', [
      'Function-Execution-Id: abc123',
      'X-Cloud-Trace-Context: 105445aa7843bc8bf206b12000100000/1;o=1',
      'X-Forwarded-Proto: https',
    ]);
    expect(scheme).toBe('https');
    expect(context).toMatchObject({ requestId: 'abc123', traceId: '105445aa7843bc8bf206b12000100000/1;o=1' });
    expect(context.remainingMs).toBeGreaterThan(50_000);
    expect(context.remainingMs).toBeLessThanOrEqual(59_750);
    const made = await seen(served.port, 'GET /', [`Function-Execution-Id: ${'x'.repeat(129)}`]);
    expect(made.context.requestId).toMatch(/^[0-9a-f-]{36}$/);
  });

  test('several Set-Cookie fields are several, and the framework adds no field of its own', async () => {
    const answer = await rawRequest(served.port, rawMessage('GET /'));
    const [head = ''] = answer.split('\r\n\r\n');
    expect(
      head
        .split('\r\n')
        .slice(1)
        .map((line) => line.split(':')[0]?.toLowerCase()),
    ).toEqual(['content-type', 'set-cookie', 'set-cookie', 'content-length', 'date', 'connection']);
  });

  test('an answer to HEAD keeps its length and has no content', async () => {
    const answer = await rawRequest(served.port, rawMessage('HEAD /'));
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    expect(answer).toMatch(/content-length: [1-9]/);
    expect(answer.endsWith('\r\n\r\n')).toBe(true);
  });

  test('chunks of an answer arrive one by one', async () => {
    const response = await fetch(`${served.url}/chunks`);
    const reader = (response.body ?? new ReadableStream<Uint8Array>()).getReader();
    const text = new TextDecoder();
    expect(text.decode((await reader.read()).value)).toBe('first ');
    await fetch(`${served.url}/next`);
    expect(text.decode((await reader.read()).value)).toBe('second');
    expect((await reader.read()).done).toBe(true);
  });

  test('a client that goes away aborts the signal and closes the body', async () => {
    const caller = new AbortController();
    const response = await fetch(`${served.url}/chunks`, { signal: caller.signal });
    await response.body?.getReader().read();
    const before = await events();
    caller.abort();
    await expect.poll(async () => (await events()).slice(before.length)).toContain('aborted');
    await fetch(`${served.url}/next`);
    await expect.poll(async () => (await events()).slice(before.length)).toContain('closed');
  });

  test('a client that does not read stops the body from being made', async () => {
    const socket = connect(served.port, '127.0.0.1');
    socket.pause();
    socket.write(rawMessage('GET /endless'));
    const sent = async (): Promise<string> => (await events()).split(' ').find((event) => event.startsWith('sent:')) ?? '';
    let before = '';
    await expect
      .poll(
        async () => {
          const now = await sent();
          const stalled = now !== '' && now === before;
          before = now;
          return stalled;
        },
        { interval: 200, timeout: 20_000 },
      )
      .toBe(true);
    socket.destroy();
    await once(socket, 'close');
    // Far less than it would have sent to a client that reads.
    expect(Number(before.slice('sent:'.length)) * 65_536).toBeLessThan(100_000_000);
  });

  test('an answer that breaks off breaks the connection, with nothing of the error in it', async () => {
    const answer = await rawRequest(served.port, rawMessage('GET /broken'));
    expect(answer).toContain('half of ');
    expect(answer).not.toContain('a secret');
    // The last chunk of a whole message has no length.
    expect(answer).not.toMatch(/\r\n0\r\n/);
  });

  test('work left for later is done before the answer ends', async () => {
    for (const path of ['later', 'later-stream']) {
      expect(await (await fetch(`${served.url}/${path}`)).text()).toBe('answer');
      expect((await events()).split(' ')).toContain(path);
    }
  });

  test('a handler that throws, and fields no message can hold, are a problem without the error', async () => {
    for (const path of ['/throws', '/fields-that-cannot-be']) {
      const response = await fetch(served.url + path);
      expect(response.status).toBe(500);
      expect(response.headers.get('content-type')).toBe('application/problem+json');
      expect(await response.json()).toEqual({
        type: expect.stringMatching(/internal-error$/),
        title: 'Internal error',
        status: 500,
      });
    }
  });

  test('an ill-formed target or host is refused with a problem', async () => {
    for (const message of [
      rawMessage('GET /#x'),
      Buffer.from('GET / HTTP/1.1\r\nHost: a@b\r\nConnection: close\r\n\r\n'),
      Buffer.from('GET / HTTP/1.0\r\n\r\n'),
    ]) {
      expect(await rawRequest(served.port, message)).toMatch(/^HTTP\/1\.1 400 [^]*application\/problem\+json/);
    }
  });

  test('a content that is not read does not keep the answer back', async () => {
    const response = await fetch(`${served.url}/refuses`, { method: 'POST', body: new Uint8Array(1_000_000) });
    expect([response.status, await response.text()]).toEqual([413, 'no']);
  });
});

describe('what only receiveAsSent gives', () => {
  let served: ServedFunction;
  beforeAll(async () => {
    served = await serveFunction(source, { env: { RECEIVE: 'as-sent' } });
  });
  afterAll(() => served.stop());

  test('malformed JSON, unknown charsets and codings reach the handler as bytes', async () => {
    for (const fields of [
      ['Content-Type: application/json'],
      ['Content-Type: application/json; charset=nonsense'],
      ['Content-Encoding: nonsense'],
      ['Content-Encoding: gzip'],
      ['Content-Type: application/x-www-form-urlencoded'],
    ]) {
      const { content } = await seen(served.port, 'POST /', ['Content-Length: 5', ...fields], '{"bad');
      expect(content, fields.join()).toBe('eyJiYWQ=');
    }
  });

  test('coded content stays coded, and says so', async () => {
    const coded = gzipSync('{"a":1}');
    const { content, headers } = await seen(
      served.port,
      'POST /',
      [`Content-Length: ${coded.length}`, 'Content-Encoding: gzip', 'Content-Type: application/json'],
      coded,
    );
    expect(content).toBe(coded.toString('base64'));
    expect(headers).toContain('content-encoding');
    expect(headers).toContain('content-length');
  });

  test('a malformed escape, OPTIONS * and the ignored routes reach the handler without settings', async () => {
    for (const line of ['GET /%zz', 'GET /100%', 'OPTIONS *', 'GET /favicon.ico', 'GET /robots.txt']) {
      expect((await seen(served.port, line)).target).toBe(line.split(' ')[1]);
    }
  });

  test('short content is bytes, long and chunked content a stream', async () => {
    expect((await seen(served.port, 'POST /', ['Content-Length: 5'], 'short')).kind).toBe('bytes');
    const long = 'x'.repeat(65_537);
    const streamed = await seen(served.port, 'POST /', [`Content-Length: ${long.length}`], long);
    expect(streamed.kind).toBe('stream');
    expect(streamed.content).toHaveLength(Math.ceil(long.length / 3) * 4);
    const chunked = await seen(served.port, 'POST /', ['Transfer-Encoding: chunked'], '2\r\nab\r\n1\r\nc\r\n0\r\n\r\n');
    expect(chunked).toMatchObject({ kind: 'stream', content: 'YWJj' });
  });

  test('content is answered while it is still being sent', async () => {
    const socket = connect(served.port, '127.0.0.1');
    let answer = '';
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
    socket.write(rawMessage('POST /upload', ['Transfer-Encoding: chunked']));
    for (const length of [3, 4]) {
      socket.write(`${length}\r\n${'x'.repeat(length)}\r\n`);
      await expect.poll(() => answer).toContain(`${length} `);
    }
    socket.end('0\r\n\r\n');
    await once(socket, 'close');
  });

  test('what nobody reads of content is not in the way of the next request on its connection', async () => {
    const socket = connect(served.port, '127.0.0.1');
    let answer = '';
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
    const length = 2_000_000;
    const fields = `Host: function.example\r\nContent-Length: ${length}\r\n\r\n`;
    socket.write(`POST /peeks HTTP/1.1\r\n${fields}${'x'.repeat(length)}`);
    socket.write(rawMessage('GET /next'));
    await once(socket, 'close');
    expect(answer.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 204']);
  });
});

describe('the corpus on the wire', () => {
  let served: ServedFunction;
  beforeAll(async () => {
    served = await serveFunction(source, { env: { RECEIVE: 'as-sent' } });
  });
  afterAll(() => served.stop());
  const cases = readCorpusFile('gcp').requests.map(({ name, event, becomes }) => ({ name, event: event as SentEvent, becomes }));

  test.each(cases.filter(({ event }) => event.method !== 'HEAD' && !('rawBody' in event)))('$name', async ({ event, becomes }) => {
    const { method, originalUrl, rawHeaders, content = '' } = event;
    const lines = rawHeaders.flatMap((text, at) => (at % 2 === 0 ? [`${text}: ${rawHeaders[at + 1] ?? ''}`] : []));
    const head = [`${method} ${originalUrl} HTTP/1.1`, ...lines, 'Connection: close', '', ''].join('\r\n');
    const answer = await rawRequest(served.port, Buffer.concat([Buffer.from(head, 'latin1'), Buffer.from(content, 'base64')]));
    const came = JSON.parse(Buffer.from(answer.slice(answer.indexOf('\r\n\r\n')), 'latin1').toString()) as Seen;
    expect({
      method: came.method,
      scheme: came.scheme,
      authority: came.authority,
      target: came.target,
      headers: came.headers,
      content: came.content,
      clientAddress: came.context.clientAddress ?? null,
    }).toEqual({
      method: becomes.method,
      scheme: becomes.scheme,
      authority: becomes.authority,
      target: becomes.target,
      headers: [...becomes.headers, 'connection', 'close'],
      content: content === '' ? null : content,
      clientAddress: becomes.clientAddress,
    });
  });
});

describe('what is lost without receiveAsSent', () => {
  let served: ServedFunction;
  beforeAll(async () => {
    served = await serveFunction(source, { env: { RECEIVE: 'as-framework' } });
  });
  afterAll(() => served.stop());

  test('the framework takes content out of its coding, so the fields about it go', async () => {
    const coded = gzipSync('text');
    const { content, headers } = await seen(
      served.port,
      'POST /',
      [`Content-Length: ${coded.length}`, 'Content-Encoding: gzip', 'Content-Type: text/plain'],
      coded,
    );
    expect(Buffer.from(content ?? '', 'base64').toString()).toBe('text');
    expect(headers.filter((_, at) => at % 2 === 0)).toEqual(['host', 'connection', 'content-type']);
  });

  test('malformed JSON and escapes are 400, the ignored routes 404, and the handler never hears of them', async () => {
    const length = 'Content-Length: 5';
    for (const [status, message] of [
      [400, rawMessage('POST /', [length, 'Content-Type: application/json'], '{"bad')],
      [415, rawMessage('POST /', [length, 'Content-Encoding: nonsense', 'Content-Type: text/plain'], '{"bad')],
      [400, rawMessage('GET /%zz')],
      [404, rawMessage('GET /favicon.ico')],
    ] as const) {
      const answer = await rawRequest(served.port, message);
      expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
      expect(answer).not.toContain('application/problem+json');
      expect(answer).not.toContain('node_modules');
    }
  });
});
