import { randomUUID } from 'node:crypto';
import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { DeleteCommand, GetCommand, PutCommand, QueryCommand } from '@aws-sdk/lib-dynamodb';
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { PortError } from '../../core/ports/index.ts';
import type {
  CallOptions,
  CreateResult,
  DeleteResult,
  KeyValueStore,
  ListOptions,
  NewRecord,
  RecordKey,
  RecordPage,
  ReplaceResult,
  StoredRecord,
  Version,
} from '../../core/ports/index.ts';
import { assertRecord, checkListOptions, encodeKeyPart, encodeKeyPrefix } from '../../core/storage/record-key.ts';
import { storedId } from '../../core/storage/stored-id.ts';
import { requestOptions } from './client-options.ts';
import { dynamoCodes } from './dynamo-errors.ts';
import { toPortError } from './to-port-error.ts';

/** How a record is stored. `ttl` only tells DynamoDB when it may purge; `exp` is the exact instant. */
interface Item {
  readonly pk: string;
  readonly sk: string;
  readonly v: string;
  readonly ver: string;
  /** Epoch milliseconds. */
  readonly exp?: number;
  /** Epoch seconds, rounded up: DynamoDB must never purge before `exp`. */
  readonly ttl?: number;
}

/**
 * Records in one DynamoDB table (`dynamoTable`), one item each, one call per operation.
 *
 * Reads are strongly consistent. A refused write brings the item that refused it, so a loser knows the winner without a read.
 */
export class DynamoStore implements KeyValueStore {
  readonly #client: DynamoDBDocumentClient;
  readonly #table: string;

  /** @param client without retries of its own: `dynamoClient` */
  constructor(client: DynamoDBDocumentClient, table: string) {
    this.#client = client;
    this.#table = table;
  }

  get(key: RecordKey, options?: CallOptions): Promise<StoredRecord | undefined> {
    return this.#read(key, options, 'key-value-store.get');
  }

  async create(record: NewRecord, options?: CallOptions): Promise<CreateResult> {
    assertRecord(record);
    const version = randomUUID();
    try {
      await this.#client.send(
        new PutCommand({
          TableName: this.#table,
          Item: toItem(record, version),
          ConditionExpression: 'attribute_not_exists(pk)',
          ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
        }),
        requestOptions(options),
      );
      return { created: true, version };
    } catch (error) {
      return { created: false, existing: refusedBy(error, record, 'key-value-store.create') };
    }
  }

  async replace(record: NewRecord, version: Version, options?: CallOptions): Promise<ReplaceResult> {
    assertRecord(record);
    if (!isVersion(version)) return { replaced: false, existing: await this.#read(record, options, 'key-value-store.replace') };
    const next = randomUUID();
    try {
      await this.#client.send(
        new PutCommand({
          TableName: this.#table,
          Item: toItem(record, next),
          ConditionExpression: 'ver = :ver',
          ExpressionAttributeValues: { ':ver': version },
          ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
        }),
        requestOptions(options),
      );
      return { replaced: true, version: next };
    } catch (error) {
      return { replaced: false, existing: refusedBy(error, record, 'key-value-store.replace') };
    }
  }

  async delete(key: RecordKey, version: Version, options?: CallOptions): Promise<DeleteResult> {
    const Key = keyOf(key);
    if (!isVersion(version)) {
      // Asked all the same, so that an outage does not look like a lost race.
      await this.#read(key, options, 'key-value-store.delete');
      return { deleted: false };
    }
    try {
      await this.#client.send(
        new DeleteCommand({
          TableName: this.#table,
          Key,
          ConditionExpression: 'ver = :ver',
          ExpressionAttributeValues: { ':ver': version },
        }),
        requestOptions(options),
      );
      return { deleted: true };
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) return { deleted: false };
      throw toPortError(error, 'key-value-store.delete', dynamoCodes);
    }
  }

  async list(partition: string, options?: ListOptions & CallOptions): Promise<RecordPage> {
    const { prefix, after, limit } = checkListOptions(partition, options);
    const range = rangeOf(encodeKeyPrefix(prefix), after === undefined ? undefined : encodeKeyPart(after));
    if (range === undefined) return { records: [] };
    try {
      const { Items = [], LastEvaluatedKey } = await this.#client.send(
        new QueryCommand({
          TableName: this.#table,
          KeyConditionExpression: 'pk = :pk AND sk BETWEEN :from AND :to',
          ExpressionAttributeValues: { ':pk': encodeKeyPart(partition), ':from': range.from, ':to': range.to },
          Limit: limit,
          ConsistentRead: true,
        }),
        requestOptions(options),
      );
      return {
        records: Items.map((item) => toRecord({ partition, id: storedId(String(item['sk'])) }, item, 'key-value-store.list')),
        next: LastEvaluatedKey && storedId(String(LastEvaluatedKey['sk'])),
      };
    } catch (error) {
      throw toPortError(error, 'key-value-store.list', dynamoCodes);
    }
  }

  async check(options?: CallOptions): Promise<void> {
    try {
      await this.#client.send(
        // A key no record has: an encoded part never starts with a dot.
        new GetCommand({ TableName: this.#table, Key: { pk: '.check', sk: '.check' }, ConsistentRead: true }),
        requestOptions(options),
      );
    } catch (error) {
      throw toPortError(error, 'key-value-store.check', dynamoCodes);
    }
  }

  async #read(key: RecordKey, options: CallOptions | undefined, operation: string): Promise<StoredRecord | undefined> {
    const Key = keyOf(key);
    try {
      const { Item } = await this.#client.send(
        new GetCommand({ TableName: this.#table, Key, ConsistentRead: true }),
        requestOptions(options),
      );
      return Item && toRecord(key, Item, operation);
    } catch (error) {
      throw toPortError(error, operation, dynamoCodes);
    }
  }
}

