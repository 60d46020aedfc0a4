import { describe, expect, it } from 'vitest';
import { bodyBytes } from '../../../core/http/body.ts';
import { UpstreamError } from '../../../core/ports/index.ts';
import type { Body, BodySink, HttpRequest, LogAttributes, PushBody, RequestContext } from '../../../core/ports/index.ts';
import { compileAccessLog } from '../../../core/proxy/access-log.ts';
import type { AccessLogConfiguration } from '../../../core/proxy/configuration.ts';
import type { Exchange } from '../../../core/proxy/exchange.ts';
import type { TraceContext } from '../../../core/telemetry/trace-context.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { context, request, response } from './forwarding/messages.ts';

const trace: TraceContext = {
  traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
  spanId: '00f067aa0ba902b7',
  parentSpanId: undefined,
  traceparent: '',
  tracestate: undefined,
  xray: undefined,
};

function setUp(configuration?: AccessLogConfiguration) {
  const clock = new FakeClock();
  const lines: { severity: string; event: string; attributes: LogAttributes | undefined }[] = [];
  const logger = {
    log: (severity: string, event: string, attributes?: LogAttributes) => void lines.push({ severity, event, attributes }),
  };
  const log = compileAccessLog(configuration, { clock, logger }, 'v7');
  const exchange = (asked: HttpRequest, where: Partial<RequestContext> = {}): Exchange => ({
    request: asked,
    context: context({ coldStart: true, ...where }),
    clientAddress: '203.0.113.7',
    startedAt: clock.now(),
    deadline: clock.now() + 1_000,
    routeId: 'orders',
    upstream: 'backend',
    side: undefined,
    attempts: [
      { target: '10.0.0.1:80', startedAt: clock.now() + 2, durationMs: 5, outcome: 'connection_refused', reason: 'first' },
      { target: '10.0.0.2:80', startedAt: clock.now() + 9, durationMs: 20.04, outcome: 200, reason: 'retry' },
    ],
    errorType: undefined,
  });
  const finish = (asked: HttpRequest, body: Body, rest: Partial<Exchange> = {}, status = 200): Body =>
    log.finish(
      response([], { status, body }),
      { ...exchange(asked), ...rest },
      { address: '203.0.113.9', scheme: 'https', host: 'api.example.com', proxies: undefined },
      trace,
      log.begin(),
    ).body;
  return { clock, lines, log, exchange, finish };
}

async function* pieces(clock: FakeClock, error?: Error): AsyncGenerator<Uint8Array> {
  yield Buffer.from('abc');
  await clock.advance(30);
  yield Buffer.from('de');
  if (error !== undefined) throw error;
}

