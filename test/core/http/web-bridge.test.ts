import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bodyBytes } from '../../../core/http/body.ts';
import { HeaderList } from '../../../core/http/header-list.ts';
import { fromResponse, toHandler, toRequest } from '../../../core/http/web-bridge.ts';
import type { Body, HttpRequest, RequestContext } from '../../../core/ports/http.ts';

function request(change: Partial<HttpRequest> = {}): HttpRequest {
  return {
    method: 'GET',
    scheme: 'https',
    authority: 'a.example',
    target: '/',
    headers: new HeaderList(),
    body: undefined,
    ...change,
  };
}

const context: RequestContext = {
  source: 'test',
  requestId: 'r',
  clientAddress: undefined,
  deadline: 0,
  waitUntil: () => undefined,
};

const text = async (body: Body): Promise<string> => new TextDecoder().decode(await bodyBytes(body));

/** A source that tells how much was taken of it, and whether it was let go. */
function source(count: number) {
  const told = { taken: 0, closed: false };
  async function* chunks(): AsyncGenerator<Uint8Array> {
    try {
      for (let at = 0; at < count; at++) {
        told.taken++;
        yield new Uint8Array([at]);
      }
    } finally {
      told.closed = true;
    }
  }
  return { told, body: chunks() };
}

describe('a request on the web', () => {
  it('has method, URL, fields and signal', () => {
    const { signal } = new AbortController();
    const web = toRequest(
      request({
        method: 'PURGE',
        authority: 'a.example:8443',
        target: '/a%2Fb//c?x=%20&y',
        headers: HeaderList.of(['X-A', '1'], ['x-a', '2'], ['cookie', 'a=b'], ['host', 'a.example:8443']),
      }),
      signal,
    );
    expect([web.method, web.url]).toEqual(['PURGE', 'https://a.example:8443/a%2Fb//c?x=%20&y']);
    expect([web.headers.get('x-a'), web.headers.get('cookie'), web.headers.get('host')]).toEqual(['1, 2', 'a=b', 'a.example:8443']);
    expect(web.body).toBeNull();
    expect(web.redirect).toBe('manual');
  });

  it('is aborted with the client', () => {
    const controller = new AbortController();
    const web = toRequest(request(), controller.signal);
    controller.abort();
    expect(web.signal.aborted).toBe(true);
  });

  it.each<[string, Body]>([
    ['text', 'é'],
    ['bytes', new Uint8Array([0xc3, 0xa9])],
    [
      'a stream',
      (async function* () {
        yield new Uint8Array([0xc3]);
        yield new Uint8Array([0xa9]);
      })(),
    ],
  ])('has the content of %s', async (_, body) => {
    expect(await toRequest(request({ method: 'POST', body })).text()).toBe('é');
  });

  it('reads nothing of a stream before the handler does, and one piece at a time', async () => {
    const { told, body } = source(5);
    const web = toRequest(request({ method: 'PUT', body }));
    await new Promise(setImmediate);
    expect(told.taken).toBe(0);
    const reader = web.body?.getReader();
    await reader?.read();
    await new Promise(setImmediate);
    expect(told.taken).toBe(1);
    await reader?.cancel();
    expect(told.closed).toBe(true);
  });

  it('fails where its source does', async () => {
    const broken = (async function* (): AsyncGenerator<Uint8Array> {
      yield new Uint8Array([1]);
      throw new RangeError('over');
    })();
    await expect(toRequest(request({ method: 'PUT', body: broken })).text()).rejects.toThrow();
  });

  it.each([
    ['CONNECT', 501],
    ['trace', 501],
    ['TRACK', 501],
  ])('is refused for %s', (method, status) => {
    expect(() => toRequest(request({ method }))).toThrow(expect.objectContaining({ status }));
  });

  it('is refused with content that Request would not take, or a host that is none', () => {
    expect(() => toRequest(request({ body: 'x' }))).toThrow(expect.objectContaining({ status: 400 }));
    expect(() => toRequest(request({ authority: 'a:b:c' }))).toThrow(expect.objectContaining({ status: 400 }));
  });

  it('never takes its host from the path', () => {
    expect(toRequest(request({ authority: '', target: '/evil.example/x' })).url).toBe('https://localhost/evil.example/x');
    expect(toRequest(request({ method: 'OPTIONS', target: '*' })).url).toBe('https://a.example/');
  });
});

