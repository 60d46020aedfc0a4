import type { EpochMillis } from '../../ports/clock.ts';
import type { HealthCheckSettings, OutlierSettings } from './settings.ts';
import { upstreamDefaults } from './settings.ts';
import { TargetMemory } from './target-memory.ts';
import type { Target } from './target.ts';

/** How requests went that a target was asked. */
interface Ejection {
  /** Failures in a row until the header section. */
  failures: number;
  /** Contents in a row that broke off: a header section that came does not make up for them. */
  broken: number;
  /** Goes up with each ejection and down by one with each `baseEjectionMs` without. */
  ejections: number;
  until: EpochMillis;
}

interface CheckResults {
  /** Successes positive, failures negative. */
  inARow: number;
  failed: boolean;
}

export type Ejections = TargetMemory<Ejection>;
export type CheckedTargets = TargetMemory<CheckResults>;

/** What target sets of one upstream share, as long as the settings that it was learned under are the same. */
export interface TargetHealth {
  readonly ejections: Ejections;
  readonly checks: CheckedTargets;
}

/** Where targets come from. */
export interface TargetSource {
  /** Another array when they have changed. Those of weight 0 take no part in anything. */
  readonly targets: readonly Target[];
}

export interface TargetListener {
  ejected(target: Target, forMs: number): void;
  checked(target: Target, healthy: boolean): void;
}

const nobody: TargetListener = { ejected: () => undefined, checked: () => undefined };

export function newEjections(): Ejections {
  return new TargetMemory(() => ({ failures: 0, broken: 0, ejections: 0, until: 0 }));
}

export function newCheckedTargets(): CheckedTargets {
  return new TargetMemory(() => ({ inARow: 0, failed: false }));
}

/**
 * Who may be asked. A target is ejected after so many failures in a row, for `baseEjectionMs` times the number of its ejections, or out while active
 * checks say so. One that comes back is on probation: its first failure ejects it again.
 *
 * Panic: with fewer than `panicPercent` of the targets healthy, health is ignored and all are used, which for a single target means always.
 */
export class TargetSet {
  readonly #source: TargetSource;
  readonly #settings: OutlierSettings | undefined;
  readonly #checkSettings: HealthCheckSettings;
  readonly #panicPercent: number;
  readonly #listener: TargetListener;
  readonly #ejections: Ejections;
  readonly #checks: CheckedTargets;
  /** What `#all` and `#available` were made of. */
  #judged: readonly Target[] | undefined;
  #changes = 0;
  #all: readonly Target[] = [];
  #available: readonly Target[] = [];
  /** `#available` holds until then, where nothing changes before. */
  #until: EpochMillis = Number.NEGATIVE_INFINITY;

  constructor(
    source: TargetSource,
    ejection: OutlierSettings | undefined,
    checks?: HealthCheckSettings,
    health: TargetHealth = { ejections: newEjections(), checks: newCheckedTargets() },
    listener: TargetListener = nobody,
  ) {
    this.#source = source;
    this.#settings = ejection;
    this.#checkSettings = checks ?? upstreamDefaults.healthCheck;
    this.#panicPercent = (ejection ?? upstreamDefaults.outlier).panicPercent;
    this.#ejections = health.ejections;
    this.#checks = health.checks;
    this.#listener = listener;
  }

  get all(): readonly Target[] {
    const { targets } = this.#source;
    if (targets !== this.#judged) {
      this.#judged = targets;
      this.#all = targets.filter(({ at }) => at.weight > 0);
      this.#until = Number.NEGATIVE_INFINITY;
    }
    return this.#all;
  }

  /** Empty when nobody may be asked. The same array until something changes. */
  available(now: EpochMillis): readonly Target[] {
    const all = this.all;
    const changes = this.#ejections.changes + this.#checks.changes;
    if (now >= this.#until || changes !== this.#changes) {
      this.#changes = changes;
      this.#judge(all, now);
    }
    return this.#available;
  }

  /** A header section came that says nothing bad. */
  succeeded({ state }: Target): void {
    const ejection = this.#ejections.find(state);
    if (ejection !== undefined) ejection.failures = 0;
  }

  /** The content came whole. */
  completed({ state }: Target): void {
    const ejection = this.#ejections.find(state);
    if (ejection !== undefined) ejection.broken = 0;
  }

  failed(target: Target, now: EpochMillis): void {
    if (this.#settings === undefined) return;
    const ejection = this.#ejections.of(target.state);
    this.#eject(target, ejection, ++ejection.failures, this.#settings, now);
  }

  /** The content broke off. */
  brokeOff(target: Target, now: EpochMillis): void {
    if (this.#settings === undefined) return;
    const ejection = this.#ejections.of(target.state);
    this.#eject(target, ejection, ++ejection.broken, this.#settings, now);
  }

  #eject(target: Target, ejection: Ejection, inARow: number, settings: OutlierSettings, now: EpochMillis): void {
    if (inARow < settings.consecutiveFailures || now < ejection.until || !this.#mayEject(settings, now)) return;
    const { baseEjectionMs, maxEjectionMs } = settings;
    const calmMs = ejection.ejections === 0 ? 0 : now - ejection.until;
    ejection.ejections = Math.max(0, ejection.ejections - Math.floor(calmMs / baseEjectionMs)) + 1;
    const forMs = Math.min(maxEjectionMs, baseEjectionMs * ejection.ejections);
    ejection.until = now + forMs;
    this.#ejections.changes++;
    this.#listener.ejected(target, forMs);
  }

  /** An active check has ended. */
  checked(target: Target, healthy: boolean): void {
    const { unhealthyAfter, healthyAfter } = this.#checkSettings;
    const results = this.#checks.of(target.state);
    results.inARow = healthy ? Math.max(0, results.inARow) + 1 : Math.min(0, results.inARow) - 1;
    const turns = results.failed ? results.inARow >= healthyAfter : -results.inARow >= unhealthyAfter;
    if (!turns) return;
    results.failed = !results.failed;
    this.#checks.changes++;
    this.#listener.checked(target, !results.failed);
  }

  #mayEject({ maxEjectedPercent }: OutlierSettings, now: EpochMillis): boolean {
    const all = this.all;
    const ejected = all.filter(({ state }) => now < (this.#ejections.find(state)?.until ?? 0)).length;
    return ejected < Math.max(1, Math.floor((maxEjectedPercent * all.length) / 100));
  }

  #judge(all: readonly Target[], now: EpochMillis): void {
    let until = Number.POSITIVE_INFINITY;
    const healthy = all.filter(({ state }) => {
      const outUntil = this.#ejections.find(state)?.until ?? 0;
      if (now < outUntil) until = Math.min(until, outUntil);
      return now >= outUntil && this.#checks.find(state)?.failed !== true;
    });
    this.#available = healthy.length * 100 < this.#panicPercent * all.length ? all : healthy;
    this.#until = until;
  }
}
