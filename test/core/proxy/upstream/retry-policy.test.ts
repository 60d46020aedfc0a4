import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HeaderList } from '../../../../core/http/header-list.ts';
import { UpstreamError } from '../../../../core/ports/index.ts';
import type { UpstreamErrorType } from '../../../../core/ports/index.ts';
import { outcomeOfError, outcomeOfStatus } from '../../../../core/proxy/upstream/outcome.ts';
import { retryAfterMs, RetryPolicy } from '../../../../core/proxy/upstream/retry-policy.ts';
import { upstreamDefaults } from '../../../../core/proxy/upstream/settings.ts';
import { ShareBudget } from '../../../../core/proxy/upstream/share-budget.ts';

const now = Date.UTC(2026, 0, 1, 12);
const far = now + 1e9;

describe('the retry policy', () => {
  it('waits a full jitter: from nothing up to (2^n - 1) x base, at most the maximum', () => {
    const settings = { ...upstreamDefaults.retry, retries: 5 };
    const least = new RetryPolicy(settings, () => 0);
    const most = new RetryPolicy(settings, () => 0.999_999);
    expect([1, 2, 3, 4, 5].map((n) => least.delayMs(n, undefined, now, far))).toEqual([0, 0, 0, 0, 0]);
    expect([1, 2, 3, 4, 5].map((n) => Math.ceil(most.delayMs(n, undefined, now, far) ?? -1))).toEqual([25, 75, 175, 250, 250]);
  });

  it('gives up after so many retries, and where the deadline would pass', () => {
    const policy = new RetryPolicy({ ...upstreamDefaults.retry, retries: 2 }, () => 0.5);
    expect(policy.delayMs(2, undefined, now, far)).toBe(37.5);
    expect(policy.delayMs(3, undefined, now, far)).toBeUndefined();
    expect(policy.delayMs(1, undefined, now, now + 12)).toBeUndefined();
    expect(policy.delayMs(1, undefined, now, now + 13)).toBe(12.5);
  });

  it('waits as long as Retry-After says, and gives up where that is too long', () => {
    const policy = new RetryPolicy(upstreamDefaults.retry, () => 0.5);
    const headers = new HeaderList(['retry-after', '5']);
    expect(policy.delayMs(1, headers, now, now + 5_001)).toBe(5_000);
    expect(policy.delayMs(1, headers, now, now + 5_000)).toBeUndefined();
  });

  it.each([
    ['0', 0],
    ['120', 120_000],
    ['Thu, 01 Jan 2026 12:00:30 GMT', 30_000],
    ['Thu, 01 Jan 2026 11:00:00 GMT', 0],
    ['soon', 0],
    ['-1', 0],
    ['1.5', 0],
    ['99999999999', 0],
  ])('reads Retry-After: %s', (value, expected) => {
    expect(retryAfterMs(new HeaderList(['retry-after', value]), now)).toBe(expected);
  });

  it('repeats after its statuses only methods that may be', () => {
    const policy = new RetryPolicy(upstreamDefaults.retry, Math.random);
    expect([502, 503, 504, 500, 429, 200].map((status) => policy.isWorthAfterStatus(status, 'GET'))).toEqual([
      true,
      true,
      true,
      false,
      false,
      false,
    ]);
    expect(
      ['HEAD', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'POST', 'PATCH', 'get', 'BREW'].filter((method) =>
        policy.isWorthAfterStatus(503, method),
      ),
    ).toEqual(['HEAD', 'PUT', 'DELETE', 'OPTIONS', 'TRACE']);
  });

  it('repeats other methods only when not a byte was sent, and nothing that would fail again in the same way', () => {
    const policy = new RetryPolicy(upstreamDefaults.retry, Math.random);
    const worth = (type: UpstreamErrorType, sent: boolean, method: string): boolean =>
      policy.isWorthAfterError(new UpstreamError(type, sent), method);
    expect(worth('connection_terminated', true, 'GET')).toBe(true);
    expect(worth('connection_terminated', true, 'POST')).toBe(false);
    expect(worth('connection_refused', false, 'POST')).toBe(true);
    for (const type of [
      'destination_ip_prohibited',
      'proxy_configuration_error',
      'proxy_internal_error',
      'connection_limit_reached',
      'http_protocol_error',
    ] as const) {
      expect(worth(type, false, 'GET')).toBe(false);
    }
    expect(worth('http_response_header_section_size', true, 'GET')).toBe(false);
    expect(worth('http_protocol_error', true, 'GET')).toBe(true);
  });
});

describe('the outcome of a try', () => {
  it('is a failure for 5xx but 501 and 505, throttled for 429, a success for the rest', () => {
    expect([200, 301, 404, 429, 499, 500, 501, 502, 503, 504, 505, 507, 599].map(outcomeOfStatus)).toEqual([
      'success',
      'success',
      'success',
      'throttled',
      'success',
      'failure',
      'success',
      'failure',
      'failure',
      'failure',
      'success',
      'failure',
      'failure',
    ]);
  });

  it('says nothing about the target where nobody was asked', () => {
    expect(outcomeOfError(new UpstreamError('destination_ip_prohibited', false))).toBe('none');
    expect(outcomeOfError(new UpstreamError('connection_limit_reached', false))).toBe('none');
    expect(outcomeOfError(new UpstreamError('http_protocol_error', false))).toBe('none');
    expect(outcomeOfError(new UpstreamError('http_protocol_error', true))).toBe('failure');
    expect(outcomeOfError(new UpstreamError('connection_refused', false))).toBe('failure');
  });
});

describe('a share budget', () => {
  it('never lets more through in any 10 seconds than the share of the requests around them and the floor', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(800), fc.integer({ min: 1, max: 40 })), { minLength: 1, maxLength: 80 }),
        fc.double({ min: 0, max: 0.5, noNaN: true }),
        fc.integer({ min: 0, max: 10 }),
        (steps, ratio, floor) => {
          const budget = new ShareBudget(ratio, floor);
          let at = now;
          const requests: number[] = [];
          const spent: number[] = [];
          for (const [waitMs, count] of steps) {
            at += waitMs;
            for (let n = 0; n < count; n++) {
              budget.deposit(at);
              requests.push(at);
              if (budget.withdraw(at)) spent.push(at);
            }
          }
          for (const end of spent) {
            // The window is what remains of 10 buckets of a second.
            const from = (Math.floor(end / 1_000) - 9) * 1_000;
            const inWindow = (times: readonly number[]): number => times.filter((time) => time >= from && time <= end).length;
            expect(inWindow(spent)).toBeLessThanOrEqual(inWindow(requests) * ratio + floor + 1e-9);
          }
        },
      ),
    );
  });

  it('has its floor without any requests, and again 10 seconds later', () => {
    const budget = new ShareBudget(0.1, 2);
    const three = (at: number): boolean[] => [1, 2, 3].map(() => budget.withdraw(at));
    expect(three(now)).toEqual([true, true, false]);
    expect(three(now + 10_000)).toEqual([true, true, false]);
  });
});
