import type { Clock, EpochMillis } from '../../ports/clock.ts';
import type { Counters } from '../../ports/counters.ts';
import type { KeyValueStore } from '../../ports/key-value-store.ts';
import type { GateDelta } from './gate.ts';

/** Why everything goes to the old side, since when and until when; `until` is `undefined` for ever. */
export interface RollBack {
  readonly reason: string;
  readonly at: EpochMillis;
  readonly until: EpochMillis | undefined;
}

/** What one gate's instances tell each other through the store. */
export interface SharedGate {
  /** Adds what this instance counted and answers the totals of all. */
  add(delta: GateDelta, bucketMs: number): Promise<{ readonly requests: number; readonly failures: number }>;
  /** `undefined` when nobody has rolled back. */
  rolledBack(): Promise<RollBack | undefined>;
  rollBack(until: EpochMillis | undefined, reason: string): Promise<void>;
}

const partition = 'gates';
/** A request may wait for these: one look may take so long. */
const callMs = 1_000;

/**
 * @param id `gateId`
 * @param store `durable`
 */
export function sharedGate(
  id: string,
  ports: {
    readonly store: KeyValueStore;
    readonly counters: Counters;
    readonly clock: Clock;
    readonly operationId: () => string;
  },
): SharedGate {
  const { store, counters, clock, operationId } = ports;
  const count = (name: string, by: number, { slot }: GateDelta, bucketMs: number): Promise<number> =>
    counters.increment(
      {
        key: { partition: `${partition}.${id}`, id: `${name}.${slot}` },
        by,
        operationId: operationId(),
        expiresAt: (slot + 20) * bucketMs,
      },
      { deadline: clock.now() + callMs },
    );
  return {
    async add(delta, bucketMs) {
      const [requests, failures] = await Promise.all([
        count('requests', delta.requests, delta, bucketMs),
        delta.failures === 0 ? 0 : count('failures', delta.failures, delta, bucketMs),
      ]);
      return { requests, failures };
    },
    async rolledBack() {
      const record = await store.get({ partition, id }, { deadline: clock.now() + callMs });
      if (record === undefined) return undefined;
      const { reason, at } = JSON.parse(record.value) as Pick<RollBack, 'at' | 'reason'>;
      return { reason, at, until: record.expiresAt };
    },
    async rollBack(until, reason) {
      // who comes second finds it done
      await store.create({ partition, id, value: JSON.stringify({ reason, at: clock.now() }), expiresAt: until });
    },
  };
}
