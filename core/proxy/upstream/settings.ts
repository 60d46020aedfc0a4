import type {
  AdmissionConfiguration,
  BalanceConfiguration,
  BreakerConfiguration,
  ConcurrencyConfiguration,
  DiscoveryConfiguration,
  HealthCheckConfiguration,
  HedgeConfiguration,
  OutlierConfiguration,
  RetryConfiguration,
  TargetConfiguration,
  TimeoutConfiguration,
  UpstreamConfiguration,
} from '../configuration.ts';
import type { ConnectionProfile } from '../../ports/transport.ts';

type Resolved<T> = { readonly [Key in keyof T]-?: Exclude<T[Key], undefined> };

export type AdmissionSettings = Resolved<AdmissionConfiguration>;
export type BreakerSettings = Resolved<BreakerConfiguration>;
export type ConcurrencySettings = Resolved<ConcurrencyConfiguration>;
export type DiscoverySettings = Resolved<Omit<DiscoveryConfiguration, 'port'>> & Pick<DiscoveryConfiguration, 'port'>;
export type HealthCheckSettings = Resolved<Omit<HealthCheckConfiguration, 'statuses'>> & Pick<HealthCheckConfiguration, 'statuses'>;
export type HedgeSettings = Resolved<Omit<HedgeConfiguration, 'delayMs'>> & Pick<HedgeConfiguration, 'delayMs'>;
export type OutlierSettings = Resolved<OutlierConfiguration>;
export type RetrySettings = Resolved<RetryConfiguration>;
export type TimeoutSettings = Resolved<Omit<TimeoutConfiguration, 'tryMs'>> & Pick<TimeoutConfiguration, 'tryMs'>;

/** What holds where the configuration is silent: the one place that says so. */
export const upstreamDefaults: {
  readonly admission: AdmissionSettings;
  readonly balance: BalanceConfiguration;
  readonly breaker: BreakerSettings;
  readonly concurrency: ConcurrencySettings;
  readonly discovery: Pick<DiscoverySettings, 'maxTtlMs' | 'minTtlMs' | 'scheme'>;
  readonly healthCheck: HealthCheckSettings;
  readonly hedge: HedgeSettings;
  readonly outlier: OutlierSettings;
  readonly retry: RetrySettings;
  readonly timeouts: TimeoutSettings;
} = {
  admission: { successRatio: 0.95, windowMs: 30_000, maxRejectRatio: 0.8 },
  balance: { policy: 'powerOfTwo' },
  breaker: {
    consecutiveFailures: 5,
    failureRatio: 0.5,
    minRequests: 20,
    windowMs: 10_000,
    openMs: 1_000,
    maxOpenMs: 60_000,
    probes: 2,
    shared: false,
  },
  concurrency: { max: 1_024, maxQueued: 128, queueTimeoutMs: 1_000, adaptive: false },
  discovery: { scheme: 'http', minTtlMs: 1_000, maxTtlMs: 60_000 },
  healthCheck: { path: '/healthz', intervalMs: 10_000, timeoutMs: 2_000, unhealthyAfter: 3, healthyAfter: 2, statuses: undefined },
  hedge: { delayMs: undefined, budgetRatio: 0.05 },
  outlier: {
    consecutiveFailures: 5,
    baseEjectionMs: 30_000,
    maxEjectionMs: 300_000,
    maxEjectedPercent: 50,
    panicPercent: 50,
  },
  retry: {
    retries: 1,
    statuses: [502, 503, 504],
    methods: ['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'],
    baseBackoffMs: 25,
    maxBackoffMs: 250,
    maxBufferedBytes: 65_536,
    budgetRatio: 0.1,
    budgetMinPerSecond: 1,
  },
  timeouts: { connectMs: 2_000, responseHeadersMs: 15_000, idleMs: 30_000, tryMs: undefined },
};

/** One upstream with every default filled in. `undefined` or `false` for what is switched off. */
export interface UpstreamSettings {
  readonly name: string;
  readonly targets: readonly TargetConfiguration[] | undefined;
  readonly discovery: DiscoverySettings | undefined;
  /** What the `host` field says; `undefined`: as the scheme has it. */
  readonly host: string | undefined;
  readonly balance: BalanceConfiguration;
  readonly timeouts: TimeoutSettings;
  readonly retry: RetrySettings;
  readonly circuitBreaker: BreakerSettings | undefined;
  readonly outlierEjection: OutlierSettings | undefined;
  readonly healthCheck: HealthCheckSettings | undefined;
  readonly concurrency: ConcurrencySettings;
  readonly admission: AdmissionSettings | undefined;
  readonly hedge: HedgeSettings | undefined;
  readonly fallback: string | undefined;
  readonly profile: ConnectionProfile;
}

/** @throws {TypeError} not exactly one of `url`, `targets`, `discovery`; `dns` without a port */
export function resolveSettings(name: string, given: UpstreamConfiguration): UpstreamSettings {
  const sources = [given.url, given.targets, given.discovery].filter((source) => source !== undefined);
  if (sources.length !== 1) throw new TypeError(`Upstream ${name} needs exactly one of url, targets, discovery`);
  if (given.discovery?.kind === 'dns' && given.discovery.port === undefined) {
    throw new TypeError(`Upstream ${name}: discovery by dns needs a port`);
  }
  const timeouts = filled(upstreamDefaults.timeouts, given.timeouts);
  return {
    name,
    targets: given.url === undefined ? given.targets : [{ url: given.url }],
    discovery: given.discovery && discoveryOf(given.discovery),
    host: given.host,
    balance: given.balance ?? upstreamDefaults.balance,
    timeouts,
    retry: filled(upstreamDefaults.retry, given.retry),
    circuitBreaker: given.circuitBreaker === false ? undefined : filled(upstreamDefaults.breaker, given.circuitBreaker),
    outlierEjection: given.outlierEjection === false ? undefined : filled(upstreamDefaults.outlier, given.outlierEjection),
    healthCheck: given.healthCheck && filled(upstreamDefaults.healthCheck, given.healthCheck),
    concurrency: filled(upstreamDefaults.concurrency, given.concurrency),
    admission: given.admission && filled(upstreamDefaults.admission, given.admission),
    hedge: given.hedge && filled(upstreamDefaults.hedge, given.hedge),
    fallback: given.fallback,
    profile: {
      protocol: given.protocol ?? 'http1',
      allowPrivate: given.allowPrivate ?? false,
      allow: given.allow ?? [],
      tls: given.tls,
      connectTimeoutMs: timeouts.connectMs,
      responseHeadersTimeoutMs: timeouts.responseHeadersMs,
      idleTimeoutMs: timeouts.idleMs,
    },
  };
}

function discoveryOf(given: DiscoveryConfiguration): DiscoverySettings {
  const { scheme, minTtlMs, maxTtlMs } = filled(upstreamDefaults.discovery, given);
  return { kind: given.kind, name: given.name, port: given.port, scheme, minTtlMs, maxTtlMs };
}

/** `undefined` in what is given stands for the default, like absence. */
function filled<Defaults extends object>(
  defaults: Defaults,
  given: { readonly [Key in keyof Defaults]?: Defaults[Key] | undefined } | undefined,
): Defaults {
  const said = Object.entries(given ?? {}).filter(([, value]) => value !== undefined);
  return { ...defaults, ...(Object.fromEntries(said) as Partial<Defaults>) };
}
