import { describe, expect, it } from 'vitest';
import { HeaderList } from '../../../../core/http/header-list.ts';
import { RequestRejected, UpstreamError } from '../../../../core/ports/index.ts';
import type { HttpResponse, UpstreamErrorType } from '../../../../core/ports/index.ts';
import type { UpstreamConfiguration } from '../../../../core/proxy/configuration.ts';
import { SimulatedUpstreams } from '../../../support/simulated-upstreams.ts';

const failure = (type: UpstreamErrorType, requestSent = true) => ({ error: new UpstreamError(type, requestSent) });
const refusedConnection = failure('connection_refused', false);
const reset = failure('connection_terminated');
const text = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);

function streamOf(response: HttpResponse | undefined): AsyncIterable<Uint8Array> {
  const { body } = response ?? {};
  if (typeof body !== 'object' || body instanceof Uint8Array) throw new TypeError('not a stream');
  return body;
}

async function* chunks(...parts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield new TextEncoder().encode(part);
}

/** One upstream `main` with the target `a`. */
function one(configuration: UpstreamConfiguration = {}, more: Readonly<Record<string, UpstreamConfiguration>> = {}) {
  return new SimulatedUpstreams({ main: { url: 'http://a', ...configuration }, ...more });
}

/** Answers each time with the next, then with the last for ever. */
const inTurn =
  <T>(...answers: readonly T[]) =>
  (_request: unknown, count: number): T => {
    const answer = answers[count - 1] ?? answers.at(-1);
    if (answer === undefined) throw new TypeError('no answer');
    return answer;
  };

describe('an exchange with an upstream', () => {
  it('passes what the upstream says, whatever it is, and notes who was asked', async () => {
    const it = one();
    it.transport.backend('a', { status: 418, afterMs: 7, headers: { 'x-a': '1' }, body: 'short and stout' });
    const { response, exchange } = await it.passing();
    expect([response?.status, response?.headers.get('x-a'), response?.body]).toEqual([418, '1', 'short and stout']);
    expect(exchange.upstream).toBe('main');
    expect(exchange.attempts).toEqual([
      { target: 'a:80', startedAt: exchange.startedAt, durationMs: 7, outcome: 418, reason: 'first' },
    ]);
  });

  it('hands deadline, signal, 1xx and the wish to upgrade on', async () => {
    const it = one();
    it.transport.backend('a', {});
    const sendInformational = (): void => undefined;
    const { signal } = new AbortController();
    const headers = new HeaderList(['host', 'a', 'upgrade', 'websocket']);
    const { exchange } = await it.ask({ context: { signal, sendInformational, canUpgrade: true }, request: { headers } });
    expect(it.transport.sent[0]?.options).toEqual({
      deadline: exchange.deadline,
      signal,
      address: undefined,
      onInformational: sendInformational,
      upgrade: true,
    });
    await it.ask({ request: { headers } });
    await it.ask({ context: { canUpgrade: true } });
    expect(it.transport.sent.slice(1).map(({ options }) => options.upgrade)).toEqual([false, false]);
  });

  it('does not ask when the client has left or the deadline has passed', async () => {
    const it = one();
    const signal = AbortSignal.abort(new Error('client gone'));
    const gone = await it.ask({ context: { signal } });
    expect([gone.outcome, gone.exchange.attempts]).toEqual(['client gone', []]);
    const late = await it.ask({ timeoutMs: 0 });
    expect(late.error).toMatchObject({ type: 'http_response_timeout', requestSent: false });
    expect(it.transport.sent).toEqual([]);
  });

  it('knows no upstream that is not configured', () => {
    expect(() => one().upstreams.get('toString')).toThrow(TypeError);
  });

  it.each<[string, Readonly<Record<string, UpstreamConfiguration>>, string]>([
    ['an unknown fall-back', { a: { url: 'http://a', fallback: 'b' } }, 'no upstream b'],
    ['fall-backs in a circle', { a: { url: 'http://a', fallback: 'b' }, b: { url: 'http://b', fallback: 'a' } }, 'circle: a, b, a'],
    ['a shared breaker without a store', { a: { url: 'http://a', circuitBreaker: { shared: true } } }, 'needs a store'],
  ])('refuses %s', (_what, configurations, message) => {
    expect(() => new SimulatedUpstreams(configurations)).toThrow(message);
  });

  it('closes its transports', async () => {
    const it = one({}, { other: { url: 'http://b' } });
    await it.upstreams.close();
    expect(it.transport.closed).toBe(2);
  });
});

