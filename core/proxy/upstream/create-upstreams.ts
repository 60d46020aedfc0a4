import type { Clock } from '../../ports/clock.ts';
import type { Discovery } from '../../ports/discovery.ts';
import type { KeyValueStore } from '../../ports/key-value-store.ts';
import type { Logger } from '../../ports/telemetry.ts';
import type { Transport, Transports } from '../../ports/transport.ts';
import { UpstreamError } from '../../ports/transport.ts';
import type { UpstreamConfiguration } from '../configuration.ts';
import { AdmissionControl } from './admission-control.ts';
import { createBalancer } from './balance/balancer.ts';
import { CircuitBreaker } from './circuit-breaker.ts';
import { ConcurrencyLimiter } from './concurrency-limiter.ts';
import { DiscoveredTargets } from './discovered-targets.ts';
import { GradientLimit } from './gradient-limit.ts';
import { HealthChecks } from './health-checks.ts';
import { HedgeDelay } from './hedge-delay.ts';
import { RetryPolicy } from './retry-policy.ts';
import { resolveSettings } from './settings.ts';
import type { UpstreamSettings } from './settings.ts';
import { ShareBudget } from './share-budget.ts';
import { SharedBreaker } from './shared-breaker.ts';
import { SteadyTime } from './steady-time.ts';
import { addressOfUrl, Target } from './target.ts';
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

/** Seconds of floor in the window of a budget. */
const budgetSeconds = 10;

/**
 * Makes the upstreams of one configuration and starts their health checks. Does no I/O by itself.
 *
 * @throws {TypeError} a configuration that cannot be: an unknown or circular fall-back, a shared breaker without a store
 */
export function createUpstreams(configurations: Readonly<Record<string, UpstreamConfiguration>>, ports: UpstreamPorts): Upstreams {
  const made = new Map<string, Upstream>();
  const transports: Transport[] = [];
  const checks: HealthChecks[] = [];
  const timers: Timers[] = [];
  const newTimers = (): Timers => {
    const more = new Timers(ports.clock);
    timers.push(more);
    return more;
  };

  const make = (name: string, referrers: readonly string[]): Upstream => {
    const before = made.get(name);
    if (before !== undefined) return before;
    const configuration = Object.hasOwn(configurations, name) ? configurations[name] : undefined;
    if (configuration === undefined) throw new TypeError(`There is no upstream ${name}`);
    const chain = [...referrers, name];
    if (referrers.includes(name)) throw new TypeError(`Upstreams fall back in a circle: ${chain.join(', ')}`);
    const settings = resolveSettings(name, configuration);
    const transport = ports.transports.open(settings.profile);
    transports.push(transport);
    const fallback = settings.fallback === undefined ? undefined : make(settings.fallback, chain);
    const upstream = makeUpstream(settings, transport, fallback, ports, checks, newTimers);
    made.set(name, upstream);
    return upstream;
  };
  for (const name of Object.keys(configurations)) make(name, []);
  for (const check of checks) {
    check.run().catch(() => {
      ports.logger.log('error', 'upstream.health_check.stopped');
    });
  }

  return {
    get(name) {
      const upstream = made.get(name);
      if (upstream === undefined) throw new TypeError(`There is no upstream ${name}`);
      return upstream;
    },
    async close() {
      for (const check of checks) check.stop();
      for (const one of timers) one.close();
      await Promise.all(transports.map((transport) => transport.close()));
    },
  };
}

function makeUpstream(
  settings: UpstreamSettings,
  transport: Transport,
  fallback: Upstream | undefined,
  { clock, random, discovery, logger, store, server }: UpstreamPorts,
  checks: HealthChecks[],
  newTimers: () => Timers,
): Upstream {
  const { name, retry, hedge, concurrency } = settings;
  const time = new SteadyTime();
  const timers = newTimers();
  const targets = new TargetSet(settings.outlierEjection, settings.healthCheck, targetLog(name, logger));
  targets.replace((settings.targets ?? []).map((target) => new Target(addressOfUrl(target))));
  const discovered =
    settings.discovery &&
    new DiscoveredTargets(name, settings.discovery, settings.timeouts.connectMs, targets, { discovery, clock, timers, logger });
  const limiter = new ConcurrencyLimiter(concurrency, clock, timers);
  const gradient = concurrency.adaptive ? new GradientLimit(concurrency, random) : undefined;
  if (gradient !== undefined) limiter.setLimit(gradient.limit);

  let sharedBreaker: SharedBreaker | undefined;
  const breaker =
    settings.circuitBreaker &&
    new CircuitBreaker(settings.circuitBreaker, (openMs, opens) => {
      if (openMs > 0) logger.log('warn', 'upstream.circuit.opened', { upstream: name, 'open.ms': openMs, shared: false });
      else logger.log('info', 'upstream.circuit.closed', { upstream: name });
      sharedBreaker?.changed(openMs, opens);
    });
  if (breaker !== undefined && settings.circuitBreaker?.shared === true) {
    if (store === undefined) throw new TypeError(`Upstream ${name}: a shared circuit breaker needs a store`);
    sharedBreaker = new SharedBreaker(name, breaker, { store, clock, time, logger });
  }

  if (server && settings.healthCheck !== undefined) {
    const { intervalMs } = settings.healthCheck;
    const prepare = async (signal: AbortSignal): Promise<void> => {
      const now = clock.now();
      try {
        await discovered?.update(time.at(now), now + intervalMs, { signal, waitUntil: () => undefined });
      } catch (error) {
        // Said already: there is nobody to check until the source answers.
        if (!(error instanceof UpstreamError)) throw error;
      }
    };
    checks.push(new HealthChecks(settings.healthCheck, settings.host, { set: targets, transport, clock, random, prepare }));
  }

  return new UpstreamExchange({
    settings,
    clock,
    time,
    transport,
    targets,
    discovered,
    balancer: createBalancer(settings.balance, random),
    limiter,
    gradient,
    admission: settings.admission && new AdmissionControl(settings.admission, random),
    breaker,
    sharedBreaker,
    awaited: breaker &&
      settings.circuitBreaker && { breaker, windowMs: settings.circuitBreaker.windowMs, clock, time, timers: newTimers() },
    retry: new RetryPolicy(retry, random),
    retryBudget: new ShareBudget(retry.budgetRatio, retry.budgetMinPerSecond * budgetSeconds),
    tryTimers: newTimers(),
    hedge: hedge && {
      timers: newTimers(),
      delay: new HedgeDelay(hedge),
      budget: new ShareBudget(hedge.budgetRatio, hedge.budgetRatio > 0 ? 1 : 0),
    },
    fallback,
  });
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
