import { HttpRequest, InvocationContext } from '@azure/functions';
import type { HttpRequestInit, HttpResponse as FunctionsResponse } from '@azure/functions';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { functionsHttp } from '../../../adapters/azure/functions-http.ts';
import { functionsHandler, registerHttp } from '../../../adapters/azure/register-http.ts';
import { registerSweeper } from '../../../adapters/azure/register-sweeper.ts';
import { Sweeper } from '../../../adapters/azure/sweeper.ts';
import { bodyBytes } from '../../../core/http/body.ts';
import { HeaderList } from '../../../core/http/header-list.ts';
import { RequestRejected } from '../../../core/ports/index.ts';
import type { Body, HttpHandler, HttpResponse, Logger, RequestContext } from '../../../core/ports/index.ts';
import { quietTestMode } from '../../support/azure/quiet-test-mode.ts';
import { scriptedTable } from '../../support/azure/scripted-table.ts';
import { sentResponse } from '../../support/azure/sent-response.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const event = (init: HttpRequestInit = {}): HttpRequest =>
  new HttpRequest({ method: 'GET', url: 'https://app.example/', headers: {}, ...init });

const response = (fields: readonly string[], body?: Body, status = 200): HttpResponse => ({
  status,
  headers: new HeaderList(fields),
  body,
});

const sent = async (answer: HttpResponse): ReturnType<typeof sentResponse> =>
  sentResponse(await functionsHttp.encode(answer, event()));

beforeAll(quietTestMode);

describe('what comes in', () => {
  test('is told by its shape', () => {
    expect(functionsHttp.matches(event())).toBe(true);
    for (const other of [undefined, null, 'GET', {}, { method: 'GET', url: '/', headers: {} }, { version: '2.0', rawPath: '/' }]) {
      expect(functionsHttp.matches(other), JSON.stringify(other)).toBe(false);
    }
  });

  test.each([
    ['https://app.example/a/b?c=d', 'https', 'app.example', '/a/b?c=d'],
    ['http://localhost:7071/', 'http', 'localhost:7071', '/'],
    ['https://app.example', 'https', 'app.example', '/'],
    ['https://app.example?x=//y', 'https', 'app.example', '/?x=//y'],
    ['https://[2001:db8::1]:8443/x', 'https', '[2001:db8::1]:8443', '/x'],
    ['https://app.example//a//', 'https', 'app.example', '//a//'],
    ['https://app.example/x?', 'https', 'app.example', '/x?'],
    ['https://app.example/x#fragment', 'https', 'app.example', '/x'],
  ])('%s is split into scheme, authority and target', (url, scheme, authority, target) => {
    expect(functionsHttp.decode(event({ url }))).toMatchObject({ scheme, authority, target });
  });

  test('header fields are read in place, by lower-case name', () => {
    const { headers } = functionsHttp.decode(event({ headers: { 'X-One': '1', Cookie: 'a=1; b=2', Empty: '' } }));
    expect(headers.get('x-one')).toBe('1');
    expect(headers.get('empty')).toBe('');
    expect(headers.get('none')).toBeUndefined();
    expect(headers.getAll('cookie')).toEqual(['a=1; b=2']);
    expect(headers.getAll('none')).toEqual([]);
    expect(headers.flat()).toEqual(['cookie', 'a=1; b=2', 'empty', '', 'x-one', '1']);
  });

  test('content is read as bytes, and is absent where there is none', async () => {
    const bytes = Uint8Array.from([0, 255, 128]);
    expect(await bodyBytes(functionsHttp.decode(event({ method: 'POST', body: { bytes } })).body)).toEqual(bytes);
    expect(functionsHttp.decode(event({ method: 'POST' })).body).toBeUndefined();
  });

  test.each([
    ['192.0.2.1:51234', '192.0.2.1'],
    ['192.0.2.1', '192.0.2.1'],
    ['203.0.113.9, 10.0.0.1, 192.0.2.1:51234', '192.0.2.1'],
    ['203.0.113.9,192.0.2.1:1', '192.0.2.1'],
    ['spoofed, [2001:db8::1]:51234', '2001:db8::1'],
    ['[2001:db8::1]', '2001:db8::1'],
    ['2001:db8::1', '2001:db8::1'],
    ['192.0.2.1, unknown', undefined],
    ['192.0.2.1, ', undefined],
    ['', undefined],
  ])('x-forwarded-for %j: the client is %s', (forwardedFor, address) => {
    expect(functionsHttp.clientAddress(event({ headers: { 'x-forwarded-for': forwardedFor } }))).toBe(address);
  });

  test.each([
    [1, 'spoofed, 192.0.2.1, 198.51.100.7:443', '192.0.2.1'],
    [1, '192.0.2.1:5000,198.51.100.7:443', '192.0.2.1'],
    [2, '192.0.2.1, 198.51.100.7, 203.0.113.5:443', '192.0.2.1'],
    [1, '198.51.100.7:443', undefined],
    [1, 'unknown, 198.51.100.7:443', undefined],
  ])('behind %i proxies of one’s own, x-forwarded-for %j: the client is %s', async (trustedHops, forwardedFor, address) => {
    const headers = { 'x-forwarded-for': forwardedFor };
    expect(functionsHttp.clientAddress(event({ headers }), trustedHops)).toBe(address);
    const addresses: (string | undefined)[] = [];
    const handler: HttpHandler = (_, { clientAddress }) => {
      addresses.push(clientAddress);
      return response([]);
    };
    await functionsHandler(handler, { trustedHops })(event({ headers }), new InvocationContext());
    expect(addresses).toEqual([address]);
  });

  test('without x-forwarded-for nobody says who the client is, and fields a client can write are not asked', () => {
    const headers = {
      'x-azure-clientip': '192.0.2.1',
      'x-client-ip': '192.0.2.1',
      'client-ip': '192.0.2.1',
      forwarded: 'for=192.0.2.1',
    };
    expect(functionsHttp.clientAddress(event({ headers }))).toBeUndefined();
  });
});