describe('retries', () => {
  it('send an idempotent request again after a closed connection, once, and answer what then comes', async () => {
    const it = one();
    it.transport.backend('a', inTurn<object>(reset, { status: 200 }));
    const { outcome, exchange } = await it.passing();
    expect(outcome).toBe(200);
    expect(exchange.attempts.map(({ outcome: said, reason }) => [said, reason])).toEqual([
      ['connection_terminated', 'first'],
      [200, 'retry'],
    ]);
  });

  it('never send a POST again of which a byte may have left, and do when none has', async () => {
    const it = one();
    it.transport.backend('a', inTurn<object>(reset, refusedConnection, { status: 201 }));
    expect((await it.passing({ request: { method: 'POST', body: 'x' } })).outcome).toBe('connection_terminated');
    expect(it.transport.count('a')).toBe(1);
    expect((await it.passing({ request: { method: 'POST', body: 'x' } })).outcome).toBe(201);
    expect(it.transport.sent.map(({ content }) => text(content))).toEqual(['x', 'x', 'x']);
  });

  it('answer the last response when its status asks for another try and none is left, and free the connection of the others', async () => {
    const it = one({ retry: { retries: 2 } });
    it.transport.backend('a', (_request, count) => ({ status: 503, headers: { 'x-count': String(count) }, body: chunks('no') }));
    const { response } = await it.passing();
    expect([response?.status, response?.headers.get('x-count'), it.transport.openBodies]).toEqual([503, '3', 0]);
  });

  it.each([
    ['statuses', { retry: { statuses: [] } }, 'GET'],
    ['methods', {}, 'POST'],
    ['retries', { retry: { retries: 0 } }, 'GET'],
  ])('follow the configured %s', async (_what, configuration, method) => {
    const it = one(configuration);
    it.transport.backend('a', { status: 503 });
    expect((await it.passing({ request: { method } })).outcome).toBe(503);
    expect(it.transport.count('a')).toBe(1);
  });

  it('wait for as long as Retry-After says, in seconds, and give up at once where the deadline comes first', async () => {
    const it = one();
    it.transport.backend(
      'a',
      inTurn<object>(
        { status: 503, headers: { 'retry-after': '5' } },
        { status: 200 },
        { status: 503, headers: { 'retry-after': '60' } },
      ),
    );
    const patient = await it.passing({}, 100);
    expect([patient.outcome, patient.durationMs]).toEqual([200, 5_000]);
    const hurried = await it.passing();
    expect([hurried.outcome, hurried.durationMs, hurried.response?.headers.get('retry-after')]).toEqual([503, 0, '60']);
  });

  it('prefer a target that was not asked yet', async () => {
    for (const policy of ['roundRobin', 'leastRequests', 'powerOfTwo', 'hash'] as const) {
      const it = new SimulatedUpstreams({
        main: {
          targets: [{ url: 'http://a' }, { url: 'http://b' }, { url: 'http://c' }],
          balance: { policy },
          retry: { retries: 2 },
        },
      });
      for (const name of ['a', 'b', 'c']) it.transport.backend(name, refusedConnection);
      const { exchange } = await it.passing();
      expect(new Set(exchange.attempts.map(({ target }) => target)).size).toBe(3);
    }
  });

  it('repeat a stream that was read to its end and kept, with its trailers', async () => {
    const it = one();
    it.transport.backend('a', inTurn<object>({ status: 503 }, { status: 200 }));
    const trailers = () => new HeaderList(['x-sum', '1']);
    expect((await it.passing({ request: { method: 'PUT', body: chunks('ab', 'cd'), trailers } })).outcome).toBe(200);
    expect(it.transport.sent.map(({ content, request }) => [text(content), request.trailers?.()?.get('x-sum')])).toEqual([
      ['abcd', '1'],
      ['abcd', '1'],
    ]);
  });

  it('do not repeat a stream that was longer than what is kept, or read in part, and do one that was not read', async () => {
    const it = one({ retry: { maxBufferedBytes: 3 } });
    it.transport.backend('a', inTurn<object>({ status: 503 }, { status: 503, content: 'ignore' }, { status: 200 }));
    expect((await it.passing({ request: { method: 'PUT', body: chunks('ab', 'cd') } })).outcome).toBe(503);
    expect(it.transport.count('a')).toBe(1);
    expect((await it.passing({ request: { method: 'PUT', body: chunks('ab', 'cd') } })).outcome).toBe(200);
    expect(text(it.transport.sent.at(-1)?.content)).toBe('abcd');
    const half = one();
    half.transport.backend('a', (request) => {
      void (request.body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]().next();
      return { status: 503, content: 'ignore' };
    });
    expect((await half.passing({ request: { method: 'PUT', body: chunks('ab', 'cd') } })).outcome).toBe(503);
    expect(half.transport.count('a')).toBe(1);
  });

  it('that are not sent cost no budget', async () => {
    const it = one({ retry: { retries: 1, budgetRatio: 0, budgetMinPerSecond: 0.2 } });
    it.transport.backend('a', reset);
    // Two in ten seconds: the second request has the second.
    expect([await it.passing(), await it.passing()].map(({ exchange }) => exchange.attempts.length)).toEqual([2, 2]);
    const spared = one({ retry: { retries: 1, budgetRatio: 0, budgetMinPerSecond: 0.1 } });
    spared.transport.backend('a', inTurn<object>({ status: 503, headers: { 'retry-after': '3600' } }, reset, {}));
    expect((await spared.passing()).outcome).toBe(503);
    expect((await spared.passing()).exchange.attempts).toHaveLength(2);
  });

  it('are spared when the circuit opened meanwhile', async () => {
    const it = one({ retry: { retries: 5, maxBackoffMs: 10 }, circuitBreaker: { consecutiveFailures: 2 } });
    it.transport.backend('a', refusedConnection);
    expect((await it.passing()).outcome).toBe('connection_refused');
    expect(it.transport.count('a')).toBe(2);
  });

  it('are spared when the answer itself opened the circuit: it is what the client gets, and costs no budget', async () => {
    const it = one({ circuitBreaker: { consecutiveFailures: 1, openMs: 2_000 }, retry: { retries: 3 } });
    it.transport.backend('a', { status: 503, headers: { 'x-from': 'a' }, body: chunks('no') });
    const { response, durationMs } = await it.ask();
    expect([response?.status, response?.headers.get('x-from'), durationMs]).toEqual([503, 'a', 0]);
    expect(it.logger.lines).toEqual([
      { severity: 'warn', event: 'upstream.circuit.opened', attributes: { upstream: 'main', 'open.ms': 2_000, shared: false } },
    ]);
    it.transport.backend('a', {});
    await it.clock.advance(2_000);
    for (let n = 0; n < 2; n++) expect((await it.ask()).outcome).toBe(200);
    expect(it.logger.lines.at(-1)).toEqual({
      severity: 'info',
      event: 'upstream.circuit.closed',
      attributes: { upstream: 'main' },
    });
  });

  it('end when the client leaves while they wait', async () => {
    const it = one();
    const caller = new AbortController();
    it.transport.backend('a', { status: 503, headers: { 'retry-after': '5' } });
    const asking = it.ask({ context: { signal: caller.signal } });
    await it.clock.advance(1_000);
    caller.abort(new Error('client gone'));
    expect((await asking).outcome).toBe('client gone');
    expect(it.transport.count('a')).toBe(1);
  });
});

