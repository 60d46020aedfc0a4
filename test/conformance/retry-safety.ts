import { expect } from 'vitest';
import { PortError } from '../../core/ports/index.ts';
import type { Clock, KeyValueStore, StoredRecord } from '../../core/ports/index.ts';
import { expiring } from '../../core/storage/expiring.ts';
import { RetryBudget } from '../../core/storage/retry.ts';
import { retrying } from '../../core/storage/retrying.ts';
import { StoreCounters } from '../../core/storage/store-counters.ts';
import { aheadOfServices, FakeClock } from '../support/fake-clock.ts';
import { faultyStore } from '../support/faulty-store.ts';
import type { FaultyStore } from '../support/faulty-store.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { atOnce } from './key-value-store/fixture.ts';
import { registerSuite } from './suite.ts';
import type { ConformanceCase, Skips } from './suite.ts';

/** What a case of retry safety gets. */
export interface RetrySafetyFixture {
  /** The adapter's store with faults before it. */
  readonly faulty: FaultyStore;
  /** Core's layers over the faulty store. */
  readonly store: KeyValueStore;
  readonly clock: FakeClock;
  readonly random: () => number;
  /** Fresh for every case. */
  readonly partition: string;
  /** How many acknowledgements must have been dropped before the case ends. */
  readonly drops: number;
  readonly contention: number;
}

/** Calls `round` until enough acknowledgements were dropped. */
async function untilDropped({ faulty, drops }: RetrySafetyFixture, round: (n: number) => Promise<void>): Promise<void> {
  for (let n = 0; faulty.happened.lostAcknowledgement < drops; n++) await round(n);
}

/** Whether the layers said honestly that they cannot know. */
function isUnknown(error: unknown): boolean {
  return error instanceof PortError && error.code === 'aborted' && error.reason === 'OutcomeUnknown';
}

/** What lost acknowledgements, throttling, time-outs and duplicates must not do. */
export const retrySafetyCases: readonly ConformanceCase<RetrySafetyFixture>[] = [
  {
    title: 'a lone writer never loses a race, and reads back what it wrote',
    run: async (fixture) => {
      const { store, partition } = fixture;
      await untilDropped(fixture, async (n) => {
        const key = { partition, id: `lone-${n % 5}` };
        const created = await store.create({ ...key, value: `${n}-0` });
        expect(created).toHaveProperty('created', true);
        let version = created.created ? created.version : '';
        for (let step = 1; step <= 12; step++) {
          const replaced = await store.replace({ ...key, value: `${n}-${step}` }, version);
          expect(replaced).toHaveProperty('replaced', true);
          version = replaced.replaced ? replaced.version : '';
        }
        expect(await store.get(key)).toMatchObject({ value: `${n}-12`, version });
        expect(await store.delete(key, version)).toEqual({ deleted: true });
        expect(await store.get(key)).toBeUndefined();
      });
    },
  },
  {
    title: 'of many creators exactly one is told that it won, and it is the one whose value is stored',
    run: async (fixture) => {
      const { store, partition, contention } = fixture;
      await untilDropped(fixture, async (n) => {
        const key = { partition, id: `created-${n}` };
        const results = await atOnce(contention, (caller) => store.create({ ...key, value: String(caller) }));
        const winners = results.flatMap(({ created }, caller) => (created ? [String(caller)] : []));
        expect(winners).toEqual([(await store.get(key))?.value]);
      });
    },
  },
  {
    title: 'among many writers a write said to be done is there once, and one said to be lost is not there',
    run: async (fixture) => {
      const { store, partition, contention, random } = fixture;
      await untilDropped(fixture, async (n) => {
        const key = { partition, id: `log-${n}` };
        await store.create({ ...key, value: '' });
        const done: string[] = [];
        const lost: string[] = [];
        await atOnce(contention, async (caller) => {
          for (let attempt = 0; attempt < 8; attempt++) {
            const entry = `${caller}-${attempt}`;
            const record = (await store.get(key)) as StoredRecord;
            if (random() < 0.3) await Promise.resolve();
            try {
              const { replaced } = await store.replace({ ...key, value: `${record.value}${entry} ` }, record.version);
              (replaced ? done : lost).push(entry);
            } catch (error) {
              if (!isUnknown(error)) throw error;
            }
          }
        });
        const log = ((await store.get(key))?.value ?? '').trim().split(' ');
        expect(new Set(log).size).toBe(log.length);
        expect(log).toEqual(expect.arrayContaining(done));
        expect(log.filter((entry) => lost.includes(entry))).toEqual([]);
      });
    },
  },
  {
    title: 'an expired record is taken over by exactly one of many, and it is told so',
    run: async (fixture) => {
      const { store, partition, contention, clock } = fixture;
      const key = { partition, id: 'lease' };
      const lease = 10_000_000;
      await store.create({ ...key, value: 'before', expiresAt: clock.now() + lease });
      await untilDropped(fixture, async (n) => {
        clock.set(clock.now() + lease);
        const expiresAt = clock.now() + lease;
        const results = await atOnce(contention, (caller) => store.create({ ...key, value: `${n}-${caller}`, expiresAt }));
        const winners = results.flatMap(({ created }, caller) => (created ? [`${n}-${caller}`] : []));
        expect(winners).toEqual([(await store.get(key))?.value]);
      });
    },
  },
  {
    title: 'a counter counts every operation once, however often it was sent',
    run: async (fixture) => {
      const { store, partition, clock, random } = fixture;
      // A counter remembers the last 16 operations: of more callers at once the first could be forgotten before it is repeated.
      const callers = Math.min(fixture.contention, 16);
      // One instance a caller: within one, increments do not race.
      const instances = Array.from({ length: callers }, () => new StoreCounters(store, clock, random));
      const key = { partition, id: 'counter' };
      let counted = 0;
      await untilDropped(fixture, async (n) => {
        await atOnce(callers, async (caller) => {
          for (let tries = 0; tries < 20; tries++) {
            try {
              return await instances[caller]?.increment({ key, operationId: `${n}-${caller}` });
            } catch (error) {
              if (!isUnknown(error)) throw error;
            }
          }
          throw new Error('Twenty unknown outcomes in a row');
        });
        counted += callers;
        expect(await instances[0]?.read(key)).toBe(counted);
      });
    },
  },
];