function keyOf({ partition, id }: RecordKey): { pk: string; sk: string } {
  return { pk: encodeKeyPart(partition), sk: encodeKeyPart(id) };
}

/** Only what `randomUUID` makes is worth asking DynamoDB about; anything else was never given out here. */
function isVersion(version: Version): boolean {
  return typeof version === 'string' && /^[0-9a-f-]{36}$/.test(version);
}

function toItem({ partition, id, value, expiresAt }: NewRecord, version: Version): Item {
  const pk = encodeKeyPart(partition);
  const sk = encodeKeyPart(id);
  return expiresAt === undefined
    ? { pk, sk, v: value, ver: version }
    : { pk, sk, v: value, ver: version, exp: expiresAt, ttl: Math.ceil(expiresAt / 1_000) };
}

function toRecord({ partition, id }: RecordKey, { v, ver, exp }: Record<string, unknown>, operation: string): StoredRecord {
  if (typeof v !== 'string' || typeof ver !== 'string' || (exp !== undefined && typeof exp !== 'number')) {
    throw new PortError('data_loss', operation, { reason: 'NotARecord' });
  }
  return { partition, id, value: v, expiresAt: exp, version: ver };
}

/** The item that refused a conditional write. The document client leaves an error's item in DynamoDB's own form. */
function refusedBy(error: unknown, key: RecordKey, operation: string): StoredRecord | undefined {
  if (!(error instanceof ConditionalCheckFailedException)) throw toPortError(error, operation, dynamoCodes);
  const item: Record<string, AttributeValue> | undefined = error.Item;
  if (item === undefined) return undefined;
  const exp = item['exp']?.N;
  return toRecord(key, { v: item['v']?.S, ver: item['ver']?.S, exp: exp === undefined ? undefined : Number(exp) }, operation);
}

/**
 * The sort keys that start with `prefix` and come after `after`, both ends included; `undefined` when there can be none. One range and no
 * start key, because DynamoDB refuses a start key outside the range. `!` is less and DEL greater than all an encoded key is made of.
 */
function rangeOf(prefix: string, after: string | undefined): { from: string; to: string } | undefined {
  const start = prefix === '' ? '!' : prefix;
  const next = after === undefined ? start : `${after}!`;
  const from = next > start ? next : start;
  const to = `${prefix}\x7F`;
  return from > to ? undefined : { from, to };
}
