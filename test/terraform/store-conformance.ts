import type { KeyValueStore } from '../../core/ports/index.ts';
import { storeFixture } from '../conformance/key-value-store.ts';
import { deleting } from '../conformance/key-value-store/delete.ts';
import { getAndCreate } from '../conformance/key-value-store/get-and-create.ts';
import { list } from '../conformance/key-value-store/list.ts';
import { replace } from '../conformance/key-value-store/replace.ts';

/**
 * The cases of the store's contract that differ in what they ask the service for: every operation, won, lost and raced. Whether the adapter
 * keeps the contract is the adapter's own test, which runs all of them, with long lists and many callers.
 */
export async function runStoreConformance(store: KeyValueStore): Promise<void> {
  for (const { run } of [...getAndCreate, ...replace, ...deleting, ...list]) {
    await run({ ...storeFixture(store, { contention: 3 }), greatestList: 20 });
  }
  await store.check();
}
