import type { Clock } from '../../ports/clock.ts';
import type { Counters } from '../../ports/counters.ts';
import type { CallOptions, KeyValueStore } from '../../ports/key-value-store.ts';

export type MirrorCount = 'compared' | 'differing' | 'failed' | 'sent' | 'skipped';

/** What the mirrors of one route found, over all instances, as far as they have told. */
export interface MirrorTotals extends Readonly<Record<MirrorCount, number>> {
  /** How often each place differed (`compareResponses`), the most frequent first; at most `maxPlaces`, the rest is under `other`. */
  readonly places: readonly { readonly place: string; readonly count: number }[];
}

export interface MirrorReportPorts {
  /** `durable` */
  readonly store: KeyValueStore;
  readonly counters: Counters;
  readonly clock: Clock;
  readonly operationId: () => string;
}

const counts: readonly MirrorCount[] = ['sent', 'compared', 'differing', 'failed', 'skipped'];
/** Places told apart: an answer with random member names must not fill the store. */
const maxPlaces = 50;
const maxPlaceLength = 120;
const otherPlace = 'other';
const keptForMs = 30 * 86_400_000;
const flushEveryMs = 1_000;

/**
 * Counts what the mirrors of one route find and tells the store at most once a second. What an instance found since it last told is missing from
 * the totals until it finds something again, or is asked for them.
 */
export class MirrorReport {
  readonly #partition: string;
  readonly #ports: MirrorReportPorts;
  #pending = new Map<MirrorCount, number>();
  #places = new Map<string, number>();
  #flushedAt = -Infinity;
  /** Flushes under way. */
  #telling = 0;

  constructor(routeId: string, ports: MirrorReportPorts) {
    this.#partition = `mirror.${routeId}`;
    this.#ports = ports;
  }

  count(name: MirrorCount): void {
    this.#pending.set(name, (this.#pending.get(name) ?? 0) + 1);
  }

  compared(differences: readonly string[]): void {
    this.count('compared');
    if (differences.length > 0) this.count('differing');
    for (const difference of differences) add(this.#places, difference.slice(0, maxPlaceLength), 1);
  }

  /** The store has all that was found. */
  get isTold(): boolean {
    return this.#telling === 0 && this.#pending.size === 0 && this.#places.size === 0;
  }

  /** Tells the store, when it is time to; `undefined` when it is not. */
  flushIfDue(): Promise<void> | undefined {
    const now = this.#ports.clock.now();
    // a clock that was set back is no reason to wait
    if (Math.abs(now - this.#flushedAt) < flushEveryMs) return undefined;
    this.#flushedAt = now;
    return this.flush();
  }

  /** What the store did not take is kept for the next time. @throws {PortError} */
  async flush(): Promise<void> {
    const { counters, clock, operationId } = this.#ports;
    const pending = this.#pending;
    const places = this.#places;
    this.#pending = new Map();
    this.#places = new Map();
    const expiresAt = clock.now() + keptForMs;
    const told = [
      ...[...pending].map(async ([id, by]) => {
        try {
          await counters.increment({ key: { partition: this.#partition, id }, by, operationId: operationId(), expiresAt });
        } catch (error) {
          this.#pending.set(id, (this.#pending.get(id) ?? 0) + by);
          throw error;
        }
      }),
      this.#addPlaces(places).catch((error: unknown) => {
        for (const [place, count] of places) add(this.#places, place, count);
        throw error;
      }),
    ];
    this.#telling++;
    const outcomes = await Promise.allSettled(told);
    this.#telling--;
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  }

  async read(options?: CallOptions): Promise<MirrorTotals> {
    const { counters, store } = this.#ports;
    const [places, ...values] = await Promise.all([
      store.get({ partition: this.#partition, id: 'places' }, options),
      ...counts.map((id) => counters.read({ partition: this.#partition, id }, options)),
    ]);
    const totals = Object.fromEntries(counts.map((name, at) => [name, values[at] ?? 0])) as Record<MirrorCount, number>;
    const found = Object.entries(places === undefined ? {} : (JSON.parse(places.value) as Record<string, number>));
    return {
      ...totals,
      places: found.map(([place, count]) => ({ place, count })).toSorted((a, b) => b.count - a.count),
    };
  }

  async #addPlaces(added: ReadonlyMap<string, number>): Promise<void> {
    if (added.size === 0) return;
    const { store, clock } = this.#ports;
    const key = { partition: this.#partition, id: 'places' };
    for (;;) {
      const stored = await store.get(key);
      const places = new Map(Object.entries(stored === undefined ? {} : (JSON.parse(stored.value) as Record<string, number>)));
      for (const [place, count] of added) add(places, place, count);
      const record = { ...key, value: JSON.stringify(Object.fromEntries(places)), expiresAt: clock.now() + keptForMs };
      if (stored === undefined) {
        if ((await store.create(record)).created) return;
      } else if ((await store.replace(record, stored.version)).replaced) return;
    }
  }
}

function add(places: Map<string, number>, place: string, count: number): void {
  const name = places.has(place) || places.size < maxPlaces ? place : otherPlace;
  places.set(name, (places.get(name) ?? 0) + count);
}
