import type { Clock, EpochMillis } from '../../ports/clock.ts';
import type { RequestContext } from '../../ports/http.ts';
import type { Logger } from '../../ports/telemetry.ts';
import { kindOf } from '../../telemetry/describe-error.ts';
import type { GateConfiguration } from '../configuration.ts';
import { Gate } from './gate.ts';
import { holdEveryMs } from './roll-backs.ts';
import type { RollBack, SharedGate } from './roll-backs.ts';

/** Instances talk about a gate at most this often. */
const syncEveryMs = 1_000;
/** An instance that heard nothing for so long asks before it sends anything to the new side. */
const staleAfterMs = 10_000;

/** The answer is known; what the others have to be told of it may take longer. */
interface Synced {
  readonly told: Promise<void>;
}

/** The gate of one split as one instance knows it: what it has counted, what it has heard from the others, and whether it has been crossed. */
export class WatchedGate {
  readonly #routeId: string;
  readonly #retryAfterMs: number | undefined;
  readonly #gate: Gate;
  readonly #shared: SharedGate;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #rollBack: RollBack | undefined;
  /** It was this instance that rolled back, and the others cannot know. */
  #untold = false;
  /** When the record of a roll-back for good was last seen to. */
  #heldAt: EpochMillis = -Infinity;
  #syncedAt: EpochMillis = -Infinity;
  #syncing: Promise<Synced> | undefined;

  constructor(
    routeId: string,
    configuration: GateConfiguration,
    { shared, clock, logger }: { readonly shared: SharedGate; readonly clock: Clock; readonly logger: Logger },
  ) {
    this.#routeId = routeId;
    this.#retryAfterMs = configuration.retryAfterMs;
    this.#gate = new Gate(configuration);
    this.#shared = shared;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** How one request to the new side went. */
  record(failed: boolean, durationMs: number, context: RequestContext): void {
    const now = this.#clock.now();
    this.#gate.record(now, failed, durationMs);
    const rollBack = this.#judge(now);
    if (rollBack !== undefined) context.waitUntil(rollBack);
    if (this.#syncAge(now) >= syncEveryMs) context.waitUntil(this.#syncAndTell());
  }

  /** Whether nothing goes to the new side. A promise only when this request has to wait for what the others know. */
  isRolledBack(context: RequestContext): boolean | Promise<boolean> {
    const now = this.#clock.now();
    const rollBack = this.#inForce(now);
    if (rollBack !== undefined) {
      const work = this.#see(rollBack, now);
      if (work !== undefined) context.waitUntil(work);
      return true;
    }
    const age = this.#syncAge(now);
    if (age < syncEveryMs) return false;
    if (age < staleAfterMs) {
      context.waitUntil(this.#syncAndTell());
      return false;
    }
    return this.#sync().then(({ told }) => {
      context.waitUntil(told);
      return this.#inForce(this.#clock.now()) !== undefined;
    });
  }

  #inForce(now: EpochMillis): RollBack | undefined {
    return endOf(this.#rollBack) > now ? this.#rollBack : undefined;
  }

  /** Sees to it that the others know of a roll-back, and go on knowing. */
  #see(rollBack: RollBack, now: EpochMillis): Promise<void> | undefined {
    if (this.#untold) {
      if (this.#syncAge(now) < syncEveryMs) return undefined;
      this.#syncedAt = now;
      return this.#tell(rollBack);
    }
    // a clock that was set back makes it old, too
    if (rollBack.until !== undefined || Math.abs(now - this.#heldAt) < holdEveryMs) return undefined;
    this.#heldAt = now;
    return this.#shared.hold(rollBack).catch((error: unknown) => {
      this.#warn(error);
    });
  }

  /** Rolls back where the gate says so; then the promise that the others will know. */
  #judge(now: EpochMillis): Promise<void> | undefined {
    const verdict = this.#inForce(now) === undefined ? this.#gate.judge(now) : undefined;
    if (verdict === undefined) return undefined;
    const { reason, observed, allowed } = verdict;
    const until = this.#retryAfterMs === undefined ? undefined : now + this.#retryAfterMs;
    this.#rollBack = { reason, at: now, until };
    this.#heldAt = now;
    this.#gate.clear();
    this.#logger.log('error', 'migration.rolled_back', { 'http.route': this.#routeId, reason, observed, allowed });
    return this.#tell(this.#rollBack);
  }

  async #tell(rollBack: RollBack): Promise<void> {
    this.#untold = false;
    try {
      await this.#shared.rollBack(rollBack);
    } catch (error) {
      this.#untold = true;
      this.#warn(error);
    }
  }

  async #syncAndTell(): Promise<void> {
    await (
      await this.#sync()
    ).told;
  }

  /** Tells the others what was counted here, learns their totals and whether one of them rolled back. */
  #sync(): Promise<Synced> {
    this.#syncing ??= this.#exchangeCounts().finally(() => {
      this.#syncing = undefined;
    });
    return this.#syncing;
  }

  async #exchangeCounts(): Promise<Synced> {
    const gate = this.#gate;
    this.#syncedAt = this.#clock.now();
    const counted = gate.takeDeltas().map(async (delta) => {
      const { requests, failures } = await this.#shared.add(delta, gate.bucketMs);
      gate.learn(delta.slot, requests, failures);
    });
    const heard = this.#shared.rolledBack().then((found) => {
      if (found === undefined || endOf(this.#rollBack) >= endOf(found)) return;
      this.#rollBack = found;
      this.#heldAt = found.heldAt;
      gate.clear();
    });
    // Neither waits for the other: counters that fail hide no roll-back.
    for (const outcome of await Promise.allSettled([heard, ...counted]))
      if (outcome.status === 'rejected') this.#warn(outcome.reason);
    const now = this.#clock.now();
    const rollBack = this.#inForce(now);
    // what all of them saw together may be over it, where none is alone
    return { told: Promise.resolve(rollBack === undefined ? this.#judge(now) : this.#see(rollBack, now)) };
  }

  /** A clock that was set back makes it old, too. */
  #syncAge(now: EpochMillis): number {
    return Math.abs(now - this.#syncedAt);
  }

  /** The gate goes on with what this instance knows; an outage of the store must not stop the migration or the traffic. */
  #warn(error: unknown): void {
    this.#logger.log('warn', 'migration.gate_not_shared', {
      'http.route': this.#routeId,
      'error.type': kindOf(error),
    });
  }
}

/** 0 for none, infinity for one for good. */
function endOf(rollBack: RollBack | undefined): EpochMillis {
  return rollBack === undefined ? 0 : (rollBack.until ?? Infinity);
}
