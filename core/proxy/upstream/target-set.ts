import type { EpochMillis } from '../../ports/clock.ts';
import type { HealthCheckSettings, OutlierSettings } from './settings.ts';
import { upstreamDefaults } from './settings.ts';
import type { Target } from './target.ts';

interface Health {
  /** Failures in a row until the header section. */
  failures: number;
  /** Contents in a row that broke off: a header section that came does not make up for them. */
  broken: number;
  /** Goes up with each ejection and down by one with each `baseEjectionMs` without. */
  ejections: number;
  ejectedUntil: EpochMillis;
  /** Results of active checks in a row: successes positive, failures negative. */
  checks: number;
  checkFailed: boolean;
}

export interface TargetListener {
  ejected(target: Target, forMs: number): void;
  checked(target: Target, healthy: boolean): void;
}

const nobody: TargetListener = { ejected: () => undefined, checked: () => undefined };

/**
 * Who may be asked. A target is ejected after so many failures in a row, for `baseEjectionMs` times the number of its ejections, or out while active
 * checks say so. One that comes back is on probation: its first failure ejects it again.
 *
 * Panic: with fewer than `panicPercent` of the targets healthy, health is ignored and all are used, which for a single target means always.
 */
export class TargetSet {
  readonly #ejection: OutlierSettings | undefined;
  readonly #checks: HealthCheckSettings | undefined;
  readonly #panicPercent: number;
  readonly #listener: TargetListener;
  readonly #health = new WeakMap<Target, Health>();
  #all: readonly Target[] = [];
  #available: readonly Target[] = [];
  /** `#available` holds until then; -infinity: not any more. */
  #until: EpochMillis = Number.NEGATIVE_INFINITY;

  constructor(ejection: OutlierSettings | undefined, checks?: HealthCheckSettings, listener: TargetListener = nobody) {
    this.#ejection = ejection;
    this.#checks = checks;
    this.#panicPercent = (ejection ?? upstreamDefaults.outlier).panicPercent;
    this.#listener = listener;
  }

  get all(): readonly Target[] {
    return this.#all;
  }

  /** Those of weight 0 take no part in anything. */
  replace(targets: readonly Target[]): void {
    this.#all = targets.filter(({ at }) => at.weight > 0);
    this.#until = Number.NEGATIVE_INFINITY;
  }

  /** Empty when nobody may be asked. The same array until something changes. */
  available(now: EpochMillis): readonly Target[] {
    if (now >= this.#until) this.#judge(now);
    return this.#available;
  }

  /** A header section came that says nothing bad. */
  succeeded(target: Target): void {
    const health = this.#health.get(target);
    if (health !== undefined) health.failures = 0;
  }

  /** The content came whole. */
  completed(target: Target): void {
    const health = this.#health.get(target);
    if (health !== undefined) health.broken = 0;
  }

  failed(target: Target, now: EpochMillis): void {
    if (this.#ejection === undefined) return;
    const health = this.#healthOf(target);
    this.#eject(target, health, ++health.failures, this.#ejection, now);
  }

  /** The content broke off. */
  brokeOff(target: Target, now: EpochMillis): void {
    if (this.#ejection === undefined) return;
    const health = this.#healthOf(target);
    this.#eject(target, health, ++health.broken, this.#ejection, now);
  }

  #eject(target: Target, health: Health, inARow: number, ejection: OutlierSettings, now: EpochMillis): void {
    if (inARow < ejection.consecutiveFailures || now < health.ejectedUntil || !this.#mayEject(now)) return;
    const { baseEjectionMs, maxEjectionMs } = ejection;
    const calmMs = health.ejections === 0 ? 0 : now - health.ejectedUntil;
    health.ejections = Math.max(0, health.ejections - Math.floor(calmMs / baseEjectionMs)) + 1;
    const forMs = Math.min(maxEjectionMs, baseEjectionMs * health.ejections);
    health.ejectedUntil = now + forMs;
    this.#until = Number.NEGATIVE_INFINITY;
    this.#listener.ejected(target, forMs);
  }

  /** An active check has ended. */
  checked(target: Target, healthy: boolean): void {
    const { unhealthyAfter, healthyAfter } = this.#checks ?? upstreamDefaults.healthCheck;
    const health = this.#healthOf(target);
    health.checks = healthy ? Math.max(0, health.checks) + 1 : Math.min(0, health.checks) - 1;
    const turns = health.checkFailed ? health.checks >= healthyAfter : -health.checks >= unhealthyAfter;
    if (!turns) return;
    health.checkFailed = !health.checkFailed;
    this.#until = Number.NEGATIVE_INFINITY;
    this.#listener.checked(target, !health.checkFailed);
  }

  #mayEject(now: EpochMillis): boolean {
    const ejected = this.#all.filter((target) => now < (this.#health.get(target)?.ejectedUntil ?? 0)).length;
    const share = ((this.#ejection?.maxEjectedPercent ?? 0) / 100) * this.#all.length;
    return ejected < Math.max(1, Math.floor(share));
  }

  #judge(now: EpochMillis): void {
    let until = Number.POSITIVE_INFINITY;
    const healthy = this.#all.filter((target) => {
      const health = this.#health.get(target);
      if (health === undefined) return true;
      if (now < health.ejectedUntil) until = Math.min(until, health.ejectedUntil);
      return now >= health.ejectedUntil && !health.checkFailed;
    });
    this.#available = healthy.length * 100 < this.#panicPercent * this.#all.length ? this.#all : healthy;
    this.#until = until;
  }

  #healthOf(target: Target): Health {
    let health = this.#health.get(target);
    if (health === undefined) {
      health = { failures: 0, broken: 0, ejections: 0, ejectedUntil: 0, checks: 0, checkFailed: false };
      this.#health.set(target, health);
    }
    return health;
  }
}
