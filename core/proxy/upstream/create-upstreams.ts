import type { Clock } from '../../ports/clock.ts';
import type { Discovery } from '../../ports/discovery.ts';
import type { KeyValueStore } from '../../ports/key-value-store.ts';
import type { Logger } from '../../ports/telemetry.ts';
import type { Transports } from '../../ports/transport.ts';
import { UpstreamError } from '../../ports/transport.ts';
import { canonicalJson } from '../../text/canonical-json.ts';
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

/** What configurations have at work, by its settings; what falls back to one of them is with that. */
export type RunningUpstreams = Map<string, Running>;

interface Running {
  readonly upstream: Upstream;
  /** What falls back to it. */
  readonly dependents: RunningUpstreams;
  /** Configurations that have it. */
  users: number;
  start(): void;
  close(): Promise<void>;
}

/**
 * Makes the upstreams of one configuration and starts their health checks; one that runs already, equal in everything, is taken as it is, with all it has
 * learned and all that is under way. Does no I/O by itself.
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
  const taken = new Map<string, Running>();
  const forget = new Map<Running, () => void>();
  const leave = async (): Promise<void> => {
    const unused = [...taken.values()].filter((one) => --one.users === 0);
    for (const one of unused) forget.get(one)?.();
    await Promise.all(unused.map((one) => one.close()));
  };
  try {
    for (const settings of inOrder(configurations, ports)) {
      const fallback = settings.fallback === undefined ? undefined : taken.get(settings.fallback);
      const equals = fallback === undefined ? running : fallback.dependents;
      const key = canonicalJson(settings);
      let one = equals.get(key);
      if (one === undefined) {
        one = runUpstream(settings, fallback?.upstream, ports);
        equals.set(key, one);
      }
      one.users++;
      taken.set(settings.name, one);
      forget.set(one, () => equals.delete(key));
    }
  } catch (error) {
    leave().catch(() => {
      ports.logger.log('warn', 'upstream.not_closed');
    });
    throw error;
  }
  for (const { users, start } of taken.values()) if (users === 1) start();

  let left: Promise<void> | undefined;
  return {
    get(name) {
      const one = taken.get(name);
      if (one === undefined) throw new TypeError(`There is no upstream ${name}`);
      return one.upstream;
    },
    close: () => (left ??= leave()),
  };
}

/** Each after the one it falls back to. */
function inOrder(
  configurations: Readonly<Record<string, UpstreamConfiguration>>,
  { store }: UpstreamPorts,
): Iterable<UpstreamSettings> {
  const known = new Map<string, UpstreamSettings>();
  const add = (name: string, referrers: readonly string[]): void => {
    if (known.has(name)) return;
    const configuration = Object.hasOwn(configurations, name) ? configurations[name] : undefined;
    if (configuration === undefined) throw new TypeError(`There is no upstream ${name}`);
    const chain = [...referrers, name];
    if (referrers.includes(name)) throw new TypeError(`Upstreams fall back in a circle: ${chain.join(', ')}`);
    const settings = resolveSettings(name, configuration);
    if (settings.circuitBreaker?.shared === true && store === undefined) {
      throw new TypeError(`Upstream ${name}: a shared circuit breaker needs a store`);
    }
    if (settings.fallback !== undefined) add(settings.fallback, chain);
    known.set(name, settings);
  };
  for (const name of Object.keys(configurations)) add(name, []);
  return known.values();
}

function runUpstream(settings: UpstreamSettings, fallback: Upstream | undefined, ports: UpstreamPorts): Running {
  const { clock, random, discovery, logger, store, server, transports } = ports;
  const { name, retry, hedge, concurrency } = settings;
  const transport = transports.open(settings.profile);
  const everyTimers: Timers[] = [];
  const newTimers = (): Timers => {
    const more = new Timers(clock);
    everyTimers.push(more);
    return more;
  };
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
  if (breaker !== undefined && settings.circuitBreaker?.shared === true && store !== undefined) {
    sharedBreaker = new SharedBreaker(name, breaker, { store, clock, time, logger });
  }

  let checks: HealthChecks | undefined;
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
    checks = new HealthChecks(settings.healthCheck, settings.host, { set: targets, transport, clock, random, prepare });
  }

  const upstream = new UpstreamExchange({
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
  return {
    upstream,
    dependents: new Map(),
    users: 0,
    start() {
      checks?.run().catch(() => {
        logger.log('error', 'upstream.health_check.stopped');
      });
    },
    async close() {
      checks?.stop();
      for (const one of everyTimers) one.close();
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
