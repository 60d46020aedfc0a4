import type { EpochMillis } from '../ports/clock.ts';

/** RFC 3339 in UTC, to the millisecond. */
export function instant(at: EpochMillis): string {
  return new Date(at).toISOString();
}
