import { PortError } from '../ports/errors.ts';
import type { CallOptions, KeyValueStore, StoredRecord } from '../ports/key-value-store.ts';
import { firstViolation } from '../schema/validate.ts';
import type { JsonSchema } from '../schema/validate.ts';
import type { ApiKeyRecord } from './api-key.ts';
import { keyRecordSchema, keyRecordsSchema } from './key-records-schema.ts';

const partition = 'api-keys';

/** Reads the key records a secret holds: `{"keys": [record...]}`.
 *
 * @throws {PortError} `data_loss` with reason `KeyRecordsInvalid`: no JSON, or not of that shape. Never prints the value.
 */
export function parseKeyRecords(secret: string): readonly ApiKeyRecord[] {
  return parsed<{ keys: readonly ApiKeyRecord[] }>(secret, keyRecordsSchema, 'secrets.get').keys;
}

/** @throws {PortError} `data_loss`: no JSON, or not of that shape */
function parsed<T>(text: string, schema: JsonSchema, operation: string): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalid(operation);
  }
  if (firstViolation(schema, value) !== undefined) throw invalid(operation);
  return value as T;
}

function invalid(operation: string): PortError {
  return new PortError('data_loss', operation, { reason: 'KeyRecordsInvalid' });
}

function fromRecord({ value }: StoredRecord): ApiKeyRecord {
  return parsed(value, keyRecordSchema, 'api-keys.get');
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
    return record === undefined ? undefined : fromRecord(record);
  }

  /** @throws {TypeError} a record that could not be read back */
  async add(record: ApiKeyRecord): Promise<void> {
    const value = JSON.stringify(record);
    if (firstViolation(keyRecordSchema, JSON.parse(value)) !== undefined) throw new TypeError('This is no API key record');
    const expiresAt = record.expiresAt === undefined ? undefined : Date.parse(record.expiresAt);
    const result = await this.#store.create({ partition, id: record.id, value, expiresAt });
    if (!result.created) throw new PortError('aborted', 'api-keys.add', { reason: 'IdTaken' });
  }

  async *list(): AsyncIterable<ApiKeyRecord> {
    let after: string | undefined;
    do {
      const page = await this.#store.list(partition, { after });
      for (const record of page.records) yield fromRecord(record);
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
