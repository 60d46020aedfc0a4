import type { EpochMillis } from '../ports/clock.ts';

const dayMs = 86_400_000;
/** Dates written before, by day: a process writes the same few, and the date takes longest to work out. */
const dates = new Map<number, string>();
const maxDates = 100;

/** RFC 3339 in UTC, to the millisecond. */
export function instant(at: EpochMillis): string {
  const day = Math.floor(at / dayMs);
  const ms = Math.trunc(at - day * dayMs);
  const hour = two(Math.trunc(ms / 3_600_000));
  const minute = two(Math.trunc(ms / 60_000) % 60);
  const second = two(Math.trunc(ms / 1_000) % 60);
  const fraction = ms % 1_000;
  return `${dates.get(day) ?? dateOf(day)}${hour}:${minute}:${second}.${fraction < 100 ? '0' : ''}${two(fraction)}Z`;
}

/** `2026-11-21T`. */
function dateOf(day: number): string {
  const date = new Date(day * dayMs).toISOString().slice(0, -13);
  if (dates.size >= maxDates) dates.clear();
  dates.set(day, date);
  return date;
}

function two(value: number): string {
  return value < 10 ? `0${value}` : `${value}`;
}
