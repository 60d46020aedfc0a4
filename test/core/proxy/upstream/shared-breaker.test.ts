import { describe, expect, it } from 'vitest';
import { PortError, UpstreamError } from '../../../../core/ports/index.ts';
import type { KeyValueStore } from '../../../../core/ports/index.ts';
import { MemoryStore } from '../../../../core/storage/memory-store.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import type { SimulatedAnswer, SimulatedBackend } from '../../../support/simulated-transport.ts';
import { SimulatedUpstreams } from '../../../support/simulated-upstreams.ts';

/** Counts what it is asked for, and fails or takes its time when told to. */
class CountingStore extends MemoryStore {
  reads = 0;
  writes = 0;
  failing = false;
  deadlines: (number | undefined)[] = [];
  delay: () => Promise<void> = async () => undefined;

  override async get(...given: Parameters<KeyValueStore['get']>): ReturnType<KeyValueStore['get']> {
    this.reads++;
    this.deadlines.push(given[1]?.deadline);
    await this.delay();
    if (this.failing) throw new PortError('unavailable', 'key-value-store.get');
    return super.get(...given);
  }

  override async create(...given: Parameters<KeyValueStore['create']>): ReturnType<KeyValueStore['create']> {
    this.writes++;
    return super.create(...given);
  }

  override async replace(...given: Parameters<KeyValueStore['replace']>): ReturnType<KeyValueStore['replace']> {
    this.writes++;
    return super.replace(...given);
  }
}

/** So many instances of one function, over one store and one backend. */
function fleet(n: number, circuitBreaker = {}) {
  const clock = new FakeClock();
  const store = new CountingStore();
  const instances = Array.from({ length: n }, (_, seed) => {
    const it = new SimulatedUpstreams(
      { main: { url: 'http://a', retry: { retries: 0 }, circuitBreaker: { shared: true, ...circuitBreaker } } },
      { clock, store, seed },
    );
    return it;
  });
  const backend = (answer: SimulatedAnswer | SimulatedBackend): void =>
    instances.forEach(({ transport }) => transport.backend('a', answer));
  const sent = (): number => instances.reduce((sum, { transport }) => sum + transport.count('a'), 0);
  const events = (): string[] => instances.flatMap(({ logger }) => logger.events);
  return { clock, store, instances, backend, sent, events };
}

