import { describe, expect, test } from 'vitest';
import { PortError } from '../../core/ports/index.ts';
import type { Clock, Counters, Increment, RecordKey } from '../../core/ports/index.ts';
import { encodeKeyPart } from '../../core/storage/record-key.ts';
import { checkIncrement, checkSum } from '../../core/storage/store-counters.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { countersCases, countersFixture } from './counters.ts';

interface Count {
  n: number;
  operations: string[];
  expiresAt: number | undefined;
}

/** Counters in a map, taken apart so that each part can be broken. */
class MapCounters implements Counters {
  readonly exact: boolean = true;
  readonly counts = new Map<string, Count>();
  readonly clock: Clock;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  async increment(increment: Increment, options?: { readonly signal?: AbortSignal | undefined }): Promise<number> {
    const checked = this.check(increment);
    this.throwIfCancelled(options?.signal);
    const loaded = this.load(checked.key);
    // A whole one reads and writes in one go.
    const count = loaded instanceof Promise ? await loaded : loaded;
    if (this.repeated(count, checked)) return count?.n ?? 0;
    const n = this.sum(count, checked.by);
    const operations = [checked.operationId, ...(count?.operations ?? [])].slice(0, this.remembered());
    this.counts.set(this.name(checked.key), { n, operations, expiresAt: this.expiry(count, checked) });
    return this.answer(n);
  }

  async read(key: RecordKey, options?: { readonly signal?: AbortSignal | undefined }): Promise<number> {
    this.name(key);
    this.throwIfCancelled(options?.signal);
    return this.live(key)?.n ?? 0;
  }

  check(increment: Increment): ReturnType<typeof checkIncrement> {
    return checkIncrement(increment);
  }

  throwIfCancelled(signal: AbortSignal | undefined): void {
    if (signal?.aborted === true) throw new PortError('cancelled', 'counters.x');
  }

  load(key: RecordKey): Count | undefined | Promise<Count | undefined> {
    return this.live(key);
  }

  live(key: RecordKey): Count | undefined {
    const count = this.counts.get(this.name(key));
    return count === undefined || this.expired(count) ? undefined : count;
  }

  expired({ expiresAt }: Count): boolean {
    return expiresAt !== undefined && expiresAt <= this.clock.now();
  }

  repeated(count: Count | undefined, { operationId }: Increment): boolean {
    return count?.operations.includes(operationId) ?? false;
  }

  remembered(): number {
    return 16;
  }

  sum(count: Count | undefined, by: number): number {
    return checkSum((count?.n ?? 0) + by);
  }

  expiry(count: Count | undefined, { expiresAt }: Increment): number | undefined {
    return count === undefined ? expiresAt : count.expiresAt;
  }

  name({ partition, id }: RecordKey): string {
    return `${encodeKeyPart(partition)}/${encodeKeyPart(id)}`;
  }

  answer(n: number): number {
    return n;
  }
}

type Part = Partial<Record<Exclude<keyof MapCounters, 'clock' | 'counts'>, unknown>>;

