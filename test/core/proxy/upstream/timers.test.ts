import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { linkedAbort } from '../../../../core/proxy/upstream/linked-abort.ts';
import { Timers } from '../../../../core/proxy/upstream/timers.ts';
import { within } from '../../../../core/proxy/upstream/within.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

describe('timers', () => {
  it('call back those that were not cancelled, each at its time, whatever the delays', async () => {
    const step = fc.record({
      waitMs: fc.nat(50),
      delayMs: fc.integer({ min: 1, max: 300 }),
      cancelAfterMs: fc.option(fc.nat(400)),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const clock = new FakeClock({ now: 0 });
        const timers = new Timers(clock);
        const expected: number[] = [];
        const fired: number[] = [];
        const cancels: { at: number; cancel: () => void }[] = [];
        const passTo = async (until: number): Promise<void> => {
          for (const { at, cancel } of cancels.filter((one) => one.at <= until).toSorted((a, b) => a.at - b.at)) {
            await clock.advance(Math.max(0, at - clock.now()));
            cancel();
          }
          await clock.advance(Math.max(0, until - clock.now()));
        };
        for (const { waitMs, delayMs, cancelAfterMs } of steps) {
          await passTo(clock.now() + waitMs);
          const timer = timers.start(delayMs, () => fired.push(clock.now()));
          const dueAt = clock.now() + delayMs;
          if (cancelAfterMs === null || cancelAfterMs >= delayMs) expected.push(dueAt);
          if (cancelAfterMs !== null) cancels.push({ at: clock.now() + cancelAfterMs, cancel: () => timer.cancel() });
        }
        await passTo(clock.now() + 1_000);
        expect(fired).toEqual(expected.toSorted((a, b) => a - b));
        expect(clock.sleeping).toBe(0);
      }),
      { numRuns: 50 },
    );
  });

  it('sleep once for many timers of one delay', async () => {
    const clock = new FakeClock();
    const timers = new Timers(clock);
    for (let n = 0; n < 1_000; n++) timers.start(1_000, () => undefined).cancel();
    expect(clock.sleeping).toBe(1);
    await clock.advance(1_000);
    expect(clock.sleeping).toBe(0);
  });
});

describe('timers that are closed', () => {
  it('keep nobody awake for what was cancelled', async () => {
    const clock = new FakeClock();
    const timers = new Timers(clock);
    const [one, two] = [timers.start(1_000, () => undefined), timers.start(2_000, () => undefined)];
    one.cancel();
    timers.close();
    expect(clock.sleeping).toBe(1);
    two.cancel();
    await clock.advance(0);
    expect(clock.sleeping).toBe(0);
  });

  it('still call back what is waited for, also what is started afterwards', async () => {
    const clock = new FakeClock();
    const timers = new Timers(clock);
    const fired: string[] = [];
    const before = timers.start(1_000, () => fired.push('before'));
    timers.close();
    await clock.advance(1_000);
    before.cancel();
    timers.start(500, () => fired.push('cancelled')).cancel();
    timers.start(500, () => fired.push('after'));
    await clock.advance(500);
    expect(fired).toEqual(['before', 'after']);
    await clock.advance(0);
    expect(clock.sleeping).toBe(0);
  });
});

describe('waiting for shared work', () => {
  const waiting = () => {
    const clock = new FakeClock();
    const caller = new AbortController();
    const work = Promise.withResolvers<string>();
    const result = within(new Timers(clock), work.promise, 100, caller.signal, () => new Error('late'));
    return { clock, caller, work, result };
  };

  it('ends with the work', async () => {
    const { work, result } = waiting();
    work.resolve('done');
    expect(await result).toBe('done');
  });

  it('ends when the time is over or the caller leaves, and the work goes on', async () => {
    const late = waiting();
    const isLate = expect(late.result).rejects.toThrow('late');
    await late.clock.advance(100);
    await isLate;
    const left = waiting();
    const isLeft = expect(left.result).rejects.toThrow('gone');
    left.caller.abort(new Error('gone'));
    await isLeft;
  });
});

describe('a linked abort', () => {
  it('follows the outer signal, before and after, with its reason, and not the other way round', () => {
    const outer = new AbortController();
    const inner = linkedAbort(outer.signal);
    const other = linkedAbort(outer.signal);
    other.abort();
    expect([outer.signal.aborted, inner.signal.aborted]).toEqual([false, false]);
    outer.abort('gone');
    expect([inner.signal.reason, linkedAbort(outer.signal).signal.reason]).toEqual(['gone', 'gone']);
    expect(linkedAbort(undefined).signal.aborted).toBe(false);
  });
});