describe('time-outs', () => {
  it('bound one try until its header section, and let another follow', async () => {
    const it = one({ timeouts: { tryMs: 100 } });
    it.transport.backend('a', inTurn<object>({ afterMs: 5_000 }, { afterMs: 50 }));
    const { outcome, exchange } = await it.passing();
    expect(outcome).toBe(200);
    expect(exchange.attempts.map((attempt) => [attempt.outcome, attempt.durationMs])).toEqual([
      ['http_response_timeout', 100],
      [200, 50],
    ]);
    expect(it.transport.sent[0]?.outcome).toBe('aborted');
  });

  it('of one try do not touch the body that follows', async () => {
    const it = one({ timeouts: { tryMs: 100 } });
    it.transport.backend('a', { afterMs: 50, body: chunks('slow') });
    const asking = it.askOnly();
    await it.clock.advance(60);
    const { response } = await asking;
    await it.clock.advance(1_000);
    expect(it.transport.sent[0]?.options.signal?.aborted).toBe(false);
    const body = streamOf(response);
    let read = '';
    for await (const chunk of body) read += text(chunk);
    expect(read).toBe('slow');
  });

  it('end everything at the deadline, retries included', async () => {
    const it = one({ retry: { retries: 5 } });
    it.transport.backend('a', { afterMs: Infinity });
    const { outcome, durationMs } = await it.passing({ timeoutMs: 700 });
    expect([outcome, durationMs, it.transport.count('a')]).toEqual(['http_response_timeout', 700, 1]);
  });
});

describe('a client that leaves', () => {
  it('aborts the try, and counts as no failure of anybody', async () => {
    const it = one({ circuitBreaker: { consecutiveFailures: 1 }, outlierEjection: { consecutiveFailures: 1, panicPercent: 0 } });
    it.transport.backend('a', { afterMs: 10_000 });
    for (let n = 0; n < 10; n++) {
      const caller = new AbortController();
      const asking = it.ask({ context: { signal: caller.signal } });
      await it.clock.advance(100);
      caller.abort(new Error('client gone'));
      const { outcome, exchange } = await asking;
      expect([outcome, exchange.attempts[0]?.outcome]).toEqual(['client gone', 'cancelled']);
    }
    expect(it.transport.sent.map(({ outcome }) => outcome)).toEqual(Array.from({ length: 10 }, () => 'aborted'));
    it.transport.backend('a', {});
    expect((await it.ask()).outcome).toBe(200);
    expect(it.logger.events).toEqual([]);
  });

  it('gives back the probe it had of a half-open circuit', async () => {
    const it = one({ circuitBreaker: { consecutiveFailures: 1, probes: 1 }, retry: { retries: 0 } });
    it.transport.backend('a', inTurn<object>(reset, { afterMs: 10_000 }, {}));
    await it.ask();
    await it.clock.advance(1_000);
    const caller = new AbortController();
    const probing = it.ask({ context: { signal: caller.signal } });
    await it.clock.advance(10);
    expect((await it.ask()).outcome).toBe('circuit_open');
    caller.abort(new Error('client gone'));
    await probing;
    expect((await it.ask()).outcome).toBe(200);
  });

  it('is not told apart from one whose content was refused: that is no failure either', async () => {
    const it = one({ circuitBreaker: { consecutiveFailures: 1 } });
    const body: AsyncIterable<Uint8Array> = {
      [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new RequestRejected(413, 'too large')) }),
    };
    it.transport.backend('a', {});
    const { error } = await it.ask({ request: { method: 'POST', body } });
    expect(error).toBeInstanceOf(RequestRejected);
    expect((await it.ask()).outcome).toBe(200);
  });

  it('that asked with content whose reading throws gets a rejection', async () => {
    const it = one();
    const request = {
      get body(): never {
        throw new RequestRejected(400, 'bad encoding');
      },
    };
    const { clock, upstreams } = it;
    const { newExchange, newRequest } = await import('../../../support/exchanges.ts');
    const asked = Object.defineProperty(newRequest(), 'body', Object.getOwnPropertyDescriptor(request, 'body') ?? {});
    await expect(upstreams.get('main').send(asked, newExchange(asked, clock.now()))).rejects.toThrow('bad encoding');
  });
});

