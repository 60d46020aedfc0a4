import { describe, expect, it } from 'vitest';
import { ConcurrencyLimiter } from '../../../../core/proxy/upstream/concurrency-limiter.ts';
import { upstreamDefaults } from '../../../../core/proxy/upstream/settings.ts';
import type { ConcurrencySettings } from '../../../../core/proxy/upstream/settings.ts';
import { Timers } from '../../../../core/proxy/upstream/timers.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

function limiterWith(given: Partial<ConcurrencySettings>) {
  const clock = new FakeClock();
  const limiter = new ConcurrencyLimiter({ ...upstreamDefaults.concurrency, ...given }, clock, new Timers(clock));
  const forever = Number.MAX_SAFE_INTEGER;
  return { clock, limiter, acquire: (deadline = forever, signal?: AbortSignal) => limiter.acquire(deadline, signal) };
}

describe('a concurrency limiter', () => {
  it('lets 5 of 100 requests at once through, the others in their order, and never more than 5 together', async () => {
    const { clock, limiter, acquire } = limiterWith({ max: 5, queueTimeoutMs: 60_000 });
    const order: number[] = [];
    let together = 0;
    let most = 0;
    const all = Array.from({ length: 100 }, async (_, n) => {
      await acquire();
      order.push(n);
      most = Math.max(most, ++together);
      await clock.sleep(10);
      together--;
      limiter.release();
    });
    await clock.advance(200);
    await Promise.all(all);
    expect(order).toEqual(Array.from({ length: 100 }, (_, n) => n));
    expect([most, limiter.inFlight, limiter.queued]).toEqual([5, 0, 0]);
  });

  it('refuses who finds the queue full', async () => {
    const { acquire, limiter } = limiterWith({ max: 1, maxQueued: 2 });
    await acquire();
    const waiting = [acquire(), acquire()];
    await expect(acquire()).rejects.toMatchObject({ reason: 'overloaded', retryAfterSeconds: 1 });
    for (let n = 0; n < 2; n++) limiter.release();
    await Promise.all(waiting);
  });

  it('refuses who has waited for the longest time, and no later than its deadline', async () => {
    const { clock, acquire, limiter } = limiterWith({ max: 1, queueTimeoutMs: 1_000 });
    await acquire();
    const patient = expect(acquire()).rejects.toMatchObject({ reason: 'overloaded' });
    const hurried = expect(acquire(clock.now() + 300)).rejects.toMatchObject({ reason: 'overloaded' });
    await clock.advance(300);
    await hurried;
    expect(limiter.queued).toBe(1);
    await clock.advance(700);
    await patient;
    expect(limiter.queued).toBe(0);
  });

  it('tells who is refused to come back after as long as it waited, in whole seconds', async () => {
    const { clock, acquire } = limiterWith({ max: 1, queueTimeoutMs: 2_500 });
    await acquire();
    const waiting = expect(acquire()).rejects.toMatchObject({ reason: 'overloaded', retryAfterSeconds: 3 });
    await clock.advance(2_500);
    await waiting;
  });

  it('refuses at once who would have to wait longer than its deadline allows, and not who has the time', async () => {
    const { clock, acquire, limiter } = limiterWith({ max: 1, queueTimeoutMs: 60_000 });
    await acquire();
    const served = Array.from({ length: 10 }, () => acquire());
    for (let n = 0; n < 5; n++) {
      await clock.advance(100);
      limiter.release();
    }
    // 5 are waiting, one is let in each 100 ms: the sixth would wait for 600 ms.
    const before = clock.now();
    await expect(acquire(before + 500)).rejects.toMatchObject({ reason: 'overloaded' });
    expect(clock.now()).toBe(before);
    const last = acquire(before + 700);
    for (let n = 0; n < 6; n++) {
      await clock.advance(100);
      limiter.release();
    }
    await Promise.all([...served, last]);
  });

  it('refuses at once who would be let in too late for an answer of the usual time', async () => {
    const { clock, acquire, limiter } = limiterWith({ max: 1 });
    await acquire();
    for (let n = 0; n < 50; n++) limiter.observe(400);
    await expect(acquire(clock.now() + 390)).rejects.toMatchObject({ reason: 'overloaded' });
    const inTime = acquire(clock.now() + 500);
    const late = expect(acquire(clock.now() + 500)).rejects.toMatchObject({ reason: 'overloaded' });
    await clock.advance(50);
    limiter.release();
    await inTime;
    await clock.advance(51);
    await late;
  });

  it('does not shut its queue for good because of what it once learned', async () => {
    const { clock, acquire, limiter } = limiterWith({ max: 1, queueTimeoutMs: 1_000 });
    await acquire();
    const slow = acquire();
    await clock.advance(900);
    limiter.release();
    await slow;
    await expect(acquire(clock.now() + 500)).rejects.toMatchObject({ reason: 'overloaded' });
    const next = acquire(clock.now() + 500);
    limiter.release();
    await next;
  });

  it('forgets who leaves, with its reason', async () => {
    const { acquire, limiter } = limiterWith({ max: 1 });
    await acquire();
    const caller = new AbortController();
    const gone = expect(acquire(undefined, caller.signal)).rejects.toThrow('gone');
    const stays = acquire();
    caller.abort(new Error('gone'));
    await gone;
    expect(limiter.queued).toBe(1);
    limiter.release();
    await stays;
    await expect(acquire(undefined, caller.signal)).rejects.toThrow('gone');
  });

  it('lets in who waits when the limit grows, and nobody new until requests have ended when it shrinks', async () => {
    const { acquire, limiter } = limiterWith({ max: 1 });
    await acquire();
    const waiting = [acquire(), acquire()];
    limiter.setLimit(3);
    await Promise.all(waiting);
    limiter.setLimit(1);
    expect(limiter.inFlight).toBe(3);
    limiter.release();
    limiter.release();
    expect(limiter.tryAcquire()).toBe(false);
    limiter.release();
    expect(limiter.tryAcquire()).toBe(true);
  });

  it('lets nobody pass those who wait', async () => {
    const { acquire, limiter } = limiterWith({ max: 1 });
    await acquire();
    const waiting = acquire();
    expect(limiter.tryAcquire()).toBe(false);
    limiter.release();
    expect(limiter.tryAcquire()).toBe(false);
    await waiting;
  });
});
