import type { Counters } from '../ports/counters.ts';
import type { EpochMillis } from '../ports/clock.ts';
import type { CallOptions } from '../ports/key-value-store.ts';
import type { Session } from './session.ts';

/** Bytes that went through the forward gateway for one session. */
export interface Usage {
  readonly bytesUp: number;
  readonly bytesDown: number;
}

/** Whose bytes: the creation id tells the session from others that have or had its id. */
export type UsageOwner = Pick<Session, 'tenant' | 'creationId'>;

/**
 * A session can be extended for ever, a counter keeps the expiry it began with. So there is one for each period of 30 days
 * (milliseconds), kept until the end of the next one; usage is that of the present period and the one before.
 */
const periodMs = 30 * 86_400_000;

/** Adds to a session's usage. `operationId` names this report, so that repeating it does not count twice. */
export async function addUsage(
  counters: Counters,
  owner: UsageOwner,
  usage: Usage,
  operationId: string,
  now: EpochMillis,
  options?: CallOptions,
): Promise<void> {
  const period = periodOf(now);
  const add = (direction: Direction, by: number): Promise<number> =>
    counters.increment({ key: keyOf(owner, direction, period), by, operationId, expiresAt: (period + 2) * periodMs }, options);
  await Promise.all([usage.bytesUp > 0 && add('up', usage.bytesUp), usage.bytesDown > 0 && add('down', usage.bytesDown)]);
}

/** At least the usage of the last 30 days; all of it for a session not older than that. */
export async function readUsage(counters: Counters, owner: UsageOwner, now: EpochMillis, options?: CallOptions): Promise<Usage> {
  const period = periodOf(now);
  const read = async (direction: Direction): Promise<number> => {
    const [before, present] = await Promise.all([
      counters.read(keyOf(owner, direction, period - 1), options),
      counters.read(keyOf(owner, direction, period), options),
    ]);
    return before + present;
  };
  const [bytesUp, bytesDown] = await Promise.all([read('up'), read('down')]);
  return { bytesUp, bytesDown };
}

type Direction = 'up' | 'down';

function periodOf(now: EpochMillis): number {
  return Math.floor(now / periodMs);
}

function keyOf({ tenant, creationId }: UsageOwner, direction: Direction, period: number): { partition: string; id: string } {
  return { partition: `usage.${tenant}.${creationId}`, id: `${direction}.${period}` };
}