const broken: readonly {
  readonly fault: string;
  readonly parts: (whole: MapCounters) => Part;
  readonly caughtBy: readonly string[];
}[] = [
  {
    fault: 'a missing counter throws not_found',
    parts: (whole) => ({
      read: async (key: RecordKey) => {
        const count = whole.live(key);
        if (count === undefined) throw new PortError('not_found', 'counters.read');
        return count.n;
      },
    }),
    caughtBy: ['a counter that was never incremented reads zero'],
  },
  {
    fault: 'increment answers the value before',
    parts: () => ({ answer: (n: number) => n - 1 }),
    caughtBy: [
      'increment adds one unless told otherwise and answers the new value',
      'read answers what the last increment answered',
    ],
  },
  {
    fault: 'amounts are made positive',
    parts: () => ({ sum: (count: Count | undefined, by: number) => (count?.n ?? 0) + Math.abs(by) }),
    caughtBy: [
      'increments by a negative number and by zero count as they are, below zero too',
      'concurrent increments by different amounts add up',
    ],
  },
  {
    fault: 'zero counts as one',
    parts: () => ({ sum: (count: Count | undefined, by: number) => (count?.n ?? 0) + (by || 1) }),
    caughtBy: ['a first increment by zero makes a counter of zero'],
  },
  {
    fault: 'keys are compared without regard to case',
    parts: () => ({ name: ({ partition, id }: RecordKey) => `${encodeKeyPart(partition)}/${encodeKeyPart(id).toLowerCase()}` }),
    caughtBy: ['counters of different keys do not mix, whatever characters the keys have'],
  },
  {
    fault: 'increment reads, then writes',
    parts: (whole) => ({
      load: async (key: RecordKey) => {
        const count = whole.live(key);
        await new Promise((resolve) => setImmediate(resolve));
        return count;
      },
    }),
    caughtBy: [
      'concurrent increments are never lost, and no two answer the same value',
      'concurrent increments by different amounts add up',
      'concurrent increments of an expired counter start it again once',
    ],
  },
  {
    fault: 'numbers are kept in 32 bits',
    parts: () => ({ sum: (count: Count | undefined, by: number) => ((count?.n ?? 0) + by) | 0 }),
    caughtBy: ['numbers up to the ends of the safe integers are kept exactly'],
  },
  {
    fault: 'a sum may be unsafe',
    parts: () => ({ sum: (count: Count | undefined, by: number) => (count?.n ?? 0) + by }),
    caughtBy: ['a sum that is no safe integer any more is a RangeError and is not counted'],
  },
  {
    fault: 'operations are not remembered',
    parts: () => ({ repeated: () => false }),
    caughtBy: [
      'where counters are exact, a repeated operation answers the present value and does not count',
      'where counters are exact, an operation is recognised among the last 16',
      'where counters are exact, one operation sent many times at once counts once',
    ],
  },
  {
    fault: 'fifteen operations are remembered',
    parts: () => ({ remembered: () => 15 }),
    caughtBy: ['where counters are exact, an operation is recognised among the last 16'],
  },
  {
    fault: 'a native counter counts a repetition three times',
    parts: (whole) => ({
      exact: false,
      repeated: () => false,
      sum: (count: Count | undefined, by: number) => (count === undefined ? by : checkSum(whole.sum(count, by)) + by),
    }),
    caughtBy: ['where counters are exact, a repeated operation answers the present value and does not count'],
  },
  {
    fault: 'operations are remembered for all counters together',
    parts: () => {
      const seen = new Set<string>();
      return { repeated: (_: unknown, { operationId }: Increment) => seen.has(operationId) || !seen.add(operationId) };
    },
    caughtBy: ['one operation id on two counters is two operations'],
  },
  {
    fault: 'operation ids are compared without regard to case',
    parts: () => ({
      repeated: (count: Count | undefined, { operationId }: Increment) =>
        count?.operations.some((each) => each.toLowerCase() === operationId.toLowerCase()) ?? false,
    }),
    caughtBy: ['operation ids are taken as they are, up to 64 characters and in their case'],
  },
  {
    fault: 'operation ids are cut at 32 characters',
    parts: () => ({
      repeated: (count: Count | undefined, { operationId }: Increment) =>
        count?.operations.some((each) => each.slice(0, 32) === operationId.slice(0, 32)) ?? false,
    }),
    caughtBy: ['operation ids are taken as they are, up to 64 characters and in their case'],
  },
  {
    fault: 'a counter expires one millisecond late',
    parts: (whole) => ({ expired: ({ expiresAt }: Count) => expiresAt !== undefined && expiresAt < whole.clock.now() }),
    caughtBy: [
      'a counter counts until the instant before expiresAt, and is zero from expiresAt on',
      'an expired counter forgets its operations',
    ],
  },
  {
    fault: 'a counter expires by the second',
    parts: (whole) => ({
      expired: ({ expiresAt }: Count) =>
        expiresAt !== undefined && Math.floor(expiresAt / 1_000) <= Math.ceil(whole.clock.now() / 1_000),
    }),
    caughtBy: ['a counter counts until the instant before expiresAt, and is zero from expiresAt on'],
  },
  {
    fault: 'an expired counter keeps its old expiresAt',
    parts: (whole) => ({
      expiry: (_: unknown, { key, expiresAt }: Increment) => whole.counts.get(whole.name(key))?.expiresAt ?? expiresAt,
    }),
    caughtBy: ['an expired counter starts again at zero, with the new expiresAt'],
  },
  {
    fault: 'every increment sets expiresAt',
    parts: () => ({ expiry: (count: Count | undefined, { expiresAt }: Increment) => expiresAt ?? count?.expiresAt }),
    caughtBy: [
      'expiresAt applies to a new counter only',
      'one trace of increments, over keys, expiries and time, gets the answers of a plain sum: the same from every store (S7)',
    ],
  },
  {
    fault: 'nothing is checked',
    parts: () => ({
      check: (increment: Increment) => ({ by: 1, ...increment }),
      name: (key: RecordKey) => JSON.stringify(key),
      sum: (count: Count | undefined, by: number) => (count?.n ?? 0) + by,
    }),
    caughtBy: [
      'a key outside the documented range is refused before any I/O',
      'an amount that is no safe integer is a RangeError and is not counted',
      'an operation id outside its grammar is a TypeError and is not counted',
      'an expiresAt that is no instant is a RangeError and is not counted, on a new counter and on an old one',
    ],
  },
  {
    fault: 'signals are ignored',
    parts: () => ({ throwIfCancelled: () => {} }),
    caughtBy: ['a signal that has aborted makes every operation fail with cancelled, and nothing is counted'],
  },
];

async function failing(parts: (whole: MapCounters) => Part, titles: readonly string[]): Promise<string[]> {
  const failed: string[] = [];
  for (const { title, run } of countersCases.filter((each) => titles.includes(each.title))) {
    const clock = new FakeClock({ autoAdvance: true });
    const counters = new MapCounters(clock);
    Object.assign(counters, parts(new Proxy(counters, { get: (target, name) => bound(target, name) })));
    try {
      await run(countersFixture(counters, clock, 5));
    } catch {
      failed.push(title);
    }
  }
  return failed;
}

/** The whole part, even after it was replaced by a broken one. */
function bound(target: MapCounters, name: string | symbol): unknown {
  const part: unknown = Reflect.get(MapCounters.prototype, name) ?? Reflect.get(target, name);
  return typeof part === 'function' ? part.bind(target) : part;
}

describe('the counters suite', () => {
  test('finds no fault in whole counters', async () => {
    expect(
      await failing(
        () => ({}),
        countersCases.map(({ title }) => title),
      ),
    ).toEqual([]);
  });

  test.each(broken)('catches: $fault', async ({ parts, caughtBy }) => {
    expect((await failing(parts, caughtBy)).toSorted()).toEqual(caughtBy.toSorted());
  });

  test('has no case that catches no planted fault', () => {
    const caught = new Set(broken.flatMap(({ caughtBy }) => caughtBy));
    expect(countersCases.map(({ title }) => title).filter((title) => !caught.has(title))).toEqual([]);
  });
});
