import type { EpochMillis } from '../../ports/clock.ts';
import type { Outcome } from './outcome.ts';
import { RollingCounts } from './rolling-counts.ts';
import type { BreakerSettings } from './settings.ts';

/** What `begin` answers when the upstream is to be spared. */
export const noPermit = -1;
/** When all probes are under way, asking again may help after this. */
const probingMs = 1_000;

/** How the content of a good answer went: whole, broken off by the upstream, or left by who read it, which says nothing against it. */
export type ContentEnd = 'broken' | 'left' | 'whole';

/** `openMs` is 0 when it closed; `opens` is how often in a row it has opened. */
export type BreakerListener = (openMs: number, opens: number) => void;

/**
 * Spares an upstream that fails: opens after so many failures in a row, after so many contents in a row that broke off, or from a share of
 * failures, both kinds, over a window that had enough requests; a 429 counts in the share. After `openMs`, doubled each time in a row up to
 * `maxOpenMs`, it lets `probes` tries through: all of them must succeed to close it, one failure opens it again.
 *
 * One try is `begin` and then, with what `begin` answered, `end` exactly once; where content follows a good header section, `answered` and
 * `contentEnded` exactly once each. A try that began before the state changed says nothing about the new state and is not counted.
 */
export class CircuitBreaker {
  readonly #settings: BreakerSettings;
  readonly #onChange: BreakerListener;
  readonly #window: RollingCounts;
  #state: 'closed' | 'halfOpen' | 'open' = 'closed';
  /** Goes up with each change of state. */
  #epoch = 0;
  #openUntil: EpochMillis = 0;
  #opens = 0;
  /** Failures in a row until the header section. */
  #inARow = 0;
  /** Contents in a row that broke off: a header section that came does not make up for them. */
  #brokenInARow = 0;
  #probing = 0;
  #probed = 0;

  constructor(settings: BreakerSettings, onChange: BreakerListener = () => undefined) {
    this.#settings = settings;
    this.#onChange = onChange;
    this.#window = new RollingCounts(settings.windowMs);
  }

  get closed(): boolean {
    return this.#state === 'closed';
  }

  /** How long no try is let through, in milliseconds; 0 when one would be. */
  waitMs(now: EpochMillis): number {
    if (this.#state === 'closed') return 0;
    if (this.#state === 'open') return Math.max(0, this.#openUntil - now);
    return this.#probing + this.#probed < this.#settings.probes ? 0 : probingMs;
  }

  /** A permit for one try, or `noPermit`. */
  begin(now: EpochMillis): number {
    if (this.#state === 'closed') return this.#epoch;
    if (this.waitMs(now) > 0) return noPermit;
    if (this.#state === 'open') this.#halfOpen();
    this.#probing++;
    return this.#epoch;
  }

  end(permit: number, outcome: Outcome, now: EpochMillis): void {
    if (permit !== this.#epoch) return;
    if (this.#state === 'halfOpen') this.#endProbe(outcome, now);
    else if (outcome === 'success') {
      this.#inARow = 0;
      this.#brokenInARow = 0;
      this.#window.addGood(now);
    } else if (outcome !== 'none') {
      if (outcome === 'failure') this.#inARow++;
      this.#window.addBad(now);
      if (this.#isTripped(now)) this.#open(now);
    }
  }

  /** Whether the half-open circuit waits for the try. */
  isProbe(permit: number): boolean {
    return this.#state === 'halfOpen' && permit === this.#epoch;
  }

  /** A good header section has come: a success until its content breaks off. A probe goes on. */
  answered(permit: number, now: EpochMillis): void {
    if (permit !== this.#epoch || this.#state === 'halfOpen') return;
    this.#inARow = 0;
    this.#window.addGood(now);
  }

  /** @param answeredAt the `now` of `answered` */
  contentEnded(permit: number, end: ContentEnd, answeredAt: EpochMillis, now: EpochMillis): void {
    if (permit !== this.#epoch) return;
    if (this.#state === 'halfOpen') this.#endProbe(end === 'broken' ? 'failure' : 'success', now);
    else if (end === 'whole') this.#brokenInARow = 0;
    else if (end === 'broken') {
      this.#brokenInARow++;
      this.#window.turnBad(answeredAt, now);
      if (this.#isTripped(now)) this.#open(now);
    }
  }

  /** Another instance found the upstream failing. Nobody is told: everybody knows. */
  openWith(openMs: number, opens: number, now: EpochMillis): void {
    this.#state = 'open';
    this.#epoch++;
    this.#opens = opens;
    this.#openUntil = now + Math.min(openMs, this.#settings.maxOpenMs);
  }

  #endProbe(outcome: Outcome, now: EpochMillis): void {
    this.#probing--;
    if (outcome === 'none') return;
    if (outcome !== 'success') this.#open(now);
    else if (++this.#probed >= this.#settings.probes) this.#close();
  }

  #isTripped(now: EpochMillis): boolean {
    const { consecutiveFailures, failureRatio, minRequests } = this.#settings;
    if (Math.max(this.#inARow, this.#brokenInARow) >= consecutiveFailures) return true;
    const failed = this.#window.bad(now);
    const all = failed + this.#window.good(now);
    return all >= minRequests && failed / all >= failureRatio;
  }

  #open(now: EpochMillis): void {
    const openMs = Math.min(this.#settings.maxOpenMs, this.#settings.openMs * 2 ** this.#opens);
    this.#state = 'open';
    this.#epoch++;
    this.#opens++;
    this.#openUntil = now + openMs;
    this.#onChange(openMs, this.#opens);
  }

  #halfOpen(): void {
    this.#state = 'halfOpen';
    this.#epoch++;
    this.#probing = 0;
    this.#probed = 0;
  }

  #close(): void {
    this.#state = 'closed';
    this.#epoch++;
    this.#opens = 0;
    this.#inARow = 0;
    this.#brokenInARow = 0;
    this.#window.clear();
    this.#onChange(0, 0);
  }
}
