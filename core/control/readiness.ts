import type { Clock, EpochMillis } from '../ports/clock.ts';
import { PortError } from '../ports/errors.ts';
import type { CallOptions, KeyValueStore } from '../ports/key-value-store.ts';
import type { CachedSecrets } from '../secrets/cached-secrets.ts';

export interface Readiness {
  readonly status: 'ready' | 'degraded' | 'not-ready' | 'stopping';
  readonly store: { readonly status: 'ok' } | { readonly status: 'failing'; readonly code: string };
  readonly secrets: {
    readonly status: 'ok' | 'stale' | 'failing';
    /** Age of the oldest one in use, seconds; null when none was read. */
    readonly oldestAgeSeconds: number | null;
    readonly code?: string;
  };
}

/** An answer serves everybody who asks within this time: the route is open, and each check costs a read. */
const sharedMs = 1_000;

/** Whether this instance can serve: the store answers, and the secrets it cannot do without can be read. */
export class ReadinessCheck {
  readonly #store: KeyValueStore;
  readonly #secrets: CachedSecrets;
  readonly #secretNames: readonly string[];
  readonly #clock: Clock;
  #stopping = false;
  #last: { readonly at: EpochMillis; readonly result: Promise<Readiness> } | undefined;

  constructor(store: KeyValueStore, secrets: CachedSecrets, secretNames: readonly string[], clock: Clock) {
    this.#store = store;
    this.#secrets = secrets;
    this.#secretNames = secretNames;
    this.#clock = clock;
  }

  run(options?: CallOptions): Promise<Readiness> {
    const now = this.#clock.now();
    if (this.#last === undefined || now - this.#last.at >= sharedMs || now < this.#last.at) {
      // Without the caller's signal: who goes away must not make it look ill to those who share the answer.
      this.#last = { at: now, result: this.#check({ deadline: options?.deadline }) };
    }
    return this.#last.result;
  }

  /** From now on this instance is not ready, whatever it could do: requests are to go elsewhere. */
  announceStop(): void {
    this.#stopping = true;
    this.#last = undefined;
  }

  async #check(options: CallOptions | undefined): Promise<Readiness> {
    const [store, secrets] = await Promise.all([this.#checkStore(options), this.#checkSecrets(options)]);
    const failing = store.status === 'failing' || secrets.status === 'failing';
    const able = failing ? 'not-ready' : secrets.status === 'stale' ? 'degraded' : 'ready';
    return { status: this.#stopping ? 'stopping' : able, store, secrets };
  }

  async #checkStore(options: CallOptions | undefined): Promise<Readiness['store']> {
    try {
      await this.#store.check(options);
      return { status: 'ok' };
    } catch (error) {
      return { status: 'failing', code: codeOf(error) };
    }
  }

  async #checkSecrets(options: CallOptions | undefined): Promise<Readiness['secrets']> {
    const results = await Promise.allSettled(this.#secretNames.map(async (name) => this.#secrets.current(name, options)));
    const health = this.#secrets.health();
    const oldestAgeSeconds = health.length === 0 ? null : Math.max(...health.map(({ ageSeconds }) => ageSeconds));
    const failure = results.find((result) => result.status === 'rejected');
    if (failure !== undefined) return { status: 'failing', oldestAgeSeconds, code: codeOf(failure.reason) };
    return { status: health.some(({ stale }) => stale) ? 'stale' : 'ok', oldestAgeSeconds };
  }
}

function codeOf(error: unknown): string {
  if (error instanceof PortError) return error.code;
  throw error;
}
