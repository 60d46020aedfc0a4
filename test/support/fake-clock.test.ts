import { describe, expect, test } from 'vitest';
import { aheadOfServices, FakeClock } from './fake-clock.ts';

describe('a fake clock', () => {
  test('stands still by itself', () => {
    const clock = new FakeClock({ now: 1_000 });
    expect([clock.now(), clock.now()]).toEqual([1_000, 1_000]);
  });

  test('wakes sleepers in the order of their time, each at its time', async () => {
    const clock = new FakeClock({ now: 0 });
    const woken: [string, number][] = [];
    const sleeper = async (name: string, ...delays: number[]): Promise<void> => {
      for (const delayMs of delays) {
        await clock.sleep(delayMs);
        woken.push([name, clock.now()]);
      }
    };
    const all = Promise.all([sleeper('late', 30), sleeper('twice', 10, 10), sleeper('never yet', 100)]);
    await clock.advance(50);
    expect(woken).toEqual([
      ['twice', 10],
      ['twice', 20],
      ['late', 30],
    ]);
    expect(clock.now()).toBe(50);
    expect(clock.sleeping).toBe(1);
    await clock.advance(50);
    await all;
  });

  test('rejects a sleep with the reason of its signal, before and during it', async () => {
    const clock = new FakeClock();
    const reason = new Error('gone');
    await expect(clock.sleep(1, AbortSignal.abort(reason))).rejects.toBe(reason);
    const caller = new AbortController();
    const sleep = expect(clock.sleep(1, caller.signal)).rejects.toBe(reason);
    caller.abort(reason);
    await sleep;
    expect(clock.sleeping).toBe(0);
  });

  test('moves on with every sleep when told to', async () => {
    const clock = new FakeClock({ now: 0, autoAdvance: true });
    await clock.sleep(10);
    await clock.sleep(2.5);
    expect(clock.now()).toBe(12);
    expect(clock.slept).toEqual([10, 2.5]);
  });

  test('that moves on by itself does so when nobody can go on without time, and lets a time-out that is not needed pass', async () => {
    const clock = new FakeClock({ now: 0, autoAdvance: true });
    const finished = new AbortController();
    const late = clock.sleep(1_000, finished.signal).then(
      () => 'late',
      () => 'in time',
    );
    for (let step = 0; step < 10; step++) await Promise.resolve();
    await clock.sleep(10);
    finished.abort();
    expect([await late, clock.now(), clock.sleeping]).toEqual(['in time', 10, 0]);
    await clock.sleep(5);
    expect(clock.now()).toBe(15);
  });

  test('can be set back without waking anybody', () => {
    const clock = new FakeClock({ now: 1_000 });
    clock.set(10);
    expect(clock.now()).toBe(10);
  });

  test('keeps monotonic time when the wall clock steps', async () => {
    const clock = new FakeClock({ now: 1_000 });
    const began = clock.monotonic();
    clock.set(500);
    await clock.advance(20.5);
    clock.set(90_000);
    expect(clock.monotonic() - began).toBe(20.5);
  });

  // DynamoDB Local took counters away in the middle of a conformance case whose clock was at 2026-01-01, in November.
  test('has a start for services that take away what has expired by the wall clock: years ahead of it', () => {
    expect(aheadOfServices - Date.now()).toBeGreaterThan(365 * 86_400_000);
  });
});
