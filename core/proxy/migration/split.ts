import type { Clock, EpochMillis } from '../../ports/clock.ts';
import type { HttpRequest, HttpResponse, RequestContext } from '../../ports/http.ts';
import type { Logger } from '../../ports/telemetry.ts';
import { kindOf } from '../../telemetry/describe-error.ts';
import { RequestRejected } from '../../ports/http.ts';
import { UpstreamError } from '../../ports/transport.ts';
import { isIdempotent } from '../methods.ts';
import type { HashKey, SplitConfiguration } from '../configuration.ts';
import type { Exchange } from '../exchange.ts';
import { hash32, hashKeyOf } from '../hash-key.ts';
import { discardBody, isStream } from '../../http/body.ts';
import type { Upstream } from '../upstream/upstream.ts';
import { Gate } from './gate.ts';
import type { SharedGate } from './roll-backs.ts';

/** Instances talk about a gate at most this often. */
const syncEveryMs = 1_000;
/** An instance that heard nothing for so long asks before it sends anything to the new side. */
const staleAfterMs = 10_000;

const byClient: HashKey = { by: 'client' };

/**
 * Whether a key belongs to the new side. Raising the percentage moves keys from the old side to the new one and none back.
 *
 * @param newPercent 0 to 100, hundredths count
 */
export function isNewSide(key: string, newPercent: number): boolean {
  return hash32(key, 0x5eed) % 10_000 < Math.round(newPercent * 100);
}

/** Two backends for one route: a sticky share each, and a gate that sends everything back to the old one. */
export class Split {
  readonly #configuration: SplitConfiguration;
  readonly #old: Upstream;
  readonly #new: Upstream;
  readonly #gate: Gate | undefined;
  readonly #shared: SharedGate;
  readonly #routeId: string;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #rolledBackUntil: EpochMillis = 0;
  #syncedAt: EpochMillis = -Infinity;
  #syncing: Promise<void> | undefined;
  /** Why this instance rolled back, as long as the others cannot know. */
  #untold: string | undefined;

  constructor(
    routeId: string,
    configuration: SplitConfiguration,
    ports: {
      readonly old: Upstream;
      readonly new: Upstream;
      readonly shared: SharedGate;
      readonly clock: Clock;
      readonly logger: Logger;
    },
  ) {
    this.#routeId = routeId;
    this.#configuration = configuration;
    this.#old = ports.old;
    this.#new = ports.new;
    this.#shared = ports.shared;
    this.#clock = ports.clock;
    this.#logger = ports.logger;
    this.#gate = configuration.gate === undefined ? undefined : new Gate(configuration.gate);
  }

  async send(request: HttpRequest, original: HttpRequest, exchange: Exchange): Promise<HttpResponse> {
    const { context, clientAddress } = exchange;
    const { newPercent, key = byClient, gate } = this.#configuration;
    const value = hashKeyOf(key, original, clientAddress) ?? clientAddress ?? '';
    if (!isNewSide(value, newPercent) || (gate !== undefined && (await this.#isRolledBack(context)))) {
      exchange.side = 'old';
      return this.#old.send(request, exchange);
    }
    exchange.side = 'new';
    const startedAt = this.#clock.monotonic();
    let response: HttpResponse;
    try {
      response = await this.#new.send(request, exchange);
    } catch (error) {
      // who went away, or sent what is not acceptable, says nothing about the backend
      if (context.signal?.aborted === true || error instanceof RequestRejected) throw error;
      this.#record(true, startedAt, context);
      if (!this.#mayRescue(request, error)) throw error;
      return this.#rescue(request, exchange);
    }
    const failed = response.status >= 500;
    this.#record(failed, startedAt, context);
    if (!failed || !this.#mayRescue(request, undefined)) return response;
    discardBody(response.body);
    return this.#rescue(request, exchange);
  }

  #rescue(request: HttpRequest, exchange: Exchange): Promise<HttpResponse> {
    exchange.side = 'old';
    return this.#old.send(request, exchange);
  }

  /** Only what may be sent twice, and can: a stream that was begun cannot. */
  #mayRescue({ method, body }: HttpRequest, error: unknown): boolean {
    const { gate } = this.#configuration;
    if (gate === undefined || gate.rescue === false) return false;
    if (isStream(body)) return false;
    return isIdempotent(method) || (error instanceof UpstreamError && !error.requestSent);
  }

  #record(failed: boolean, startedAt: number, context: RequestContext): void {
    if (this.#gate === undefined) return;
    const now = this.#clock.now();
    this.#gate.record(now, failed, this.#clock.monotonic() - startedAt);
    const rollBack = this.#judge(now);
    if (rollBack !== undefined) context.waitUntil(rollBack);
    if (this.#syncAge(now) >= syncEveryMs) context.waitUntil(this.#sync());
  }

  /** Rolls back where the gate says so; then the promise that the others will know. */
  #judge(now: EpochMillis): Promise<void> | undefined {
    const verdict = this.#rolledBackUntil > now ? undefined : this.#gate?.judge(now);
    if (verdict === undefined) return undefined;
    const { retryAfterMs } = this.#configuration.gate ?? {};
    this.#rolledBackUntil = retryAfterMs === undefined ? Infinity : now + retryAfterMs;
    this.#gate?.clear();
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

  #isRolledBack(context: RequestContext): boolean | Promise<boolean> {
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

  /** Tells the others what was counted here, learns their totals and whether one of them rolled back. */
  #sync(): Promise<void> {
    this.#syncing ??= this.#exchangeCounts().finally(() => {
      this.#syncing = undefined;
    });
    return this.#syncing;
  }

  async #exchangeCounts(): Promise<void> {
    const gate = this.#gate;
    if (gate === undefined) return;
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