describe('the body of an answer', () => {
  it('holds its place until it has ended, was cancelled or broke off', async () => {
    const it = one({ concurrency: { max: 1, maxQueued: 0 } });
    it.transport.backend('a', () => ({ body: chunks('a', 'b') }));
    const { response } = await it.askOnly();
    expect((await it.askOnly()).outcome).toBe('overloaded');
    for await (const _chunk of streamOf(response));
    const second = await it.askOnly();
    expect(second.outcome).toBe(200);
    await streamOf(second.response)[Symbol.asyncIterator]().return?.();
    expect((await it.ask()).outcome).toBe(200);
    expect(it.transport.openBodies).toBe(0);
  });

  it('that breaks each time ejects its target, although each header section was good; one that came whole makes up for it', async () => {
    const it = new SimulatedUpstreams({
      main: { targets: [{ url: 'http://a' }, { url: 'http://b' }], balance: { policy: 'roundRobin' } },
    });
    let whole = false;
    it.transport.backend('b', {});
    it.transport.backend('a', () => ({
      body: (async function* () {
        yield new Uint8Array(1);
        if (!whole) throw new UpstreamError('http_response_incomplete', true);
      })(),
    }));
    const ask = async (times: number): Promise<void> => {
      for (let n = 0; n < times; n++) await Promise.allSettled([it.ask()]);
    };
    await ask(8);
    whole = true;
    await ask(2);
    whole = false;
    await ask(8);
    expect(it.logger.events).toEqual([]);
    await ask(2);
    expect(it.logger.events).toEqual(['upstream.target.ejected']);
    const before = it.transport.count('a');
    await ask(4);
    expect(it.transport.count('a')).toBe(before);
  });

  it('that breaks counts against its target, unless the deadline or the client broke it', async () => {
    const broken = (error: Error) => ({
      body: (async function* () {
        yield new Uint8Array(1);
        throw error;
      })(),
    });
    const read = async (it: SimulatedUpstreams, asked = {}): Promise<void> => {
      const { response } = await it.askOnly(asked);
      const iterator = streamOf(response)[Symbol.asyncIterator]();
      await iterator.next();
      if ('timeoutMs' in asked) await it.clock.advance(100);
      await expect(iterator.next()).rejects.toThrow();
    };
    const settings = { outlierEjection: { consecutiveFailures: 1, panicPercent: 0 } };
    const cut = one(settings);
    cut.transport.backend('a', () => broken(new UpstreamError('http_response_incomplete', true)));
    await read(cut);
    expect(cut.logger.events).toEqual(['upstream.target.ejected']);
    expect((await cut.ask()).outcome).toBe('no_healthy_target');
    const late = one(settings);
    late.transport.backend('a', () => broken(new UpstreamError('connection_read_timeout', true)));
    await read(late, { timeoutMs: 100 });
    const gone = one(settings);
    gone.transport.backend('a', () => broken(new Error('client gone')));
    await read(gone);
    expect([late.logger.events, gone.logger.events]).toEqual([[], []]);
  });
});

describe('content and the circuit', () => {
  const incomplete = new UpstreamError('http_response_incomplete', true);
  /** A piece at once, another one every `everyMs`, and `error` after `lastMs`. */
  const flowing = (it: SimulatedUpstreams, everyMs: number, lastMs: number, error: Error | undefined) => ({
    body: (async function* () {
      yield new Uint8Array(1);
      for (let atMs = everyMs; atMs <= lastMs; atMs += everyMs) {
        await it.clock.sleep(everyMs);
        yield new Uint8Array(1);
      }
      if (error !== undefined) throw error;
    })(),
  });
  /** Reads an answer in the background; what became of it. */
  const reading = (it: SimulatedUpstreams): { outcome: unknown } => {
    const read: { outcome: unknown } = { outcome: undefined };
    it.ask().then(
      ({ outcome }) => (read.outcome = outcome),
      (error: unknown) => (read.outcome = error),
    );
    return read;
  };
  const breakOpen = async (it: SimulatedUpstreams, waitMs: number): Promise<void> => {
    it.transport.backend('a', { status: 500 });
    for (let n = 0; n < 5; n++) await it.ask();
    expect((await it.ask()).outcome).toBe('circuit_open');
    await it.clock.advance(waitMs);
  };

  it.each<[string, UpstreamErrorType, number]>([
    ['resets', 'connection_terminated', 0],
    ['ends early', 'http_response_incomplete', 0],
    ['stalls, whenever that is noticed,', 'connection_read_timeout', 40_000],
  ])('that %s five times in a row opens it', async (_what, type, stallMs) => {
    const it = one({ outlierEjection: false });
    it.transport.backend('a', () => ({
      body: (async function* () {
        yield new Uint8Array(1);
        if (stallMs > 0) await it.clock.sleep(stallMs);
        throw new UpstreamError(type, true);
      })(),
    }));
    const ask = { timeoutMs: 60_000 };
    for (let n = 0; n < 5; n++) {
      expect(it.logger.events).toEqual([]);
      const asked = expect(it.ask(ask)).rejects.toThrow(type);
      await it.clock.advance(stallMs);
      await asked;
    }
    expect(it.logger.events).toEqual(['upstream.circuit.opened']);
    expect((await it.ask()).outcome).toBe('circuit_open');
  });

  it('that the client left, or that outlasted the time of its route, is no failure', async () => {
    const it = one({ circuitBreaker: { consecutiveFailures: 1 } });
    it.transport.backend('a', () => flowing(it, 100, 10_000, incomplete));
    for (const asked of [{ timeoutMs: 50 }, {}]) {
      const { response } = await it.askOnly(asked);
      const iterator = streamOf(response)[Symbol.asyncIterator]();
      await iterator.next();
      await it.clock.advance(100);
      await iterator.return?.();
    }
    const late = await it.askOnly({ timeoutMs: 1_000 });
    const reads = (async () => {
      for await (const _chunk of streamOf(late.response));
    })();
    const read = expect(reads).rejects.toThrow();
    await it.clock.advance(10_000);
    await read;
    expect(it.logger.events).toEqual([]);
    expect((await it.askOnly()).outcome).toBe(200);
  });

  it('that has flowed for the window of the breaker is a success: a hundred streams that end with their server open nothing', async () => {
    const it = one({ circuitBreaker: { windowMs: 10_000 }, outlierEjection: false });
    it.transport.backend('a', () => flowing(it, 5_000, 15_000, incomplete));
    const reads = Array.from({ length: 100 }, () => reading(it));
    await it.clock.advance(20_000);
    expect(new Set(reads.map(({ outcome }) => outcome))).toEqual(new Set([incomplete]));
    expect(it.logger.events).toEqual([]);
    it.transport.backend('a', () => flowing(it, 1_000, 9_000, incomplete));
    Array.from({ length: 5 }, () => reading(it));
    await it.clock.advance(20_000);
    expect(it.logger.events).toEqual(['upstream.circuit.opened']);
  });

  it('of a probe that breaks off opens it again, for longer', async () => {
    const it = one({ outlierEjection: false });
    await breakOpen(it, 1_000);
    it.transport.backend('a', () => flowing(it, 100, 500, incomplete));
    const probe = reading(it);
    await it.clock.advance(400);
    expect(it.logger.events).toEqual(['upstream.circuit.opened']);
    await it.clock.advance(200);
    expect([probe.outcome, it.logger.events]).toEqual([incomplete, ['upstream.circuit.opened', 'upstream.circuit.opened']]);
    it.transport.backend('a', {});
    await it.clock.advance(1_800);
    expect((await it.ask()).outcome).toBe('circuit_open');
    await it.clock.advance(200);
    expect([(await it.ask()).outcome, (await it.ask()).outcome]).toEqual([200, 200]);
    expect(it.logger.events.at(-1)).toBe('upstream.circuit.closed');
  });

  it('of a probe that goes on for more than a second keeps nobody out: the circuit closes beside it, and takes no notice of its end', async () => {
    const it = one({ outlierEjection: false, circuitBreaker: { consecutiveFailures: 1 } });
    await breakOpen(it, 1_000);
    it.transport.backend('a', () => flowing(it, 400, 3_600_000, incomplete));
    const probes = [reading(it), reading(it)];
    await it.clock.advance(999);
    expect((await it.askOnly()).outcome).toBe('circuit_open');
    await it.clock.advance(1);
    it.transport.backend('a', {});
    expect([(await it.ask()).outcome, it.logger.events.at(-1)]).toEqual([200, 'upstream.circuit.closed']);
    await it.clock.advance(3_600_000);
    expect([probes.map(({ outcome }) => outcome), it.logger.events.length]).toEqual([[incomplete, incomplete], 2]);
  });

  it('that a client leaves gives back its probe, and so does a protocol that was switched, at once', async () => {
    const it = one();
    await breakOpen(it, 1_000);
    it.transport.backend('a', () => flowing(it, 100, 10_000, undefined));
    const { response } = await it.askOnly();
    await streamOf(response)[Symbol.asyncIterator]().return?.();
    it.transport.backend('a', { status: 101 });
    expect([(await it.askOnly()).outcome, it.logger.events.at(-1)]).toEqual([101, 'upstream.circuit.closed']);
  });
});

