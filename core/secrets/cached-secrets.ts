import type { Clock, EpochMillis } from '../ports/clock.ts';
import { PortError } from '../ports/errors.ts';
import type { CallOptions } from '../ports/key-value-store.ts';
import type { Secret, Secrets, SecretVersion } from '../ports/secrets.ts';
import { joined } from '../storage/joined.ts';
import { withRetry } from '../storage/retry.ts';
import type { Retrier } from '../storage/retry.ts';

export interface SecretAges {
  /** From this age on a secret is read again in the background while the old one is served; seconds, default 300, +-10 % jitter. */
  readonly softTtlSeconds: number;
  /** From this age on the old one is not served any more; seconds, default 3,600. */
  readonly hardTtlSeconds: number;
}

export const defaultSecretAges: SecretAges = { softTtlSeconds: 300, hardTtlSeconds: 3_600 };

/** State of one cached secret for `/readyz`: no value, no name of the service's. */
export interface SecretHealth {
  readonly name: string;
  readonly ageSeconds: number;
  /** The last attempt to read it again failed; the old value is being served. */
  readonly stale: boolean;
}

interface Entry {
  readonly secret: Secret | undefined;
  readonly readAt: EpochMillis;
  refreshAt: EpochMillis;
  stale: boolean;
}

/** A forced refresh of one secret is tried at most this often. */
const forcedRefreshMs = 30_000;
/** A read with all its attempts takes no longer, whoever waits for it. */
const readMs = 10_000;
const operation = 'secrets.get';
const jitter = 0.1;
/** After a failed background refresh the next waits this long. */
const refreshRetryMs = 1_000;

/**
 * Secrets with a cache per instance: soft and hard age, single flight, the old value served during an outage up to the hard age,
 * failures never cached, `previous` beside `current` for verifiers.
 */
export class CachedSecrets {
  readonly #secrets: Secrets;
  readonly #clock: Clock;
  readonly #ages: SecretAges;
  readonly #retrier: Retrier;
  readonly #entries = new Map<string, Entry>();
  readonly #flights = new Map<string, Promise<Entry>>();
  /** Reads of `fresh` that have not begun. */
  readonly #next = new Map<string, Promise<Entry>>();
  readonly #forcedAt = new Map<string, EpochMillis>();
  readonly #onValue: (value: string) => void;

  /** @param onValue told each value read, so that logs can be scrubbed of it */
  constructor(
    secrets: Secrets,
    retrier: Retrier,
    ages: SecretAges = defaultSecretAges,
    onValue: (value: string) => void = () => undefined,
  ) {
    this.#secrets = secrets;
    this.#retrier = retrier;
    this.#clock = retrier.clock;
    this.#ages = ages;
    this.#onValue = onValue;
  }

  /**
   * The current version: at once when it is cached and young enough. Callers at the same time share one read, and each waits for it no longer than its own
   * deadline and signal let it.
   *
   * @throws {PortError} it could not be read and no copy below the hard age is left; `deadline_exceeded`, `cancelled`
   */
  current(name: string, options?: CallOptions): Secret | Promise<Secret> {
    const secret = this.#lookUp(name, 'current', options);
    return secret instanceof Promise ? secret.then(present) : present(secret);
  }

  /** The version before it, `undefined` when there is none. */
  previous(name: string, options?: CallOptions): Secret | undefined | Promise<Secret | undefined> {
    return this.#lookUp(name, 'previous', options);
  }

