import type { Clock } from '../ports/clock.ts';
import type { Counters, Increment } from '../ports/counters.ts';
import { PortError } from '../ports/errors.ts';
import type { CallOptions, KeyValueStore, RecordKey, StoredRecord } from '../ports/key-value-store.ts';
import { assertExpiresAt, assertKey } from './record-key.ts';
import { pause } from './retry.ts';

/** How many operation ids a counter remembers. */
const remembered = 16;
/** Lost races before giving up with `aborted`. */
const maxAttempts = 64;

interface Count {
  readonly n: number;
  readonly operations: readonly string[];
}

/** An increment on its way. */
interface Waiting {
  readonly increment: ReturnType<typeof checkIncrement>;
  readonly options: CallOptions | undefined;
  readonly resolve: (value: number) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Counters by compare-and-set over any store. Exact: repeated operation ids among the last 16 do not count twice.
 *
 * `store` must judge expiry and retry (`durable`). Increments of one counter that come together in one instance are written together, so an
 * instance writes a key once at a time, however many callers it has; many instances on one key want the store's own counters.
 */
export class StoreCounters implements Counters {
  readonly exact = true;
  readonly #store: KeyValueStore;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #waiting = new Map<string, Waiting[]>();

  constructor(store: KeyValueStore, clock: Clock, random: () => number = Math.random) {
    this.#store = store;
    this.#clock = clock;
    this.#random = random;
  }

  /** Increments of one counter that come together are written together: callers of one instance never race each other. */
  async increment(increment: Increment, options?: CallOptions): Promise<number> {
    const checked = checkIncrement(increment);
    if (options?.signal?.aborted === true) throw new PortError('cancelled', 'counters.increment');
    const { partition, id } = checked.key;
    const name = JSON.stringify([partition, id]);
    return new Promise((resolve, reject) => {
      const waiting = this.#waiting.get(name);
      const one = { increment: checked, options, resolve, reject };
      if (waiting !== undefined) waiting.push(one);
      else {
        this.#waiting.set(name, [one]);
        void this.#drain(name);
      }
    });
  }

  async #drain(name: string): Promise<void> {
    for (;;) {
      const waiting = this.#waiting.get(name) ?? [];
      const batch = waiting.splice(0, remembered);
      if (batch.length === 0) {
        this.#waiting.delete(name);
        return;
      }
      await this.#settle(batch);
    }
  }

  async #settle(batch: readonly Waiting[]): Promise<void> {
    try {
      const values = await this.#apply(batch);
      for (const [at, { resolve }] of batch.entries()) resolve(values[at] ?? 0);
    } catch (error) {
      if (error instanceof RangeError && batch.length > 1) {
        // One of them goes over the greatest sum: the others must not fail with it.
        for (const one of batch) await this.#settle([one]);
      } else {
        for (const { reject } of batch) reject(error);
      }
    }
  }

  /** Writes a batch at once and answers the value after each of its increments. */
  async #apply(batch: readonly Waiting[]): Promise<readonly number[]> {
    const [first] = batch;
    if (first === undefined) return [];
    const { key, expiresAt } = first.increment;
    // One caller giving up must not give up for the others; the longest time counts.
    const options = batch.length === 1 ? first.options : { deadline: latest(batch.map((one) => one.options?.deadline)) };
    let record = await this.#store.get(key, options);
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      const count = record === undefined ? { n: 0, operations: [] } : parseCount(record);
      const operations = [...count.operations];
      let { n } = count;
      const values = batch.map(({ increment: { by, operationId } }) => {
        if (operations.includes(operationId)) return n;
        operations.unshift(operationId);
        return (n = checkSum(n + by));
      });
      if (operations.length === count.operations.length) return values;
      const value = JSON.stringify({ n, operations: operations.slice(0, remembered) });
      if (record === undefined) {
        const result = await this.#store.create({ ...key, value, expiresAt }, options);
        if (result.created) return values;
      } else {
        const result = await this.#store.replace({ ...key, value, expiresAt: record.expiresAt }, record.version, options);
        if (result.replaced) return values;
      }
      await pause(this.#clock, this.#random() * Math.min(200, 5 * 2 ** attempt), options?.signal, 'counters.increment');
      record = await this.#store.get(key, options);
    }
    throw new PortError('aborted', 'counters.increment', { reason: 'Contention' });
  }

  async read(key: RecordKey, options?: CallOptions): Promise<number> {
    const record = await this.#store.get(key, options);
    return record === undefined ? 0 : parseCount(record).n;
  }
}

/**
 * Checks an increment before any I/O and fills in `by`.
 *
 * @throws {TypeError | RangeError} a key or `expiresAt` no store takes, `by` no safe integer, `operationId` outside its grammar
 */
export function checkIncrement({ key, by = 1, operationId, expiresAt }: Increment): Increment & { readonly by: number } {
  assertKey(key);
  assertExpiresAt(expiresAt);
  if (!Number.isSafeInteger(by)) throw new RangeError('by must be a safe integer');
  if (typeof operationId !== 'string' || !/^[A-Za-z0-9_-]{1,64}$/.test(operationId))
    throw new TypeError('operationId must be 1 to 64 of A-Z a-z 0-9 _ -');
  return { key, by, operationId, expiresAt };
}

/** @throws {RangeError} the sum is no safe integer any more */
export function checkSum(sum: number): number {
  if (!Number.isSafeInteger(sum)) throw new RangeError('The sum must stay a safe integer');
  return sum;
}

/** The latest of some deadlines; none when one of them is none. */
function latest(deadlines: readonly (number | undefined)[]): number | undefined {
  return deadlines.reduce((a, b) => (a === undefined || b === undefined ? undefined : Math.max(a, b)));
}

function parseCount(record: StoredRecord): Count {
  const count = parseJson(record.value);
  if (typeof count !== 'object' || count === null || !('n' in count && 'operations' in count)) throw unreadable();
  const { n, operations } = count;
  if (!Number.isSafeInteger(n) || !Array.isArray(operations)) throw unreadable();
  return { n: n as number, operations: operations as readonly string[] };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw unreadable();
  }
}

function unreadable(): PortError {
  return new PortError('data_loss', 'counters.read', { reason: 'NotACount' });
}
