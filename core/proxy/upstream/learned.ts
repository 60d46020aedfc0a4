import type { Clock } from '../../ports/clock.ts';
import { canonicalJson } from '../../text/canonical-json.ts';
import { AdmissionControl } from './admission-control.ts';
import { CircuitBreaker } from './circuit-breaker.ts';
import { ConcurrencyLimiter } from './concurrency-limiter.ts';
import type { UpstreamPorts } from './create-upstreams.ts';
import { DiscoveredTargets } from './discovered-targets.ts';
import { GradientLimit } from './gradient-limit.ts';
import type { CheckSchedule } from './health-checks.ts';
import { HedgeDelay } from './hedge-delay.ts';
import type { UpstreamSettings } from './settings.ts';
import { ShareBudget } from './share-budget.ts';
import { SharedBreaker } from './shared-breaker.ts';
import { SteadyTime } from './steady-time.ts';
import { addressOfUrl, Target, TargetState } from './target.ts';
import { newCheckedTargets, newEjections } from './target-set.ts';
import type { CheckedTargets, Ejections, TargetSource } from './target-set.ts';
import { Timers } from './timers.ts';

/** Seconds of floor in the window of a budget. */
const budgetSeconds = 10;

/** A part that learns, under the settings that give what it knows its meaning. */
interface Under<Part> {
  readonly settings: string;
  readonly part: Part;
}

/**
 * All that an upstream learns. The upstream of the next configuration goes on with it: with each part as it is, where the settings of that part are the same.
 * What is under way counts where it began.
 */
export interface Learned {
  /** Of the upstream as a whole. */
  readonly settings: string;
  /** Whom it was learned of: the targets that are asked, or the discovery source. */
  readonly names: ReadonlySet<string>;
  /** By name, those that are not asked at present, too. */
  readonly states: ReadonlyMap<string, TargetState>;
  readonly source: TargetSource;
  /** The same as `source`, where targets are discovered. */
  readonly discovered: DiscoveredTargets | undefined;
  readonly time: SteadyTime;
  /** For a place, or for a look-up. */
  readonly waits: SharedTimers;
  readonly ejections: Under<Ejections>;
  readonly checks: Under<{ readonly results: CheckedTargets; readonly schedule: CheckSchedule }>;
  readonly circuit: Under<{ readonly breaker: CircuitBreaker | undefined; readonly shared: SharedBreaker | undefined }>;
  readonly places: Under<{ readonly limiter: ConcurrencyLimiter; readonly gradient: GradientLimit | undefined }>;
  readonly admission: Under<AdmissionControl | undefined>;
  readonly retryBudget: Under<ShareBudget>;
  readonly hedge: Under<{ readonly delay: HedgeDelay; readonly budget: ShareBudget } | undefined>;
}

/**
 * What is known at the start: what was learned before, when one of the targets that are asked stays, or the discovery source. Otherwise nothing: by the same
 * name it is another backend.
 *
 * @param learned of the upstream of this name in the configuration before
 */
export function learnedOf(settings: UpstreamSettings, ports: UpstreamPorts, learned: Learned | undefined): Learned {
  const all = canonicalJson(settings);
  if (learned?.settings === all) return learned;
  const { clock, random, discovery, logger } = ports;
  const { name, concurrency, retry, hedge, admission, timeouts } = settings;
  const addresses = (settings.targets ?? []).map(addressOfUrl);
  const reached = { protocol: settings.profile.protocol, tls: settings.profile.tls };
  const names = new Set<string>();
  if (settings.discovery !== undefined) {
    const { kind, port, scheme } = settings.discovery;
    names.add(canonicalJson({ reached, kind, name: settings.discovery.name, port, scheme }));
  }
  const nameOf = ({ scheme, authority, basePath }: (typeof addresses)[number]): string =>
    canonicalJson({ reached, url: `${scheme}://${authority}${basePath}` });
  for (const at of addresses) if (at.weight > 0) names.add(nameOf(at));

  const before = [...names].some((one) => learned?.names.has(one)) ? learned : undefined;
  const waits = before?.waits ?? new SharedTimers(clock);
  const time = before?.time ?? new SteadyTime();
  const states = new Map<string, TargetState>();
  const targets: Target[] = [];
  // what is listed twice is one target, with the weight of both
  for (const [known, [first, ...others]] of Map.groupBy(addresses, nameOf)) {
    if (first === undefined) continue;
    const state = before?.states.get(known) ?? new TargetState();
    states.set(known, state);
    targets.push(new Target({ ...first, weight: others.reduce((sum, { weight }) => sum + weight, first.weight) }, state));
  }
  const discovered =
    settings.discovery &&
    new DiscoveredTargets(
      name,
      settings.discovery,
      timeouts.connectMs,
      { discovery, clock, timers: waits.timers, logger },
      before?.discovered,
    );
  return {
    settings: all,
    names,
    states,
    source: discovered ?? { targets },
    discovered,
    time,
    waits,
    ejections: under(settings.outlierEjection, before?.ejections, newEjections),
    checks: under(settings.healthCheck, before?.checks, () => ({
      results: newCheckedTargets(),
      schedule: { nextAt: Number.NEGATIVE_INFINITY },
    })),
    circuit: under(settings.circuitBreaker, before?.circuit, () => newCircuit(settings, ports, time)),
    places: under(concurrency, before?.places, () => {
      const limiter = new ConcurrencyLimiter(concurrency, clock, waits.timers);
      const gradient = concurrency.adaptive ? new GradientLimit(concurrency, random) : undefined;
      if (gradient !== undefined) limiter.setLimit(gradient.limit);
      return { limiter, gradient };
    }),
    admission: under(admission, before?.admission, () => admission && new AdmissionControl(admission, random)),
    retryBudget: under(
      [retry.budgetRatio, retry.budgetMinPerSecond],
      before?.retryBudget,
      () => new ShareBudget(retry.budgetRatio, retry.budgetMinPerSecond * budgetSeconds),
    ),
    hedge: under(
      hedge,
      before?.hedge,
      () =>
        hedge && {
          delay: new HedgeDelay(hedge),
          budget: new ShareBudget(hedge.budgetRatio, hedge.budgetRatio > 0 ? 1 : 0),
        },
    ),
  };
}

/** Timers that go on for as long as a configuration has the upstream. */
class SharedTimers {
  readonly timers: Timers;
  users = 0;

  constructor(clock: Clock) {
    this.timers = new Timers(clock);
  }

  close(): void {
    if (--this.users === 0) this.timers.close();
  }
}

function under<Part>(settings: unknown, before: Under<Part> | undefined, make: () => Part): Under<Part> {
  const text = canonicalJson(settings ?? null);
  return before?.settings === text ? before : { settings: text, part: make() };
}

function newCircuit(
  { name, circuitBreaker }: UpstreamSettings,
  { clock, store, logger }: UpstreamPorts,
  time: SteadyTime,
): Learned['circuit']['part'] {
  if (circuitBreaker === undefined) return { breaker: undefined, shared: undefined };
  let shared: SharedBreaker | undefined;
  const breaker = new CircuitBreaker(circuitBreaker, (openMs, opens) => {
    if (openMs > 0) logger.log('warn', 'upstream.circuit.opened', { upstream: name, 'open.ms': openMs, shared: false });
    else logger.log('info', 'upstream.circuit.closed', { upstream: name });
    shared?.changed(openMs, opens);
  });
  if (circuitBreaker.shared && store !== undefined) shared = new SharedBreaker(name, breaker, { store, clock, time, logger });
  return { breaker, shared };
}
