import type { EpochMillis } from '../../ports/clock.ts';
import type { HeaderFields } from '../../ports/http.ts';
import type { UpstreamError, UpstreamErrorType } from '../../ports/transport.ts';
import { outcomeOfError } from './outcome.ts';
import type { RetrySettings } from './settings.ts';

/** Would fail again in the same way. */
const pointless: ReadonlySet<UpstreamErrorType> = new Set(['http_response_header_section_size']);

/** Which tries may be followed by another, and when. */
export class RetryPolicy {
  readonly #settings: RetrySettings;
  readonly #random: () => number;
  readonly #methods: ReadonlySet<string>;
  readonly #statuses: ReadonlySet<number>;

  constructor(settings: RetrySettings, random: () => number) {
    this.#settings = settings;
    this.#random = random;
    this.#methods = new Set(settings.methods);
    this.#statuses = new Set(settings.statuses);
  }

  /** Whether a request of this method may reach an upstream twice. */
  mayRepeat(method: string): boolean {
    return this.#methods.has(method);
  }

  isWorthAfterStatus(status: number, method: string): boolean {
    return this.#statuses.has(status) && this.#methods.has(method);
  }

  isWorthAfterError(error: UpstreamError, method: string): boolean {
    if (pointless.has(error.type) || outcomeOfError(error) === 'none') return false;
    return !error.requestSent || this.#methods.has(method);
  }

  /**
   * How long to wait before the `n`-th retry, from 1; `undefined`: there is none, because of their number or because the deadline would pass.
   *
   * @param headers of the response that is to be tried again; its `Retry-After` is the least wait
   */
  delayMs(n: number, headers: HeaderFields | undefined, now: EpochMillis, deadline: EpochMillis): number | undefined {
    const { retries, baseBackoffMs, maxBackoffMs } = this.#settings;
    if (n > retries) return undefined;
    const jitterMs = this.#random() * Math.min(maxBackoffMs, (2 ** n - 1) * baseBackoffMs);
    const delayMs = Math.max(jitterMs, headers === undefined ? 0 : retryAfterMs(headers, now));
    return now + delayMs < deadline ? delayMs : undefined;
  }
}

/** What `Retry-After` (RFC 9110 section 10.2.3) asks for, in milliseconds: seconds or a date. 0 without one, and for one that says nothing. */
export function retryAfterMs(headers: HeaderFields, now: EpochMillis): number {
  const value = headers.get('retry-after');
  if (value === undefined) return 0;
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1_000;
  const date = value.endsWith('GMT') ? Date.parse(value) : Number.NaN;
  return Number.isNaN(date) ? 0 : Math.max(0, date - now);
}
