import type { Clock } from '../ports/clock.ts';
import { PortError } from '../ports/errors.ts';
import type { CallOptions } from '../ports/key-value-store.ts';

/**
 * Waits for work that others wait for too, for as long as this caller can: the work goes on whoever leaves.
 *
 * @throws {PortError} `deadline_exceeded`, `cancelled`: the caller's time is over, or the caller has gone
 */
export async function joined<T>(clock: Clock, work: Promise<T>, { deadline, signal }: CallOptions, operation: string): Promise<T> {
  if (deadline === undefined && signal === undefined) return work;
  const finished = new AbortController();
  const waits: Promise<T>[] = [work];
  if (deadline !== undefined) {
    const late = clock.sleep(Math.max(0, deadline - clock.now()), finished.signal);
    waits.push(late.then(() => Promise.reject(new PortError('deadline_exceeded', operation, { reason: 'BudgetSpent' }))));
  }
  if (signal !== undefined) {
    const { promise, reject } = Promise.withResolvers<never>();
    const leave = (): void => reject(new PortError('cancelled', operation));
    if (signal.aborted) leave();
    signal.addEventListener('abort', leave, { signal: finished.signal });
    waits.push(promise);
  }
  try {
    return await Promise.race(waits);
  } finally {
    finished.abort();
  }
}
