import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CircuitBreaker, noPermit } from '../../../../core/proxy/upstream/circuit-breaker.ts';
import type { ContentEnd } from '../../../../core/proxy/upstream/circuit-breaker.ts';
import type { Outcome } from '../../../../core/proxy/upstream/outcome.ts';
import type { BreakerSettings } from '../../../../core/proxy/upstream/settings.ts';
import { upstreamDefaults } from '../../../../core/proxy/upstream/settings.ts';

const start = 1_767_225_600_000;

function breakerWith(given: Partial<BreakerSettings> = {}): { breaker: CircuitBreaker; changes: [number, number][] } {
  const changes: [number, number][] = [];
  const breaker = new CircuitBreaker({ ...upstreamDefaults.breaker, ...given }, (openMs, opens) => changes.push([openMs, opens]));
  return { breaker, changes };
}

function run(breaker: CircuitBreaker, now: number, ...outcomes: readonly Outcome[]): void {
  for (const outcome of outcomes) breaker.end(breaker.begin(now), outcome, now);
}

/** Good header sections, and how the content after each of them went. */
function receive(breaker: CircuitBreaker, now: number, ...ends: readonly ContentEnd[]): void {
  for (const end of ends) {
    const permit = breaker.begin(now);
    breaker.answered(permit, now);
    breaker.contentEnded(permit, end, now, now);
  }
}

const times = <T extends string>(n: number, ...outcomes: T[]): T[] => Array.from({ length: n }, () => outcomes).flat();

