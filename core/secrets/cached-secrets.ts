import type { Clock, EpochMillis } from '../ports/clock.ts';
import { PortError } from '../ports/errors.ts';
import type { CallOptions } from '../ports/key-value-store.ts';
import type { Secret, Secrets, SecretVersion } from '../ports/secrets.ts';
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

/** A forced refresh of one secret happens at most this often. */
const forcedRefreshMs = 30_000;
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
   * The current version: at once when it is cached and young enough.
   *
   * @throws {PortError} it could not be read and no copy below the hard age is left
   */
  current(name: string, options?: CallOptions): Secret | Promise<Secret> {
    const secret = this.#lookUp(name, 'current', options);
    return secret instanceof Promise ? secret.then(present) : present(secret);
  }

  /** The version before it, `undefined` when there is none. */
  previous(name: string, options?: CallOptions): Secret | undefined | Promise<Secret | undefined> {
    return this.#lookUp(name, 'previous', options);
  }

  /** Reads again now, unless that was done within 30 s: for a credential that a vendor has just refused. */
  async refresh(name: string, options?: CallOptions): Promise<void> {
    const entry = this.#entries.get(keyOf(name, 'current'));
    if (entry !== undefined && this.#clock.now() - entry.readAt < forcedRefreshMs) return;
    await this.#read(name, 'current', options);
  }

  /** Background reads under way, for the platform's `waitUntil`. */
  pending(): Promise<unknown> | undefined {
    return this.#flights.size === 0 ? undefined : Promise.allSettled(this.#flights.values());
  }

  health(): readonly SecretHealth[] {
    const now = this.#clock.now();
    return [...this.#entries]
      .filter(([key]) => key.endsWith('/current'))
      .map(([key, entry]) => ({
        name: key.slice(0, key.indexOf('/')),
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
    if (now >= entry.refreshAt) {
      entry.refreshAt = now + refreshRetryMs;
      this.#read(name, version, undefined).catch(() => {
        entry.stale = true;
      });
    }
    return entry.secret;
  }

  /** One read at a time of one version; a failure is passed on and forgotten. */
  #read(name: string, version: SecretVersion, options: CallOptions | undefined): Promise<Entry> {
    const key = keyOf(name, version);
    const running = this.#flights.get(key);
    if (running !== undefined) return running;
    const flight = withRetry(
      this.#retrier,
      () => (version === 'current' ? this.#secrets.get(name, 'current', options) : this.#secrets.get(name, 'previous', options)),
      options,
    )
      .then((secret) => {
        if (secret !== undefined) this.#onValue(secret.value);
        const readAt = this.#clock.now();
        const softMs = this.#ages.softTtlSeconds * 1_000 * (0.9 + 0.2 * this.#retrier.random());
        const entry: Entry = { secret, readAt, refreshAt: readAt + softMs, stale: false };
        this.#entries.set(key, entry);
        return entry;
      })
      .finally(() => this.#flights.delete(key));
    this.#flights.set(key, flight);
    return flight;
  }
}

function keyOf(name: string, version: SecretVersion): string {
  return `${name}/${version}`;
}

function present(secret: Secret | undefined): Secret {
  if (secret === undefined) throw new PortError('not_found', 'secrets.get');
  return secret;
}
