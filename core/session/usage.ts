import type { Counters } from '../ports/counters.ts';
import type { EpochMillis } from '../ports/clock.ts';
import type { CallOptions } from '../ports/key-value-store.ts';

/** Bytes that went through the forward gateway for one session. */
export interface Usage {
  readonly bytesUp: number;
  readonly bytesDown: number;
}

/** Usage outlives its session by so long, for billing; milliseconds. */
export const usageKeptMs: EpochMillis = 7 * 86_400_000;

/** Adds to a session's usage. `operationId` names this report, so that repeating it does not count twice. */
export async function addUsage(
  counters: Counters,
  session: { readonly tenant: string; readonly sessionId: string },
  usage: Usage,
  operationId: string,
  now: EpochMillis,
  options?: CallOptions,
): Promise<void> {
  const add = (id: string, by: number): Promise<number> =>
    counters.increment({ key: { partition: partitionOf(session), id }, by, operationId, expiresAt: now + usageKeptMs }, options);
  await Promise.all([usage.bytesUp > 0 && add('up', usage.bytesUp), usage.bytesDown > 0 && add('down', usage.bytesDown)]);
}

export async function readUsage(counters: Counters, tenant: string, sessionId: string, options?: CallOptions): Promise<Usage> {
  const partition = partitionOf({ tenant, sessionId });
  const [bytesUp, bytesDown] = await Promise.all([
    counters.read({ partition, id: 'up' }, options),
    counters.read({ partition, id: 'down' }, options),
  ]);
  return { bytesUp, bytesDown };
}

function partitionOf({ tenant, sessionId }: { readonly tenant: string; readonly sessionId: string }): string {
  return `usage.${tenant}.${sessionId}`;
}
