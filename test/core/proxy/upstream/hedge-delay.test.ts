import { describe, expect, it } from 'vitest';
import { HedgeDelay } from '../../../../core/proxy/upstream/hedge-delay.ts';

function learn(delay: HedgeDelay, ...latencies: readonly number[]): number | undefined {
  for (const latency of latencies) delay.add(latency);
  return delay.delayMs;
}

const series = (n: number, of: (at: number) => number): number[] => Array.from({ length: n }, (_, at) => of(at));

describe('the delay of a hedge', () => {
  it('is the configured one', () => {
    const delay = new HedgeDelay({ delayMs: 5 });
    expect(learn(delay, ...series(100, () => 900))).toBe(5);
  });

  it('is unknown before 20 answers, then their p95', () => {
    const delay = new HedgeDelay({ delayMs: undefined });
    expect(learn(delay, ...series(19, () => 100))).toBeUndefined();
    const p95 = learn(delay, ...series(181, (at) => (at % 10 === 0 ? 500 : 100))) ?? 0;
    expect(p95).toBeGreaterThan(480);
    expect(p95).toBeLessThan(560);
  });

  it('is no less than 20 ms', () => {
    expect(learn(new HedgeDelay({ delayMs: undefined }), ...series(40, () => 1))).toBe(20);
  });

  it('follows when latencies change for good', () => {
    const delay = new HedgeDelay({ delayMs: undefined });
    learn(delay, ...series(3_000, () => 800));
    expect(learn(delay, ...series(1_500, () => 100))).toBeLessThan(120);
  });
});
