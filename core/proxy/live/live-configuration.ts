import type { Clock, EpochMillis } from '../../ports/clock.ts';
import { PortError } from '../../ports/errors.ts';
import type { RequestContext } from '../../ports/http.ts';
import type { Logger } from '../../ports/telemetry.ts';
import { kindOf } from '../../telemetry/describe-error.ts';
import type { ProxyConfiguration } from '../configuration.ts';
import { deployedVersion } from '../deployed-version.ts';
import type { ConfigurationVersion, StoredConfigurations } from './stored-configurations.ts';

/** Something made of a configuration, with resources of its own. */
export interface Compiled {
  /** Requests in flight go on; everything idle ends. */
  close(): Promise<void>;
}

/** What is served, and which version it is made of. */
export interface Served<T> {
  /** `deployed`, or the number of the pushed version. */
  readonly version: string;
  readonly proxy: T;
}

/** A check that takes longer is left to the background, and nobody waits for it any more: the last good configuration is better than no answer. */
const patienceMs = 1_000;
/** A document that is new may take longer: the store has just answered. */
const readMs = 5_000;

/**
 * Serves the active configuration of the store, or the deployed one where nothing was pushed or everything was rolled back. Follows a push within `pollMs`, also on a function that
 * was frozen in between: a request that finds the last check too old waits for the next one, at most a second. Swaps as a whole; what cannot be
 * read or compiled is refused whole, logged, and what was served goes on.
 */
export class LiveConfiguration<T extends Compiled> {
  readonly #stored: StoredConfigurations;
  readonly #deployed: () => T;
  readonly #compile: (document: ProxyConfiguration, version: ConfigurationVersion) => T;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #pollMs: number;
  #served: Served<T>;
  /** The version whose document was refused: not tried again. */
  #refused: number | undefined;
  #checkedAt: EpochMillis = -Infinity;
  #checking: { readonly done: Promise<void>; readonly since: EpochMillis } | undefined;
  #closed = false;

  /**
   * @param deployed makes what is served until something is pushed
   * @param compile checks and compiles; throws for what is not right
   * @param pollMs how old what is served may be
   */
  constructor(
    stored: StoredConfigurations,
    deployed: () => T,
    compile: (document: ProxyConfiguration, version: ConfigurationVersion) => T,
    ports: { readonly clock: Clock; readonly logger: Logger },
    pollMs: number,
  ) {
    this.#stored = stored;
    this.#deployed = deployed;
    this.#served = { version: deployedVersion, proxy: deployed() };
    this.#compile = compile;
    this.#clock = ports.clock;
    this.#logger = ports.logger;
    this.#pollMs = pollMs;
  }

  /** What this request is to be served with. A promise only when it has to wait. */
  current(context: RequestContext): Served<T> | Promise<Served<T>> {
    const now = this.#clock.now();
    // one from the future says that the clock was set back, and nothing about the age
    const age = now < this.#checkedAt ? Infinity : now - this.#checkedAt;
    if (age * 2 < this.#pollMs) return this.#served;
    this.#checking ??= { done: this.#check(), since: now };
    const { done, since } = this.#checking;
    const patience = age < this.#pollMs ? 0 : Math.min(patienceMs, since + patienceMs - now);
    if (patience > 0) return this.#waitFor(done, patience, context);
    context.waitUntil(done);
    return this.#served;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#served.proxy.close();
  }

  async #waitFor(check: Promise<void>, patience: number, context: RequestContext): Promise<Served<T>> {
    const answered = new AbortController();
    await Promise.race([check, this.#clock.sleep(patience, answered.signal).catch(() => undefined)]);
    answered.abort();
    context.waitUntil(check);
    return this.#served;
  }

  /** Never rejects: a failing store is logged, and what was served goes on. */
  async #check(): Promise<void> {
    try {
      await this.#follow();
    } catch (error) {
      this.#warn('configuration.not_checked', error);
    }
    this.#checkedAt = this.#clock.now();
    this.#checking = undefined;
  }

  async #follow(): Promise<void> {
    const pointer = await this.#stored.pointer({ deadline: this.#clock.now() + patienceMs });
    if (pointer === undefined || pointer.active === this.#refused) return;
    const wanted = pointer.active === 0 ? deployedVersion : String(pointer.active);
    if (wanted === this.#served.version) return;
    if (pointer.active === 0) {
      if (!this.#closed) this.#swap(wanted, this.#deployed());
      return;
    }
    const options = { deadline: this.#clock.now() + readMs };
    const version = await this.#stored.version(pointer.active, options);
    if (version === undefined) throw new PortError('data_loss', 'configuration.read', { reason: 'VersionMissing' });
    const document = await this.#stored.document(version, options);
    if (this.#closed) return;
    let proxy: T;
    try {
      proxy = this.#compile(document, version);
    } catch (error) {
      this.#refused = pointer.active;
      this.#logger.log('error', 'configuration.refused', {
        version: wanted,
        serving: this.#served.version,
        detail: error instanceof Error ? error.message : typeof error,
      });
      return;
    }
    this.#swap(wanted, proxy);
  }

  #swap(version: string, proxy: T): void {
    const before = this.#served;
    this.#served = { version, proxy };
    this.#logger.log('info', 'configuration.activated', { version: this.#served.version, before: before.version });
    // Not waited for: it closes with its last exchange, and a tunnel may last for days.
    before.proxy.close().catch((error: unknown) => {
      this.#warn('configuration.not_closed', error);
    });
  }

  #warn(event: string, error: unknown): void {
    this.#logger.log('warn', event, {
      'error.type': kindOf(error),
      version: this.#served.version,
    });
  }
}
