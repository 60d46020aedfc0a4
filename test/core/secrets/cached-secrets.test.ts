import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { PortError } from '../../../core/ports/index.ts';
import type { CallOptions, PortErrorCode, Secrets, SecretVersion } from '../../../core/ports/index.ts';
import { CachedSecrets } from '../../../core/secrets/cached-secrets.ts';
import type { SecretAges } from '../../../core/secrets/cached-secrets.ts';
import { defaultRetryPolicy, newRetrier, RetryBudget } from '../../../core/storage/retry.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { MemorySecrets } from '../../support/memory-secrets.ts';

let clock: FakeClock;
let source: MemorySecrets;

function cache(options: { random?: () => number; ages?: SecretAges; maxAttempts?: number; told?: string[] } = {}): CachedSecrets {
  const { random = () => 0.5, ages, maxAttempts = 1, told = [] } = options;
  const retrier = { clock, random, policy: { ...defaultRetryPolicy, maxAttempts }, budget: new RetryBudget() };
  return new CachedSecrets(source, retrier, ages, (value) => told.push(value));
}

const failure = (code: PortErrorCode): unknown => expect.objectContaining({ name: 'PortError', code });

async function outcome(call: () => unknown): Promise<unknown> {
  try {
    return await call();
  } catch (error) {
    return error;
  }
}

beforeEach(() => {
  clock = new FakeClock();
  source = new MemorySecrets({ a: 'one', b: 'other' });
});