describe('hedges', () => {
  const two = (configuration: UpstreamConfiguration = {}) =>
    new SimulatedUpstreams({
      main: {
        targets: [{ url: 'http://a' }, { url: 'http://b' }],
        balance: { policy: 'roundRobin' },
        hedge: { delayMs: 50, budgetRatio: 1 },
        ...configuration,
      },
    });

  it('go to another target when the first is slow; the first good answer wins, the other try is aborted', async () => {
    const it = two();
    it.transport.backend('a', { afterMs: 5_000 }).backend('b', { afterMs: 20 });
    const { outcome, durationMs, exchange } = await it.passing();
    expect([outcome, durationMs]).toEqual([200, 70]);
    await it.clock.advance(10);
    expect(it.transport.sent.map(({ authority, outcome: said }) => [authority, said])).toEqual([
      ['a', 'aborted'],
      ['b', 200],
    ]);
    expect(exchange.attempts.map(({ reason, outcome: said }) => [reason, said])).toEqual([
      ['first', 'cancelled'],
      ['hedge', 200],
    ]);
  });

  it('are sent for a client that could leave, and not for one that has left', async () => {
    const it = two();
    it.transport.backend('a', { afterMs: 1_000 }).backend('b', { afterMs: 10 });
    const { signal } = new AbortController();
    expect((await it.passing({ context: { signal } })).durationMs).toBe(60);
    const caller = new AbortController();
    it.transport.backend('b', { afterMs: 1_000 });
    const before = it.transport.sent.length;
    const asking = it.ask({ context: { signal: caller.signal } });
    await it.clock.advance(49);
    caller.abort(new Error('client gone'));
    await it.clock.advance(1_000);
    expect([(await asking).outcome, it.transport.sent.length - before]).toEqual(['client gone', 1]);
  });

  it('lose to a first try that comes back before them, and free the connection of an answer nobody takes', async () => {
    const it = two();
    it.transport.backend('a', { afterMs: 60, body: chunks('a') }).backend('b', { afterMs: 10, body: chunks('b') });
    const { exchange } = await it.passing();
    expect(exchange.attempts).toHaveLength(2);
    await it.clock.advance(100);
    expect(it.transport.openBodies).toBe(0);
  });

  it('do not win with a failure', async () => {
    const it = two();
    it.transport.backend('a', { afterMs: 200, headers: { 'x-from': 'a' } }).backend('b', { afterMs: 10, status: 500 });
    const { response, durationMs } = await it.passing();
    expect([response?.status, response?.headers.get('x-from'), durationMs]).toEqual([200, 'a', 200]);
    it.transport.backend('a', { afterMs: 200, headers: { 'x-from': 'a' } }).backend('b', { afterMs: 10, ...reset });
    await it.passing();
    expect((await it.passing()).response?.headers.get('x-from')).toBe('a');
  });

  it.each<[string, UpstreamConfiguration, object]>([
    ['of other methods', {}, { method: 'POST' }],
    ['of a stream that has been read in part', {}, { method: 'PUT', body: chunks('a', 'b', 'c') }],
    ['without a budget', { hedge: { delayMs: 50, budgetRatio: 0 } }, {}],
    ['without a free place', { concurrency: { max: 1 } }, {}],
  ])('are not sent: %s', async (what, configuration, request) => {
    const it = two(configuration);
    if (what.includes('stream')) {
      it.transport.backend('a', (asked) => {
        void (asked.body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]().next();
        return { afterMs: 200, content: 'ignore' };
      });
    } else it.transport.backend('a', { afterMs: 200 });
    it.transport.backend('b', { afterMs: 10 });
    expect((await it.passing({ request })).exchange.attempts).toHaveLength(1);
  });

  it('are never sent while the breaker is not closed', async () => {
    const it = two({ circuitBreaker: { consecutiveFailures: 1 }, retry: { retries: 0 }, outlierEjection: false });
    it.transport.backend('a', reset).backend('b', reset);
    await it.passing();
    await it.clock.advance(1_000);
    it.transport.backend('a', { afterMs: 300 }).backend('b', { afterMs: 300 });
    expect((await it.passing()).exchange.attempts).toHaveLength(1);
  });

  it('give back every place and forget nobody in flight', async () => {
    const it = two({ concurrency: { max: 4, maxQueued: 0 } });
    it.transport.backend('a', () => ({ afterMs: 80, body: chunks('a') })).backend('b', () => ({ afterMs: 80, body: chunks('b') }));
    for (let n = 0; n < 20; n++) {
      const results = await Promise.all([it.passing(), it.ask()]);
      expect(results.map(({ outcome }) => outcome)).toEqual([200, 200]);
    }
    await it.clock.advance(1_000);
    const held = await Promise.all([1, 2, 3, 4].map(() => it.passing()));
    expect(held.map(({ outcome }) => outcome)).toEqual([200, 200, 200, 200]);
  });

  it('are not sent with content that is being read by the first, and are when it was read to its end', async () => {
    const it = two({ retry: { retries: 0 } });
    const slowly = async function* () {
      yield new TextEncoder().encode('ab');
      await it.clock.sleep(200);
      yield new TextEncoder().encode('cd');
    };
    it.transport.backend('a', { afterMs: 100 }).backend('b', { afterMs: 100 });
    await it.passing({ request: { method: 'PUT', body: slowly() } });
    expect(it.transport.sent.map(({ content }) => text(content))).toEqual(['abcd']);
    await it.passing({ request: { method: 'PUT', body: chunks('ef', 'gh') } });
    expect(it.transport.sent.slice(1).map(({ content }) => text(content))).toEqual(['efgh', 'efgh']);
  });

  it('are not sent with a stream that the first, which is still connecting, has not begun to read', async () => {
    const it = two();
    const send = it.transport.send.bind(it.transport);
    it.transport.send = async (request, options) => {
      await it.clock.sleep(100);
      return send(request, options);
    };
    it.transport.backend('a', { afterMs: 100 }).backend('b', { afterMs: 100 });
    const slowly = async function* () {
      for (const part of ['a', 'b', 'c', 'd']) {
        yield new TextEncoder().encode(part);
        await it.clock.sleep(20);
      }
    };
    await it.passing({ request: { method: 'PUT', body: slowly() } });
    expect(it.transport.sent.map(({ content }) => text(content))).toEqual(['abcd']);
  });

  it('that have no budget give their place back', async () => {
    const it = two({ hedge: { delayMs: 50, budgetRatio: 0 }, concurrency: { max: 3, maxQueued: 0 } });
    it.transport.backend('a', { afterMs: 200 }).backend('b', { afterMs: 200 });
    for (let n = 0; n < 5; n++) expect((await it.passing()).outcome).toBe(200);
    const together = Promise.all([it.ask(), it.ask(), it.ask()]);
    await it.clock.advance(1_000);
    expect((await together).map(({ outcome }) => outcome)).toEqual([200, 200, 200]);
  });

  it('learn nothing of what is usual from failures', async () => {
    const it = two({ hedge: {}, circuitBreaker: false, outlierEjection: false });
    it.transport.backend('a', { afterMs: 1, status: 500 }).backend('b', { afterMs: 1, status: 500 });
    await it.traffic(20, 4);
    it.transport.backend('a', { afterMs: 300 }).backend('b', { afterMs: 300 });
    await it.passing();
    expect(it.transport.sent).toHaveLength(80 + 1);
  });

  it('are one in ten seconds for little traffic, and none with a budget of nothing', async () => {
    for (const [budgetRatio, hedges] of [
      [0.01, 1],
      [0, 0],
    ] as const) {
      const it = two({ hedge: { delayMs: 50, budgetRatio } });
      it.transport.backend('a', { afterMs: 200 }).backend('b', { afterMs: 200 });
      for (let n = 0; n < 5; n++) await it.passing();
      expect(it.transport.sent).toHaveLength(5 + hedges);
    }
  });

  it('stay within 5 % of the requests by default, when everything is slow', async () => {
    const it = two({ hedge: { delayMs: 50 }, concurrency: { max: 1_000 } });
    it.transport.backend('a', { afterMs: 300 }).backend('b', { afterMs: 300 });
    const results = await it.traffic(100, 20);
    const hedges = results.flatMap(({ exchange }) => exchange.attempts.filter(({ reason }) => reason === 'hedge')).length;
    expect(hedges).toBeGreaterThan(50);
    expect(hedges).toBeLessThanOrEqual(2_000 * 0.05 + 2);
  });

  it('wait for the p95 of what was seen where no delay is configured', async () => {
    const it = two({ hedge: {} });
    it.transport.backend('a', { afterMs: 40 }).backend('b', { afterMs: 40 });
    await it.traffic(20, 4);
    it.transport.backend('a', { afterMs: 5_000 });
    const results = [await it.passing(), await it.passing()];
    expect(results.map(({ durationMs }) => durationMs).toSorted((x, y) => x - y)).toEqual([40, expect.closeTo(83, -1)]);
  });
});

