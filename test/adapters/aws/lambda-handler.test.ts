import { PassThrough, Writable } from 'node:stream';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { lambdaHandler, lambdaStreamHandler } from '../../../adapters/aws/lambda-handler.ts';
import type { LambdaResponseStream } from '../../../adapters/aws/lambda-handler.ts';
import type { LambdaContext } from '../../../adapters/aws/lambda-context.ts';
import { HeaderList } from '../../../core/http/header-list.ts';
import type { HttpHandler, Logger, RequestContext } from '../../../core/ports/index.ts';
import { readCorpusFile } from '../../corpus/format.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const v2 = readCorpusFile('aws-http-v2').event as Record<string, unknown>;
const url = readCorpusFile('aws-url').event;
const rest = readCorpusFile('aws-rest').event;
const lambda: LambdaContext = { awsRequestId: 'request-1', getRemainingTimeInMillis: () => 3_000, xRayTraceId: 'Root=1-abc' };
const ok: HttpHandler = () => ({ status: 200, headers: new HeaderList(), body: 'ok' });

function recorder(): Logger & { readonly lines: [event: string, attributes: unknown][] } {
  const lines: [string, unknown][] = [];
  return { lines, log: (_severity, event, attributes) => lines.push([event, attributes]) };
}

describe('lambdaHandler', () => {
  test('answers at once when the handler does', () => {
    expect(lambdaHandler(ok)(v2, lambda)).toEqual({ statusCode: 200, headers: {}, body: 'ok', isBase64Encoded: false });
  });

  test('takes two arguments, because the runtime refuses callback handlers by counting them', () => {
    expect(lambdaHandler(ok).length).toBe(2);
  });

  test('gives core what the platform attests', () => {
    const seen: RequestContext[] = [];
    const clock = new FakeClock({ now: 1_000_000 });
    const handler = lambdaHandler((_, context) => (seen.push(context), ok(_, context)), { clock });
    void handler(v2, lambda);
    void handler(rest, { ...lambda, awsRequestId: 'request-2' });
    expect(seen[0]).toMatchObject({
      source: 'aws-http-v2',
      requestId: 'request-1',
      clientAddress: '203.0.113.9',
      deadline: 1_002_750,
      traceId: 'Root=1-abc',
      coldStart: true,
    });
    expect(seen[1]).toMatchObject({ source: 'aws-rest', requestId: 'request-2', coldStart: false });
  });

  test('prefers the W3C trace context to the platform’s', () => {
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    let traceId: string | undefined;
    const handler = lambdaHandler((request, context) => ((traceId = context.traceId), ok(request, context)));
    void handler({ ...v2, headers: { traceparent } }, lambda);
    expect(traceId).toBe(traceparent);
  });

  test('an event that is no acceptable request is a problem, and core does not see it', () => {
    const handler = lambdaHandler(() => {
      throw new Error('reached');
    });
    expect(handler({ ...v2, rawPath: 'http://evil.example/' }, lambda)).toMatchObject({ statusCode: 400 });
  });

  test('an event of no source throws, naming the shape', () => {
    expect(() => lambdaHandler(ok)({ Records: [] }, lambda)).toThrow('{Records}');
  });

  test('waits for work left to waitUntil, also for what that work leaves, before it answers', async () => {
    const done: string[] = [];
    const handler = lambdaHandler((_, context) => {
      context.waitUntil(
        (async () => {
          await new Promise((resolve) => setImmediate(resolve));
          done.push('first');
          context.waitUntil(
            new Promise<void>((resolve) => {
              setImmediate(() => resolve(void done.push('second')));
            }),
          );
        })(),
      );
      return ok(_, context);
    });
    const result = handler(v2, lambda);
    expect(result).toBeInstanceOf(Promise);
    expect(await result).toMatchObject({ statusCode: 200 });
    expect(done).toEqual(['first', 'second']);
  });

  test('work that fails is logged without its message, and the answer stands', async () => {
    const logger = recorder();
    const handler = lambdaHandler((_, context) => (context.waitUntil(Promise.reject(new RangeError('secret'))), ok(_, context)), {
      logger,
    });
    expect(await handler(v2, lambda)).toMatchObject({ statusCode: 200 });
    expect(logger.lines).toEqual([['lambda.background_failed', { 'error.type': 'RangeError', requestId: 'request-1' }]]);
  });

  test('work that never ends does not cost the answer: it is given up at the deadline', async () => {
    const logger = recorder();
    const clock = new FakeClock();
    const handler = lambdaHandler((_, context) => (context.waitUntil(new Promise(() => {})), ok(_, context)), { clock, logger });
    const stopsAt = clock.now() + 3_000;
    const result = handler(v2, { ...lambda, getRemainingTimeInMillis: () => stopsAt - clock.now() }) as Promise<object>;
    await clock.advance(2_749);
    expect(await Promise.race([result, Promise.resolve('waiting')])).toBe('waiting');
    await clock.advance(1);
    expect(await result).toMatchObject({ statusCode: 200 });
    expect(logger.lines).toEqual([['lambda.background_unfinished', { requestId: 'request-1' }]]);
  });

  test('a streamed body that breaks off is a 502 problem, never half an answer', async () => {
    const logger = recorder();
    const handler = lambdaHandler(() => ({ status: 200, headers: new HeaderList(), body: broken('half') }), { logger });
    const result = (await handler(v2, lambda)) as { statusCode: number; body: string };
    expect(result.statusCode).toBe(502);
    expect(result.body).not.toContain('half');
    expect(JSON.parse(result.body)).toMatchObject({ status: 502, type: 'https://portolan.dev/problems/response-incomplete' });
    expect(logger.lines).toEqual([['lambda.response_incomplete', { 'error.type': 'Error', requestId: 'request-1' }]]);
  });

  test.each([200, 500])('an answer of status %d over the limit is told, with the request it was for', async (status) => {
    const logger = recorder();
    const handler = lambdaHandler(() => ({ status, headers: new HeaderList(), body: 'x'.repeat(7_000_000) }), { logger });
    expect(await handler(v2, lambda)).toMatchObject({
      statusCode: 500,
      body: expect.stringContaining('response-too-large') as string,
    });
    expect(logger.lines).toEqual([['lambda.response_too_large', { 'http.response.status_code': 500, requestId: 'request-1' }]]);
  });

  test('long fields count as much as content does', async () => {
    const fields = new HeaderList(['x-long', '\xff'.repeat(60_000), 'content-type', 'image/png']);
    const body = Buffer.alloc(Math.floor((6_291_556 - 66_000) / 4) * 3, 0xff);
    const result = (await lambdaHandler(() => ({ status: 200, headers: fields, body }))(v2, lambda)) as { statusCode: number };
    expect(Buffer.byteLength(JSON.stringify(result))).toBeLessThanOrEqual(6_291_556);
    expect(result.statusCode).toBe(500);
  });
});

