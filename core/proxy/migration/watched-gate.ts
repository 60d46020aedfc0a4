import type { Clock, EpochMillis } from '../../ports/clock.ts';
import type { RequestContext } from '../../ports/http.ts';
import type { Logger } from '../../ports/telemetry.ts';
import { kindOf } from '../../telemetry/describe-error.ts';
import type { GateConfiguration } from '../configuration.ts';
import { Gate } from './gate.ts';
import type { SharedGate } from './roll-backs.ts';

/** Instances talk about a gate at most this often. */
const syncEveryMs = 1_000;
/** An instance that heard nothing for so long asks before it sends anything to the new side. */
const staleAfterMs = 10_000;

/** The gate of one split as one instance knows it: what it has counted, what it has heard from the others, and whether it has been crossed. */
export class WatchedGate {
  readonly #routeId: string;
  readonly #retryAfterMs: number | undefined;
  readonly #gate: Gate;
  readonly #shared: SharedGate;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #rolledBackUntil: EpochMillis = 0;
  #syncedAt: EpochMillis = -Infinity;
  #syncing: Promise<void> | undefined;
  /** Why this instance rolled back, as long as the others cannot know. */
  #untold: string | undefined;

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
    if (this.#syncAge(now) >= syncEveryMs) context.waitUntil(this.#sync());
  }

  /** Whether nothing goes to the new side. A promise only when this request has to wait for what the others know. */
  isRolledBack(context: RequestContext): boolean | Promise<boolean> {
    const now = this.#clock.now();
    const age = this.#syncAge(now);
    if (this.#rolledBackUntil > now) {
      if (this.#untold !== undefined && age >= syncEveryMs) {
        this.#syncedAt = now;
        context.waitUntil(this.#tell());
      }
      return true;
    }
    if (age < syncEveryMs) return false;
    const sync = this.#sync();
    if (age < staleAfterMs) {
      context.waitUntil(sync);
      return false;
    }
    return sync.then(() => this.#rolledBackUntil > this.#clock.now());
  }

  /** Rolls back where the gate says so; then the promise that the others will know. */
  #judge(now: EpochMillis): Promise<void> | undefined {
    const verdict = this.#rolledBackUntil > now ? undefined : this.#gate.judge(now);
    if (verdict === undefined) return undefined;
    this.#rolledBackUntil = this.#retryAfterMs === undefined ? Infinity : now + this.#retryAfterMs;
    this.#gate.clear();
    this.#logger.log('error', 'migration.rolled_back', {
      'http.route': this.#routeId,
      reason: verdict.reason,
      observed: verdict.observed,
      allowed: verdict.allowed,
    });
    this.#untold = verdict.reason;
    return this.#tell();
  }

  async #tell(): Promise<void> {
    const reason = this.#untold;
    if (reason === undefined) return;
    this.#untold = undefined;
    try {
      await this.#shared.rollBack(this.#rolledBackUntil === Infinity ? undefined : this.#rolledBackUntil, reason);
    } catch (error) {
      this.#untold = reason;
      this.#warn(error);
    }
  }

  /** Tells the others what was counted here, learns their totals and whether one of them rolled back. */
  #sync(): Promise<void> {
    this.#syncing ??= this.#exchangeCounts().finally(() => {
      this.#syncing = undefined;
    });
    return this.#syncing;
  }

  async #exchangeCounts(): Promise<void> {
    const gate = this.#gate;
    this.#syncedAt = this.#clock.now();
    const counted = gate.takeDeltas().map(async (delta) => {
      const { requests, failures } = await this.#shared.add(delta, gate.bucketMs);
      gate.learn(delta.slot, requests, failures);
    });
    const heard = this.#shared.rolledBack().then((flag) => {
      const until = flag === undefined ? 0 : (flag.until ?? Infinity);
      if (this.#rolledBackUntil >= until) return;
      this.#rolledBackUntil = until;
      gate.clear();
    });
    // Neither waits for the other: counters that fail hide no roll-back.
    for (const outcome of await Promise.allSettled([heard, ...counted]))
      if (outcome.status === 'rejected') this.#warn(outcome.reason);
    // what all of them saw together may be over it, where none is alone
    await this.#judge(this.#clock.now());
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