describe('what a client that left, or nobody waited for, teaches', () => {
  it('is nothing about the latency of its target', async () => {
    const it = new SimulatedUpstreams({ main: { targets: [{ url: 'http://a' }, { url: 'http://b' }] } });
    it.transport.backend('a', { afterMs: 10 }).backend('b', { afterMs: 10 });
    await it.traffic(50, 2);
    it.transport.backend('a', { afterMs: 5_000 });
    for (let n = 0; n < 20; n++) {
      const caller = new AbortController();
      const asking = it.ask({ context: { signal: caller.signal } });
      await it.clock.advance(2_000);
      caller.abort(new Error('client gone'));
      await asking;
    }
    it.transport.backend('a', { afterMs: 10 });
    const before = it.transport.count('a');
    await it.traffic(50, 4);
    // Its share is what it was.
    expect((it.transport.count('a') - before) / 200).toBeGreaterThan(0.3);
    expect((it.transport.count('a') - before) / 200).toBeLessThan(0.7);
  });

  it('is no failure for admission control', async () => {
    const it = one({ circuitBreaker: false, admission: {} });
    it.transport.backend('a', { afterMs: 10_000 });
    for (let n = 0; n < 200; n++) {
      const caller = new AbortController();
      const asking = it.ask({ context: { signal: caller.signal } });
      await it.clock.advance(50);
      caller.abort(new Error('client gone'));
      expect((await asking).outcome).toBe('client gone');
    }
  });
});

