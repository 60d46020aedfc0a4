import { describe, expect, test } from 'vitest';
import { PortError } from '../../../core/ports/index.ts';
import type { PortErrorCode } from '../../../core/ports/index.ts';
import { defaultRetryPolicy, RetryBudget, withRetry } from '../../../core/storage/retry.ts';
import type { Retrier } from '../../../core/storage/retry.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { seededRandom } from '../../support/seeded-random.ts';

interface Setting extends Retrier {
  readonly clock: FakeClock;
}

function retrier(rest: Partial<Setting> = {}): Setting {
  return {
    clock: new FakeClock({ autoAdvance: true }),
    random: () => 0.5,
    policy: defaultRetryPolicy,
    budget: new RetryBudget(),
    ...rest,
  };
}

/** Fails so often, then answers how often it was called. */
function failing(
  times: number,
  error: () => unknown = () => new PortError('unavailable', 'x.y'),
): { calls: () => number; attempt: () => Promise<number> } {
  let calls = 0;
  return {
    calls: () => calls,
    attempt: async () => {
      if (calls++ < times) throw error();
      return calls;
    },
  };
}

describe('a call', () => {
  test('that goes well is made once and does not wait', async () => {
    const setting = retrier();
    expect(await withRetry(setting, failing(0).attempt)).toBe(1);
    expect(setting.clock.slept).toEqual([]);
  });

  test('that fails in passing is made again, at most maxAttempts times in all', async () => {
    expect(await withRetry(retrier(), failing(4).attempt)).toBe(5);
    const lasting = failing(5);
    await expect(withRetry(retrier(), lasting.attempt)).rejects.toMatchObject({ code: 'unavailable' });
    expect(lasting.calls()).toBe(5);
  });

  test('is told the number of the attempt, from 0', async () => {
    const numbers: number[] = [];
    await withRetry(retrier(), async (n) => {
      numbers.push(n);
      if (n < 2) throw new PortError('aborted', 'x.y');
    });
    expect(numbers).toEqual([0, 1, 2]);
  });

  test.each<[PortErrorCode, number]>([
    ['aborted', 2],
    ['deadline_exceeded', 2],
    ['resource_exhausted', 2],
    ['unavailable', 2],
    ['cancelled', 1],
    ['data_loss', 1],
    ['failed_precondition', 1],
    ['internal', 1],
    ['invalid_argument', 1],
    ['not_found', 1],
    ['out_of_range', 1],
    ['permission_denied', 1],
    ['unauthenticated', 1],
    ['unimplemented', 1],
  ])('that fails with %s is made %i times', async (code, times) => {
    const once = failing(1, () => new PortError(code, 'x.y'));
    await withRetry(retrier(), once.attempt).catch(() => {});
    expect(once.calls()).toBe(times);
  });

  test.each([new TypeError('misuse'), new Error('bug'), 'text'])(
    'that throws %s, which is no PortError, is made once',
    async (error) => {
      const once = failing(1, () => error);
      await expect(withRetry(retrier(), once.attempt)).rejects.toBe(error);
      expect(once.calls()).toBe(1);
    },
  );

  test('throws its last failure, not its first', async () => {
    let n = 0;
    const error = await withRetry(retrier(), async () => {
      throw new PortError('unavailable', 'x.y', { reason: `Failure${++n}` });
    }).catch((reason: unknown) => reason);
    expect(error).toHaveProperty('reason', 'Failure5');
  });
});

describe('the wait before a retry', () => {
  test('is drawn from zero to 25 ms, doubled every time, at most maxDelayMs', async () => {
    const most = retrier({ random: () => 0.999_999, policy: { ...defaultRetryPolicy, maxAttempts: 10 } });
    await withRetry(most, failing(9).attempt);
    expect(most.clock.slept.map(Math.round)).toEqual([25, 50, 100, 200, 400, 800, 1_600, 2_000, 2_000]);
    const least = retrier({ random: () => 0 });
    await withRetry(least, failing(4).attempt);
    expect(least.clock.slept).toEqual([0, 0, 0, 0]);
  });

  test('spreads callers that fail together over the whole time', async () => {
    const random = seededRandom(7);
    const first = await Promise.all(
      Array.from({ length: 1_000 }, async () => {
        const setting = retrier({ random });
        await withRetry(setting, failing(1).attempt);
        return setting.clock.slept[0] ?? -1;
      }),
    );
    for (const [from, to] of [
      [0, 5],
      [5, 10],
      [10, 15],
      [15, 20],
      [20, 25],
    ] as const) {
      const share = first.filter((delayMs) => delayMs >= from && delayMs < to).length;
      expect(share, `${from} to ${to} ms`).toBeGreaterThan(150);
    }
  });

  test("is at least the service's own wait", async () => {
    const setting = retrier();
    await withRetry(setting, failing(1, () => new PortError('resource_exhausted', 'x.y', { retryAfterMs: 700 })).attempt);
    expect(setting.clock.slept).toEqual([700]);
  });

  test("is ours where the service's own wait is shorter", async () => {
    const setting = retrier();
    await withRetry(setting, failing(1, () => new PortError('resource_exhausted', 'x.y', { retryAfterMs: 1 })).attempt);
    expect(setting.clock.slept).toEqual([12.5]);
  });

  test("is the caller's to take where the service asks for more than maxDelayMs: thrown at once, with the wait", async () => {
    const setting = retrier();
    const long = failing(1, () => new PortError('resource_exhausted', 'x.y', { retryAfterMs: 30_000 }));
    await expect(withRetry(setting, long.attempt)).rejects.toMatchObject({ retryAfterMs: 30_000 });
    expect(setting.clock.slept).toEqual([]);
    expect(long.calls()).toBe(1);
  });
});

