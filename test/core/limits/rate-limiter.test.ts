import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RateLimiter } from '../../../core/limits/rate-limiter.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const minute = 60_000;

function allowed(limiter: RateLimiter, tries: number, key = 'acme'): number {
  return Array.from({ length: tries }, () => limiter.allow(key)).filter(Boolean).length;
}

describe('the rate limiter', () => {
  it.each([1, 2, 3, 7, 60, 100, 6_000])('allows a burst of exactly its limit of %i, then refuses', (limit) => {
    const limiter = new RateLimiter(new FakeClock(), limit);
    expect(allowed(limiter, limit + 50)).toBe(limit);
    expect(limiter.state('acme')).toMatchObject({ allowed: false, remaining: 0 });
  });

  it.each([1, 3, 60, 6_000])('allows one more of %i a minute as each interval passes, and says when', async (limit) => {
    const clock = new FakeClock();
    const limiter = new RateLimiter(clock, limit);
    allowed(limiter, limit);
    for (let n = 0; n < 5; n++) {
      const { resetSeconds } = limiter.state('acme');
      expect(resetSeconds).toBe(Math.max(1, Math.ceil(minute / limit / 1_000)));
      await clock.advance(Math.ceil(minute / limit));
      expect(allowed(limiter, 3)).toBe(1);
    }
  });

  it('never allows more than its limit in a minute beyond one burst, at whatever times it is asked', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 20 }),
        fc.array(fc.tuple(fc.nat(20_000), fc.nat(5)), { maxLength: 60 }),
        async (limit, steps) => {
          const clock = new FakeClock();
          const limiter = new RateLimiter(clock, limit);
          const times: number[] = [];
          for (const [wait, tries] of steps) {
            await clock.advance(wait);
            const now = clock.now();
            for (let n = 0; n < tries; n++) if (limiter.allow('k')) times.push(now);
          }
          for (const [at, start] of times.entries()) {
            for (const minutes of [1, 3]) {
              const inWindow = times.slice(at).filter((time) => time < start + minutes * minute).length;
              expect(inWindow).toBeLessThanOrEqual(limit * (minutes + 1));
            }
          }
        },
      ),
      { numRuns: 100 },
    );
  });

  it('is fully restored by a quiet minute', async () => {
    const clock = new FakeClock();
    const limiter = new RateLimiter(clock, 10);
    allowed(limiter, 10);
    await clock.advance(minute);
    expect(limiter.state('acme').remaining).toBe(10);
    expect(allowed(limiter, 20)).toBe(10);
  });

  it('counts each key by itself, and refused requests not at all', async () => {
    const clock = new FakeClock();
    const limiter = new RateLimiter(clock, 6);
    allowed(limiter, 1_000, 'a');
    expect(allowed(limiter, 10, 'b')).toBe(6);
    await clock.advance(10_000);
    expect(allowed(limiter, 10, 'a')).toBe(1);
  });

  it.each([-5_000, -30_000, -3_600_000, -86_400_000])(
    'goes on over a clock step of %i ms as if there had been none',
    async (step) => {
      const clock = new FakeClock();
      const limiter = new RateLimiter(clock, 10);
      expect(allowed(limiter, 8)).toBe(8);
      clock.set(clock.now() + step);
      expect(allowed(limiter, 20)).toBe(2);
      clock.set(clock.now() + step);
      expect(limiter.state('acme')).toEqual({ allowed: false, remaining: 0, resetSeconds: 6 });
      await clock.advance(6_000);
      expect(allowed(limiter, 20)).toBe(1);
    },
  );

  it.each([5_000, 3_600_000])('after a clock step of +%i ms allows one burst at most', (step) => {
    const clock = new FakeClock();
    const limiter = new RateLimiter(clock, 10);
    allowed(limiter, 10);
    clock.set(clock.now() + step);
    expect(allowed(limiter, 50)).toBeLessThanOrEqual(10);
  });

  it('stays bounded with many keys', () => {
    const limiter = new RateLimiter(new FakeClock(), 1);
    for (let n = 0; n < 10_000; n++) limiter.allow(`k${n}`);
    expect(limiter.allow('k1')).toBe(false);
    expect(limiter.allow('one more')).toBe(true);
  });
});