describe('what we refuse ourselves', () => {
  it('is no failure for admission control: content that is too large, nobody to be asked, no socket to be had', async () => {
    const large = one({ circuitBreaker: false, admission: {} });
    large.transport.backend('a', {});
    const body: AsyncIterable<Uint8Array> = {
      [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new RequestRejected(413, 'too large')) }),
    };
    const refused = await large.traffic(20, 20, { request: { method: 'POST', body } });
    const nobody = one({ url: undefined, targets: [], circuitBreaker: false, admission: {} });
    const asked = await nobody.traffic(20, 20);
    const ours = one({ circuitBreaker: false, admission: {} });
    ours.transport.backend('a', failure('connection_limit_reached', false));
    const failed = await ours.traffic(20, 20);
    const outcomes = [refused, asked, failed].map((results) => [...new Set(results.map(({ outcome }) => outcome))]);
    expect(outcomes).toEqual([['too large'], ['no_healthy_target'], ['connection_limit_reached']]);
  });
});

describe('requests in flight', () => {
  it('of a target are those whose answer has not ended, also after retries and broken answers', async () => {
    const it = new SimulatedUpstreams({
      main: {
        targets: [{ url: 'http://a' }, { url: 'http://b' }],
        balance: { policy: 'leastRequests' },
        circuitBreaker: false,
        outlierEjection: false,
        retry: { budgetRatio: 1 },
      },
    });
    let broken = true;
    it.transport.backend('b', () => ({ body: chunks('b') }));
    it.transport.backend('a', (_request, count) => {
      if (!broken) return { body: chunks('a') };
      if (count % 2 === 0) return { status: 503, body: chunks('no') };
      return {
        body: (async function* () {
          yield new Uint8Array(1);
          throw new UpstreamError('http_response_incomplete', true);
        })(),
      };
    });
    for (let n = 0; n < 60; n++) {
      const asked = Promise.allSettled([it.ask()]);
      await it.clock.advance(100);
      await asked;
    }
    expect(it.transport.count('a')).toBeGreaterThan(15);
    broken = false;
    // Whoever held on to a request of the past would be asked for less now.
    const held = await Promise.all(Array.from({ length: 10 }, () => it.askOnly()));
    const targets = held.map(({ exchange }) => exchange.attempts[0]?.target);
    expect([targets.filter((name) => name === 'a:80').length, targets.filter((name) => name === 'b:80').length]).toEqual([5, 5]);
  });

  it('hold their place no longer than it takes to answer, when the answer came whole', async () => {
    const it = one({ concurrency: { max: 1, maxQueued: 0 } });
    for (const body of [undefined, 'text', new Uint8Array(3)]) {
      it.transport.backend('a', { body });
      expect([(await it.askOnly()).outcome, (await it.askOnly()).outcome]).toEqual([200, 200]);
    }
  });
});