describe('a cached secret', () => {
  it('is read once while it is young, and given at once from then on', async () => {
    const secrets = cache();
    expect(await secrets.current('a')).toEqual({ value: 'one', version: 'v1' });
    await clock.advance(299_999);
    expect(secrets.current('a')).toEqual({ value: 'one', version: 'v1' });
    expect(source.reads).toEqual(['a/current']);
  });

  it('is read once for 1,000 callers at the same time', async () => {
    const secrets = cache();
    const values = await Promise.all(Array.from({ length: 1_000 }, async () => secrets.current('a')));
    expect(new Set(values.map(({ value }) => value))).toEqual(new Set(['one']));
    expect(source.reads).toEqual(['a/current']);
  });

  it('fails once for 1,000 callers at the same time, and works for the next', async () => {
    const secrets = cache();
    source.failure = 'unavailable';
    const failures = await Promise.allSettled(Array.from({ length: 1_000 }, async () => secrets.current('a')));
    expect(failures.every(({ status }) => status === 'rejected')).toBe(true);
    expect(source.reads).toEqual(['a/current']);
    source.failure = undefined;
    expect(await secrets.current('a')).toMatchObject({ value: 'one' });
  });

  it('at its soft age is served old while one read brings the new one', async () => {
    const secrets = cache();
    await secrets.current('a');
    source.set('a', 'two');
    await clock.advance(300_000);
    for (let n = 0; n < 10; n++) expect(secrets.current('a')).toMatchObject({ value: 'one' });
    await secrets.pending();
    expect(secrets.pending()).toBeUndefined();
    expect(secrets.current('a')).toMatchObject({ value: 'two', version: 'v2' });
    expect(source.reads).toEqual(['a/current', 'a/current']);
  });

  it('is refreshed between 90 % and 110 % of its soft age, by chance', async () => {
    await fc.assert(
      fc.asyncProperty(fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), async (random) => {
        clock = new FakeClock();
        source = new MemorySecrets({ a: 'one' });
        const secrets = cache({ random: () => random });
        await secrets.current('a');
        await clock.advance(269_999);
        await secrets.current('a');
        expect(source.reads).toHaveLength(1);
        const due = 270_000 + 60_000 * random;
        await clock.advance(Math.floor(due) - 270_000);
        await secrets.current('a');
        expect(source.reads).toHaveLength(1);
        await clock.advance(2);
        await secrets.current('a');
        expect(source.reads).toHaveLength(2);
      }),
      { numRuns: 50 },
    );
  });

  it('is served old during an outage, with a flag, and tried again at most once a second', async () => {
    const secrets = cache();
    await secrets.current('a');
    expect(secrets.health()).toEqual([{ name: 'a', ageSeconds: 0, stale: false }]);
    source.failure = 'unavailable';
    await clock.advance(300_000);
    for (let second = 0; second < 10; second++) {
      for (let n = 0; n < 20; n++) expect(secrets.current('a')).toMatchObject({ value: 'one' });
      await secrets.pending();
      await clock.advance(1_000);
    }
    expect(source.reads).toHaveLength(11);
    expect(secrets.health()).toEqual([{ name: 'a', ageSeconds: 310, stale: true }]);
    source.failure = undefined;
    await secrets.current('a');
    await secrets.pending();
    expect(secrets.health()).toEqual([{ name: 'a', ageSeconds: 0, stale: false }]);
  });

  it.each(['unavailable', 'permission_denied', 'not_found', 'deadline_exceeded'] as const)(
    'is not served past its hard age: %s is then the caller’s',
    async (code) => {
      const secrets = cache();
      await secrets.current('a');
      source.failure = code;
      await clock.advance(3_599_999);
      expect(await secrets.current('a')).toMatchObject({ value: 'one' });
      await secrets.pending();
      await clock.advance(1);
      expect(await outcome(() => secrets.current('a'))).toEqual(failure(code));
      source.failure = undefined;
      expect(await secrets.current('a')).toMatchObject({ value: 'one' });
    },
  );

  it('has the ages it was given', async () => {
    const secrets = cache({ ages: { softTtlSeconds: 2, hardTtlSeconds: 10 } });
    await secrets.current('a');
    await clock.advance(1_999);
    await secrets.current('a');
    expect(source.reads).toHaveLength(1);
    await clock.advance(1);
    await secrets.current('a');
    await secrets.pending();
    expect(source.reads).toHaveLength(2);
    source.failure = 'unavailable';
    await clock.advance(10_000);
    expect(await outcome(() => secrets.current('a'))).toEqual(failure('unavailable'));
  });

  it('that cannot be read is never cached as such, whatever the failure', async () => {
    const secrets = cache();
    for (const code of ['unavailable', 'permission_denied', 'data_loss', 'internal'] as const) {
      source.failure = code;
      expect(await outcome(() => secrets.current('a'))).toEqual(failure(code));
      expect(await outcome(() => secrets.previous('a'))).toEqual(failure(code));
    }
    source.failure = undefined;
    expect(await secrets.current('a')).toMatchObject({ value: 'one' });
    expect(await outcome(() => secrets.current('no-such'))).toEqual(failure('not_found'));
    source.set('no-such', 'now');
    expect(await secrets.current('no-such')).toMatchObject({ value: 'now' });
  });

  it('is retried when that may help, and only then', async () => {
    clock = new FakeClock({ autoAdvance: true });
    const secrets = cache({ maxAttempts: 3 });
    source.failure = 'unavailable';
    await outcome(() => secrets.current('a'));
    source.failure = 'permission_denied';
    await outcome(() => secrets.current('b'));
    expect(source.reads).toEqual(['a/current', 'a/current', 'a/current', 'b/current']);
  });

  it('is told to whoever scrubs the logs, each version once', async () => {
    const told: string[] = [];
    const secrets = cache({ told });
    await secrets.current('a');
    source.set('a', 'two');
    await clock.advance(300_000);
    await secrets.current('a');
    await secrets.pending();
    await secrets.previous('a');
    expect(told).toEqual(['one', 'two', 'one']);
  });

  it.each([-5_000, -3_600_000])('is refreshed after a clock step of %i ms, not only when the clock has caught up', async (step) => {
    const secrets = cache();
    await secrets.current('a');
    await clock.advance(290_000);
    clock.set(clock.now() + step);
    source.set('a', 'two');
    for (let second = 0; second < 360 && source.reads.length < 2; second++) {
      await secrets.current('a');
      await secrets.pending();
      await clock.advance(1_000);
    }
    expect(secrets.current('a')).toMatchObject({ value: 'two' });
    expect(source.reads).toEqual(['a/current', 'a/current']);
  });

  it('is told by name, age and flag only', async () => {
    const secrets = cache();
    await secrets.current('a');
    await secrets.previous('a');
    await secrets.current('b');
    await clock.advance(61_999);
    expect(secrets.health()).toEqual([
      { name: 'a', ageSeconds: 61, stale: false },
      { name: 'b', ageSeconds: 61, stale: false },
    ]);
    clock.set(0);
    expect(secrets.health()[0]?.ageSeconds).toBe(0);
  });
});

