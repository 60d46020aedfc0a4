import type { Clock, EpochMillis } from '../../ports/clock.ts';
import type { RequestContext } from '../../ports/http.ts';
import type { Discovery, Endpoint } from '../../ports/discovery.ts';
import type { Logger } from '../../ports/telemetry.ts';
import { UpstreamError } from '../../ports/transport.ts';
import type { DiscoverySettings } from './settings.ts';
import { addressOfEndpoint, Target } from './target.ts';
import type { TargetSet } from './target-set.ts';
import type { Timers } from './timers.ts';
import { within } from './within.ts';

/** What is known of a target is kept for so long after the source has stopped naming it. */
const memoryMs = 300_000;

/** On whose behalf the source is asked. */
export type Asker = Pick<RequestContext, 'signal' | 'waitUntil'>;

export interface DiscoveryPorts {
  readonly discovery: Discovery;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly logger: Logger;
}

interface Known {
  readonly target: Target;
  readonly namedAt: EpochMillis;
}

/**
 * Keeps a target set as a discovery source says. An answer is used for its TTL, within bounds; then it is asked for again beside the traffic, one look-up at a
 * time, and used meanwhile for `maxTtlMs` more; after that requests wait for the look-up. While the source fails the last good answer goes on,
 * and the source is asked again after `minTtlMs`. An empty answer is an answer: nobody is left.
 *
 * A target that comes back within 5 minutes is the same one, with its ejections and its latency.
 */
export class DiscoveredTargets {
  readonly #settings: DiscoverySettings;
  readonly #lookUpMs: number;
  readonly #set: TargetSet;
  readonly #discovery: Discovery;
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #logger: Logger;
  readonly #upstream: string;
  readonly #known = new Map<string, Known>();
  #answered = false;
  #failing = false;
  #freshUntil: EpochMillis = Number.NEGATIVE_INFINITY;
  #usableUntil: EpochMillis = Number.NEGATIVE_INFINITY;
  #flight: Promise<void> | undefined;

  constructor(
    upstream: string,
    settings: DiscoverySettings,
    lookUpMs: number,
    set: TargetSet,
    { discovery, clock, timers, logger }: DiscoveryPorts,
  ) {
    this.#upstream = upstream;
    this.#settings = settings;
    this.#lookUpMs = lookUpMs;
    this.#set = set;
    this.#discovery = discovery;
    this.#clock = clock;
    this.#timers = timers;
    this.#logger = logger;
  }

  /**
   * Brings the set up to date: a promise when the caller must wait for it.
   *
   * @param now steady time
   * @throws {UpstreamError} `dns_error` or `dns_timeout`: nothing was ever learned, and now neither
   */
  update(now: EpochMillis, deadline: EpochMillis, asker: Asker): Promise<void> | undefined {
    if (now < this.#freshUntil) return undefined;
    if (this.#flight === undefined) {
      this.#flight = this.#lookUp(now).finally(() => {
        this.#flight = undefined;
      });
      // A frozen function would not finish what nobody waits for.
      asker.waitUntil(this.#flight);
    }
    if (now < this.#usableUntil) return undefined;
    const patienceMs = deadline - this.#clock.now();
    return within(this.#timers, this.#flight, patienceMs, asker.signal, () => new UpstreamError('dns_timeout', false));
  }

  async #lookUp(now: EpochMillis): Promise<void> {
    const { kind, name, minTtlMs, maxTtlMs } = this.#settings;
    try {
      const { endpoints, ttlMs } = await this.#discovery.resolve(kind, name, this.#clock.now() + this.#lookUpMs);
      this.#take(endpoints, now);
      this.#answered = true;
      this.#failing = false;
      this.#freshUntil = now + Math.min(maxTtlMs, Math.max(minTtlMs, ttlMs));
      this.#usableUntil = this.#freshUntil + maxTtlMs;
    } catch (error) {
      if (!this.#failing) {
        const reason = error instanceof UpstreamError ? error.type : 'internal';
        this.#logger.log('warn', 'upstream.discovery.failed', { upstream: this.#upstream, reason, 'answer.kept': this.#answered });
      }
      this.#failing = true;
      if (!this.#answered) throw error;
      this.#freshUntil = now + minTtlMs;
      this.#usableUntil = this.#freshUntil + maxTtlMs;
    }
  }

  #take(endpoints: readonly Endpoint[], now: EpochMillis): void {
    const { name, port, scheme } = this.#settings;
    const host = name
      .split('.')
      .filter((label) => !label.startsWith('_'))
      .join('.');
    const first = Math.min(...endpoints.map(({ priority }) => priority));
    const targets = new Map<string, Target>();
    for (const endpoint of endpoints.filter(({ priority }) => priority === first)) {
      // RFC 2782: weight 0 has a very small chance beside others, not none.
      const at = addressOfEndpoint({ ...endpoint, weight: Math.max(endpoint.weight, 0.01) }, { host, port, scheme });
      const target = this.#known.get(at.name)?.target ?? new Target(at);
      target.at = at;
      this.#known.set(at.name, { target, namedAt: now });
      targets.set(at.name, target);
    }
    for (const [key, { namedAt }] of this.#known) if (now - namedAt > memoryMs) this.#known.delete(key);
    this.#set.replace([...targets.values()]);
  }
}