describe('a deadline', () => {
  test('lets no retry start at it or after it', async () => {
    const setting = retrier();
    const lasting = failing(9);
    // Half of 25, 50, 100 and 200 ms: retries would start after 12.5, 37.5, 87.5 and 187.5 ms.
    const deadline = setting.clock.now() + 87;
    await expect(withRetry(setting, lasting.attempt, { deadline })).rejects.toMatchObject({ code: 'unavailable' });
    expect(lasting.calls()).toBe(3);
    expect(setting.clock.now()).toBeLessThan(deadline);
  });

  test('that has passed allows no attempt: many quick calls must not add up to more than the time there is', async () => {
    const setting = retrier();
    const fine = failing(0);
    const late = withRetry(setting, fine.attempt, { deadline: setting.clock.now() });
    await expect(late).rejects.toEqual(expect.objectContaining({ name: 'PortError', code: 'deadline_exceeded' }));
    expect(fine.calls()).toBe(0);
    expect(await withRetry(setting, fine.attempt, { deadline: setting.clock.now() + 1 })).toBe(1);
  });
});

describe('a signal', () => {
  test('that aborts during an attempt ends the retries with cancelled', async () => {
    const caller = new AbortController();
    const lasting = failing(9);
    const call = withRetry(
      retrier(),
      async () => {
        caller.abort();
        return lasting.attempt();
      },
      { signal: caller.signal },
    );
    await expect(call).rejects.toMatchObject({ name: 'PortError', code: 'cancelled', operation: 'x.y' });
    expect(lasting.calls()).toBe(1);
  });

  test('that aborts during a wait ends it at once with cancelled', async () => {
    const caller = new AbortController();
    const clock = new FakeClock();
    const lasting = failing(9);
    const call = withRetry(retrier({ clock }), lasting.attempt, { signal: caller.signal });
    const outcome = expect(call).rejects.toMatchObject({ name: 'PortError', code: 'cancelled', operation: 'x.y' });
    await clock.advance(0);
    expect(clock.sleeping).toBe(1);
    caller.abort(new Error('the caller has gone'));
    await outcome;
    expect(clock.sleeping).toBe(0);
    expect(lasting.calls()).toBe(1);
  });

  test('that does not abort changes nothing', async () => {
    expect(await withRetry(retrier(), failing(2).attempt, { signal: new AbortController().signal })).toBe(3);
  });

  test('is not blamed for a clock that fails by itself', async () => {
    const clock = new FakeClock();
    const broken = {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      sleep: () => Promise.reject(new Error('no timers')),
    };
    const call = withRetry({ ...retrier(), clock: broken }, failing(1).attempt, { signal: new AbortController().signal });
    await expect(call).rejects.toThrow('no timers');
  });
});

describe('the budget', () => {
  test('starts full, and then lets one call in ten retry', async () => {
    const budget = new RetryBudget(0.1, 20);
    let attempts = 0;
    for (let call = 0; call < 1_000; call++) {
      await withRetry(retrier({ budget }), async () => {
        attempts++;
        throw new PortError('unavailable', 'x.y');
      }).catch(() => {});
    }
    // 1,000 first attempts, the 20 it began with, and a tenth of 1,000.
    expect(attempts).toBeGreaterThanOrEqual(1_000 + 110);
    expect(attempts).toBeLessThanOrEqual(1_000 + 120);
  });

  test('does not grow over its capacity in quiet times', async () => {
    const budget = new RetryBudget(0.1, 20);
    for (let call = 0; call < 10_000; call++) await withRetry(retrier({ budget }), failing(0).attempt);
    let granted = 0;
    while (budget.withdraw()) granted++;
    expect(granted).toBe(20);
  });

  test('is not spent on what is not retried', async () => {
    const budget = new RetryBudget(0, 2);
    for (let call = 0; call < 5; call++) {
      await withRetry(retrier({ budget }), failing(1, () => new PortError('internal', 'x.y')).attempt).catch(() => {});
      const { clock } = retrier();
      await withRetry(retrier({ budget, clock }), failing(1).attempt, { deadline: clock.now() }).catch(() => {});
    }
    expect([budget.withdraw(), budget.withdraw(), budget.withdraw()]).toEqual([true, true, false]);
  });
});