describe('callers that wait for one read of a secret', () => {
  it('wait each for as long as its own deadline lets it, also the one that began it', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    source.hold = promise;
    const secrets = cache();
    const in100 = outcome(() => secrets.current('a', { deadline: clock.now() + 100 }));
    const in5000 = secrets.current('a', { deadline: clock.now() + 5_000 });
    const in200 = outcome(() => secrets.previous('a', { deadline: clock.now() + 200 }));
    const whenever = secrets.current('a');
    await clock.advance(100);
    expect(await in100).toEqual(failure('deadline_exceeded'));
    await clock.advance(100);
    expect(await in200).toEqual(failure('deadline_exceeded'));
    resolve();
    expect(await Promise.all([in5000, whenever])).toMatchObject([{ value: 'one' }, { value: 'one' }]);
    expect(source.reads).toEqual(['a/current', 'a/previous']);
  });

  it('leave alone, also the one that began it', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    source.hold = promise;
    const secrets = cache();
    const [one, two] = [new AbortController(), new AbortController()];
    const first = outcome(() => secrets.current('a', { signal: one.signal, deadline: clock.now() + 5_000 }));
    const second = outcome(() => secrets.current('a', { signal: two.signal }));
    const third = secrets.current('a');
    one.abort();
    two.abort();
    expect(await Promise.all([first, second])).toEqual([failure('cancelled'), failure('cancelled')]);
    resolve();
    expect(await third).toMatchObject({ value: 'one' });
    expect(source.reads).toHaveLength(1);
    await clock.advance(0);
    expect(clock.sleeping).toBe(0);
  });

  it('get what is tried again after the first one’s time', async () => {
    const secrets = cache({ maxAttempts: 3, random: () => 0.9 });
    source.failure = 'unavailable';
    const first = outcome(() => secrets.current('a', { deadline: clock.now() + 10 }));
    const second = secrets.current('a', { deadline: clock.now() + 5_000 });
    await clock.advance(10);
    expect(await first).toEqual(failure('deadline_exceeded'));
    source.failure = undefined;
    await clock.advance(90);
    expect(await second).toMatchObject({ value: 'one' });
  });

  it('begin none when they have left or their time is over', async () => {
    const secrets = cache();
    expect(await outcome(() => secrets.current('a', { deadline: clock.now() }))).toEqual(failure('deadline_exceeded'));
    expect(await outcome(() => secrets.current('a', { signal: AbortSignal.abort() }))).toEqual(failure('cancelled'));
    expect(source.reads).toEqual([]);
  });

  it('do not wait for ever for a service that does not answer, and the next one asks anew', async () => {
    const asked: (AbortSignal | undefined)[] = [];
    const silent: Secrets = {
      get: (_name: string, _version: SecretVersion, options?: CallOptions) => {
        asked.push(options?.signal);
        return new Promise<never>(() => undefined);
      },
    };
    const secrets = new CachedSecrets(silent, newRetrier(clock));
    const waiting = outcome(() => secrets.current('a'));
    await clock.advance(9_999);
    expect(asked.map((signal) => signal?.aborted)).toEqual([false]);
    await clock.advance(1);
    expect(await waiting).toEqual(failure('deadline_exceeded'));
    void outcome(() => secrets.current('a'));
    expect(asked.map((signal) => signal?.aborted)).toEqual([true, false]);
  });
});