describe('a circuit breaker', () => {
  it('opens at the fifth failure in a row, and not when a success comes between', () => {
    const { breaker, changes } = breakerWith();
    run(breaker, start, ...times(4, 'failure'), 'success', ...times(4, 'failure'));
    expect(breaker.closed).toBe(true);
    run(breaker, start, 'failure');
    expect([breaker.closed, breaker.waitMs(start), breaker.begin(start)]).toEqual([false, 1_000, noPermit]);
    expect(changes).toEqual([[1_000, 1]]);
  });

  it('does not judge by ratio on fewer requests than the minimum: one error of one is no outage', () => {
    const { breaker } = breakerWith({ consecutiveFailures: 1_000 });
    run(breaker, start, 'failure');
    expect(breaker.closed).toBe(true);
    run(breaker, start, ...times(18, 'failure'));
    expect(breaker.closed).toBe(true);
    run(breaker, start, 'failure');
    expect(breaker.closed).toBe(false);
  });

  it('opens at half of the window failing, however they are mixed, and forgets what is older than the window', () => {
    const { breaker } = breakerWith({ consecutiveFailures: 1_000 });
    run(breaker, start, ...times(30, 'success'), ...times(29, 'failure'));
    expect(breaker.closed).toBe(true);
    run(breaker, start + 11_000, ...times(19, 'failure'));
    expect(breaker.closed).toBe(true);
    run(breaker, start + 11_000, 'failure');
    expect(breaker.closed).toBe(false);
  });

  it('opens by the ratio at the very request that makes it half of enough, and counts anew once it was closed', () => {
    const { breaker } = breakerWith({ probes: 1 });
    run(breaker, start, ...times(9, 'success', 'failure'), 'success');
    expect(breaker.closed).toBe(true);
    run(breaker, start, 'failure');
    expect(breaker.closed).toBe(false);
    run(breaker, start + 1_000, 'success');
    expect(breaker.closed).toBe(true);
    run(breaker, start + 1_000, ...times(4, 'failure'));
    expect(breaker.closed).toBe(true);
    run(breaker, start + 1_000, 'failure');
    expect(breaker.closed).toBe(false);
  });

  it('counts 429 in the ratio, not among the failures in a row, and lets it fail a probe', () => {
    const { breaker } = breakerWith();
    run(breaker, start, ...times(19, 'throttled'));
    expect(breaker.closed).toBe(true);
    run(breaker, start, 'throttled');
    expect(breaker.closed).toBe(false);
    run(breaker, start + 1_000, 'throttled');
    expect(breaker.waitMs(start + 1_000)).toBe(2_000);
  });

  it('stays open twice as long after each failed probe, up to the maximum, and for the first time again once it was closed', () => {
    const { breaker, changes } = breakerWith({ maxOpenMs: 5_000 });
    run(breaker, start, ...times(5, 'failure'));
    let now = start;
    for (const expected of [2_000, 4_000, 5_000, 5_000]) {
      now += breaker.waitMs(now);
      run(breaker, now, 'failure');
      expect(breaker.waitMs(now)).toBe(expected);
    }
    now += 5_000;
    run(breaker, now, 'success', 'success');
    expect(breaker.closed).toBe(true);
    run(breaker, now, ...times(5, 'failure'));
    expect(breaker.waitMs(now)).toBe(1_000);
    expect(changes.map(([openMs]) => openMs)).toEqual([1_000, 2_000, 4_000, 5_000, 5_000, 0, 1_000]);
  });

  it('lets as many probes through at once as must succeed, and no more until one has ended', () => {
    const { breaker } = breakerWith();
    run(breaker, start, ...times(5, 'failure'));
    const now = start + 1_000;
    const probes = [breaker.begin(now), breaker.begin(now)];
    expect([...probes.map((permit) => permit !== noPermit), breaker.begin(now), breaker.waitMs(now)]).toEqual([
      true,
      true,
      noPermit,
      1_000,
    ]);
    breaker.end(probes[0] ?? 0, 'none', now);
    expect(breaker.waitMs(now)).toBe(0);
    const third = breaker.begin(now);
    breaker.end(third, 'success', now);
    expect(breaker.closed).toBe(false);
    breaker.end(probes[1] ?? 0, 'success', now);
    expect(breaker.closed).toBe(true);
  });

  it('is not moved by tries that began in an earlier state', () => {
    const { breaker } = breakerWith();
    const late = Array.from({ length: 10 }, () => breaker.begin(start));
    run(breaker, start, ...times(5, 'failure'));
    const now = start + 1_000;
    const probe = breaker.begin(now);
    for (const permit of late) breaker.end(permit, 'failure', now);
    expect(breaker.waitMs(now)).toBe(0);
    breaker.end(probe, 'success', now);
    for (const permit of late) breaker.end(permit, 'success', now);
    expect(breaker.closed).toBe(false);
  });

  it('opened by another instance is not moved by the tries that began before, and opens as long the next time as the other would', () => {
    const { breaker, changes } = breakerWith({ probes: 1 });
    const before = breaker.begin(start);
    breaker.openWith(4_000, 3, start);
    breaker.end(before, 'success', start);
    for (let n = 0; n < 5; n++) breaker.end(before, 'failure', start);
    expect([breaker.waitMs(start), breaker.begin(start + 3_999), changes]).toEqual([4_000, noPermit, []]);
    run(breaker, start + 4_000, 'failure');
    expect(changes).toEqual([[8_000, 4]]);
  });

  it('asks for all its probes again after one of them has failed, those that were still under way forgotten', () => {
    const { breaker } = breakerWith({ consecutiveFailures: 1, probes: 2 });
    run(breaker, start, 'failure');
    run(breaker, start + 1_000, 'success', 'failure');
    run(breaker, start + 3_000, 'success');
    expect(breaker.closed).toBe(false);
    const lost = breaker.begin(start + 3_000);
    breaker.end(lost, 'failure', start + 3_000);
    const pending = breaker.begin(start + 7_000);
    run(breaker, start + 7_000, 'failure');
    expect([breaker.begin(start + 15_000), breaker.begin(start + 15_000)]).not.toContain(noPermit);
    breaker.end(pending, 'success', start + 15_000);
    expect(breaker.closed).toBe(false);
  });

  it('counts nothing of the probes once it is closed', () => {
    const { breaker } = breakerWith({ consecutiveFailures: 1, probes: 1 });
    const before = breaker.begin(start);
    run(breaker, start, 'failure');
    const probe = breaker.begin(start + 1_000);
    breaker.end(probe, 'success', start + 1_000);
    breaker.end(before, 'failure', start + 1_000);
    breaker.end(probe, 'failure', start + 1_000);
    expect(breaker.closed).toBe(true);
  });

  it('opens at the fifth content in a row that broke off, for which good header sections between do not make up', () => {
    const { breaker } = breakerWith({ minRequests: 1_000 });
    receive(breaker, start, ...times(4, 'broken'), 'whole', ...times(4, 'broken'), 'left');
    const running = breaker.begin(start);
    breaker.answered(running, start);
    expect(breaker.closed).toBe(true);
    receive(breaker, start, 'broken');
    expect([breaker.closed, breaker.waitMs(start)]).toEqual([false, 1_000]);
  });

  it('is closed after failures in a row between which header sections come, though their content goes on for hours', () => {
    const { breaker } = breakerWith();
    for (let n = 0; n < 100; n++) {
      for (let stream = 0; stream < 20; stream++) breaker.answered(breaker.begin(start + n), start + n);
      run(breaker, start + n, 'failure');
    }
    expect(breaker.closed).toBe(true);
  });

  it('counts a try whose content broke off once: as the failure it became', () => {
    const { breaker } = breakerWith({ consecutiveFailures: 1_000 });
    receive(breaker, start, ...times(10, 'whole'), ...times(9, 'broken'));
    expect(breaker.closed).toBe(true);
    receive(breaker, start, 'broken');
    expect(breaker.closed).toBe(false);
    const late = breakerWith({ consecutiveFailures: 1_000 }).breaker;
    const permits = Array.from({ length: 20 }, () => late.begin(start));
    for (const permit of permits) late.answered(permit, start);
    // Their good half is out of the window by then, and counts no more.
    for (const permit of permits.slice(0, 19)) late.contentEnded(permit, 'broken', start, start + 30_000);
    expect(late.closed).toBe(true);
    late.contentEnded(permits[19] ?? 0, 'broken', start, start + 30_000);
    expect(late.closed).toBe(false);
  });

  it('waits for the content of its probes: closed by two that were not broken off, open for twice as long by one that was', () => {
    const { breaker } = breakerWith();
    run(breaker, start, ...times(5, 'failure'));
    const probes = [breaker.begin(start + 1_000), breaker.begin(start + 1_000)] as const;
    for (const permit of probes) breaker.answered(permit, start + 1_000);
    expect([breaker.closed, breaker.begin(start + 1_000), breaker.isProbe(probes[0])]).toEqual([false, noPermit, true]);
    breaker.contentEnded(probes[0], 'whole', start + 1_000, start + 1_000);
    breaker.contentEnded(probes[1], 'broken', start + 1_000, start + 1_000);
    expect([breaker.waitMs(start + 1_000), breaker.isProbe(probes[0])]).toEqual([2_000, false]);
    receive(breaker, start + 3_000, 'whole', 'left');
    expect(breaker.closed).toBe(true);
  });

  it('is not moved by content of an earlier state, and begins to count contents anew once it was closed', () => {
    const { breaker } = breakerWith({ probes: 1 });
    const before = breaker.begin(start);
    breaker.answered(before, start);
    receive(breaker, start, ...times(4, 'broken'));
    run(breaker, start, ...times(5, 'failure'));
    const probe = breaker.begin(start + 1_000);
    breaker.contentEnded(before, 'whole', start, start + 1_000);
    expect(breaker.closed).toBe(false);
    breaker.end(probe, 'success', start + 1_000);
    breaker.contentEnded(before, 'broken', start, start + 1_000);
    receive(breaker, start + 1_000, ...times(4, 'broken'));
    expect(breaker.closed).toBe(true);
  });

  it('asks nobody until the last millisecond of the time it is open', () => {
    const { breaker } = breakerWith({ consecutiveFailures: 1 });
    run(breaker, start, 'failure');
    expect([breaker.begin(start + 999), breaker.begin(start + 999.5)]).toEqual([noPermit, noPermit]);
    expect(breaker.begin(start + 1_000)).not.toBe(noPermit);
  });

  it('never lets a try through while it is open, nor more unanswered probes than configured, on any trace', () => {
    const step = fc.record({
      content: fc.option(fc.constantFrom<ContentEnd>('broken', 'left', 'whole')),
      waitMs: fc.nat(3_000),
      act: fc.constantFrom('begin', 'failure', 'success', 'throttled', 'none'),
      which: fc.nat(20),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), fc.integer({ min: 1, max: 4 }), (steps, probes) => {
        let openUntil = 0;
        let now = start;
        const breaker = new CircuitBreaker(
          { ...upstreamDefaults.breaker, probes, minRequests: 5, consecutiveFailures: 3 },
          (openMs) => {
            openUntil = openMs === 0 ? 0 : now + openMs;
          },
        );
        const running: number[] = [];
        for (const { waitMs, act, which, content } of steps) {
          now += waitMs;
          if (act === 'begin') {
            const permit = breaker.begin(now);
            if (now < openUntil) expect(permit).toBe(noPermit);
            if (permit !== noPermit) running.push(permit);
          } else {
            const [permit] = running.splice(which % Math.max(1, running.length), 1);
            if (permit === undefined) continue;
            if (content === null) breaker.end(permit, act as Outcome, now);
            else {
              breaker.answered(permit, now);
              breaker.contentEnded(permit, content, now, now);
            }
          }
          if (!breaker.closed && now >= openUntil) {
            const permits = Array.from({ length: probes + 1 }, () => breaker.begin(now)).filter((permit) => permit !== noPermit);
            expect(permits.length).toBeLessThanOrEqual(probes);
            for (const permit of permits) breaker.end(permit, 'none', now);
          }
        }
      }),
      { numRuns: 300 },
    );
  });
});
