import type { Timers } from './timers.ts';

/**
 * Waits for something shared, which goes on for others, no longer than this caller can.
 *
 * @param late what to reject with when the time is over first
 * @throws the signal's reason
 */
export function within<T>(
  timers: Timers,
  work: Promise<T>,
  patienceMs: number,
  signal: AbortSignal | undefined,
  late: () => Error,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal?.reason as Error);
    const timer = timers.start(patienceMs, () => reject(late()));
    signal?.addEventListener('abort', abort, { once: true });
    void work.then(resolve, reject).finally(() => {
      timer.cancel();
      signal?.removeEventListener('abort', abort);
    });
  });
}
