import type { EpochMillis } from '../ports/clock.ts';

let second = Number.NaN;
let text = '';

/** An instant as `Date` has it: IMF-fixdate (RFC 9110 section 5.6.7). Remembers the last one, since most answers of a second ask for the same. */
export function httpDate(instant: EpochMillis): string {
  const now = Math.floor(instant / 1_000);
  if (now !== second) {
    second = now;
    text = new Date(now * 1_000).toUTCString();
  }
  return text;
}
