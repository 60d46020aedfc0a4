import { describe, expect, it } from 'vitest';
import { isValid, ValidityWarnings, validityWarning } from '../../../adapters/node/certificate-validity.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { MemoryLogger } from '../../support/memory-logger.ts';

const dayMs = 86_400_000;
const from = Date.UTC(2026, 0, 1);
const lasting = (days: number) => ({ subject: 'CN=x', notBefore: from, notAfter: from + days * dayMs });

describe('the validity of a certificate', () => {
  it('includes its first and its last instant', () => {
    const instants = [from - 1, from, from + 90 * dayMs, from + 90 * dayMs + 1];
    expect(instants.map((at) => isValid(lasting(90), at))).toEqual([false, true, true, false]);
    expect(instants.map((at) => validityWarning(lasting(90), at))).toEqual([
      'certificate_not_yet_valid',
      undefined,
      'certificate_expires',
      'certificate_expired',
    ]);
  });

  it.each([
    [90, 76],
    [42, 28],
    [6, 4],
  ])('of %i days is about to end after %i', (days, quietDays) => {
    const at = from + quietDays * dayMs;
    expect([at, at + 1].map((now) => validityWarning(lasting(days), now))).toEqual([undefined, 'certificate_expires']);
  });
});

describe('warnings of certificates', () => {
  it('come once a day for each, and at once for what is new', async () => {
    const clock = new FakeClock({ now: from + 80 * dayMs });
    const logger = new MemoryLogger();
    const warnings = new ValidityWarnings(clock, logger, 'client');
    const told = (): readonly unknown[] => logger.lines.splice(0).map(({ event, attributes }) => [event, attributes['daysLeft']]);
    for (const name of ['a', 'a', 'b']) warnings.look(name, lasting(90));
    const expires = ['upstream.tls.certificate_expires', 10];
    expect(told()).toEqual([expires, expires]);
    await clock.advance(dayMs - 1);
    warnings.look('a', lasting(90));
    expect(told()).toEqual([]);
    warnings.look('a', lasting(91));
    warnings.look('a', lasting(91));
    expect(told()).toEqual([expires]);
    warnings.look('a', lasting(365));
    warnings.look('a', lasting(91));
    await clock.advance(11 * dayMs);
    warnings.look('a', lasting(91));
    expect(told()).toEqual([expires, ['upstream.tls.certificate_expired', -1]]);
  });
});