describe('a fresh look at a secret', () => {
  it('reads it whatever is cached, and everybody gets what it found', async () => {
    const secrets = cache();
    await secrets.current('a');
    source.set('a', 'two');
    expect(await secrets.fresh('a')).toMatchObject({ value: 'two' });
    expect(secrets.current('a')).toMatchObject({ value: 'two' });
    expect(await outcome(() => secrets.fresh('no-such'))).toEqual(failure('not_found'));
  });

  it('does not take what was being read before: one read more serves all who look', async () => {
    const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    source.hold = first.promise;
    const secrets = cache();
    const before = outcome(() => secrets.current('new'));
    const looks = Promise.all([secrets.fresh('new'), secrets.fresh('new')]);
    source.hold = second.promise;
    first.resolve();
    expect(await before).toEqual(failure('not_found'));
    source.set('new', 'made');
    second.resolve();
    expect(await looks).toMatchObject([{ value: 'made' }, { value: 'made' }]);
    expect(source.reads).toHaveLength(2);
  });

  it('is one read for all who look together, and one more for all who look while it is under way', async () => {
    const secrets = cache();
    await Promise.all([secrets.fresh('a'), secrets.fresh('a'), secrets.fresh('a')]);
    expect(source.reads).toHaveLength(1);
    const held = Promise.withResolvers<void>();
    source.hold = held.promise;
    const looks = [secrets.fresh('a')];
    await clock.advance(1);
    looks.push(secrets.fresh('a'), secrets.fresh('a'));
    held.resolve();
    await Promise.all(looks);
    expect(source.reads).toHaveLength(3);
  });

  it('takes no longer than it may', async () => {
    source.hold = new Promise(() => undefined);
    const secrets = cache();
    void outcome(() => secrets.current('a'));
    const late = outcome(() => secrets.fresh('a', { deadline: clock.now() + 1_000 }));
    await clock.advance(1_000);
    expect(await late).toEqual(failure('deadline_exceeded'));
  });

  it('does not give out an old copy for a failure', async () => {
    const secrets = cache();
    await secrets.current('a');
    source.failure = 'unavailable';
    expect(await outcome(() => secrets.fresh('a'))).toEqual(failure('unavailable'));
    expect(secrets.current('a')).toMatchObject({ value: 'one' });
  });
});

describe('the previous version of a secret', () => {
  it('is there during a rotation, and undefined when there is none', async () => {
    const secrets = cache();
    expect(await secrets.previous('a')).toBeUndefined();
    source.set('b', 'newer');
    expect(await secrets.previous('b')).toMatchObject({ value: 'other' });
    expect(await secrets.previous('b')).toMatchObject({ value: 'other' });
    expect(source.reads).toEqual(['a/previous', 'b/previous']);
  });

  it('is the version that was current, as soon as a rotation is noticed', async () => {
    const secrets = cache();
    await secrets.current('a');
    await clock.advance(1_000);
    // Asked before the rotation, so that its absence is remembered.
    expect(await secrets.previous('a')).toBeUndefined();
    source.set('a', 'two');
    await clock.advance(299_000);
    await secrets.current('a');
    await secrets.pending();
    expect(secrets.current('a')).toMatchObject({ value: 'two' });
    expect(await secrets.previous('a')).toMatchObject({ value: 'one' });
  });
});

describe('a forced refresh', () => {
  it('brings a version newer than the refused one', async () => {
    const secrets = cache();
    await secrets.current('a');
    source.set('a', 'two');
    await clock.advance(30_000);
    expect(await secrets.refresh('a', 'v1')).toMatchObject({ value: 'two' });
    expect(secrets.current('a')).toMatchObject({ value: 'two' });
    // Known already: nothing is read for it.
    expect(await secrets.refresh('a', 'v1')).toMatchObject({ value: 'two' });
    expect(source.reads).toHaveLength(2);
  });

  it('happens at most every 30 s, also when nothing is new and when it fails', async () => {
    const secrets = cache();
    await secrets.current('a');
    expect(await secrets.refresh('a', 'v1')).toBeUndefined();
    expect(source.reads).toHaveLength(1);
    for (let second = 0; second < 300; second++) {
      await clock.advance(1_000);
      await secrets.refresh('a', 'v1');
    }
    expect(source.reads).toHaveLength(11);
    source.failure = 'unavailable';
    await clock.advance(30_000);
    expect(await outcome(() => secrets.refresh('a', 'v1'))).toBeInstanceOf(PortError);
    for (let second = 0; second < 29; second++) {
      await clock.advance(1_000);
      expect(await secrets.refresh('a', 'v1')).toBeUndefined();
    }
    expect(source.reads).toHaveLength(12);
  });

  it('is one read for 1,000 callers that were refused at the same time, and all get the new version (S11)', async () => {
    const secrets = cache();
    await secrets.current('a');
    source.set('a', 'two');
    await clock.advance(30_000);
    const found = await Promise.all(Array.from({ length: 1_000 }, () => secrets.refresh('a', 'v1')));
    expect(found.every((secret) => secret?.value === 'two')).toBe(true);
    expect(source.reads).toHaveLength(2);
  });

  it('still works after the clock stepped back', async () => {
    const secrets = cache();
    await secrets.current('a');
    clock.set(clock.now() - 3_600_000);
    source.set('a', 'two');
    expect(await secrets.refresh('a', 'v1')).toMatchObject({ value: 'two' });
  });
});
