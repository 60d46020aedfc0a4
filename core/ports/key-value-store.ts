import type { EpochMillis } from './clock.ts';

/**
 * The greatest length of a value, in UTF-16 code units: an Azure Tables string property holds 64 KiB
 * (https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model), the least of the clouds.
 */
export const maxValueLength = 32_768;

/**
 * The greatest length of a partition or an id, in bytes of UTF-8. Fully escaped (three characters a byte) it still fits every
 * cloud's key: the least is Azure Tables' 1 KiB of UTF-16, 512 characters.
 */
export const maxKeyBytes = 170;

/** The greatest page of `list`. */
export const maxListLimit = 1_000;

/**
 * Where a record lives. Both parts are well-formed Unicode, 1 to `maxKeyBytes` bytes of UTF-8, any character; they are compared byte for
 * byte, never normalised. Records of one partition live close together and can be listed; there is nothing across partitions.
 */
export interface RecordKey {
  readonly partition: string;
  readonly id: string;
}

/**
 * Names one state of one record. Opaque: compare for equality only, and use only what this store gave out. Every successful
 * write makes a new one, even when it changes nothing.
 */
export type Version = string;

export interface NewRecord extends RecordKey {
  /** Well-formed Unicode, at most `maxValueLength` UTF-16 code units; may be empty. */
  readonly value: string;
  /**
   * When the record may be purged, epoch milliseconds; absent means never. The store keeps it exactly and gives it back; it does
   * not judge it (see `core/storage/expiring.ts`). It may purge at any time from then on, and never before.
   */
  readonly expiresAt?: EpochMillis | undefined;
}

export interface StoredRecord extends NewRecord {
  readonly version: Version;
}

export type CreateResult =
  | { readonly created: true; readonly version: Version }
  /** The key is taken. `existing` is the winner where the store could still read it. */
  | { readonly created: false; readonly existing: StoredRecord | undefined };

export type ReplaceResult =
  | { readonly replaced: true; readonly version: Version }
  /** The stored version is another one, or the record is gone (`existing` undefined). */
  | { readonly replaced: false; readonly existing: StoredRecord | undefined };

export interface DeleteResult {
  /** False when the record was absent or its version another one. */
  readonly deleted: boolean;
}

export interface ListOptions {
  /** Only ids that start with this; default all. At most `maxKeyBytes` bytes. */
  readonly prefix?: string | undefined;
  /** Only records after this id, exclusive; it need not exist (any more). */
  readonly after?: string | undefined;
  /** How many records at most: an integer from 1 to `maxListLimit`; default 100. */
  readonly limit?: number | undefined;
}

export interface RecordPage {
  /** Ascending by encoded id (`core/storage/record-key.ts`). May be shorter than `limit`, even empty, before the end. */
  readonly records: readonly StoredRecord[];
  /** Go on with `after: next`. Absent at the end, and only there. */
  readonly next?: string | undefined;
}

/** Options every call of a service takes. */
export interface CallOptions {
  /**
   * When the caller stops caring, epoch milliseconds. No attempt starts after it. One attempt has a time-out of its own, kept by the
   * adapter's client (1 s by default).
   */
  readonly deadline?: EpochMillis | undefined;
  /** Gives up waiting: the call rejects with `PortError('cancelled')`; a write may still happen. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * A key-value store with compare-and-set: the storage port. Small on purpose; what only some stores can do is another interface.
 *
 * - Every operation on one key is linearizable; `get` is strongly consistent. Nothing is promised across keys but that a record
 *   present during a whole scan with `list` appears in it exactly once.
 * - There is no unconditional write.
 * - Losing a race is a returned value. A failing service is a thrown `PortError`; `undefined` from `get` is proven absence.
 *   Misuse (a key, value, limit outside the documented range) is a `TypeError` or `RangeError` thrown before any I/O. A version
 *   this store never gave out is a lost race, not an error.
 * - An adapter makes one service call per operation where it can, does not retry, log, or look at a clock. Expiry and retry are
 *   layers of core over this port: `expiring`, `retrying`.
 */
export interface KeyValueStore {
  /** Reads one record; `undefined` only when it is proven absent. */
  get(key: RecordKey, options?: CallOptions): Promise<StoredRecord | undefined>;

  /** Writes the record if the key is free. Atomic: of concurrent creators exactly one wins. */
  create(record: NewRecord, options?: CallOptions): Promise<CreateResult>;

  /** Writes the record, its value and its `expiresAt` (absent removes it), if the stored version is still `version`. */
  replace(record: NewRecord, version: Version, options?: CallOptions): Promise<ReplaceResult>;

  /** Deletes the record if the stored version is still `version`. */
  delete(key: RecordKey, version: Version, options?: CallOptions): Promise<DeleteResult>;

  /** Reads one page of one partition. Each page is strongly consistent; the scan as a whole is no snapshot. */
  list(partition: string, options?: ListOptions & CallOptions): Promise<RecordPage>;

  /**
   * Resolves when the store is reachable and ready: credentials accepted and the table there. Throws a `PortError` otherwise. Used by `/readyz`;
   * costs about one read.
   */
  check(options?: CallOptions): Promise<void>;
}
