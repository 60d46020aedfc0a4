import type { KeyValueStore } from '../../core/ports/index.ts';
import { calls, outageTitles } from './key-value-store/calls.ts';
import { deleting } from './key-value-store/delete.ts';
import { expiry } from './key-value-store/expiry.ts';
import type { Outage, StoreCase, StoreFixture } from './key-value-store/fixture.ts';
import { getAndCreate } from './key-value-store/get-and-create.ts';
import { keys } from './key-value-store/keys.ts';
import { list } from './key-value-store/list.ts';
import { misuse } from './key-value-store/misuse.ts';
import { replace } from './key-value-store/replace.ts';
import { values } from './key-value-store/values.ts';
import { registerSuite } from './suite.ts';
import type { Skips } from './suite.ts';

/** The storage port's contract, sentence by sentence. */
export const keyValueStoreCases: readonly StoreCase[] = [
  ...getAndCreate,
  ...replace,
  ...deleting,
  ...keys,
  ...values,
  ...misuse,
  ...list,
  ...expiry,
  ...calls,
];

/** What the suite must know about one adapter. */
export interface KeyValueStoreHarness {
  /** The platform's name in the compatibility table, for example `DynamoDB Local`. */
  readonly name: string;
  /** Called once. Cases share the store and keep apart by fresh partitions. The store is the adapter as it is: no expiry, no retry over it. */
  readonly makeStore: () => Promise<{ readonly store: KeyValueStore; readonly close?: () => Promise<void> | void }>;
  /**
   * Makes a store like it whose service is out: nobody listens there (`unreachable`), the table does not exist (`missing`), the credentials
   * are refused (`denied`). The cases about an outage that is not given are skipped, and the table says so.
   */
  readonly outages?: Readonly<Partial<Record<Outage, () => Promise<KeyValueStore>>>>;
  /** Cases that do not apply, by title, with the reason. */
  readonly skips?: Skips;
  /** How many callers race on one key; default 20. Some emulators lock so slowly that 5 is what they bear. */
  readonly contention?: number;
  /** Whether to list more records than the greatest page has (1,100); default true. Otherwise 250. */
  readonly largeLists?: boolean;
}

/** Runs the storage port's contract on one adapter. Call it at the top of a test file. */
export function testKeyValueStore(harness: KeyValueStoreHarness): void {
  registerSuite({
    port: 'key-value store',
    platform: harness.name,
    cases: keyValueStoreCases,
    skips: { ...missingOutages(harness), ...harness.skips },
    open: harness.makeStore,
    fixture: ({ store }) => storeFixture(store, harness),
    close: async ({ close }) => close?.(),
  });
}

/** A fixture with a fresh partition. */
export function storeFixture(
  store: KeyValueStore,
  { contention = 20, largeLists = true, outages = {} }: Pick<KeyValueStoreHarness, 'contention' | 'largeLists' | 'outages'> = {},
): StoreFixture {
  const newPartition = (): string => `conformance-${crypto.randomUUID()}`;
  return {
    store,
    partition: newPartition(),
    newPartition,
    contention,
    greatestList: largeLists ? 1_100 : 250,
    outage: async (kind) => {
      const make = outages[kind];
      if (make === undefined) throw new Error(`The harness has no outage ${kind}`);
      return make();
    },
  };
}

function missingOutages({ outages = {} }: KeyValueStoreHarness): Skips {
  return Object.fromEntries(
    Object.entries(outageTitles)
      .filter(([kind]) => outages[kind as Outage] === undefined)
      .flatMap(([kind, titles]) => titles.map((title) => [title, `the harness has no outage "${kind}"`])),
  );
}
