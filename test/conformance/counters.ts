import { expect } from 'vitest';
import { maxKeyBytes, PortError } from '../../core/ports/index.ts';
import type { Counters, Increment, RecordKey } from '../../core/ports/index.ts';
import { aheadOfServices, FakeClock } from '../support/fake-clock.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { atOnce } from './key-value-store/fixture.ts';
import { registerSuite } from './suite.ts';
import type { ConformanceCase, Skips } from './suite.ts';

/** What a case of the counters port gets. */
export interface CountersFixture {
  readonly counters: Counters;
  /** The clock the counters look at; a case may move it on. */
  readonly clock: FakeClock;
  /** Fresh for every case. */
  readonly partition: string;
  /** How many callers race. */
  readonly contention: number;
}

let operations = 0;

/** A new operation on a counter, counting once. */
function once(key: RecordKey, by?: number, rest: Partial<Increment> = {}): Increment {
  return { key, by, operationId: `operation-${++operations}`, ...rest };
}

async function refuses(call: () => Promise<unknown>, refusal: typeof RangeError | typeof TypeError, what: unknown): Promise<void> {
  await expect(async () => call(), String(what)).rejects.toThrow(refusal);
}

/** The counters port's contract, sentence by sentence. */
export const countersCases: readonly ConformanceCase<CountersFixture>[] = [
  {
    title: 'a counter that was never incremented reads zero',
    run: async ({ counters, partition }) => {
      expect(await counters.read({ partition, id: 'a' })).toBe(0);
    },
  },
  {
    title: 'increment adds one unless told otherwise and answers the new value',
    run: async ({ counters, partition }) => {
      const key = { partition, id: 'a' };
      expect(await counters.increment(once(key))).toBe(1);
      expect(await counters.increment(once(key))).toBe(2);
      expect(await counters.increment(once(key, 40))).toBe(42);
    },
  },
  {
    title: 'read answers what the last increment answered',
    run: async ({ counters, partition }) => {
      const key = { partition, id: 'a' };
      for (const by of [1, 5, -2, 1_000_000]) expect(await counters.increment(once(key, by))).toBe(await counters.read(key));
    },
  },
  {
    title: 'increments by a negative number and by zero count as they are, below zero too',
    run: async ({ counters, partition }) => {
      const key = { partition, id: 'a' };
      expect(await counters.increment(once(key, -3))).toBe(-3);
      expect(await counters.increment(once(key, 0))).toBe(-3);
      expect(await counters.increment(once(key, 3))).toBe(0);
      expect(await counters.read(key)).toBe(0);
    },
  },
  {
    title: 'a first increment by zero makes a counter of zero',
    run: async ({ counters, partition }) => {
      expect(await counters.increment(once({ partition, id: 'a' }, 0))).toBe(0);
      expect(await counters.read({ partition, id: 'a' })).toBe(0);
    },
  },
  {
    title: 'counters of different keys do not mix, whatever characters the keys have',
    run: async ({ counters, partition }) => {
      const ids = [
        'a',
        'A',
        'ab',
        'a/b',
        '/',
        '..',
        '__x__',
        '~',
        '#',
        'é',
        'e\u0301',
        '😀',
        '\0',
        ' ',
        '__proto__',
        'x'.repeat(maxKeyBytes),
      ];
      for (const [n, id] of ids.entries()) expect(await counters.increment(once({ partition, id }, n + 1)), id).toBe(n + 1);
      for (const [n, id] of ids.entries()) expect(await counters.read({ partition, id }), id).toBe(n + 1);
      expect(await counters.read({ partition: `${partition}a`, id: 'a' })).toBe(0);
    },
  },
  {
    title: 'concurrent increments are never lost, and no two answer the same value',
    run: async ({ counters, partition, contention }) => {
      const key = { partition, id: 'a' };
      const answers = await atOnce(contention, () => counters.increment(once(key)));
      expect(answers.toSorted((a, b) => a - b)).toEqual(Array.from({ length: contention }, (_, n) => n + 1));
      expect(await counters.read(key)).toBe(contention);
    },
  },
  {
    title: 'concurrent increments by different amounts add up',
    run: async ({ counters, partition, contention }) => {
      const key = { partition, id: 'a' };
      await counters.increment(once(key, 1_000));
      await atOnce(contention, (n) => counters.increment(once(key, n % 2 === 0 ? n : -n)));
      const sum = Array.from({ length: contention }, (_, n) => (n % 2 === 0 ? n : -n)).reduce((a, b) => a + b, 1_000);
      expect(await counters.read(key)).toBe(sum);
    },
  },
  {
    title: 'numbers up to the ends of the safe integers are kept exactly',
    run: async ({ counters, partition }) => {
      for (const [id, by] of Object.entries({ most: Number.MAX_SAFE_INTEGER, least: Number.MIN_SAFE_INTEGER })) {
        expect(await counters.increment(once({ partition, id }, by))).toBe(by);
        expect(await counters.read({ partition, id })).toBe(by);
      }
    },
  },
  {
    title: 'a sum that is no safe integer any more is a RangeError and is not counted',
    run: async ({ counters, partition }) => {
      for (const [id, by] of Object.entries({ most: Number.MAX_SAFE_INTEGER, least: Number.MIN_SAFE_INTEGER })) {
        await counters.increment(once({ partition, id }, by));
        await refuses(() => counters.increment(once({ partition, id }, Math.sign(by))), RangeError, id);
        expect(await counters.read({ partition, id })).toBe(by);
      }
    },
  },
  {
    title: 'where counters are exact, a repeated operation answers the present value and does not count',
    run: async ({ counters, partition }) => {
      if (!counters.exact) return countsEveryRepetitionAtMostOnce(counters, partition);
      const key = { partition, id: 'a' };
      const first = once(key, 5);
      expect(await counters.increment(first)).toBe(5);
      expect(await counters.increment(first)).toBe(5);
      await counters.increment(once(key, 2));
      expect(await counters.increment(first)).toBe(7);
      expect(await counters.read(key)).toBe(7);
    },
  },
  {
    title: 'where counters are exact, an operation is recognised among the last 16',
    run: async ({ counters, partition }) => {
      if (!counters.exact) return countsEveryRepetitionAtMostOnce(counters, partition);
      const key = { partition, id: 'a' };
      const first = once(key);
      await counters.increment(first);
      for (let n = 0; n < 15; n++) await counters.increment(once(key));
      expect(await counters.increment(first)).toBe(16);
    },
  },
  {
    title: 'where counters are exact, one operation sent many times at once counts once',
    run: async ({ counters, partition, contention }) => {
      if (!counters.exact) return countsEveryRepetitionAtMostOnce(counters, partition);
      const key = { partition, id: 'a' };
      const operation = once(key, 3);
      expect(new Set(await atOnce(contention, () => counters.increment(operation)))).toEqual(new Set([3]));
      expect(await counters.read(key)).toBe(3);
    },
  },
  {
    title: 'one operation id on two counters is two operations',
    run: async ({ counters, partition }) => {
      const operationId = 'the-same';
      expect(await counters.increment({ key: { partition, id: 'a' }, operationId })).toBe(1);
      expect(await counters.increment({ key: { partition, id: 'b' }, operationId })).toBe(1);
    },
  },
  {
    title: 'operation ids are taken as they are, up to 64 characters and in their case',
    run: async ({ counters, partition }) => {
      const key = { partition, id: 'a' };
      const ids = ['a', 'A', '_', '-', '0', 'x'.repeat(64), `${'x'.repeat(63)}y`, '__proto__', 'constructor'];
      for (const [n, operationId] of ids.entries()) expect(await counters.increment({ key, operationId }), operationId).toBe(n + 1);
    },
  },
  {
    title: 'a counter counts until the instant before expiresAt, and is zero from expiresAt on',
    run: async ({ counters, clock, partition }) => {
      const key = { partition, id: 'a' };
      const expiresAt = clock.now() + 60_000;
      await counters.increment(once(key, 5, { expiresAt }));
      clock.set(expiresAt - 1);
      expect(await counters.read(key)).toBe(5);
      expect(await counters.increment(once(key, 1, { expiresAt }))).toBe(6);
      clock.set(expiresAt);
      expect(await counters.read(key)).toBe(0);
    },
  },
  {
    title: 'an expired counter starts again at zero, with the new expiresAt',
    run: async ({ counters, clock, partition }) => {
      const key = { partition, id: 'a' };
      const first = clock.now() + 60_000;
      const second = clock.now() + 120_000;
      await counters.increment(once(key, 5, { expiresAt: first }));
      clock.set(first);
      expect(await counters.increment(once(key, 1, { expiresAt: second }))).toBe(1);
      clock.set(second - 1);
      expect(await counters.read(key)).toBe(1);
      clock.set(second);
      expect(await counters.read(key)).toBe(0);
    },
  },
  {
    title: 'one trace of increments, over keys, expiries and time, gets the answers of a plain sum: the same from every store (S7)',
    run: async ({ counters, clock, partition }) => {
      const random = seededRandom(7);
      const sums = new Map<string, { value: number; expiresAt: number }>();
      for (let n = 0; n < 40; n++) {
        clock.set(clock.now() + Math.floor(random() * 20_000));
        const id = `k${Math.floor(random() * 3)}`;
        const by = Math.floor(random() * 7) - 2;
        const expiresAt = clock.now() + 30_000;
        const before = sums.get(id);
        const live = before !== undefined && before.expiresAt > clock.now() ? before : { value: 0, expiresAt };
        sums.set(id, { value: live.value + by, expiresAt: live.expiresAt });
        expect([n, await counters.increment(once({ partition, id }, by, { expiresAt }))]).toEqual([n, live.value + by]);
      }
    },
  },
  {
    title: 'an expired counter forgets its operations',
    run: async ({ counters, clock, partition }) => {
      const operation = once({ partition, id: 'a' }, 5, { expiresAt: clock.now() + 60_000 });
      await counters.increment(operation);
      clock.set(clock.now() + 60_000);
      expect(await counters.increment({ ...operation, by: 2, expiresAt: clock.now() + 60_000 })).toBe(2);
    },
  },
  {
    title: 'expiresAt applies to a new counter only',
    run: async ({ counters, clock, partition }) => {
      const forever = { partition, id: 'forever' };
      const short = { partition, id: 'short' };
      const at = clock.now() + 60_000;
      await counters.increment(once(forever));
      await counters.increment(once(forever, 1, { expiresAt: at }));
      await counters.increment(once(short, 1, { expiresAt: at }));
      await counters.increment(once(short, 1, { expiresAt: at + 60_000 }));
      await counters.increment(once(short));
      clock.set(at);
      expect(await counters.read(forever)).toBe(2);
      expect(await counters.read(short)).toBe(0);
    },
  },
  {
    title: 'concurrent increments of an expired counter start it again once',
    run: async ({ counters, clock, partition, contention }) => {
      const key = { partition, id: 'a' };
      await counters.increment(once(key, 1_000, { expiresAt: clock.now() + 60_000 }));
      clock.set(clock.now() + 60_000);
      const expiresAt = clock.now() + 86_400_000;
      await atOnce(contention, () => counters.increment(once(key, 1, { expiresAt })));
      expect(await counters.read(key)).toBe(contention);
    },
  },
  {
    title: 'a key outside the documented range is refused before any I/O',
    run: async ({ counters, partition }) => {
      for (const id of ['', '\ud800', undefined as unknown as string]) {
        await refuses(() => counters.increment(once({ partition, id })), TypeError, id);
        await refuses(() => counters.read({ partition, id }), TypeError, id);
      }
      await refuses(() => counters.increment(once({ partition, id: 'x'.repeat(maxKeyBytes + 1) })), RangeError, 'long');
      await refuses(() => counters.read({ partition: '', id: 'a' }), TypeError, 'partition');
    },
  },
  {
    title: 'an amount that is no safe integer is a RangeError and is not counted',
    run: async ({ counters, partition }) => {
      const key = { partition, id: 'a' };
      for (const by of [0.5, Number.NaN, Infinity, -Infinity, 2 ** 53, '1' as unknown as number]) {
        await refuses(() => counters.increment(once(key, by)), RangeError, by);
      }
      expect(await counters.read(key)).toBe(0);
    },
  },
  {
    title: 'an operation id outside its grammar is a TypeError and is not counted',
    run: async ({ counters, partition }) => {
      const key = { partition, id: 'a' };
      for (const operationId of ['', 'x'.repeat(65), 'a b', 'a/b', 'é', 'a\n', undefined as unknown as string]) {
        await refuses(() => counters.increment({ key, operationId }), TypeError, operationId);
      }
      expect(await counters.read(key)).toBe(0);
    },
  },
  {
    title: 'an expiresAt that is no instant is a RangeError and is not counted, on a new counter and on an old one',
    run: async ({ counters, partition }) => {
      const key = { partition, id: 'a' };
      for (const expiresAt of [-1, 0.5, Number.NaN, 253_402_300_800_000]) {
        await refuses(() => counters.increment(once(key, 1, { expiresAt })), RangeError, expiresAt);
        await refuses(() => counters.increment(once({ partition, id: 'old' }, 1, { expiresAt })), RangeError, expiresAt);
        await counters.increment(once({ partition, id: 'old' }, 0));
      }
      expect(await counters.read(key)).toBe(0);
      expect(await counters.read({ partition, id: 'old' })).toBe(0);
    },
  },
  {
    title: 'a signal that has aborted makes every operation fail with cancelled, and nothing is counted',
    run: async ({ counters, partition }) => {
      const key = { partition, id: 'a' };
      const signal = AbortSignal.abort();
      const calls = [() => counters.increment(once(key), { signal }), () => counters.read(key, { signal })];
      for (const call of calls) {
        const error: unknown = await call().catch((reason: unknown) => reason);
        expect(error).toBeInstanceOf(PortError);
        expect(error).toHaveProperty('code', 'cancelled');
      }
      expect(await counters.read(key)).toBe(0);
    },
  },
];

