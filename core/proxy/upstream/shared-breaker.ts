import type { Clock, EpochMillis } from '../../ports/clock.ts';
import { PortError } from '../../ports/errors.ts';
import type { RequestContext } from '../../ports/http.ts';
import type { KeyValueStore, RecordKey, Version } from '../../ports/key-value-store.ts';
import type { Logger } from '../../ports/telemetry.ts';
import type { CircuitBreaker } from './circuit-breaker.ts';
import type { SteadyTime } from './steady-time.ts';

/** Between two reads. */
const readEveryMs = 1_000;
/** One look or one write may take so long. */
const callMs = 1_000;
/** A record outlives its meaning by this, for clocks that differ. */
const keepMs = 60_000;

export interface SharedBreakerPorts {
  readonly store: KeyValueStore;
  readonly clock: Clock;
  readonly time: SteadyTime;
  readonly logger: Logger;
}

interface State {
  readonly openUntil: EpochMillis;
  readonly opens: number;
}

/**
 * Tells other instances through the store when a breaker opens and closes, and learns from them: one record per upstream, read at most once a second, beside
 * the traffic. An instance that serves requests knows of another's open circuit within 1 s and two store calls; a fresh one after its first
 * request. Each instance probes by itself. While the store fails every instance goes by what it sees.
 */
export class SharedBreaker {
  readonly #key: RecordKey;
  readonly #breaker: CircuitBreaker;
  readonly #store: KeyValueStore;
  readonly #clock: Clock;
  readonly #time: SteadyTime;
  readonly #logger: Logger;
  /** Of the last state that was adopted or written here: it is not adopted again. */
  #version: Version | undefined;
  #readAt: EpochMillis = Number.NEGATIVE_INFINITY;
  #unsaid: State | 'closed' | undefined;
  #busy = false;
  #failing = false;

  constructor(upstream: string, breaker: CircuitBreaker, { store, clock, time, logger }: SharedBreakerPorts) {
    this.#key = { partition: 'circuit-breakers', id: upstream };
    this.#breaker = breaker;
    this.#store = store;
    this.#clock = clock;
    this.#time = time;
    this.#logger = logger;
  }

  /** The breaker of this instance has changed; said at the next `sync`. */
  changed(openMs: number, opens: number): void {
    this.#unsaid = openMs === 0 ? 'closed' : { openUntil: this.#clock.now() + openMs, opens };
  }

  /** Reads and writes what is due, in the background of this request. Costs nothing when nothing is. */
  sync(context: RequestContext): void {
    if (this.#busy) return;
    const now = this.#clock.now();
    const readDue = Math.abs(now - this.#readAt) >= readEveryMs;
    // A store that fails is asked no more often than one that does not.
    if (!readDue && (this.#unsaid === undefined || this.#failing)) return;
    this.#busy = true;
    if (readDue) this.#readAt = now;
    context.waitUntil(this.#exchange(now, readDue));
  }

  async #exchange(now: EpochMillis, readDue: boolean): Promise<void> {
    const said = this.#unsaid;
    this.#unsaid = undefined;
    try {
      if (said !== undefined) await this.#say(said, now + callMs);
      if (readDue) await this.#listen(now);
      this.#failing = false;
    } catch (error) {
      if (!(error instanceof PortError)) throw error;
      // Said again, unless there is something newer to say: it may not have been taken, and twice does no harm.
      this.#unsaid ??= said;
      if (!this.#failing) {
        this.#logger.log('warn', 'upstream.circuit.not_shared', { upstream: this.#key.id, reason: error.code });
      }
      this.#failing = true;
    } finally {
      this.#busy = false;
    }
  }

  async #say(said: State | 'closed', deadline: EpochMillis): Promise<void> {
    if (said === 'closed') {
      // Only what this instance knows of: another may have opened again meanwhile.
      if (this.#version !== undefined) await this.#store.delete(this.#key, this.#version, { deadline });
      return;
    }
    const record = { ...this.#key, value: JSON.stringify(said), expiresAt: said.openUntil + keepMs };
    const before = await this.#store.get(this.#key, { deadline });
    if (before === undefined) {
      const made = await this.#store.create(record, { deadline });
      if (made.created) this.#version = made.version;
    } else if (stateOf(before.value).openUntil < said.openUntil) {
      const replaced = await this.#store.replace(record, before.version, { deadline });
      if (replaced.replaced) this.#version = replaced.version;
    }
  }

  async #listen(now: EpochMillis): Promise<void> {
    const record = await this.#store.get(this.#key, { deadline: now + callMs });
    if (record === undefined || record.version === this.#version) return;
    this.#version = record.version;
    const { openUntil, opens } = stateOf(record.value);
    const at = this.#clock.now();
    if (openUntil <= at || !this.#breaker.closed) return;
    this.#breaker.openWith(openUntil - at, opens, this.#time.at(at));
    this.#logger.log('warn', 'upstream.circuit.opened', { upstream: this.#key.id, 'open.ms': openUntil - at, shared: true });
  }
}

/** @throws {PortError} `data_loss`: not what we write */
function stateOf(value: string): State {
  let state: Partial<State> | null;
  try {
    state = JSON.parse(value) as Partial<State> | null;
  } catch {
    throw new PortError('data_loss', 'circuit-breakers.read');
  }
  if (typeof state?.openUntil !== 'number' || typeof state.opens !== 'number') {
    throw new PortError('data_loss', 'circuit-breakers.read');
  }
  return { openUntil: state.openUntil, opens: state.opens };
}