describe('the access line', () => {
  it('is one, with the names of OpenTelemetry and those of the control API’s line', () => {
    const { lines, finish } = setUp();
    finish(request(['authorization', 'Bearer x'], { method: 'POST', target: '/a/b?token=secret', body: 'Grüße' }), 'ü');
    expect(lines).toEqual([
      {
        severity: 'info',
        event: 'http.request',
        attributes: {
          'http.request.method': 'POST',
          'url.path': '/a/b',
          'http.route': 'orders',
          'http.response.status_code': 200,
          durationMs: 0,
          headersMs: 0,
          requestId: 'r-1',
          source: 'test',
          'client.address': '203.0.113.9',
          'server.address': 'api.example.com',
          upstream: 'backend',
          'upstream.target': '10.0.0.2:80',
          'upstream.attempts': 2,
          'upstream.tries': 'first 10.0.0.1:80 connection_refused, retry 10.0.0.2:80 200',
          'upstream.fallback': undefined,
          'upstream.durationMs': 20,
          'upstream.queueMs': 2,
          'upstream.side': undefined,
          'http.request.body.size': 7,
          'http.response.body.size': 2,
          traceId: trace.traceId,
          spanId: trace.spanId,
          parentSpanId: undefined,
          coldStart: true,
          'configuration.version': 'v7',
          'error.type': undefined,
        },
      },
    ]);
  });

  it('lists the tries only where there was more than one, and says whose fall-back answered, and why', () => {
    const { lines, finish, exchange } = setUp();
    const [, last] = exchange(request([])).attempts;
    finish(request([]), undefined, { attempts: [last!], fallback: { from: 'orders', reason: 'circuit_open' } });
    expect(lines[0]?.attributes).toMatchObject({
      'upstream.tries': undefined,
      'upstream.fallback': 'for orders: circuit_open',
    });
  });

  it('tells of fields and query only what is named', () => {
    const { lines, finish } = setUp({ requestFields: ['X-Tenant', 'x-absent'], queryParameters: ['page', 'q', 'none'] });
    const asked = request(['x-tenant', 'acme', 'cookie', 'session=canary'], { target: '/?page=2&token=canary&q' });
    finish(asked, undefined);
    expect(lines[0]?.attributes).toMatchObject({
      'http.request.header.x-tenant': 'acme',
      'url.query.page': '2',
      'url.query.q': '',
    });
    expect(lines[0]?.attributes?.['url.query.none']).toBeUndefined();
    expect(JSON.stringify(lines)).not.toContain('canary');
  });

  it('is written when a streamed answer has ended, with its bytes and its times', async () => {
    const { clock, lines, finish } = setUp();
    const body = finish(request([]), pieces(clock));
    expect(lines).toEqual([]);
    expect(Buffer.from(await bodyBytes(body)).toString()).toBe('abcde');
    expect(lines).toHaveLength(1);
    expect(lines[0]?.attributes).toMatchObject({
      durationMs: 30,
      headersMs: 0,
      'http.response.body.size': 5,
      'error.type': undefined,
    });
  });

  it.each([
    [new UpstreamError('connection_read_timeout', true), 'connection_read_timeout'],
    [new Error('anything'), 'http_response_incomplete'],
  ])('says who broke an answer off: %s', async (error, type) => {
    const { clock, lines, finish } = setUp();
    await expect(bodyBytes(finish(request([]), pieces(clock, error)))).rejects.toBe(error);
    expect(lines.map(({ attributes }) => attributes?.['error.type'])).toEqual([type]);
  });

  it('says that the client went, when nobody wants the rest', async () => {
    const { clock, lines, finish } = setUp();
    for await (const _ of finish(request([]), pieces(clock)) as AsyncIterable<Uint8Array>) break;
    expect(lines.map(({ attributes }) => attributes?.['error.type'])).toEqual(['client_gone']);
    expect(lines[0]?.attributes?.['http.response.body.size']).toBe(3);
  });

  it('lets a body push that can', () => {
    const { lines, finish } = setUp();
    let source: BodySink | undefined;
    let cancelled = 0;
    const push: PushBody = {
      pushTo(sink) {
        source = sink;
        return { resume: () => undefined, cancel: () => void cancelled++ };
      },
      [Symbol.asyncIterator]: () => {
        throw new Error('not pulled');
      },
    };
    const got: string[] = [];
    const body = finish(request([]), push) as PushBody;
    const flow = body.pushTo({
      write: (chunk) => got.push(Buffer.from(chunk).toString()) < 2,
      end: () => got.push('end'),
      abort: () => undefined,
    });
    expect(source?.write(Buffer.from('ab'))).toBe(true);
    expect(source?.write(Buffer.from('c'))).toBe(false);
    expect(lines).toEqual([]);
    source?.end();
    expect(got).toEqual(['ab', 'c', 'end']);
    expect(lines.map(({ attributes }) => attributes?.['http.response.body.size'])).toEqual([3]);
    flow.cancel();
    expect([cancelled, lines.length]).toEqual([1, 1]);
  });

  it('does not wait for content that will not be sent', () => {
    const { clock, lines, finish } = setUp();
    finish(request([], { method: 'HEAD' }), pieces(clock));
    finish(request([]), pieces(clock), {}, 304);
    finish(request([]), pieces(clock), {}, 204);
    expect(lines).toHaveLength(3);
  });

  it('names why we answered ourselves, and is not there when it is switched off', () => {
    const { lines, finish } = setUp();
    finish(request([]), undefined, { errorType: 'circuit_open', attempts: [], upstream: undefined }, 503);
    expect(lines[0]?.attributes).toMatchObject({
      'error.type': 'circuit_open',
      'upstream.attempts': 0,
      'http.response.status_code': 503,
    });
    const off = setUp({ enabled: false });
    off.finish(request([]), undefined);
    expect(off.lines).toEqual([]);
  });

  it('takes the length of a streamed request from what was announced', () => {
    const { clock, lines, finish } = setUp();
    finish(request(['content-length', '12'], { body: pieces(clock) }), undefined);
    finish(request([], { body: pieces(clock) }), undefined);
    expect(lines.map(({ attributes }) => attributes?.['http.request.body.size'])).toEqual([12, undefined]);
  });
});

describe('Server-Timing', () => {
  it('has the whole and the share of upstreams', async () => {
    const { clock, log, exchange } = setUp();
    const begun = log.begin();
    await clock.advance(42);
    expect(log.serverTiming(exchange(request([])), begun)).toBe('total;dur=42, upstream;dur=25');
    expect(log.serverTiming({ ...exchange(request([])), attempts: [] }, begun)).toBe('total;dur=42');
  });
});
