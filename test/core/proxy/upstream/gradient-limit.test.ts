import { describe, expect, it } from 'vitest';
import { GradientLimit } from '../../../../core/proxy/upstream/gradient-limit.ts';
import { seededRandom } from '../../../support/seeded-random.ts';

/**
 * A backend that works on `capacity` requests at once, `serviceMs` each, with the others in its queue; always as many requests as the limit lets through.
 *
 * @returns the limit at the end of each second
 */
function drive(
  limit: GradientLimit,
  seconds: number,
  { capacity, serviceMs, from = 0 }: { capacity: number; serviceMs: number; from?: number },
): number[] {
  const limits: number[] = [];
  /** When each worker is free. */
  const workers = Array.from({ length: capacity }, () => from);
  const running: { began: number; ends: number }[] = [];
  for (let now = from; now < from + seconds * 1_000; now++) {
    for (const request of running.filter(({ ends }) => ends <= now)) {
      running.splice(running.indexOf(request), 1);
      limit.sample(now - request.began, now);
    }
    while (running.length < limit.limit) {
      const free = workers.indexOf(Math.min(...workers));
      const ends = Math.max(now, workers[free] ?? now) + serviceMs;
      workers[free] = ends;
      running.push({ began: now, ends });
    }
    if ((now + 1) % 1_000 === 0) limits.push(limit.limit);
  }
  return limits;
}

describe('the gradient limit', () => {
  it.each([
    [10, 20],
    [40, 50],
    [100, 10],
  ])(
    'comes to lie between the %i requests that the backend works on at once and twice as many, within a few seconds',
    (capacity, serviceMs) => {
      const limits = drive(new GradientLimit({ max: 1_000 }, seededRandom(1)), 30, { capacity, serviceMs });
      for (const limit of limits.slice(10)) {
        expect(limit).toBeGreaterThanOrEqual(capacity);
        expect(limit).toBeLessThanOrEqual(2 * capacity + 6);
      }
    },
  );

  it('falls when the backend loses capacity and rises when it has it back', () => {
    const limit = new GradientLimit({ max: 1_000 }, seededRandom(2));
    const before = drive(limit, 15, { capacity: 80, serviceMs: 20 }).at(-1) ?? 0;
    const during = drive(limit, 15, { capacity: 8, serviceMs: 20, from: 15_000 }).at(-1) ?? 0;
    const after = drive(limit, 15, { capacity: 80, serviceMs: 20, from: 30_000 }).at(-1) ?? 0;
    expect(before).toBeGreaterThanOrEqual(80);
    expect(during).toBeLessThanOrEqual(20);
    expect(after).toBeGreaterThanOrEqual(80);
  });

  it('stays between 3 and the maximum', () => {
    const limits = drive(new GradientLimit({ max: 12 }, seededRandom(3)), 10, { capacity: 500, serviceMs: 10 });
    expect(limits.at(-1)).toBe(12);
    const overloaded = new GradientLimit({ max: 1_000 }, seededRandom(4));
    for (let n = 0; n < 50; n++) overloaded.sample(1, n);
    for (let n = 0; n < 10_000; n++) {
      overloaded.sample(1_000, 10_000 + n);
      expect(overloaded.limit).toBeGreaterThanOrEqual(3);
    }
  });

  it('measures the ideal latency again within about a minute, and takes a slower backend for what it has become', () => {
    const limit = new GradientLimit({ max: 1_000 }, seededRandom(5));
    drive(limit, 20, { capacity: 30, serviceMs: 10 });
    // Each request takes 10 times as long, at whatever concurrency: no reason for a small limit.
    const limits = drive(limit, 150, { capacity: 30, serviceMs: 100, from: 20_000 });
    expect(limits.at(-1)).toBeGreaterThanOrEqual(30);
  });

  it('does not wait for that minute when the limit has been least for five windows', () => {
    const limit = new GradientLimit({ max: 1_000 }, seededRandom(6));
    drive(limit, 5, { capacity: 30, serviceMs: 10 });
    const limits = drive(limit, 25, { capacity: 30, serviceMs: 100, from: 5_000 });
    expect(Math.min(...limits)).toBeLessThanOrEqual(4);
    expect(limits.at(-1)).toBeGreaterThanOrEqual(30);
  });

  it('does not take requests that were sent before the measurement for ideal', () => {
    const limit = new GradientLimit({ max: 1_000 }, () => 0);
    for (let n = 0; n < 50; n++) limit.sample(10, n);
    // A minute later it measures again; requests from before come in late and slow.
    for (let n = 0; n < 15; n++) limit.sample(10, 60_100 + n);
    expect(limit.limit).toBe(3);
    for (let n = 0; n < 100; n++) limit.sample(5_000, 60_400 + n);
    expect(limit.limit).toBe(3);
    for (let n = 0; n < 50; n++) limit.sample(10, 60_600 + n);
    const before = limit.limit;
    for (let n = 0; n < 200; n++) limit.sample(100, 61_000 + n);
    expect(limit.limit).toBeLessThan(before);
  });
});