  /**
   * A current version other than the one that has just been refused, by a vendor or by a signature: `undefined` when there is none, or
   * when the secret was read within 30 s.
   *
   * @param refused the version that was tried
   * @throws {PortError} it could not be read
   */
  async refresh(name: string, refused: string, options?: CallOptions): Promise<Secret | undefined> {
    const key = keyOf(name, 'current');
    const entry = this.#entries.get(key);
    if (entry?.secret !== undefined && entry.secret.version !== refused) return entry.secret;
    const now = this.#clock.now();
    if (!this.#flights.has(key)) {
      const lastAt = Math.max(entry?.readAt ?? Number.NEGATIVE_INFINITY, this.#forcedAt.get(name) ?? Number.NEGATIVE_INFINITY);
      if (Math.abs(now - lastAt) < forcedRefreshMs) return undefined;
      this.#forcedAt.set(name, now);
    }
    const { secret } = await this.#read(name, 'current', options);
    return secret?.version === refused ? undefined : secret;
  }

  /**
   * The current version as it is now, read after this call, whatever is cached; what is read is cached.
   *
   * @throws {PortError} as `current` without a copy
   */
  async fresh(name: string, options: CallOptions = {}): Promise<Secret> {
    return present((await this.#wait(() => this.#freshFlight(name), options)).secret);
  }

  /** Background reads under way, for the platform's `waitUntil`. */
  pending(): Promise<unknown> | undefined {
    return this.#flights.size === 0 ? undefined : Promise.allSettled(this.#flights.values());
  }

  health(): readonly SecretHealth[] {
    const now = this.#clock.now();
    return [...this.#entries]
      .filter(([key]) => !key.includes('/'))
      .map(([name, entry]) => ({
        name,
        ageSeconds: Math.max(0, Math.floor((now - entry.readAt) / 1_000)),
        stale: entry.stale,
      }));
  }

  #lookUp(
    name: string,
    version: SecretVersion,
    options: CallOptions | undefined,
  ): Secret | undefined | Promise<Secret | undefined> {
    const entry = this.#entries.get(keyOf(name, version));
    const now = this.#clock.now();
    if (entry === undefined || now - entry.readAt >= this.#ages.hardTtlSeconds * 1_000) {
      return this.#read(name, version, options).then(({ secret }) => secret);
    }
    // Further ahead than a refresh can be planned: the clock stepped back.
    if (now >= entry.refreshAt || entry.refreshAt - now > this.#ages.softTtlSeconds * 1_000 * (1 + jitter)) {
      entry.refreshAt = now + refreshRetryMs;
      this.#read(name, version, undefined).catch(() => {
        entry.stale = true;
      });
    }
    return entry.secret;
  }

  /** Waits for the read that is under way, or for one that begins now. */
  #read(name: string, version: SecretVersion, options: CallOptions = {}): Promise<Entry> {
    return this.#wait(() => this.#flight(name, version), options);
  }

  #wait(flight: () => Promise<Entry>, options: CallOptions): Promise<Entry> {
    const { deadline, signal } = options;
    // nothing is begun for a caller who has stopped caring
    if (signal?.aborted === true) return Promise.reject(new PortError('cancelled', operation));
    if (deadline !== undefined && this.#clock.now() >= deadline) {
      return Promise.reject(new PortError('deadline_exceeded', operation, { reason: 'BudgetSpent' }));
    }
    return joined(this.#clock, flight(), options, operation);
  }

  /** The next read to begin, once the one that is under way is over: that may have read what was there before. Who asks before it begins shares it. */
  #freshFlight(name: string): Promise<Entry> {
    const waiting = this.#next.get(name);
    if (waiting !== undefined) return waiting;
    const next = Promise.allSettled([this.#flights.get(keyOf(name, 'current'))]).then(() => {
      this.#next.delete(name);
      return this.#flight(name, 'current');
    });
    this.#next.set(name, next);
    return next;
  }

  /**
   * One read at a time of one version, for everybody who asks meanwhile, with a time of its own: neither the first caller's deadline nor its signal counts. A failure is
   * passed on and forgotten.
   */
  #flight(name: string, version: SecretVersion): Promise<Entry> {
    const key = keyOf(name, version);
    const running = this.#flights.get(key);
    if (running !== undefined) return running;
    const over = new AbortController();
    const shared: CallOptions = { deadline: this.#clock.now() + readMs, signal: over.signal };
    const reading = withRetry(
      this.#retrier,
      () => (version === 'current' ? this.#secrets.get(name, 'current', shared) : this.#secrets.get(name, 'previous', shared)),
      shared,
    );
    const flight = joined(this.#clock, reading, { deadline: shared.deadline }, operation)
      .then((secret) => {
        if (secret !== undefined) this.#onValue(secret.value);
        const readAt = this.#clock.now();
        const softMs = this.#ages.softTtlSeconds * 1_000 * (1 - jitter + 2 * jitter * this.#retrier.random());
        const entry: Entry = { secret, readAt, refreshAt: readAt + softMs, stale: false };
        const before = this.#entries.get(key);
        this.#entries.set(key, entry);
        // It was rotated, so what was remembered as the version before it is one too old.
        if (version === 'current' && before?.secret?.version !== secret?.version) this.#entries.delete(keyOf(name, 'previous'));
        return entry;
      })
      .finally(() => {
        // an adapter that does not keep its own time is told
        over.abort();
        this.#flights.delete(key);
      });
    this.#flights.set(key, flight);
    return flight;
  }
}

/** The name itself for what every request asks for: making a text and hashing it costs more than the rest of the look-up. */
function keyOf(name: string, version: SecretVersion): string {
  return version === 'current' ? name : `${name}/${version}`;
}

function present(secret: Secret | undefined): Secret {
  if (secret === undefined) throw new PortError('not_found', operation);
  return secret;
}
