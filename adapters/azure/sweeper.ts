import { odata } from '@azure/data-tables';
import type { TableClient } from '@azure/data-tables';
import type { CallOptions, Clock } from '../../core/ports/index.ts';
import { attempt } from './attempt.ts';
import { lostRace } from './lost-race.ts';
import { queryPage } from './query-page.ts';

export interface SweeperOptions {
  /** Rows deleted at a time; default 8. */
  readonly concurrency?: number | undefined;
  /** How long one call may take, in milliseconds; default 10,000: a page of a large table takes the service up to five seconds. */
  readonly attemptTimeoutMs?: number | undefined;
}

export interface SweepOptions extends CallOptions {
  /** Expired rows looked at, at most; default 10,000. */
  readonly maxRows?: number | undefined;
}

export interface SweepResult {
  /** Expired rows found. */
  readonly scanned: number;
  readonly deleted: number;
  /** Rows that somebody extended, took over or deleted meanwhile: left alone. */
  readonly lostRaces: number;
  /** Stopped at a bound; the next sweep goes on there. */
  readonly more: boolean;
}

/** What instances' clocks may differ by (`Clock`): so much later than its expiry a row is expired for every one of them. */
const skewMs = 2_000;

/**
 * Purges expired rows, because Tables has no time to live. Deletes on the row's etag, so that a concurrent extend wins.
 *
 * Tables has no index but the key, so the service reads the whole table to find them; it skips what is not expired at a rate of
 * thousands a second and sends only what is. A sweep that stops at a bound remembers the place while the process lives.
 */
export class Sweeper {
  readonly #table: TableClient;
  readonly #clock: Clock;
  readonly #concurrency: number;
  readonly #timeoutMs: number;
  #place: string | undefined;

  constructor(table: TableClient, clock: Clock, { concurrency = 8, attemptTimeoutMs = 10_000 }: SweeperOptions = {}) {
    this.#table = table;
    this.#clock = clock;
    this.#concurrency = concurrency;
    this.#timeoutMs = attemptTimeoutMs;
  }

  /** Sweeps until the end of the table, `maxRows` or `deadline`. Throws a `PortError` when the service fails; what is deleted stays so. */
  async sweep({ maxRows = 10_000, ...options }: SweepOptions = {}): Promise<SweepResult> {
    let scanned = 0;
    let deleted = 0;
    let from = this.#place;
    // Until a bound is met: a sweep that fails leaves no place, so that a place the service refuses cannot stop every sweep after it.
    this.#place = undefined;
    const stop = (more: boolean): SweepResult => {
      if (more) this.#place = from;
      return { scanned, deleted, lostRaces: scanned - deleted, more };
    };
    const late = (): boolean => options.deadline !== undefined && this.#clock.now() >= options.deadline;
    while (scanned < maxRows && !late()) {
      const page = await this.#expired(Math.min(1_000, maxRows - scanned), from, options);
      for (let at = 0; at < page.rows.length; at += this.#concurrency) {
        if (late()) return stop(true);
        const batch = page.rows.slice(at, at + this.#concurrency);
        const gone = await Promise.all(batch.map((row) => this.#delete(row, options)));
        scanned += gone.length;
        deleted += gone.filter(Boolean).length;
      }
      from = page.next;
      if (from === undefined) return stop(false);
    }
    return stop(true);
  }

  #expired(limit: number, from: string | undefined, options: CallOptions): ReturnType<typeof queryPage<ExpiredRow>> {
    const filter = odata`expiresAt le ${this.#clock.now() - skewMs}L`;
    return attempt('sweeper.list', this.#timeoutMs, options, (sdk) =>
      queryPage<ExpiredRow>(this.#table, { filter, select: ['PartitionKey', 'RowKey'], limit, from }, sdk),
    );
  }

  async #delete({ partitionKey, rowKey, etag }: ExpiredRow, options: CallOptions): Promise<boolean> {
    const outcome = await attempt('sweeper.delete', this.#timeoutMs, options, (sdk) =>
      lostRace(() => this.#table.deleteEntity(partitionKey, rowKey, { ...sdk, etag })),
    );
    return outcome.won;
  }
}

interface ExpiredRow {
  readonly partitionKey: string;
  readonly rowKey: string;
  readonly etag: string;
}
