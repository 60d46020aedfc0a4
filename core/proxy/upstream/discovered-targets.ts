import type { Clock, EpochMillis } from '../../ports/clock.ts';
import type { RequestContext } from '../../ports/http.ts';
import type { Discovery, Endpoint } from '../../ports/discovery.ts';
import type { Logger } from '../../ports/telemetry.ts';
import { UpstreamError } from '../../ports/transport.ts';
import type { DiscoverySettings } from './settings.ts';
import { addressOfEndpoint, Target } from './target.ts';
import type { TargetSource } from './target-set.ts';
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

/** What a source has said, and the look-up under way. */
interface Answer {
  targets: readonly Target[];
  readonly known: Map<string, Known>;
  answered: boolean;
  failing: boolean;
  freshUntil: EpochMillis;
  usableUntil: EpochMillis;
  flight: Promise<void> | undefined;
}

/**
 * The targets that a discovery source names. An answer is used for its TTL, within bounds; then it is asked for again beside the traffic, one look-up at a
 * time, and used meanwhile for `maxTtlMs` more; after that requests wait for the look-up. While the source fails the last good answer goes on,
 * and the source is asked again after `minTtlMs`. An empty answer is an answer: nobody is left.
 *
 * A target that comes back within 5 minutes is the same one, with its ejections and its latency.
 */
export class DiscoveredTargets implements TargetSource {
  readonly #settings: DiscoverySettings;
  readonly #lookUpMs: number;
  readonly #discovery: Discovery;
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #logger: Logger;
  readonly #upstream: string;
  readonly #answer: Answer;

  /**
   * @param lookUpMs how long a look-up may take
   * @param before of the same source: what it has learned is known, and what this one learns it knows, too
   */
  constructor(
    upstream: string,
    settings: DiscoverySettings,
    lookUpMs: number,
    { discovery, clock, timers, logger }: DiscoveryPorts,
    before: DiscoveredTargets | undefined,
  ) {
    this.#upstream = upstream;
    this.#settings = settings;
    this.#lookUpMs = lookUpMs;
    this.#discovery = discovery;
    this.#clock = clock;
    this.#timers = timers;
    this.#logger = logger;
    this.#answer = before === undefined ? newAnswer() : before.#answer;
  }

  get targets(): readonly Target[] {
    return this.#answer.targets;
  }

  /**
   * Brings the targets up to date: a promise when the caller must wait for it.
   *
   * @param now steady time
   * @throws {UpstreamError} `dns_error` or `dns_timeout`: nothing was ever learned, and now neither
   */
  update(now: EpochMillis, deadline: EpochMillis, asker: Asker): Promise<void> | undefined {
    const answer = this.#answer;
    if (now < answer.freshUntil) return undefined;
    if (answer.flight === undefined) {
      answer.flight = this.#lookUp(now).finally(() => {
        answer.flight = undefined;
      });
      // A frozen function would not finish what nobody waits for.
      asker.waitUntil(answer.flight);
    }
    if (now < answer.usableUntil) return undefined;
    const patienceMs = deadline - this.#clock.now();
    return within(this.#timers, answer.flight, patienceMs, asker.signal, () => new UpstreamError('dns_timeout', false));
  }

  async #lookUp(now: EpochMillis): Promise<void> {
    const { kind, name, minTtlMs, maxTtlMs } = this.#settings;
    const answer = this.#answer;
    try {
      const { endpoints, ttlMs } = await this.#discovery.resolve(kind, name, this.#clock.now() + this.#lookUpMs);
      this.#take(endpoints, now);
      answer.answered = true;
      answer.failing = false;
      answer.freshUntil = now + Math.min(maxTtlMs, Math.max(minTtlMs, ttlMs));
      answer.usableUntil = answer.freshUntil + maxTtlMs;
    } catch (error) {
      if (!answer.failing) {
        const reason = error instanceof UpstreamError ? error.type : 'internal';
        this.#logger.log('warn', 'upstream.discovery.failed', { upstream: this.#upstream, reason, 'answer.kept': answer.answered });
      }
      answer.failing = true;
      if (!answer.answered) throw error;
      answer.freshUntil = now + minTtlMs;
      answer.usableUntil = answer.freshUntil + maxTtlMs;
    }
  }

  #take(endpoints: readonly Endpoint[], now: EpochMillis): void {
    const { name, port, scheme } = this.#settings;
    const { known } = this.#answer;
    const host = name
      .split('.')
      .filter((label) => !label.startsWith('_'))
      .join('.');
    const first = Math.min(...endpoints.map(({ priority }) => priority));
    const targets = new Map<string, Target>();
    for (const endpoint of endpoints.filter(({ priority }) => priority === first)) {
      // RFC 2782: weight 0 has a very small chance beside others, not none.
      const at = addressOfEndpoint({ ...endpoint, weight: Math.max(endpoint.weight, 0.01) }, { host, port, scheme });
      const before = known.get(at.name)?.target;
      const target = before?.at.weight === at.weight ? before : new Target(at, before?.state);
      known.set(at.name, { target, namedAt: now });
      targets.set(at.name, target);
    }
    for (const [key, { namedAt }] of known) if (now - namedAt > memoryMs) known.delete(key);
    this.#answer.targets = [...targets.values()];
  }
}

function newAnswer(): Answer {
  return {
    targets: [],
    known: new Map(),
    answered: false,
    failing: false,
    freshUntil: Number.NEGATIVE_INFINITY,
    usableUntil: Number.NEGATIVE_INFINITY,
    flight: undefined,
  };
}
