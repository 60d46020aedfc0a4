import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../../../adapters/node/node-crypto.ts';
import { bodyBytes } from '../../../../core/http/body.ts';
import { HeaderList } from '../../../../core/http/header-list.ts';
import type { HttpRequest, HttpResponse, KeyValueStore, PushBody, RequestContext } from '../../../../core/ports/index.ts';
import type { MirrorConfiguration } from '../../../../core/proxy/configuration.ts';
import type { Exchange } from '../../../../core/proxy/exchange.ts';
import { MirrorReport } from '../../../../core/proxy/migration/mirror-report.ts';
import { Mirror } from '../../../../core/proxy/migration/mirror.ts';
import { durable } from '../../../../core/storage/durable.ts';
import { MemoryStore } from '../../../../core/storage/memory-store.ts';
import { StoreCounters } from '../../../../core/storage/store-counters.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

function respond(content: string, status = 200): HttpResponse {
  return { status, headers: new HeaderList(['content-type', 'application/json']), body: content };
}

async function* chunks(...parts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield new TextEncoder().encode(part);
}

function world(configuration: Partial<MirrorConfiguration>, answer: (request: HttpRequest) => Promise<HttpResponse>) {
  const clock = new FakeClock();
  const inner = durable(new MemoryStore(), { clock, crypto: nodeCrypto });
  const faults = { down: false };
  const orDown = <T>(call: () => Promise<T>): Promise<T> => (faults.down ? Promise.reject(new Error('down')) : call());
  const store: KeyValueStore = {
    get: (key, options) => orDown(() => inner.get(key, options)),
    create: (record, options) => orDown(() => inner.create(record, options)),
    replace: (record, version, options) => orDown(() => inner.replace(record, version, options)),
    delete: (key, version, options) => orDown(() => inner.delete(key, version, options)),
    list: (partition, options) => orDown(() => inner.list(partition, options)),
    check: (options) => orDown(() => inner.check(options)),
  };
  let operations = 0;
  const report = new MirrorReport('route', {
    store,
    counters: new StoreCounters(store, clock),
    clock,
    operationId: () => `op-${operations++}`,
  });
  const logged: unknown[] = [];
  const copies: HttpRequest[] = [];
  const mirror = new Mirror(
    'route',
    { upstream: 'new', ...configuration },
    {
      upstream: {
        name: 'new',
        send: (request) => {
          copies.push(request);
          return answer(request);
        },
      },
      report,
      clock,
      random: () => 0.5,
      server: true,
      logger: { log: (_severity, event, attributes) => void logged.push({ event, ...attributes }) },
    },
  );
  const pending: Promise<unknown>[] = [];
  const start = (given: Partial<HttpRequest> = {}): ReturnType<Mirror['start']> => {
    const request: HttpRequest = {
      method: 'GET',
      scheme: 'http',
      authority: 'a.example',
      target: '/',
      headers: new HeaderList(),
      body: undefined,
      ...given,
    };
    const context: RequestContext = {
      source: 'test',
      requestId: 'r',
      clientAddress: undefined,
      deadline: clock.now() + 1_000,
      signal: AbortSignal.abort(),
      waitUntil: (work) => void pending.push(work),
    };
    const exchange: Exchange = {
      request,
      context,
      clientAddress: undefined,
      startedAt: clock.now(),
      deadline: context.deadline,
      routeId: 'route',
      upstream: 'old',
      side: undefined,
      attempts: [],
      errorType: undefined,
    };
    return mirror.start(request, exchange);
  };
  const totals = async () => {
    await Promise.all(pending.splice(0));
    await report.flush();
    return report.read();
  };
  return { clock, store: faults, start, totals, logged, copies, report, pending };
}