describe('what goes out', () => {
  test('status, fields and content', async () => {
    const answer = response(['content-type', 'application/json', 'x-a', '1', 'x-a', '2'], '{"é":1}', 418);
    expect(await sent(answer)).toEqual({
      status: 418,
      headers: ['content-length', '8', 'content-type', 'application/json', 'x-a', '1, 2'],
      body: new TextEncoder().encode('{"é":1}'),
    });
  });

  test('no content type is made up', async () => {
    for (const body of ['text', '', Uint8Array.of(1), undefined]) {
      expect((await sent(response([], body))).headers).not.toContain('content-type');
    }
  });

  test('the length is that of the content where it is known, and the one given where it is not', async () => {
    const length = async (...args: Parameters<typeof response>): Promise<string | undefined> => {
      const { headers } = await sent(response(...args));
      const at = headers.indexOf('content-length');
      return at < 0 ? undefined : headers[at + 1];
    };
    async function* chunk(): AsyncIterable<Uint8Array> {
      yield Uint8Array.of(1, 2);
    }
    expect(await length([], 'é')).toBe('2');
    expect(await length(['content-length', '999'], Uint8Array.of(1, 2, 3))).toBe('3');
    expect(await length([], '')).toBe('0');
    expect(await length(['content-length', '2'], chunk())).toBe('2');
    expect(await length([], chunk())).toBeUndefined();
    expect(await length(['content-length', '12'], undefined)).toBe('12');
    expect(await length([], 'dropped', 204)).toBeUndefined();
  });

  test('a stream is handed on', async () => {
    async function* chunks(): AsyncIterable<Uint8Array> {
      yield Uint8Array.of(1);
      yield Uint8Array.of(2, 255);
    }
    expect((await sent(response([], chunks()))).body).toEqual(Uint8Array.of(1, 2, 255));
  });

  test('one Set-Cookie goes as it is, several as cookies', async () => {
    expect((await sent(response(['set-cookie', 'a="="; Partitioned']))).headers).toEqual(['set-cookie', 'a="="; Partitioned']);
    expect((await sent(response(['set-cookie', 'a=1; Path=/', 'x-a', '1', 'set-cookie', 'b="2"']))).headers).toEqual([
      'x-a',
      '1',
      'set-cookie',
      'a=1; Path=/',
      'set-cookie',
      'b=%222%22',
    ]);
  });
});

