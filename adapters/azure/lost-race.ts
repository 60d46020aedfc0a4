import { serviceCodeOf } from './to-port-error.ts';

export type RaceOutcome<T> =
  | { readonly won: true; readonly result: T }
  /** The row has another etag, or there is none. */
  | { readonly won: false; readonly absent: boolean };

/** Makes a write conditional on an etag. Losing the race is an outcome; any other failure, a missing table included, is thrown on. */
export async function lostRace<T>(write: () => Promise<T>): Promise<RaceOutcome<T>> {
  try {
    return { won: true, result: await write() };
  } catch (error) {
    const code = serviceCodeOf(error);
    if (code === 'UpdateConditionNotSatisfied' || code === 'ConditionNotMet') return { won: false, absent: false };
    if (code === 'ResourceNotFound') return { won: false, absent: true };
    throw error;
  }
}