describe('a fall-back upstream', () => {
  const withSpare = (configuration: UpstreamConfiguration = {}) => {
    const it = one({ retry: { retries: 0 }, fallback: 'spare', ...configuration }, { spare: { url: 'http://b' } });
    it.transport.backend('b', { headers: { 'x-from': 'spare' } });
    return it;
  };

  it.each<[string, object, object, number | string]>([
    ['the try failed', reset, {}, 'connection_terminated'],
    ['the answer was a failure', { status: 503 }, {}, 503],
    ['the connection was refused, whatever the method', refusedConnection, { method: 'POST', body: 'x' }, 'connection_refused'],
  ])('answers when %s', async (_what, answer, request, reason) => {
    const it = withSpare();
    it.transport.backend('a', answer);
    const { response, exchange } = await it.passing({ request });
    expect([response?.headers.get('x-from'), exchange.upstream]).toEqual(['spare', 'spare']);
    expect(exchange.attempts.map(({ target }) => target)).toEqual(['a:80', 'b:80']);
    expect(exchange.fallback?.reason).toBe(reason);
  });

  it('answers when the circuit is open or nobody is there to be asked', async () => {
    const open = withSpare({ circuitBreaker: { consecutiveFailures: 1 } });
    open.transport.backend('a', reset);
    await open.passing();
    const { response, exchange } = await open.passing();
    expect([response?.headers.get('x-from'), exchange.fallback?.reason]).toEqual(['spare', 'circuit_open']);
    expect(open.transport.count('a')).toBe(1);
    const nobody = withSpare({ url: undefined, targets: [] });
    const passed = await nobody.passing();
    expect([passed.response?.headers.get('x-from'), passed.exchange.fallback?.reason]).toEqual(['spare', 'no_healthy_target']);
  });

  it('is not asked for what may not be sent twice, for overload, for a client that left, or for a fault of the request', async () => {
    const it = withSpare({ concurrency: { max: 1, maxQueued: 0 } });
    it.transport.backend('a', reset);
    expect((await it.passing({ request: { method: 'POST', body: 'x' } })).outcome).toBe('connection_terminated');
    it.transport.backend('a', { afterMs: 1_000 });
    const caller = new AbortController();
    const first = it.ask({ context: { signal: caller.signal } });
    await it.clock.advance(10);
    expect((await it.ask()).outcome).toBe('overloaded');
    caller.abort(new Error('client gone'));
    expect((await first).outcome).toBe('client gone');
    it.transport.backend('a', { status: 404 });
    expect((await it.passing()).outcome).toBe(404);
    expect(it.transport.count('b')).toBe(0);
  });

  it('is not asked when the time is over, nor with content of which the first has taken a part', async () => {
    const late = withSpare();
    late.transport.backend('a', { afterMs: Infinity });
    expect((await late.passing({ timeoutMs: 300 })).outcome).toBe('http_response_timeout');
    const partly = withSpare({ retry: { retries: 0, maxBufferedBytes: 3 } });
    partly.transport.backend('a', reset);
    expect((await partly.passing({ request: { method: 'PUT', body: chunks('ab', 'cd') } })).outcome).toBe('connection_terminated');
    partly.transport.backend('a', { status: 503 });
    expect((await partly.passing({ request: { method: 'PUT', body: chunks('ab', 'cd') } })).outcome).toBe(503);
    expect([late.transport.count('b'), partly.transport.count('b')]).toEqual([0, 0]);
  });

  it('gets the content again, and the connection of what it replaces is free', async () => {
    const it = withSpare();
    it.transport.backend('a', { status: 503, body: chunks('no') });
    const { outcome } = await it.passing({ request: { method: 'PUT', body: chunks('ab', 'cd') } });
    expect([outcome, it.transport.openBodies]).toEqual([200, 0]);
    expect(it.transport.sent.map(({ content }) => text(content))).toEqual(['abcd', 'abcd']);
  });

  it('is not asked when the time is over with the answer: that one is passed on', async () => {
    const it = withSpare();
    it.transport.backend('a', { status: 503 });
    const send = it.transport.send.bind(it.transport);
    it.transport.send = async (request, options) => {
      const response = await send(request, options);
      await it.clock.sleep(100);
      return response;
    };
    const { outcome, exchange } = await it.passing({ timeoutMs: 100 });
    expect([outcome, exchange.upstream, exchange.fallback]).toEqual([503, 'main', undefined]);
  });

  it('may have one of its own', async () => {
    const it = one({ fallback: 'b' }, { b: { url: 'http://b', fallback: 'c' }, c: { url: 'http://c' } });
    it.transport.backend('a', refusedConnection).backend('b', refusedConnection).backend('c', {});
    expect((await it.passing()).exchange.upstream).toBe('c');
  });
});

describe('refusals', () => {
  it('say when asking again may help, in whole seconds', async () => {
    const it = one({ retry: { retries: 0 }, circuitBreaker: { openMs: 2_500 } });
    it.transport.backend('a', { status: 500 });
    for (let n = 0; n < 5; n++) await it.ask();
    expect((await it.ask()).error).toMatchObject({ reason: 'circuit_open', retryAfterSeconds: 3 });
    await it.clock.advance(2_400);
    expect((await it.ask()).error).toMatchObject({ reason: 'circuit_open', retryAfterSeconds: 1 });
  });

  it('earn no retries: the budget is a share of what was sent', async () => {
    const it = one({ circuitBreaker: { consecutiveFailures: 4 }, retry: { budgetRatio: 0.2, budgetMinPerSecond: 0 } });
    it.transport.backend('a', reset);
    for (let n = 0; n < 4; n++) await it.passing();
    for (let n = 0; n < 100; n++) expect((await it.ask()).outcome).toBe('circuit_open');
    await it.clock.advance(1_000);
    it.transport.backend('a', {});
    for (let n = 0; n < 2; n++) expect((await it.ask()).outcome).toBe(200);
    it.transport.backend('a', reset);
    // One in five of eight.
    expect([await it.passing(), await it.passing()].map(({ exchange }) => exchange.attempts.length)).toEqual([2, 1]);
  });

  it('shed after good times too, with the usual latency in mind', async () => {
    const it = one({ retry: { retries: 0 }, circuitBreaker: false, admission: {} });
    it.transport.backend('a', { afterMs: 20 });
    await it.traffic(20, 5);
    it.transport.backend('a', { afterMs: 20, status: 500 });
    const results = await it.traffic(20, 40);
    expect(results.slice(-400).filter(({ outcome }) => outcome === 'shed').length).toBeGreaterThan(200);
  });

  it('shed at random when most requests fail, with neither breaker nor queue involved', async () => {
    const it = one({ retry: { retries: 0 }, circuitBreaker: false, admission: {} });
    it.transport.backend('a', { status: 500 });
    const results = await it.traffic(50, 30);
    const shed = results.filter(({ outcome }) => outcome === 'shed').length;
    expect(shed / results.length).toBeGreaterThan(0.6);
    expect(it.transport.count('a')).toBe(results.length - shed);
  });
});
