import type {
  KeyValueStore,
  ListOptions,
  NewRecord,
  PortErrorCode,
  RecordKey,
  StoredRecord,
  Version,
} from '../../../core/ports/index.ts';
import type { ConformanceCase } from '../suite.ts';

/** Ways a harness can take a store's service away. */
export type Outage = 'denied' | 'missing' | 'unreachable';

/** What an outage may be called. */
export const outageCodes: Readonly<Record<Outage, readonly PortErrorCode[]>> = {
  unreachable: ['unavailable', 'deadline_exceeded'],
  missing: ['failed_precondition'],
  denied: ['permission_denied', 'unauthenticated'],
};

/** What a case of the storage port gets. */
export interface StoreFixture {
  readonly store: KeyValueStore;
  /** Fresh for every case. */
  readonly partition: string;
  /** One more, that nothing else uses. */
  newPartition(): string;
  /** How many callers race in the cases about races. */
  readonly contention: number;
  /** How many records the greatest list has. */
  readonly greatestList: number;
  /** A store whose service is out. */
  outage(kind: Outage): Promise<KeyValueStore>;
}

export type StoreCase = ConformanceCase<StoreFixture>;

/** Creates a record that must be new. */
export async function put(store: KeyValueStore, record: NewRecord): Promise<Version> {
  const result = await store.create(record);
  if (!result.created) throw new Error('A create of a free key was refused');
  return result.version;
}

/** Replaces a record whose version must be the current one. */
export async function change(store: KeyValueStore, record: NewRecord, version: Version): Promise<Version> {
  const result = await store.replace(record, version);
  if (!result.replaced) throw new Error('A replace on the current version was refused');
  return result.version;
}

/** Reads a record that must be there. */
export async function present(store: KeyValueStore, key: RecordKey): Promise<StoredRecord> {
  const record = await store.get(key);
  if (record === undefined) throw new Error('A record that must be there is not');
  return record;
}

/** Reads page by page to the end. `between` is called after every page. */
export async function scan(
  store: KeyValueStore,
  partition: string,
  options: ListOptions = {},
  between: (page: number) => Promise<void> = async () => {},
): Promise<StoredRecord[]> {
  const found: StoredRecord[] = [];
  let after = options.after;
  for (let page = 0; page < 5_000; page++) {
    const { records, next } = await store.list(partition, after === undefined ? options : { ...options, after });
    if (records.length > (options.limit ?? 100)) throw new Error('A page is longer than its limit');
    found.push(...records);
    if (next === undefined) return found;
    after = next;
    await between(page);
  }
  throw new Error('A list does not end');
}

export function ids(records: readonly RecordKey[]): string[] {
  return records.map(({ id }) => id);
}

/** `n` times `call`, at once. */
export function atOnce<T>(n: number, call: (n: number) => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: n }, (_, at) => call(at)));
}

/** Calls `call` for every item, at most `width` at once: emulators are slow, and some have few connections. */
export async function forEach<T>(items: readonly T[], call: (item: T) => Promise<unknown>, width = 16): Promise<void> {
  const left = items.values();
  await atOnce(width, async () => {
    for (const item of left) await call(item);
  });
}

/** `id-0000`, `id-0001`...: their order is also that of their encoded form. */
export function numbered(n: number, prefix = 'id-'): string[] {
  return Array.from({ length: n }, (_, at) => `${prefix}${String(at).padStart(4, '0')}`);
}
