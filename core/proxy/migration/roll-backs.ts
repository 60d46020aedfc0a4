import type { Clock, EpochMillis } from '../../ports/clock.ts';
import type { Counters } from '../../ports/counters.ts';
import type { CallOptions, KeyValueStore, NewRecord, StoredRecord } from '../../ports/key-value-store.ts';
import type { GateDelta } from './gate.ts';

/** Why everything goes to the old side, since when and until when; `until` is `undefined` for good. */
export interface RollBack {
  readonly reason: string;
  readonly at: EpochMillis;
  readonly until: EpochMillis | undefined;
}

export interface StoredRollBack extends RollBack {
  /** When its record was last held; -infinity where it was never. */
  readonly heldAt: EpochMillis;
}

/** What one gate's instances tell each other through the store. */
export interface SharedGate {
  /** Adds what this instance counted and answers the totals of all. */
  add(delta: GateDelta, bucketMs: number): Promise<{ readonly requests: number; readonly failures: number }>;
  /** `undefined` when nobody has rolled back. */
  rolledBack(): Promise<StoredRollBack | undefined>;
  rollBack(rollBack: RollBack): Promise<void>;
  /** A roll-back for good is in force here: its record is kept for `keptForMs` from now on. To be called every `holdEveryMs`. */
  hold(rollBack: RollBack): Promise<void>;
}

/**
 * The record of a roll-back for good outlives the last request that it held back by so long. Then nobody has been served by its split for a year, and most
 * likely nobody ever will be.
 */
export const keptForMs: number = 365 * 86_400_000;
export const holdEveryMs = 86_400_000;

const partition = 'gates';
/** A request may wait for these: one look may take so long. */
const callMs = 1_000;

/** What is stored. Without `forGood`, the expiry is the end of the roll-back; without either it is one for good of before these expired. */
type Written = Pick<RollBack, 'at' | 'reason'> & { readonly forGood?: true };

/**
 * @param id `gateNames`
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
  const key = { partition, id };
  const inTime = (): CallOptions => ({ deadline: clock.now() + callMs });
  const count = (name: string, by: number, { slot }: GateDelta, bucketMs: number): Promise<number> =>
    counters.increment(
      {
        key: { partition: `${partition}.${id}`, id: `${name}.${slot}` },
        by,
        operationId: operationId(),
        expiresAt: (slot + 20) * bucketMs,
      },
      inTime(),
    );
  const record = ({ reason, at, until }: RollBack): NewRecord & { readonly expiresAt: EpochMillis } => {
    const written: Written = until === undefined ? { reason, at, forGood: true } : { reason, at };
    return { ...key, value: JSON.stringify(written), expiresAt: until ?? clock.now() + keptForMs };
  };
  const read = (): Promise<StoredRecord | undefined> => store.get(key, inTime());
  return {
    async add(delta, bucketMs) {
      const [requests, failures] = await Promise.all([
        count('requests', delta.requests, delta, bucketMs),
        delta.failures === 0 ? 0 : count('failures', delta.failures, delta, bucketMs),
      ]);
      return { requests, failures };
    },
    async rolledBack() {
      const found = await read();
      if (found === undefined) return undefined;
      const { reason, at, forGood } = JSON.parse(found.value) as Written;
      return {
        reason,
        at,
        until: forGood === true ? undefined : found.expiresAt,
        heldAt: found.expiresAt === undefined ? -Infinity : found.expiresAt - keptForMs,
      };
    },
    async rollBack(rollBack) {
      // who comes second finds it done
      await store.create(record(rollBack), inTime());
    },
    async hold(rollBack) {
      const found = await read();
      const kept = record(rollBack);
      if (found === undefined) await store.create(kept, inTime());
      else if (found.expiresAt === undefined || found.expiresAt <= kept.expiresAt - holdEveryMs) {
        // who is refused has been overtaken by another that holds it
        await store.replace(kept, found.version, inTime());
      }
    },
  };
}