async function* broken(...chunks: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield Buffer.from(chunk);
  throw new Error('secret reason');
}

/** The runtime's global, as far as a handler sees it; `test/adapters/aws/lambda-runtime.test.ts` uses the real one. */
function stubRuntime(): { readonly heads: object[] } {
  const heads: object[] = [];
  vi.stubGlobal('awslambda', {
    streamifyResponse: (handler: unknown) => handler,
    HttpResponseStream: { from: (stream: LambdaResponseStream, head: object) => (heads.push(head), stream) },
  });
  return { heads };
}

describe('lambdaStreamHandler', () => {
  afterEach(() => {
    vi.unstubAllGlobals();
  });

  test('can be made outside Lambda, so that a bundle can be imported anywhere, but not called', async () => {
    const handler = lambdaStreamHandler(ok);
    await expect(handler(url, new PassThrough(), lambda)).rejects.toThrow('cannot be streamed here');
  });

  test.each([
    ['a function URL', url, { statusCode: 200, headers: { 'x-a': '1' }, cookies: ['a=1', 'b=2'] }],
    ['a REST API', rest, { statusCode: 200, headers: { 'x-a': '1' }, multiValueHeaders: { 'set-cookie': ['a=1', 'b=2'] } }],
  ])('writes the head of %s, then the content', async (_, event, head) => {
    const { heads } = stubRuntime();
    const headers = new HeaderList(['x-a', '1', 'set-cookie', 'a=1', 'set-cookie', 'b=2', 'content-length', '2']);
    const out = new PassThrough();
    await lambdaStreamHandler(() => ({ status: 200, headers, body: 'ok' }))(event, out, lambda);
    expect(heads).toEqual([head]);
    expect((await out.toArray()).join('')).toBe('ok');
  });

  test('a source that cannot stream is an error', async () => {
    stubRuntime();
    await expect(lambdaStreamHandler(ok)(v2, new PassThrough(), lambda)).rejects.toThrow(
      'Answers to aws-http-v2 cannot be streamed here',
    );
  });

  test('does not read ahead of a client that reads slowly', async () => {
    stubRuntime();
    let produced = 0;
    const body = (async function* (): AsyncGenerator<Uint8Array> {
      for (; produced < 100;) {
        produced += 1;
        yield Buffer.alloc(1_024);
      }
    })();
    const out = new PassThrough({ highWaterMark: 4_096 });
    const sent = lambdaStreamHandler(() => ({ status: 200, headers: new HeaderList(), body }))(url, out, lambda);
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    expect(produced).toBeLessThan(20);
    const got = Buffer.concat((await out.toArray()) as Buffer[]);
    await sent;
    expect(got).toHaveLength(102_400);
  });

  test('stops reading, closes the source and aborts the signal when the client is gone', async () => {
    stubRuntime();
    let closed = false;
    let signal: AbortSignal | undefined;
    const body = (async function* (): AsyncGenerator<Uint8Array> {
      try {
        for (;;) yield Buffer.alloc(1_024);
      } finally {
        closed = true;
      }
    })();
    const out = new PassThrough({ highWaterMark: 4_096 });
    const sent = lambdaStreamHandler((_, context) => ((signal = context.signal), { status: 200, headers: new HeaderList(), body }))(
      url,
      out,
      lambda,
    );
    await new Promise((resolve) => setImmediate(resolve));
    out.destroy();
    await sent;
    expect(closed).toBe(true);
    expect(signal?.aborted).toBe(true);
  });

  test('a body that breaks off rejects with an error that says nothing, and ends nothing', async () => {
    stubRuntime();
    const logger = recorder();
    const out = new PassThrough();
    const sent = lambdaStreamHandler(() => ({ status: 200, headers: new HeaderList(), body: broken('half') }), { logger })(
      url,
      out,
      lambda,
    );
    await expect(sent).rejects.toThrow(/^The answer broke off$/);
    expect(out.writableEnded).toBe(false);
    expect(String(out.read())).toBe('half');
    expect(logger.lines).toEqual([['lambda.response_incomplete', { 'error.type': 'Error', requestId: 'request-1' }]]);
  });

  test('an answer that says it is longer than Lambda streams is a problem, and its content is freed', async () => {
    const { heads } = stubRuntime();
    const logger = recorder();
    let freed = 0;
    const body = {
      [Symbol.asyncIterator]: () => ({
        next: () => expect.unreachable('read'),
        return: async () => ((freed += 1), { done: true as const, value: undefined }),
      }),
    };
    const out = new PassThrough();
    const headers = new HeaderList(['content-length', '209715201']);
    await lambdaStreamHandler(() => ({ status: 200, headers, body }), { logger })(url, out, lambda);
    expect(heads).toMatchObject([{ statusCode: 500 }]);
    expect((await out.toArray()).join('')).toContain('response-too-large');
    expect(freed).toBe(1);
    expect(logger.lines.map(([event]) => event)).toEqual(['lambda.response_too_large']);
  });

  test('an answer that grows longer than Lambda streams is broken off, never ended', async () => {
    stubRuntime();
    const logger = recorder();
    const chunk = Buffer.alloc(10_485_760);
    let sent = 0;
    const out = new Writable({ write: (written: Buffer, _, done) => ((sent += written.length), done()) });
    const body = (async function* (): AsyncGenerator<Uint8Array> {
      for (;;) yield chunk;
    })();
    const answered = lambdaStreamHandler(() => ({ status: 200, headers: new HeaderList(), body }), { logger })(url, out, lambda);
    await expect(answered).rejects.toThrow(/^The answer broke off$/);
    expect([sent, out.writableEnded]).toEqual([209_715_200, false]);
    expect(logger.lines.map(([event]) => event)).toEqual(['lambda.response_too_large']);
  });

  test('an event that is no acceptable request is a problem', async () => {
    const { heads } = stubRuntime();
    const out = new PassThrough();
    await lambdaStreamHandler(ok)({ ...(url as object), rawPath: 'x' }, out, lambda);
    expect(heads).toMatchObject([{ statusCode: 400 }]);
    expect(out.writableEnded).toBe(true);
  });

  test('work left to waitUntil is done before the invocation ends, after the answer has', async () => {
    stubRuntime();
    const out = new PassThrough();
    let endedBefore = false;
    await lambdaStreamHandler((request, context) => {
      context.waitUntil(
        (async () => {
          await new Promise((resolve) => setImmediate(resolve));
          endedBefore = out.writableEnded;
        })(),
      );
      return ok(request, context);
    })(url, out, lambda);
    expect(endedBefore).toBe(true);
  });
});
