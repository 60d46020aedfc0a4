import { PortError } from '../../core/ports/index.ts';
import type {
  CallOptions,
  CreateResult,
  DeleteResult,
  KeyValueStore,
  ListOptions,
  NewRecord,
  PortErrorCode,
  RecordKey,
  RecordPage,
  ReplaceResult,
  StoredRecord,
  Version,
} from '../../core/ports/index.ts';
import { MemoryStore } from '../../core/storage/memory-store.ts';

export type StoreOperation = keyof KeyValueStore;

export const storeOperations: readonly StoreOperation[] = ['get', 'create', 'replace', 'delete', 'list', 'check'];

/** What goes wrong with the next call of an operation: the service fails before it does anything, or after (the answer is lost). */
export interface StoreFault {
  readonly code: PortErrorCode;
  readonly applied?: boolean;
}

/** A store in memory that fails when told to, and remembers what it was asked to write. */
export class FallibleStore implements KeyValueStore {
  /** Asked before each call; `undefined` means that nothing goes wrong. */
  fault: (operation: StoreOperation, key?: RecordKey) => StoreFault | undefined = () => undefined;
  /** Every call so far, by name. */
  readonly calls: StoreOperation[] = [];
  /** Every value that was sent to be stored, with its key: nothing secret may be among them. */
  readonly sent: NewRecord[] = [];
  readonly #store: KeyValueStore;

  constructor(store: KeyValueStore = new MemoryStore()) {
    this.#store = store;
  }

  /** Calls that could change something. */
  get writes(): number {
    return this.calls.filter((operation) => operation === 'create' || operation === 'replace' || operation === 'delete').length;
  }

  get(key: RecordKey, options?: CallOptions): Promise<StoredRecord | undefined> {
    return this.#run('get', key, () => this.#store.get(key, options));
  }

  create(record: NewRecord, options?: CallOptions): Promise<CreateResult> {
    this.sent.push(record);
    return this.#run('create', record, () => this.#store.create(record, options));
  }

  replace(record: NewRecord, version: Version, options?: CallOptions): Promise<ReplaceResult> {
    this.sent.push(record);
    return this.#run('replace', record, () => this.#store.replace(record, version, options));
  }

  delete(key: RecordKey, version: Version, options?: CallOptions): Promise<DeleteResult> {
    return this.#run('delete', key, () => this.#store.delete(key, version, options));
  }

  list(partition: string, options?: ListOptions & CallOptions): Promise<RecordPage> {
    return this.#run('list', undefined, () => this.#store.list(partition, options));
  }

  check(options?: CallOptions): Promise<void> {
    return this.#run('check', undefined, () => this.#store.check(options));
  }

  async #run<T>(operation: StoreOperation, key: RecordKey | undefined, call: () => Promise<T>): Promise<T> {
    this.calls.push(operation);
    const fault = this.fault(operation, key);
    if (fault === undefined) return call();
    if (fault.applied === true) await call();
    throw new PortError(fault.code, `key-value-store.${operation}`, { reason: 'Planted' });
  }
}
