import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startFunctionsHost } from '../../support/azure/functions-host.ts';
import type { FunctionsHost } from '../../support/azure/functions-host.ts';

const folder = fileURLToPath(new URL('../../support/azure/sample-app', import.meta.url));

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

interface Ask {
  readonly method?: string;
  readonly headers?: Record<string, string | string[]>;
  readonly body?: string | Uint8Array;
}

describe('the real library under the local host', () => {
  let host: FunctionsHost;

  beforeAll(async () => {
    host = await startFunctionsHost({ folder });
    console.log(`function app ready in ${host.initMs.toFixed(0)} ms`);
  });
  afterAll(() => host.stop());

  /** By node:http: `fetch` hides too much. */
  function ask(target: string, { method = 'GET', headers = {}, body }: Ask = {}): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const { port } = new URL(host.url);
      const length = body === undefined || 'transfer-encoding' in headers ? {} : { 'content-length': Buffer.byteLength(body) };
      const options = { host: '127.0.0.1', port, path: target, method, headers: { ...length, ...headers }, agent: false };
      const request = httpRequest(options, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }),
        );
        response.on('error', reject);
      });
      request.on('error', reject);
      request.end(body);
    });
  }

  async function echo(target: string, options?: Ask): Promise<Record<string, unknown> & { context: Record<string, unknown> }> {
    const { status, body } = await ask(target, options);
    expect(status, body.toString()).toBe(200);
    return JSON.parse(body.toString()) as Record<string, unknown> & { context: Record<string, unknown> };
  }

  test('the app registers what it is made of', () => {
    expect(host.functions.map(({ name }) => name)).toEqual(['http', 'bare', 'ticks', 'fails']);
  });

  test('a GET comes with its target as sent, on every path, and the first answer says it is cold', async () => {
    const first = await echo('/');
    expect(first['target']).toBe('/');
    expect(first.context).toMatchObject({ source: 'azure', coldStart: true, clientAddress: '127.0.0.1' });
    expect(first.context['requestId']).toMatch(/^[\w-]{36}$/);
    expect(first.context['remainingMs']).toBeGreaterThan(200_000);
    expect(first.context['remainingMs']).toBeLessThan(230_000);
    const target = '/a//b%2Fc%3F%23/%C3%A9/?x=1&x=2&e=&f&s=a+b%20c&u=https%3A%2F%2Fexample.com';
    const second = await echo(target);
    expect(second).toMatchObject({ method: 'GET', scheme: 'http', target, authority: new URL(host.url).host });
    expect(second.context['coldStart']).toBe(false);
  });

  test.each(['POST', 'PUT', 'PATCH', 'DELETE'])('%s carries its content', async (method) => {
    expect(await echo('/x', { method, body: 'é\u0000x' })).toMatchObject({ method, body: 'é\u0000x' });
  });

  test('content of unknown length is carried too', async () => {
    expect(await echo('/x', { method: 'DELETE', headers: { 'transfer-encoding': 'chunked' }, body: 'chunked' })).toMatchObject({
      body: 'chunked',
    });
  });

  test('the client’s address is the one the platform saw, whatever the client claims', async () => {
    const { context } = await echo('/', { headers: { 'x-forwarded-for': '203.0.113.9' } });
    expect(context['clientAddress']).toBe('127.0.0.1');
  });

  test('the trace of the caller is handed on', async () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    expect((await echo('/', { headers: { traceparent } })).context['traceId']).toBe(traceparent);
  });

  test('binary content survives both ways', async () => {
    const bytes = Uint8Array.from({ length: 100_000 }, (_, at) => (at * 7) % 256);
    const { body, headers } = await ask('/bytes', { method: 'POST', body: bytes });
    expect(body.equals(bytes)).toBe(true);
    expect(headers).toMatchObject({ 'x-kind': 'bytes' });
    expect(headers).not.toHaveProperty('content-type');
  });

  test.each([
    [['id="a b=="; SameSite=None; Secure; Partitioned; path=/']],
    [
      [
        'a=1; Path=/; Expires=Wed, 21 Oct 2026 07:28:00 GMT; HttpOnly',
        'b=x%20y; Max-Age=60',
        'c="a b=="; Partitioned; priority=High',
        'd',
      ],
    ],
  ])('cookies go out as they are: %j', async (cookies) => {
    const { headers } = await ask('/cookies', { headers: { 'x-set-cookie': cookies.join('|') } });
    expect(headers['set-cookie']).toEqual(cookies);
  });

  test('an answer is streamed: the first chunk comes before the last is made', async () => {
    const { port } = new URL(host.url);
    const request = httpRequest({ host: '127.0.0.1', port, path: '/stream', agent: false }).end();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    const seen: string[] = [];
    for await (const chunk of response) {
      seen.push(String(chunk));
      await ask('/stream-taken');
    }
    expect(seen).toEqual(['one ', 'two ', 'three']);
  });

  test('its head comes before there is any content', async () => {
    const { port } = new URL(host.url);
    const request = httpRequest({ host: '127.0.0.1', port, path: '/head-first', agent: false }).end();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    expect(response.headers['x-a']).toBe('caf\xe9');
    await ask('/head-seen');
    expect(Buffer.concat(await response.toArray()).toString()).toBe('content');
  });

  test('an answer without content has none', async () => {
    const { status, body } = await ask('/empty');
    expect([status, body.length]).toEqual([204, 0]);
  });

  test.each(['/throws', '/status', '/field'])('%s, which nobody can send, is a 500 that tells nothing', async (path) => {
    const { status, headers, body } = await ask(path);
    expect([status, headers['content-type']]).toEqual([500, 'application/problem+json']);
    expect(body.toString()).not.toContain('secret');
  });

  test('an answer that breaks off is broken off, by the app, never ended as if it were whole', async () => {
    await expect(ask('/broken')).rejects.toThrow(/aborted|hang up|ECONNRESET/);
    expect(host.unanswered).toBe(0);
  });

  test('a function that throws past us is never answered by the library', async () => {
    await expect(ask('/bare/throws')).rejects.toThrow(/aborted|hang up|ECONNRESET/);
    expect(host.unanswered).toBe(1);
  });

  test('content is made at the client’s pace, and no more once the client is gone', async () => {
    const { port } = new URL(host.url);
    const request = httpRequest({ host: '127.0.0.1', port, path: '/endless', agent: false }).end();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    const produced = async (): Promise<{ produced: number; aborted: boolean }> =>
      JSON.parse((await ask('/endless-end')).body.toString()) as { produced: number; aborted: boolean };
    // Nobody reads: what is made fills the buffers on the way and stops growing.
    await expect
      .poll(async () => {
        const before = (await produced()).produced;
        return (await produced()).produced === before;
      })
      .toBe(true);
    expect((await produced()).produced).toBeLessThan(64_000_000);
    response.destroy();
    await expect.poll(async () => (await produced()).aborted).toBe(true);
  });

  test('a method the app did not register is refused by the host', async () => {
    expect((await ask('/', { method: 'PROPFIND' })).status).toBe(405);
  });

  test('a timer fires on request', async () => {
    await host.fireTimer('ticks');
    expect(host.output.join('')).toContain('tick, past due: false');
  });

  test('a timer that fails says so, and one that is not there too', async () => {
    await expect(host.fireTimer('fails')).rejects.toThrow('the timer failed');
    await expect(host.fireTimer('nobody')).rejects.toThrow('no timer nobody');
  });
});

test('an app that cannot be loaded says why', async () => {
  await expect(startFunctionsHost({ folder: fileURLToPath(new URL('.', import.meta.url)) })).rejects.toThrow('did not load');
});
