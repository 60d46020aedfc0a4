import type { Clock, EpochMillis } from '../../ports/clock.ts';

/**
 * Waits for something shared, which goes on for others, no longer than this caller can.
 *
 * @param late what to throw when the deadline passes first
 * @throws the signal's reason
 */
export async function within<T>(
  clock: Clock,
  work: Promise<T>,
  deadline: EpochMillis,
  signal: AbortSignal | undefined,
  late: () => Error,
): Promise<T> {
  const done = new AbortController();
  const timer = clock.sleep(
    Math.max(0, deadline - clock.now()),
    signal === undefined ? done.signal : AbortSignal.any([done.signal, signal]),
  );
  const tooLate = timer.then(() => {
    throw late();
  });
  try {
    return await Promise.race([work, tooLate]);
  } finally {
    done.abort();
  }
}