/** What is left of exactness for a store's own counters: a repetition may count again, once each, and always upwards. */
async function countsEveryRepetitionAtMostOnce(counters: Counters, partition: string): Promise<void> {
  const operation = once({ partition, id: 'repeated' }, 5);
  expect(await counters.increment(operation)).toBe(5);
  expect([5, 10]).toContain(await counters.increment(operation));
}

/** What the suite must know about one adapter. */
export interface CountersHarness {
  /** The platform's name in the compatibility table. */
  readonly name: string;
  /** Called once. The counters must look at this clock and no other; its `sleep` returns at once and moves it on. */
  readonly makeCounters: (
    clock: FakeClock,
  ) => Promise<{ readonly counters: Counters; readonly close?: () => Promise<void> | void }>;
  /** Cases that do not apply, by title, with the reason. */
  readonly skips?: Skips;
  /** How many callers race on one counter; default 20. */
  readonly contention?: number;
}

/** Runs the counters port's contract on one adapter. Call it at the top of a test file. */
export function testCounters({ name, makeCounters, skips = {}, contention = 20 }: CountersHarness): void {
  const clock = new FakeClock({ now: aheadOfServices, autoAdvance: true });
  registerSuite({
    port: 'counters',
    platform: name,
    cases: countersCases,
    skips,
    open: () => makeCounters(clock),
    fixture: ({ counters }) => countersFixture(counters, clock, contention),
    close: async ({ close }) => close?.(),
  });
}

/** A fixture with a fresh partition. */
export function countersFixture(counters: Counters, clock: FakeClock, contention = 20): CountersFixture {
  return { counters, clock, partition: `conformance-${crypto.randomUUID()}`, contention };
}