/** What the suite must know about one adapter. */
export interface RetrySafetyHarness {
  /** The platform's name in the compatibility table. */
  readonly name: string;
  /** Called once. The store is the adapter as it is. */
  readonly makeStore: () => Promise<{ readonly store: KeyValueStore; readonly close?: () => Promise<void> | void }>;
  /** How many acknowledgements are dropped in all; default 1,000. */
  readonly drops?: number;
  /** How many callers race; default 5. */
  readonly contention?: number;
  /** Of the faults; default 1. */
  readonly seed?: number;
  readonly skips?: Skips;
}

/** Runs core's layers on one adapter while half of all acknowledgements are lost. Call it at the top of a test file. */
export function testRetrySafety(harness: RetrySafetyHarness): void {
  registerSuite({
    port: 'retry safety',
    platform: harness.name,
    cases: retrySafetyCases,
    skips: harness.skips ?? {},
    open: harness.makeStore,
    fixture: ({ store }) => retrySafetyFixture(store, harness),
    close: async ({ close }) => close?.(),
  });
}

/** A fixture with a fresh partition and its share of the drops. */
export function retrySafetyFixture(
  store: KeyValueStore,
  {
    drops = 1_000,
    contention = 5,
    seed = 1,
    layers = coreLayers,
  }: Partial<RetrySafetyHarness> & { readonly layers?: typeof coreLayers } = {},
): RetrySafetyFixture {
  const clock = new FakeClock({ now: aheadOfServices, autoAdvance: true });
  const random = seededRandom(seed);
  const faulty = faultyStore(store, { lostAcknowledgement: 0.5, throttle: 0.05, timeout: 0.05, duplicate: 0.05 }, random);
  return {
    faulty,
    store: layers(faulty, clock, random),
    clock,
    random,
    partition: `retries-${crypto.randomUUID()}`,
    drops: Math.ceil(drops / retrySafetyCases.length),
    contention,
  };
}

/** As `durable`, but with retries to spare: what is tested is what they do, not when they end. */
export function coreLayers(store: KeyValueStore, clock: Clock, random: () => number): KeyValueStore {
  const retrier = {
    clock,
    random,
    policy: { maxAttempts: 60, baseDelayMs: 1, maxDelayMs: 1 },
    budget: new RetryBudget(1, Number.MAX_SAFE_INTEGER),
  };
  return expiring(retrying(store, randomOnly, retrier), clock);
}

const randomOnly = {
  randomBytes: (size: number) => crypto.getRandomValues(new Uint8Array(size)),
  sha256: unused,
  hmacSha256: unused,
};

function unused(): never {
  throw new Error('Not needed for storage');
}
