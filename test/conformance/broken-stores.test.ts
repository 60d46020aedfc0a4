import { describe, expect, test } from 'vitest';
import { brokenStores, properOutages, wholeStore } from './broken-stores.ts';
import type { BrokenStore } from './broken-stores.ts';
import { keyValueStoreCases, storeFixture } from './key-value-store.ts';
import type { Outage } from './key-value-store/fixture.ts';

/** Runs cases by title on a store with a fault, and answers which of them fail. */
async function failing(
  { store = (whole) => whole, outage = (_, proper) => proper }: Partial<BrokenStore>,
  titles: readonly string[],
): Promise<string[]> {
  const outages = Object.fromEntries(
    Object.entries(properOutages).map(([kind, make]) => [kind, async () => outage(kind as Outage, await make())]),
  );
  const failed: string[] = [];
  for (const { title, run } of keyValueStoreCases.filter((each) => titles.includes(each.title))) {
    try {
      await run(storeFixture(store(wholeStore()), { outages }));
    } catch {
      failed.push(title);
    }
  }
  return failed;
}

describe('the storage suite', () => {
  test('finds no fault in a whole store', async () => {
    expect(
      await failing(
        {},
        keyValueStoreCases.map(({ title }) => title),
      ),
    ).toEqual([]);
  });

  test.each(brokenStores)('catches: $fault', async (broken) => {
    expect(broken.caughtBy).not.toEqual([]);
    expect((await failing(broken, broken.caughtBy)).toSorted()).toEqual(broken.caughtBy.toSorted());
  });

  test('has no case that catches no planted fault', () => {
    const caught = new Set(brokenStores.flatMap(({ caughtBy }) => caughtBy));
    expect(keyValueStoreCases.map(({ title }) => title).filter((title) => !caught.has(title))).toEqual([]);
  });
});
