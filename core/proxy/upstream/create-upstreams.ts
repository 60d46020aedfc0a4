import type { Clock } from '../../ports/clock.ts';
import type { Discovery } from '../../ports/discovery.ts';
import type { KeyValueStore } from '../../ports/key-value-store.ts';
import type { Logger } from '../../ports/telemetry.ts';
import type { Transports } from '../../ports/transport.ts';
import { UpstreamError } from '../../ports/transport.ts';
import type { UpstreamConfiguration } from '../configuration.ts';
import { createBalancer } from './balance/balancer.ts';
import { HealthChecks } from './health-checks.ts';
import { learnedOf } from './learned.ts';
import type { Learned } from './learned.ts';
import { RetryPolicy } from './retry-policy.ts';
import { resolveSettings } from './settings.ts';
import type { UpstreamSettings } from './settings.ts';
import { TargetSet } from './target-set.ts';
import type { TargetListener } from './target-set.ts';
import { Timers } from './timers.ts';
import { UpstreamExchange } from './upstream-exchange.ts';
import type { Upstream, Upstreams } from './upstream.ts';

export interface UpstreamPorts {
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly transports: Transports;
  readonly discovery: Discovery;
  readonly logger: Logger;
  /** With retries and expiry (`durable`); for shared circuit breakers. */
  readonly store?: KeyValueStore | undefined;
  /** This process lives between requests: active health checks run. */
  readonly server: boolean;
}

/** Upstreams of the configurations that are not closed, by name, the newest last. */
export type RunningUpstreams = Map<string, readonly RunningUpstream[]>;

interface RunningUpstream {
  readonly upstream: Upstream;
  readonly learned: Learned;
  start(): void;
  close(): Promise<void>;
}

/**
 * Makes the upstreams of one configuration and starts their health checks. One that was there before goes on with what was learned (`learnedOf`). Does no
 * I/O by itself.
 *
 * @param running of the configurations before; changed
 * @throws {TypeError} a configuration that cannot be: an unknown or circular fall-back, a shared breaker without a store; nothing was made then
 * @throws what the opening of a transport throws; what was made has been closed
 */
export function createUpstreams(
  configurations: Readonly<Record<string, UpstreamConfiguration>>,
  ports: UpstreamPorts,
  running: RunningUpstreams = new Map(),
): Upstreams {
  const made = new Map<string, RunningUpstream>();
  const closeAll = async (): Promise<void> => {
    for (const [name, one] of made) {
      const others = (running.get(name) ?? []).filter((other) => other !== one);
      if (others.length === 0) running.delete(name);
      else running.set(name, others);
    }
    await Promise.all([...made.values()].map((one) => one.close()));
  };
  try {
    for (const settings of inOrder(configurations, ports)) {
      const { name, fallback } = settings;
      const one = runUpstream(settings, fallback === undefined ? undefined : made.get(fallback)?.upstream, ports, running);
      made.set(name, one);
      running.set(name, [...(running.get(name) ?? []), one]);
    }
  } catch (error) {
    closeAll().catch(() => {
      ports.logger.log('warn', 'upstream.not_closed');
    });
    throw error;
  }
  for (const one of made.values()) one.start();

  let closed: Promise<void> | undefined;
  return {
    get(name) {
      const one = made.get(name);
      if (one === undefined) throw new TypeError(`There is no upstream ${name}`);
      return one.upstream;
    },
    close: () => (closed ??= closeAll()),
  };
}

/** Each after the one it falls back to. */
function inOrder(
  configurations: Readonly<Record<string, UpstreamConfiguration>>,
  { store }: UpstreamPorts,
): Iterable<UpstreamSettings> {
  const known = new Map<string, UpstreamSettings>();
  for (const first of Object.keys(configurations)) {
    const way = new Map<string, UpstreamSettings>();
    for (let name: string | undefined = first; name !== undefined && !known.has(name);) {
      if (way.has(name)) throw new TypeError(`Upstreams fall back in a circle: ${[...way.keys(), name].join(', ')}`);
      const configuration = Object.hasOwn(configurations, name) ? configurations[name] : undefined;
      if (configuration === undefined) throw new TypeError(`There is no upstream ${name}`);
      const settings = resolveSettings(name, configuration);
      if (settings.circuitBreaker?.shared === true && store === undefined) {
        throw new TypeError(`Upstream ${name}: a shared circuit breaker needs a store`);
      }
      way.set(name, settings);
      name = settings.fallback;
    }
    for (const [name, settings] of [...way].toReversed()) known.set(name, settings);
  }
  return known.values();
}

function runUpstream(
  settings: UpstreamSettings,
  fallback: Upstream | undefined,
  ports: UpstreamPorts,
  running: RunningUpstreams,
): RunningUpstream {
  const { clock, random, logger, server, transports } = ports;
  const { name, balance, healthCheck, outlierEjection, circuitBreaker, retry, host, profile } = settings;
  const before = running.get(name)?.at(-1)?.learned;
  const learned = learnedOf(settings, ports, before);
  const { time, waits, source, discovered, ejections, checks, circuit, places, admission, hedge } = learned;
  const transport = transports.open(profile);
  waits.users++;
  // Of this configuration alone: timers are for delays that are much alike, and another one may have others.
  const [tries, hedges, contents] = [new Timers(clock), new Timers(clock), new Timers(clock)];

  const health = { ejections: ejections.part, checks: checks.part.results };
  const targets = new TargetSet(source, outlierEjection, healthCheck, health, targetLog(name, logger));
  let healthChecks: HealthChecks | undefined;
  if (server && healthCheck !== undefined) {
    const prepare = async (signal: AbortSignal): Promise<void> => {
      const now = clock.now();
      try {
        await discovered?.update(time.at(now), now + healthCheck.intervalMs, { signal, waitUntil: () => undefined });
      } catch (error) {
        // Said already: there is nobody to check until the source answers.
        if (!(error instanceof UpstreamError)) throw error;
      }
    };
    const { schedule } = checks.part;
    healthChecks = new HealthChecks(healthCheck, host, { set: targets, schedule, transport, clock, random, prepare });
  }

  const { breaker, shared } = circuit.part;
  const upstream = new UpstreamExchange({
    settings,
    clock,
    time,
    transport,
    targets,
    discovered,
    balancer: createBalancer(balance, random),
    limiter: places.part.limiter,
    gradient: places.part.gradient,
    admission: admission.part,
    breaker,
    sharedBreaker: shared,
    awaited: breaker && circuitBreaker && { breaker, windowMs: circuitBreaker.windowMs, clock, time, timers: contents },
    retry: new RetryPolicy(retry, random),
    retryBudget: learned.retryBudget.part,
    tryTimers: tries,
    hedge: hedge.part && { ...hedge.part, timers: hedges },
    fallback,
  });
  return {
    upstream,
    learned,
    start() {
      healthChecks?.run().catch(() => {
        logger.log('error', 'upstream.health_check.stopped');
      });
    },
    async close() {
      healthChecks?.stop();
      for (const timers of [waits, tries, hedges, contents]) timers.close();
      await transport.close();
    },
  };
}

function targetLog(upstream: string, logger: Logger): TargetListener {
  return {
    ejected: (target, forMs) => {
      logger.log('warn', 'upstream.target.ejected', { upstream, target: target.at.name, 'ejected.ms': forMs });
    },
    checked: (target, healthy) => {
      const event = healthy ? 'upstream.target.healthy' : 'upstream.target.unhealthy';
      logger.log(healthy ? 'info' : 'warn', event, { upstream, target: target.at.name });
    },
  };
}
