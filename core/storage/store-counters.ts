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

/**
 * Counters by compare-and-set over any store. Exact: repeated operation ids among the last 16 do not count twice.
 *
 * `store` must judge expiry and retry (`durable`). Fit for rates of a few writes a second on one key; a busy counter wants the
 * store's own.
 */
export class StoreCounters implements Counters {
  readonly exact = true;
  readonly #store: KeyValueStore;
  readonly #clock: Clock;
  readonly #random: () => number;

  constructor(store: KeyValueStore, clock: Clock, random: () => number = Math.random) {
    this.#store = store;
    this.#clock = clock;
    this.#random = random;
  }

  async increment(increment: Increment, options?: CallOptions): Promise<number> {
    const { key, by, operationId, expiresAt } = checkIncrement(increment);
    let record = await this.#store.get(key, options);
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      const count = record === undefined ? { n: 0, operations: [] } : parseCount(record);
      if (count.operations.includes(operationId)) return count.n;
      const n = checkSum(count.n + by);
      const value = JSON.stringify({ n, operations: [operationId, ...count.operations].slice(0, remembered) });
      if (record === undefined) {
        const result = await this.#store.create({ ...key, value, expiresAt }, options);
        if (result.created) return n;
      } else {
        const result = await this.#store.replace({ ...key, value, expiresAt: record.expiresAt }, record.version, options);
        if (result.replaced) return n;
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