describe('a function', () => {
  const invocation = new InvocationContext({ invocationId: 'id-1', functionName: 'http', logHandler: () => {} });
  const clock = new FakeClock();

  async function run(
    handler: HttpHandler,
    init?: HttpRequestInit,
  ): Promise<{ answer: FunctionsResponse; logged: Parameters<Logger['log']>[] }> {
    const logged: Parameters<Logger['log']>[] = [];
    const logger: Logger = { log: (...line) => void logged.push(line) };
    const answer = await functionsHandler(handler, { clock, logger })(event(init), invocation);
    return { answer: answer as FunctionsResponse, logged };
  }

  test('answers what core answers, in a context the platform attests', async () => {
    let seen: RequestContext | undefined;
    const { answer } = await run(
      (_, context) => {
        seen = context;
        return response(['x-a', '1'], 'body', 201);
      },
      { headers: { 'x-forwarded-for': '192.0.2.1:1' } },
    );
    expect([answer.status, answer.headers.get('x-a'), await answer.text()]).toEqual([201, '1', 'body']);
    expect(seen).toMatchObject({
      source: 'azure',
      requestId: 'id-1',
      clientAddress: '192.0.2.1',
      deadline: clock.now() + 229_000,
      coldStart: true,
    });
  });

  test.each<[string, HttpHandler]>([
    ['a handler that throws', () => Promise.reject(new Error('secret'))],
    ['a status the library cannot send', () => response([], undefined, 199)],
    ['a field the library cannot send', () => response(['x-a', 'é\u0100'])],
    ['a cookie the library cannot send', () => response(['set-cookie', 'a', 'set-cookie', 'b'])],
  ])('%s is a 500 that tells nothing, and a log line that says what kind', async (_, handler) => {
    const { answer, logged } = await run(handler);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([500, 'application/problem+json']);
    expect(await answer.json()).toMatchObject({ status: 500, incident: 'id-1' });
    expect(logged).toEqual([
      ['error', 'functions.request_failed', { 'error.type': expect.any(String), 'faas.invocation_id': 'id-1' }],
    ]);
    expect(JSON.stringify(logged)).not.toContain('secret');
  });

  test('what is no acceptable request is a problem of the client’s, and no log line', async () => {
    const { answer, logged } = await run(() => {
      throw new RequestRejected(413, 'too large');
    });
    expect(answer.status).toBe(413);
    expect(logged).toEqual([]);
  });

  test('work left for later is not waited for, and its failure is logged', async () => {
    const work = Promise.withResolvers<never>();
    const { answer, logged } = await run((_, context) => {
      context.waitUntil(work.promise);
      return response([], 'done');
    });
    expect(await answer.text()).toBe('done');
    work.reject(new RangeError('secret'));
    await expect.poll(() => logged).toHaveLength(1);
    expect(logged[0]).toEqual([
      'error',
      'functions.background_failed',
      { 'error.type': 'RangeError', 'faas.invocation_id': 'id-1' },
    ]);
  });
});

test('HTTP is registered for every path and method the library can take, anonymous, with streams on', () => {
  const [setup, http] = [vi.fn(), vi.fn()];
  registerHttp({ setup, http }, () => response([]));
  expect(setup).toHaveBeenCalledWith({ enableHttpStream: true });
  expect(http).toHaveBeenCalledWith('http', {
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'],
    authLevel: 'anonymous',
    route: '{*path}',
    handler: expect.any(Function),
  });
});

test('the sweeper is registered on a timer, bounded in time, and says what it did', async () => {
  const timer = vi.fn();
  const clock = new FakeClock();
  const table = scriptedTable(() => ({ status: 200, headers: { 'content-type': 'application/json' }, body: '{"value":[]}' }));
  const log = vi.fn();
  registerSweeper({ timer }, new Sweeper(table, clock), { clock, logger: { log } });
  const [name, { schedule, handler }] = timer.mock.calls[0] as [string, { schedule: string; handler: () => Promise<void> }];
  expect([name, schedule]).toEqual(['sweeper', '0 */10 * * * *']);
  await handler();
  expect(log).toHaveBeenCalledWith('info', 'sweeper.swept', { scanned: 0, deleted: 0, lost_races: 0, more: false });
});
