import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import { GetCommand, PutCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { PortError } from '../../core/ports/index.ts';
import type { CallOptions, Clock, Counters, EpochMillis, Increment, RecordKey } from '../../core/ports/index.ts';
import { encodeKeyPart } from '../../core/storage/record-key.ts';
import { checkIncrement } from '../../core/storage/store-counters.ts';
import { requestOptions } from './client-options.ts';
import { dynamoCodes } from './dynamo-errors.ts';
import { toPortError } from './to-port-error.ts';

/** How many operation ids a counter remembers, newest first, in the attributes `o0` to `o15`. */
const remembered = 16;
/** Stands for "never" in `exp`, so that one condition judges every counter: the first instant of the year 10000. */
const never = 253_402_300_800_000;
/** Each further round means that the counter expired, or was restarted by somebody else, under our hands. */
const maxRounds = 8;

const slots: readonly string[] = Array.from({ length: remembered }, (_, n) => `o${n}`);

/**
 * One update that counts and shifts the operation ids along. DynamoDB reads every right-hand side before it writes, so
 * `o1 = o0, o0 = :op` is a shift register.
 */
const count: string = [
  'SET n = if_not_exists(n, :zero) + :by',
  'exp = if_not_exists(exp, :exp)',
  '#ttl = if_not_exists(#ttl, :ttl)',
  'o0 = :op',
  ...slots.slice(1).map((slot, n) => `${slot} = if_not_exists(o${n}, :none)`),
].join(', ');

/** A new counter, or a living one that has not counted this operation and whose sum stays a safe integer. */
const countable: string = `attribute_not_exists(pk) OR (exp > :now AND NOT :op IN (${slots.join(', ')}) AND n BETWEEN :low AND :high)`;

interface Counter {
  readonly n: number;
  readonly exp: EpochMillis;
  readonly operations: readonly string[];
}

/**
 * Counters as items of a DynamoDB table (`dynamoTable`): one conditional update per increment, atomic and exact. They may share the table
 * with `DynamoStore`: their partition keys start with a dot, which no record's does.
 */
export class DynamoCounters implements Counters {
  readonly exact = true;
  readonly #client: DynamoDBDocumentClient;
  readonly #table: string;
  readonly #clock: Clock;

  /** @param client without retries of its own: `dynamoClient` */
  constructor(client: DynamoDBDocumentClient, table: string, clock: Clock) {
    this.#client = client;
    this.#table = table;
    this.#clock = clock;
  }

  async increment(increment: Increment, options?: CallOptions): Promise<number> {
    const { key, by, operationId, expiresAt } = checkIncrement(increment);
    const Key = keyOf(key);
    const exp = expiresAt ?? never;
    const send = requestOptions(options);
    try {
      for (let round = 0; round < maxRounds; round++) {
        const now = this.#clock.now();
        const present = await this.#update(Key, { by, operationId, exp, now }, send);
        if (typeof present === 'number') return present;
        if (present.operations.includes(operationId) && present.exp > now) return present.n;
        if (present.exp > now) throw new RangeError('The sum must stay a safe integer');
        if (await this.#restart(Key, { by, operationId, exp, now }, send)) return by;
      }
    } catch (error) {
      throw error instanceof RangeError ? error : toPortError(error, 'counters.increment', dynamoCodes);
    }
    throw new PortError('aborted', 'counters.increment', { reason: 'Contention' });
  }

  async read(key: RecordKey, options?: CallOptions): Promise<number> {
    const Key = keyOf(key);
    try {
      const { Item } = await this.#client.send(
        new GetCommand({ TableName: this.#table, Key, ConsistentRead: true }),
        requestOptions(options),
      );
      if (Item === undefined) return 0;
      const { n, exp } = toCounter(Item['n'], Item['exp'], []);
      return exp > this.#clock.now() ? n : 0;
    } catch (error) {
      throw toPortError(error, 'counters.read', dynamoCodes);
    }
  }

  /** Counts and answers the sum, or what the counter that refused holds. */
  async #update(Key: CounterKey, { by, operationId, exp, now }: Step, send: SendOptions): Promise<number | Counter> {
    try {
      const { Attributes } = await this.#client.send(
        new UpdateCommand({
          TableName: this.#table,
          Key,
          UpdateExpression: count,
          ConditionExpression: countable,
          ExpressionAttributeNames: { '#ttl': 'ttl' },
          ExpressionAttributeValues: {
            ':zero': 0,
            ':by': by,
            ':exp': exp,
            ':ttl': Math.ceil(exp / 1_000),
            ':op': operationId,
            ':none': '',
            ':now': now,
            ':low': by < 0 ? Number.MIN_SAFE_INTEGER - by : Number.MIN_SAFE_INTEGER,
            ':high': by > 0 ? Number.MAX_SAFE_INTEGER - by : Number.MAX_SAFE_INTEGER,
          },
          ReturnValues: 'UPDATED_NEW',
          ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
        }),
        send,
      );
      return toCounter(Attributes?.['n'], exp, []).n;
    } catch (error) {
      if (!(error instanceof ConditionalCheckFailedException) || error.Item === undefined) throw error;
      const item = error.Item;
      return toCounter(
        Number(item['n']?.N),
        Number(item['exp']?.N),
        slots.flatMap((slot) => item[slot]?.S ?? []),
      );
    }
  }

  /** Starts an expired counter again with this step; false when somebody else has. */
  async #restart(Key: CounterKey, { by, operationId, exp, now }: Step, send: SendOptions): Promise<boolean> {
    try {
      await this.#client.send(
        new PutCommand({
          TableName: this.#table,
          Item: { ...Key, n: by, exp, ttl: Math.ceil(exp / 1_000), o0: operationId },
          ConditionExpression: 'exp <= :now',
          ExpressionAttributeValues: { ':now': now },
        }),
        send,
      );
      return true;
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) return false;
      throw error;
    }
  }
}

interface CounterKey {
  readonly pk: string;
  readonly sk: string;
}

interface Step {
  readonly by: number;
  readonly operationId: string;
  readonly exp: EpochMillis;
  readonly now: EpochMillis;
}

type SendOptions = ReturnType<typeof requestOptions>;

function keyOf({ partition, id }: RecordKey): CounterKey {
  return { pk: `.counters.${encodeKeyPart(partition)}`, sk: encodeKeyPart(id) };
}

function toCounter(n: unknown, exp: unknown, operations: readonly string[]): Counter {
  if (!Number.isSafeInteger(n) || !Number.isSafeInteger(exp))
    throw new PortError('data_loss', 'counters', { reason: 'NotACounter' });
  return { n: n as number, exp: exp as number, operations };
}
