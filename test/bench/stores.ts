import { strict as assert } from 'node:assert';
import { randomUUID } from 'node:crypto';
import firestore from '@google-cloud/firestore';
import { GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb';
import { DynamoStore } from '../../adapters/aws/dynamo-store.ts';
import { TableStore } from '../../adapters/azure/table-store.ts';
import { FirestoreStore } from '../../adapters/gcp/firestore-store.ts';
import { emulatorSettings } from '../../adapters/gcp/lazy-client.ts';
import type { KeyValueStore } from '../../core/ports/index.ts';
import { freshTable } from '../support/aws/dynamo.ts';
import { newTable } from '../support/azure/azurite-table.ts';
import { start as startAzurite } from '../support/emulators/azurite.ts';
import { start as startDynamo } from '../support/emulators/dynamodb.ts';
import { start as startFirestore } from '../support/emulators/firestore.ts';
import * as fixtures from './fixtures.ts';
import { interleaved, median, ratio } from './measure.ts';
import type { Row } from './table.ts';

/** A store beside what somebody would send with its SDK to the same end. */
interface Pair {
  readonly store: KeyValueStore;
  /** Reads the record `bench/read`. */
  get(): Promise<unknown>;
  /** Writes a record that must not be there. */
  create(id: string): Promise<unknown>;
  stop(): Promise<void>;
}

const value = fixtures.storedValue;
const expiresAt = fixtures.session.expiresAt;
const ttl = Math.ceil(expiresAt / 1_000);

const pairs: Readonly<Record<string, () => Promise<Pair>>> = {
  'DynamoDB Local': async () => {
    const emulator = await startDynamo();
    const { client, table: TableName } = await freshTable(emulator.address);
    return {
      store: new DynamoStore(client, TableName),
      get: () => client.send(new GetCommand({ TableName, Key: { pk: 'bench', sk: 'read' }, ConsistentRead: true })),
      create: (sk) =>
        client.send(
          new PutCommand({
            TableName,
            Item: { pk: 'bench', sk, v: value, ver: randomUUID(), exp: expiresAt, ttl },
            ConditionExpression: 'attribute_not_exists(pk)',
            ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
          }),
        ),
      async stop() {
        client.destroy();
        await emulator.stop();
      },
    };
  },

  Azurite: async () => {
    const emulator = await startAzurite();
    const table = await newTable(emulator.address);
    return {
      store: new TableStore(table, { attemptTimeoutMs: 10_000 }),
      get: () => table.getEntity('bench', 'read'),
      create: (rowKey) =>
        table.createEntity({ partitionKey: 'bench', rowKey, value, expiresAt: { type: 'Int64', value: String(expiresAt) } }),
      stop: emulator.stop,
    };
  },

  'Firestore (front)': async () => {
    const emulator = await startFirestore();
    const place = { projectId: 'portolan-bench', collection: 'portolan', emulatorHost: emulator.address };
    const client = new firestore.v1.FirestoreClient({
      projectId: place.projectId,
      gaxServerStreamingRetries: true,
      ...(await emulatorSettings(emulator.address)),
    });
    const database = `projects/${place.projectId}/databases/(default)`;
    const nameOf = (id: string): string => `${database}/documents/portolan/bench!${id}`;
    // A new object each time: the client adds its own fields to it.
    const options = (): object => ({
      timeout: 10_000,
      retry: null,
      otherArgs: { headers: { 'google-cloud-resource-prefix': database } },
    });
    const timestamp = { seconds: Math.floor(expiresAt / 1_000), nanos: (expiresAt % 1_000) * 1_000_000 };
    return {
      store: new FirestoreStore({ ...place, attemptTimeoutMs: 10_000 }),
      get: () =>
        new Promise((resolve, reject) => {
          const stream = client.batchGetDocuments({ database, documents: [nameOf('read')] }, options());
          let found: unknown;
          stream.on('data', (answer) => (found = answer));
          stream.on('error', reject);
          stream.on('end', () => resolve(found));
        }),
      create: (id) =>
        client.commit(
          {
            database,
            writes: [
              {
                update: {
                  name: nameOf(id),
                  fields: {
                    value: { stringValue: value },
                    write: { stringValue: randomUUID() },
                    expiresAt: { timestampValue: timestamp },
                  },
                },
                currentDocument: { exists: false },
              },
            ],
          },
          options(),
        ),
      async stop() {
        await client.close();
        await emulator.stop();
      },
    };
  },
};

/** Each adapter against the raw call of its SDK, same client, same emulator. */
export async function stores(rounds: number): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const [name, start] of Object.entries(pairs)) {
    const pair = await start();
    try {
      rows.push(...(await measure(name, pair, rounds)));
    } finally {
      await pair.stop();
    }
  }
  return rows;
}

async function measure(name: string, { store, get, create }: Pair, rounds: number): Promise<readonly Row[]> {
  assert.ok((await store.create({ partition: 'bench', id: 'read', value, expiresAt })).created);
  const calls = 25;
  const timed = (call: () => Promise<unknown>) => async (): Promise<number> => {
    const start = performance.now();
    for (let n = 0; n < calls; n++) await call();
    return (performance.now() - start) / calls;
  };
  const reads = await interleaved({ raw: timed(get), ours: timed(() => store.get({ partition: 'bench', id: 'read' })) }, rounds);
  const writes = await interleaved(
    {
      raw: timed(() => create(randomUUID())),
      ours: timed(() => store.create({ partition: 'bench', id: randomUUID(), value, expiresAt })),
    },
    rounds,
  );
  return Object.entries({ get: reads, create: writes }).map(([operation, samples]) => ({
    what: `store on ${name}, ${operation}: time`,
    against: 'raw SDK call',
    measured: ratio(samples, 'ours', 'raw'),
    unit: 'x',
    target: { atMost: 1.1 },
    note: `${median(samples.raw).toFixed(2)} ms raw`,
    fallsShort: 'The rest is per-call time-out, key encoding and error mapping of the adapter.',
  }));
}
