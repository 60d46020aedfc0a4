import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RollingCounts } from '../../../../core/proxy/upstream/rolling-counts.ts';
import { SteadyTime } from '../../../../core/proxy/upstream/steady-time.ts';

describe('rolling counts', () => {
  it('count exactly what happened in the present bucket and the nine before', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 10, max: 20_000 }),
        fc.array(fc.tuple(fc.nat(5_000), fc.boolean()), { maxLength: 200 }),
        (windowMs, events) => {
          const counts = new RollingCounts(windowMs);
          const seen: { at: number; good: boolean }[] = [];
          let now = 1_767_225_600_000;
          for (const [waitMs, good] of events) {
            now += waitMs;
            if (good) counts.addGood(now);
            else counts.addBad(now);
            seen.push({ at: now, good });
            const width = windowMs / 10;
            const live = seen.filter(({ at }) => Math.floor(at / width) > Math.floor(now / width) - 10);
            expect(counts.good(now)).toBe(live.filter((event) => event.good).length);
            expect(counts.bad(now)).toBe(live.filter((event) => !event.good).length);
          }
          expect([counts.good(now + windowMs + 1), counts.bad(now + windowMs + 1)]).toEqual([0, 0]);
        },
      ),
    );
  });

  it('tell what has turned bad as one bad now, and as no good any more, also when its bucket is over', () => {
    const counts = new RollingCounts(1_000);
    counts.addGood(5);
    counts.addGood(5);
    counts.turnBad(5, 905);
    expect([counts.good(905), counts.bad(905)]).toEqual([1, 1]);
    counts.addGood(1_005);
    counts.turnBad(5, 1_005);
    expect([counts.good(1_005), counts.bad(1_005)]).toEqual([1, 2]);
    expect([counts.good(1_905), counts.bad(1_905)]).toEqual([1, 1]);
  });

  it('are zero after they were cleared', () => {
    const counts = new RollingCounts(1_000);
    counts.addGood(5);
    counts.addBad(5);
    counts.clear();
    expect([counts.good(5), counts.bad(5)]).toEqual([0, 0]);
    expect([counts.good(2_000), counts.bad(2_000)]).toEqual([0, 0]);
    counts.addGood(2_000);
    counts.addBad(2_000);
    expect([counts.good(2_000), counts.bad(2_000)]).toEqual([1, 1]);
  });
});

describe('steady time', () => {
  it('goes on where it was when the clock steps back, and follows when it steps forward', () => {
    const time = new SteadyTime();
    expect([1_000, 1_500, 300, 400, 5_000].map((now) => time.at(now))).toEqual([1_000, 1_500, 1_500, 1_600, 6_200]);
  });
});
