import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../../../adapters/node/node-crypto.ts';
import type { CallOptions, KeyValueStore, RecordKey, RequestContext } from '../../../../core/ports/index.ts';
import { PortError } from '../../../../core/ports/index.ts';
import type { ProxyConfiguration } from '../../../../core/proxy/configuration.ts';
import { LiveConfiguration } from '../../../../core/proxy/live/live-configuration.ts';
import { StoredConfigurations } from '../../../../core/proxy/live/stored-configurations.ts';
import { durable } from '../../../../core/storage/durable.ts';
import { MemoryStore } from '../../../../core/storage/memory-store.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

class Made {
  closed = 0;
  /** What closing waits for: exchanges that go on. */
  drained: Promise<void> = Promise.resolve();
  readonly body: string;
  constructor(body: string) {
    this.body = body;
  }
  close(): Promise<void> {
    this.closed++;
    return this.drained;
  }
}

function document(body: string): ProxyConfiguration {
  return { routes: [{ id: 'r', respond: { status: 200, body } }] };
}

function world() {
  const clock = new FakeClock();
  const inner = durable(new MemoryStore(), { clock, crypto: nodeCrypto });
  const faults = { down: false, hanging: false, reads: 0, deadlines: [] as number[] };
  const store: KeyValueStore = {
    create: (record, options) => inner.create(record, options),
    replace: (record, version, options) => inner.replace(record, version, options),
    delete: (key, version, options) => inner.delete(key, version, options),
    list: (partition, options) => inner.list(partition, options),
    check: (options) => inner.check(options),
    get(key: RecordKey, options?: CallOptions) {
      faults.reads++;
      faults.deadlines.push((options?.deadline ?? Infinity) - clock.now());
      if (faults.hanging) return new Promise(() => undefined);
      return faults.down ? Promise.reject(new PortError('unavailable', 'get')) : inner.get(key, options);
    },
  };
  const events: string[] = [];
  const made: Made[] = [];
  const deployed: Made[] = [];
  const live = new LiveConfiguration<Made>(
    new StoredConfigurations(store, nodeCrypto, clock),
    () => {
      const one = new Made('deployed');
      deployed.push(one);
      return one;
    },
    (given) => {
      const body = given.routes?.[0]?.respond?.body ?? '';
      if (body === 'wrong') throw new TypeError('/routes/0 is wrong');
      const one = new Made(body);
      made.push(one);
      return one;
    },
    { clock, logger: { log: (_severity, event) => void events.push(event) } },
    5_000,
  );
  const pending: Promise<unknown>[] = [];
  const context: RequestContext = {
    source: 'test',
    requestId: 'r',
    clientAddress: undefined,
    deadline: Number.MAX_SAFE_INTEGER,
    waitUntil: (work) => void pending.push(work),
  };
  return {
    clock,
    faults,
    events,
    made,
    deployed,
    pusher: new StoredConfigurations(inner, nodeCrypto, clock),
    async serve() {
      const { version, proxy } = await live.current(context);
      await Promise.all(pending.splice(0));
      return [version, proxy.body];
    },
    live,
    context,
    pending,
  };
}