describe('a shared circuit breaker', () => {
  it('opens on every instance within a second and a request of the first, and saves the upstream what each would have sent', async () => {
    const { clock, instances, backend, sent } = fleet(20);
    backend({ status: 500 });
    const [first, ...others] = instances;
    for (let n = 0; n < 5; n++) await first?.ask();
    await clock.advance(1_000);
    // One request each until they have looked; without sharing it would be 5 each.
    for (const other of others) await other.ask();
    await clock.advance(0);
    expect(sent()).toBe(5 + 19);
    const outcomes: unknown[] = [];
    for (const other of others) outcomes.push((await other.ask()).outcome);
    // The first was open for one second, which is over by now: a longer one is seen by all.
    expect(new Set(outcomes)).toEqual(new Set([500]));
    const long = fleet(20, { openMs: 30_000 });
    long.backend({ status: 500 });
    for (let n = 0; n < 5; n++) await long.instances[0]?.ask();
    await long.clock.advance(0);
    for (const other of long.instances.slice(1)) await other.ask();
    await long.clock.advance(0);
    for (const other of long.instances) expect((await other.ask()).outcome).toBe('circuit_open');
    expect(long.sent()).toBe(5 + 19);
  });

  it('that content opened which broke off is told at once, without another request', async () => {
    const { clock, store, instances, backend } = fleet(1);
    backend(() => ({
      body: (async function* () {
        yield new Uint8Array(1);
        throw new UpstreamError('http_response_incomplete', true);
      })(),
    }));
    for (let n = 0; n < 5; n++) await expect(instances[0]?.ask()).rejects.toThrow('http_response_incomplete');
    await clock.advance(0);
    expect(store.writes).toBe(1);
  });

  it('is read at most once a second, and not at all without requests', async () => {
    const { clock, store, instances, backend } = fleet(1);
    backend({});
    await instances[0]?.traffic(100, 10);
    expect(store.reads).toBeLessThanOrEqual(11);
    expect(store.reads).toBeGreaterThanOrEqual(9);
    const before = store.reads;
    await clock.advance(60_000);
    expect(store.reads).toBe(before);
  });

  it('closed by one instance is not opened again by what the others knew, and a fresh instance learns of none', async () => {
    const { clock, store, instances, backend } = fleet(2, { openMs: 5_000, probes: 1 });
    const [one, other] = instances;
    backend({ status: 500 });
    for (let n = 0; n < 5; n++) await one?.ask();
    await clock.advance(0);
    await other?.ask();
    await clock.advance(0);
    expect((await other?.ask())?.outcome).toBe('circuit_open');
    backend({});
    await clock.advance(5_000);
    for (let n = 0; n < 5; n++) {
      expect([(await one?.ask())?.outcome, (await other?.ask())?.outcome]).toEqual([200, 200]);
      await clock.advance(1_000);
    }
    expect((await store.list('circuit-breakers')).records).toEqual([]);
  });

  it('works on each instance by itself while the store fails, and says so once', async () => {
    const { clock, store, instances, backend, events } = fleet(1);
    const [one] = instances;
    store.failing = true;
    backend({ status: 500 });
    for (let n = 0; n < 5; n++) await one?.ask();
    await clock.advance(0);
    expect((await one?.ask())?.outcome).toBe('circuit_open');
    await clock.advance(999);
    await one?.ask();
    await clock.advance(5_000);
    backend({});
    expect((await one?.ask())?.outcome).toBe(200);
    await clock.advance(2_000);
    await one?.ask();
    expect(events().filter((event) => event === 'upstream.circuit.not_shared')).toHaveLength(1);
  });

  it('tells what it could not tell when the store works again, as long as it holds, asking once a second', async () => {
    for (const outageMs of [5_000, 40_000]) {
      const { clock, store, instances, backend } = fleet(2, { openMs: 30_000 });
      const [one, other] = instances;
      backend({ status: 500 });
      await one?.ask();
      store.failing = true;
      for (let n = 0; n < 4; n++) await one?.ask();
      const before = store.reads;
      backend({});
      for (let second = 0; second < outageMs / 1_000; second++) {
        for (let n = 0; n < 5; n++) await one?.ask();
        await clock.advance(1_000);
      }
      expect(store.reads - before).toBeLessThanOrEqual(outageMs / 1_000 + 1);
      store.failing = false;
      await one?.ask();
      await clock.advance(0);
      await other?.ask();
      await clock.advance(0);
      expect(other?.logger.events).toEqual(outageMs < 30_000 ? ['upstream.circuit.opened'] : []);
    }
  });

  it('says so again when the store fails a second time, after it has worked', async () => {
    const { clock, store, instances, backend, events } = fleet(1);
    backend({});
    for (const failing of [true, false, true, true]) {
      store.failing = failing;
      await instances[0]?.ask();
      await clock.advance(1_000);
    }
    expect(events()).toEqual(['upstream.circuit.not_shared', 'upstream.circuit.not_shared']);
  });

  it('has one call of the store under way at a time, however slow it is, with a second for each', async () => {
    const { clock, store, instances, backend } = fleet(1);
    backend({});
    store.delay = () => clock.sleep(5_000);
    const began = clock.now();
    for (let n = 0; n < 8; n++) {
      await instances[0]?.ask();
      await clock.advance(500);
    }
    expect(store.reads).toBe(1);
    expect(store.deadlines).toEqual([began + 1_000]);
  });

  it('tells of an opened circuit once, and logs one that it learned of as shared', async () => {
    const { clock, store, instances, backend } = fleet(2, { openMs: 30_000 });
    const [one, other] = instances;
    backend({ status: 500 });
    for (let n = 0; n < 5; n++) await one?.ask();
    for (let n = 0; n < 5; n++) {
      await clock.advance(1_000);
      await one?.ask();
    }
    expect(store.writes).toBe(1);
    await other?.ask();
    await clock.advance(0);
    expect(other?.logger.lines).toEqual([
      { severity: 'warn', event: 'upstream.circuit.opened', attributes: { upstream: 'main', 'open.ms': 25_000, shared: true } },
    ]);
  });

  it('is closed for all by whoever finds the upstream well, also when the one that opened it has gone', async () => {
    const { clock, store, instances, backend } = fleet(3, { openMs: 5_000, probes: 1 });
    const [gone, here, fresh] = instances;
    backend({ status: 500 });
    for (let n = 0; n < 5; n++) await gone?.ask();
    await clock.advance(0);
    await here?.ask();
    await clock.advance(0);
    expect((await here?.ask())?.outcome).toBe('circuit_open');
    backend({});
    await clock.advance(5_000);
    expect((await here?.ask())?.outcome).toBe(200);
    await clock.advance(0);
    expect((await store.list('circuit-breakers')).records).toEqual([]);
    expect((await fresh?.ask())?.outcome).toBe(200);
  });

  it('does not take up a record whose time is over, nor one while it is open itself', async () => {
    const { clock, store, instances, backend, events } = fleet(1, { openMs: 10_000 });
    const key = { partition: 'circuit-breakers', id: 'main' };
    const over = await store.create({ ...key, value: JSON.stringify({ openUntil: clock.now() - 1, opens: 3 }) });
    backend({});
    await instances[0]?.ask();
    await clock.advance(0);
    expect((await instances[0]?.ask())?.outcome).toBe(200);
    backend({ status: 500 });
    await clock.advance(1_000);
    for (let n = 0; n < 5; n++) await instances[0]?.ask();
    await clock.advance(500);
    const { version } = (await store.get(key)) ?? {};
    expect([over.created, version === undefined]).toEqual([true, false]);
    if (version !== undefined) {
      await store.replace({ ...key, value: JSON.stringify({ openUntil: clock.now() + 60_000, opens: 3 }) }, version);
    }
    await clock.advance(1_000);
    // Its own ten seconds are what counts for it.
    expect((await instances[0]?.ask())?.error).toMatchObject({ reason: 'circuit_open', retryAfterSeconds: 9 });
    await clock.advance(0);
    expect((await instances[0]?.ask())?.error).toMatchObject({ reason: 'circuit_open', retryAfterSeconds: 9 });
    expect(events().filter((event) => event.startsWith('upstream.circuit'))).toEqual(['upstream.circuit.opened']);
  });

  it.each(['{"openUntil":"for ever"}', '{"openUntil":9e15}', '{"opens":1}', 'null', 'open'])(
    'does not believe %s, which nobody here wrote',
    async (value) => {
      const { clock, store, instances, backend, events } = fleet(1);
      await store.create({ partition: 'circuit-breakers', id: 'main', value });
      backend({});
      await instances[0]?.ask();
      await clock.advance(0);
      expect((await instances[0]?.ask())?.outcome).toBe(200);
      expect(events()).toEqual(['upstream.circuit.not_shared']);
    },
  );

  it('of another instance opens no longer than the own maximum, whatever its clock says', async () => {
    const { clock, store, instances, backend } = fleet(1, { maxOpenMs: 2_000 });
    const openUntil = clock.now() + 1e9;
    await store.create({ partition: 'circuit-breakers', id: 'main', value: JSON.stringify({ openUntil, opens: 3 }) });
    backend({});
    await instances[0]?.ask();
    await clock.advance(0);
    expect((await instances[0]?.ask())?.error).toMatchObject({ reason: 'circuit_open', retryAfterSeconds: 2 });
    await clock.advance(2_000);
    expect((await instances[0]?.ask())?.outcome).toBe(200);
  });
});