describe('a mirror', () => {
  it('copies safe requests, whose clients may be gone already, and waits for nobody', async () => {
    const { start, totals, copies } = world({}, async () => respond('{}'));
    expect(start()).toBeUndefined();
    expect(start({ method: 'POST', body: 'x' })).toBeUndefined();
    expect(await totals()).toMatchObject({ sent: 1, failed: 0, skipped: 0 });
    expect(copies).toHaveLength(1);
  });

  it('copies its share, and the methods it is told to', async () => {
    const all = world({ percent: 51, methods: ['POST'] }, async () => respond('{}'));
    all.start();
    all.start({ method: 'POST', body: 'x' });
    expect(await all.totals()).toMatchObject({ sent: 1 });
    const none = world({ percent: 50 }, async () => respond('{}'));
    none.start();
    expect(await none.totals()).toMatchObject({ sent: 0, skipped: 0 });
  });

  it('leaves out what is too much: copies on their way, long content, streams', async () => {
    const never = world({ maxInFlight: 2, methods: ['GET', 'PUT'], maxBodyBytes: 3 }, () => new Promise(() => undefined));
    for (let at = 0; at < 5; at++) never.start();
    await never.report.flush();
    expect(await never.report.read()).toMatchObject({ sent: 0, skipped: 3 });
    const { start, totals } = world({ methods: ['PUT'], maxBodyBytes: 3 }, async () => respond('{}'));
    start({ method: 'PUT', body: 'four' });
    start({ method: 'PUT', body: chunks('a') });
    start({ method: 'PUT', body: 'one' });
    expect(await totals()).toMatchObject({ sent: 1, skipped: 2 });
  });

  it('counts a copy that fails, and disturbs nobody', async () => {
    const { start, totals } = world({ compare: {} }, () => Promise.reject(new Error('refused')));
    const compare = start();
    const original = compare?.(respond('{"a":1}'));
    expect(new TextDecoder().decode(await bodyBytes(original?.body))).toBe('{"a":1}');
    expect(await totals()).toMatchObject({ failed: 1, compared: 0 });
  });

  it('compares the two answers and reports where they differ', async () => {
    const { start, totals, logged } = world({ compare: { ignorePointers: ['/at'] } }, async () => ({
      ...respond(''),
      body: chunks('{"at":2,', '"price":10}'),
    }));
    for (const price of [10, 11, 11]) {
      const compare = start();
      const streamed = { ...respond(''), body: chunks('{"at":1,', `"price":${price}}`) };
      const original = compare?.(streamed);
      expect(new TextDecoder().decode(await bodyBytes(original?.body))).toBe(`{"at":1,"price":${price}}`);
    }
    expect(await totals()).toEqual({
      sent: 3,
      compared: 3,
      differing: 2,
      failed: 0,
      skipped: 0,
      places: [{ place: 'content /price', count: 2 }],
    });
    expect(logged).toHaveLength(2);
    expect(logged[0]).toMatchObject({ event: 'migration.answers_differ', differences: 'content /price' });
  });

  it('compares what passed, also where its memory is taken back behind it', async () => {
    const { start, totals, logged } = world({ compare: {} }, async () => respond('{"price":10}'));
    const passing: PushBody = {
      pushTo(sink) {
        const chunk = new TextEncoder().encode('{"price":10}');
        sink.write(chunk, () => chunk.fill(0));
        sink.end();
        return { resume: () => undefined, cancel: () => undefined };
      },
      [Symbol.asyncIterator]: () => expect.unreachable('it can push'),
    };
    const body = start()?.({ ...respond(''), body: passing }).body as PushBody;
    body.pushTo({
      write(chunk, spent) {
        spent?.(chunk);
        return true;
      },
      end: () => undefined,
      abort: () => undefined,
    });
    expect(await totals()).toMatchObject({ compared: 1 });
    expect(logged).toEqual([]);
  });

  it('does not take an answer that broke off, or is too long, for one that differs', async () => {
    const { start, totals } = world({ compare: { maxBodyBytes: 10 } }, async () => respond('"a much longer answer"'));
    const compare = start();
    const original = compare?.({ ...respond(''), body: chunks('"also a long', ' answer, and another one"') });
    await bodyBytes(original?.body);
    expect(await totals()).toMatchObject({ compared: 1, differing: 0 });
  });
});

describe('a mirror whose original', () => {
  it('fails goes on in the background: the platform knows of the copy from the start', async () => {
    const answered = Promise.withResolvers<HttpResponse>();
    const { start, pending, report } = world({ compare: {} }, () => answered.promise);
    start();
    expect(pending).toHaveLength(1);
    answered.resolve(respond('{}'));
    await Promise.all(pending);
    await report.flush();
    expect(await report.read()).toMatchObject({ sent: 1, compared: 0 });
  });
});

describe('a mirror report', () => {
  it('keeps what it could not tell, and tells it when the store is back', async () => {
    const { report, store } = world({}, async () => respond('{}'));
    report.compared(['content /a']);
    store.down = true;
    expect(report.isTold).toBe(false);
    await expect(report.flush()).rejects.toThrow('down');
    expect(report.isTold).toBe(false);
    report.compared(['content /a']);
    await expect(report.flush()).rejects.toThrow('down');
    store.down = false;
    await report.flush();
    expect(report.isTold).toBe(true);
    expect(await report.read()).toMatchObject({ compared: 2, differing: 2, places: [{ place: 'content /a', count: 2 }] });
  });

  it('is not told while the store has not answered', async () => {
    const { report, store } = world({}, async () => respond('{}'));
    report.count('sent');
    store.down = true;
    const telling = report.flush();
    expect(report.isTold).toBe(false);
    await expect(telling).rejects.toThrow('down');
    store.down = false;
    await report.flush();
    expect(report.isTold).toBe(true);
  });

  it('is told again when the clock was set back', async () => {
    const { report, clock } = world({}, async () => respond('{}'));
    report.count('sent');
    await report.flushIfDue();
    clock.set(clock.now() - 3_600_000);
    report.count('sent');
    await report.flushIfDue();
    expect(await report.read()).toMatchObject({ sent: 2 });
  });

  it('adds up what instances found, and tells fifty places apart', async () => {
    const { report } = world({}, async () => respond('{}'));
    for (let at = 0; at < 80; at++) report.compared([`content /${at}`]);
    report.compared([]);
    await report.flush();
    report.compared(['content /1']);
    await report.flush();
    const { compared, differing, places } = await report.read();
    expect([compared, differing]).toEqual([82, 81]);
    expect(places).toHaveLength(51);
    expect(places[0]).toEqual({ place: 'other', count: 30 });
    expect(places[1]).toEqual({ place: 'content /1', count: 2 });
  });
});