describe('the live configuration', () => {
  it('is the deployed one until something is pushed, and follows at the first request after pollMs', async () => {
    const { serve, pusher, clock, made, events } = world();
    expect(await serve()).toEqual(['deployed', 'deployed']);
    await pusher.push(document('one'), undefined, undefined);
    await clock.advance(5_000);
    expect(await serve()).toEqual(['1', 'one']);
    await pusher.push(document('two'), undefined, undefined);
    await clock.advance(60_000);
    expect(await serve()).toEqual(['2', 'two']);
    expect(made[0]?.closed).toBe(1);
    await pusher.activate(1, undefined);
    await clock.advance(5_000);
    expect(await serve()).toEqual(['1', 'one']);
    expect(events).toEqual(['configuration.activated', 'configuration.activated', 'configuration.activated']);
  });

  it('is the deployed one again when the first push was rolled back, made anew', async () => {
    const { serve, pusher, clock, made, deployed, events } = world();
    await pusher.push(document('one'), undefined, undefined);
    expect(await serve()).toEqual(['1', 'one']);
    await pusher.activate(undefined, undefined);
    await clock.advance(5_000);
    expect(await serve()).toEqual(['deployed', 'deployed']);
    expect([deployed.map(({ closed }) => closed), made.map(({ closed }) => closed)]).toEqual([[1, 0], [1]]);
    await clock.advance(5_000);
    expect(await serve()).toEqual(['deployed', 'deployed']);
    expect(events).toEqual(['configuration.activated', 'configuration.activated']);
    await pusher.push(document('two'), undefined, undefined);
    await clock.advance(5_000);
    expect(await serve()).toEqual(['2', 'two']);
  });

  it('is never older than pollMs when requests come steadily, and none of them waits', async () => {
    const { serve, pusher, clock, live, context, pending } = world();
    await serve();
    await pusher.push(document('one'), undefined, undefined);
    await clock.advance(2_600);
    expect(live.current(context)).not.toBeInstanceOf(Promise);
    await Promise.all(pending);
    expect(await serve()).toEqual(['1', 'one']);
  });

  it('costs one small read per check, however many requests come', async () => {
    const { serve, clock, faults } = world();
    await serve();
    const before = faults.reads;
    for (let at = 0; at < 100; at++) await serve();
    expect(faults.reads).toBe(before);
    await clock.advance(5_000);
    await Promise.all(Array.from({ length: 10 }, serve));
    expect(faults.reads).toBe(before + 1);
  });

  it('goes on with the last good one while the store is down or hangs, a second at the most', async () => {
    const { serve, pusher, clock, faults, events, live, context } = world();
    await pusher.push(document('one'), undefined, undefined);
    expect(await serve()).toEqual(['1', 'one']);
    faults.down = true;
    await clock.advance(10_000);
    expect(await serve()).toEqual(['1', 'one']);
    expect(events).toContain('configuration.not_checked');
    faults.hanging = true;
    await clock.advance(10_000);
    const waiting = live.current(context);
    await clock.advance(1_000);
    expect((await waiting).version).toBe('1');
  });

  it('refuses a configuration that cannot be compiled as a whole, says so once, and takes the next', async () => {
    const { serve, pusher, clock, events } = world();
    await pusher.push(document('one'), undefined, undefined);
    await serve();
    await pusher.push(document('wrong'), undefined, undefined);
    for (let at = 0; at < 3; at++) {
      await clock.advance(5_000);
      expect(await serve()).toEqual(['1', 'one']);
    }
    expect(events.filter((event) => event === 'configuration.refused')).toHaveLength(1);
    await pusher.push(document('three'), undefined, undefined);
    await clock.advance(5_000);
    expect(await serve()).toEqual(['3', 'three']);
  });

  it('follows on while exchanges of the configuration before go on for hours, and no request waits for them', async () => {
    const { serve, pusher, clock, made, live, context } = world();
    await pusher.push(document('one'), undefined, undefined);
    await serve();
    made[0]!.drained = new Promise(() => undefined);
    for (const body of ['two', 'three']) {
      await pusher.push(document(body), undefined, undefined);
      await clock.advance(5_000);
      expect((await live.current(context)).proxy.body).toBe(body);
    }
    expect(made.map(({ closed }) => closed)).toEqual([1, 1, 0]);
  });

  it('says when the configuration before cannot be closed', async () => {
    const { serve, pusher, clock, made, events } = world();
    await pusher.push(document('one'), undefined, undefined);
    await serve();
    made[0]!.close = () => Promise.reject(new Error('planted'));
    await pusher.push(document('two'), undefined, undefined);
    await clock.advance(5_000);
    expect(await serve()).toEqual(['2', 'two']);
    expect(events).toContain('configuration.not_closed');
  });

  it('makes nobody wait longer than a second for one look, however many requests come while it hangs', async () => {
    const { serve, clock, faults, live, context } = world();
    await serve();
    faults.hanging = true;
    await clock.advance(5_000);
    const first = live.current(context);
    await clock.advance(1_000);
    expect((await first).version).toBe('deployed');
    expect(live.current(context)).not.toBeInstanceOf(Promise);
  });

  it('looks again when the clock was set back', async () => {
    const { serve, pusher, clock } = world();
    await serve();
    await pusher.push(document('one'), undefined, undefined);
    clock.set(clock.now() - 3_600_000);
    expect(await serve()).toEqual(['1', 'one']);
  });

  it('starts nothing once it is closed, though a look was under way', async () => {
    const { pusher, made, live, context } = world();
    await pusher.push(document('one'), undefined, undefined);
    const waiting = live.current(context);
    await live.close();
    expect((await waiting).version).toBe('deployed');
    expect(made).toEqual([]);
  });

  it('gives a look at the store a second: a function that freezes has to wait for it before it answers', async () => {
    const { serve, pusher, faults } = world();
    await pusher.push(document('one'), undefined, undefined);
    expect(await serve()).toEqual(['1', 'one']);
    // the pointer, then the version and its parts, of which there may be many
    expect(faults.deadlines).toEqual([1_000, 5_000, 5_000]);
  });
});