describe('a response from the web', () => {
  it('keeps status, fields and every Set-Cookie', async () => {
    const headers = new Headers([
      ['X-A', '1'],
      ['set-cookie', 'a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT'],
      ['x-a', '2'],
      ['set-cookie', 'b=2'],
    ]);
    const response = fromResponse(new Response('hello', { status: 299, headers }));
    expect(response.status).toBe(299);
    expect(response.headers.get('x-a')).toBe('1, 2');
    expect(response.headers.getAll('set-cookie')).toEqual(['a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT', 'b=2']);
    expect(await text(response.body)).toBe('hello');
  });

  it.each([204, 205, 304])('of status %i has no content', (status) => {
    expect(fromResponse(new Response(null, { status }))).toMatchObject({ status, body: undefined });
  });

  it('of redirects is as it is', () => {
    const response = fromResponse(Response.redirect('https://b.example/x', 307));
    expect([response.status, response.headers.get('location'), response.body]).toEqual([307, 'https://b.example/x', undefined]);
  });

  it('is streamed, and let go when nobody reads on', async () => {
    const { told, body } = source(1_000);
    const stream = new ReadableStream<Uint8Array>({
      async pull(controller) {
        const { done, value } = await body.next();
        if (done === true) controller.close();
        else controller.enqueue(value);
      },
      cancel: async () => void (await body.return(undefined)),
    });
    const response = fromResponse(new Response(stream));
    for await (const chunk of response.body as AsyncIterable<Uint8Array>) if (chunk[0] === 2) break;
    expect(told.taken).toBeLessThan(10);
    expect(told.closed).toBe(true);
  });

  it('that fails midway fails the body', async () => {
    const stream = new ReadableStream<Uint8Array>({ pull: (controller) => controller.error(new RangeError('over')) });
    await expect(text(fromResponse(new Response(stream)).body)).rejects.toThrow('over');
  });

  it('that cannot be answered is a bug of the handler', async () => {
    expect(() => fromResponse(Response.error())).toThrow(TypeError);
    const used = new Response('x');
    await used.text();
    expect(() => fromResponse(used)).toThrow(TypeError);
  });

  it('of fetch loses what said that its content was coded', async () => {
    const server = createServer((_, answer) =>
      answer.writeHead(200, { 'content-encoding': 'gzip', etag: '"x"' }).end(gzipSync('hello')),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const response = fromResponse(await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`));
    expect([
      response.headers.get('content-encoding'),
      response.headers.get('content-length'),
      response.headers.get('etag'),
    ]).toEqual([undefined, undefined, '"x"']);
    expect(await text(response.body)).toBe('hello');
    server.close();
    const own = fromResponse(new Response(gzipSync('hello'), { headers: { 'content-encoding': 'gzip' } }));
    expect(own.headers.get('content-encoding')).toBe('gzip');
  });
});

describe('a handler', () => {
  it('echoes any content unchanged', async () => {
    const echo = toHandler((web) => new Response(web.body, { headers: web.headers }));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ minLength: 1 }), { maxLength: 5 }), async (chunks) => {
        const body = (async function* () {
          yield* chunks;
        })();
        const response = await echo(request({ method: 'POST', body, headers: HeaderList.of(['x-a', 'b']) }), context);
        expect([...(await bodyBytes(response.body))]).toEqual(chunks.flatMap((chunk) => [...chunk]));
        expect(response.headers.get('x-a')).toBe('b');
      }),
      { numRuns: 100 },
    );
  });

  it('gets the context, may answer at once or later, and fails with what it throws', async () => {
    const answer = await toHandler((_, { requestId }) => new Response(requestId))(request(), context);
    expect(await text(answer.body)).toBe('r');
    expect((await toHandler(async () => new Response(null, { status: 202 }))(request(), context)).status).toBe(202);
    await expect(
      toHandler(() => {
        throw new RangeError('mine');
      })(request(), context),
    ).rejects.toThrow('mine');
  });
});
