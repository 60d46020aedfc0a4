import { describe, expect, it } from 'vitest';
import { AdmissionControl, shed } from '../../../../core/proxy/upstream/admission-control.ts';
import { upstreamDefaults } from '../../../../core/proxy/upstream/settings.ts';
import { seededRandom } from '../../../support/seeded-random.ts';

const start = 1_767_225_600_000;

/** 100 requests a second; answers the share that was refused in the last 10 seconds. */
function drive(
  control: AdmissionControl,
  { from, seconds, latencyMs = 10, good }: { from: number; seconds: number; latencyMs?: number; good: (n: number) => boolean },
): number {
  const answers: { at: number; ticket: number; good: boolean }[] = [];
  let asked = 0;
  let refused = 0;
  for (let n = 0; n < seconds * 100; n++) {
    const now = from + n * 10;
    for (const answer of answers.splice(0, answers.findLastIndex(({ at }) => at <= now) + 1)) {
      if (answer.good) control.succeeded(answer.ticket, latencyMs, now);
    }
    const ticket = control.admit(now);
    if (n >= (seconds - 10) * 100) {
      asked++;
      if (ticket === shed) refused++;
    }
    if (ticket !== shed) answers.push({ at: now + latencyMs, ticket, good: good(n) });
  }
  return refused / asked;
}

describe('admission control', () => {
  const control = () => new AdmissionControl(upstreamDefaults.admission, seededRandom(1));

  it('refuses nobody while all succeed, however slowly, and while no more than 5 % fail', () => {
    expect(drive(control(), { from: start, seconds: 60, good: () => true })).toBe(0);
    expect(drive(control(), { from: start, seconds: 60, latencyMs: 5_000, good: () => true })).toBe(0);
    expect(drive(control(), { from: start, seconds: 60, good: (n) => n % 20 !== 0 })).toBeLessThan(0.02);
  });

  it('refuses by the formula: half failing, the share that makes what is sent fit the successes', () => {
    // p = n - s / 0.95 over n + 1, of what was sent: with s = n / 2 about 47 %.
    const refused = drive(control(), { from: start, seconds: 120, good: (n) => n % 2 === 0 });
    expect(refused).toBeGreaterThan(0.42);
    expect(refused).toBeLessThan(0.52);
  });

  it('refuses the share of its formula to the digit', () => {
    const it = control();
    const tickets = Array.from({ length: 10 }, () => it.admit(start));
    for (const ticket of tickets.slice(0, 8)) it.succeeded(ticket, 10, start);
    expect(it.rejectRatio(start + 5_000)).toBeCloseTo((10 - 8 / 0.95) / 11, 10);
  });

  it('refuses no more than its maximum of an upstream that fails altogether, and nobody when it is back', () => {
    const it = control();
    expect(drive(it, { from: start, seconds: 60, good: () => false })).toBeCloseTo(0.8, 1);
    expect(drive(it, { from: start + 60_000, seconds: 60, good: () => true })).toBe(0);
  });

  it('sees an upstream that only stalls before its time-outs', () => {
    const it = control();
    drive(it, { from: start, seconds: 30, good: () => true });
    const stalled = drive(it, { from: start + 30_000, seconds: 15, latencyMs: 60_000, good: () => true });
    expect(stalled).toBeGreaterThan(0.1);
  });

  it('does not count what was forgotten', () => {
    const it = control();
    for (let n = 0; n < 1_000; n++) {
      const ticket = it.admit(start + n);
      expect(ticket).not.toBe(shed);
      it.forgotten(ticket, start + n);
    }
    expect(it.rejectRatio(start + 5_000)).toBe(0);
  });

  it('forgets what is older than its window', () => {
    const it = control();
    for (let n = 0; n < 100; n++) it.admit(start);
    expect(it.rejectRatio(start + 5_000)).toBe(0.8);
    expect(it.rejectRatio(start + 31_000)).toBe(0);
  });
});
