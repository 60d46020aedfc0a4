import { PortError } from '../ports/errors.ts';
import type { CallOptions, KeyValueStore } from '../ports/key-value-store.ts';
import { firstViolation } from '../schema/validate.ts';
import type { ApiKeyRecord } from './api-key.ts';
import { keyRecordsSchema } from './key-records-schema.ts';

const partition = 'api-keys';

/** Reads the key records a secret holds: `{"keys": [record...]}`.
 *
 * @throws {PortError} `data_loss` with reason `KeyRecordsInvalid`: no JSON, or not of that shape. Never prints the value.
 */
export function parseKeyRecords(secret: string): readonly ApiKeyRecord[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(secret);
  } catch {
    throw invalid();
  }
  if (firstViolation(keyRecordsSchema, parsed) !== undefined) throw invalid();
  return (parsed as { keys: ApiKeyRecord[] }).keys;
}

function invalid(): PortError {
  return new PortError('data_loss', 'secrets.get', { reason: 'KeyRecordsInvalid' });
}

/** API keys kept in the store, made and revoked with `portolan keys`. */
export class StoredKeys {
  readonly #store: KeyValueStore;

  /** @param store `durable` */
  constructor(store: KeyValueStore) {
    this.#store = store;
  }

  async get(id: string, options?: CallOptions): Promise<ApiKeyRecord | undefined> {
    const record = await this.#store.get({ partition, id }, options);
    return record === undefined ? undefined : (JSON.parse(record.value) as ApiKeyRecord);
  }

  async add(record: ApiKeyRecord): Promise<void> {
    const expiresAt = record.expiresAt === undefined ? undefined : Date.parse(record.expiresAt);
    const result = await this.#store.create({ partition, id: record.id, value: JSON.stringify(record), expiresAt });
    if (!result.created) throw new PortError('aborted', 'api-keys.add', { reason: 'IdTaken' });
  }

  async *list(): AsyncIterable<ApiKeyRecord> {
    let after: string | undefined;
    do {
      const page = await this.#store.list(partition, { after });
      for (const record of page.records) yield JSON.parse(record.value) as ApiKeyRecord;
      after = page.next;
    } while (after !== undefined);
  }

  /** False when there is no such key. A running instance notices within `storedKeyTtlMs`. */
  async revoke(id: string): Promise<boolean> {
    for (;;) {
      const record = await this.#store.get({ partition, id });
      if (record === undefined) return false;
      if ((await this.#store.delete(record, record.version)).deleted) return true;
    }
  }
}
