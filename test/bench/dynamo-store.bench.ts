/**
 * The adapter against the raw SDK call, on the same DynamoDB Local. Run: `node test/bench/dynamo-store.bench.ts` (needs Java). Prints ratios of
 * medians of interleaved rounds.
 */
import { randomUUID } from 'node:crypto';
import { GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb';
import { DynamoStore } from '../../adapters/aws/dynamo-store.ts';
import { freshTable } from '../support/aws/dynamo.ts';
import { start } from '../support/emulators/dynamodb.ts';

const emulator = await start();
const { client, table } = await freshTable(emulator.address);
const store = new DynamoStore(client, table);
const value = JSON.stringify({ state: 'active', label: 'x'.repeat(400) });
await store.create({ partition: 'bench', id: 'read', value });

const cases = {
  get: {
    raw: () => client.send(new GetCommand({ TableName: table, Key: { pk: 'bench', sk: 'read' }, ConsistentRead: true })),
    ours: () => store.get({ partition: 'bench', id: 'read' }),
  },
  create: {
    raw: () =>
      client.send(
        new PutCommand({
          TableName: table,
          Item: { pk: 'bench', sk: randomUUID(), v: value, ver: randomUUID(), exp: 1_900_000_000_000, ttl: 1_900_000_000 },
          ConditionExpression: 'attribute_not_exists(pk)',
          ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
        }),
      ),
    ours: () => store.create({ partition: 'bench', id: randomUUID(), value, expiresAt: 1_900_000_000_000 }),
  },
};

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

async function time(call: () => Promise<unknown>): Promise<number> {
  const begin = performance.now();
  for (let n = 0; n < 20; n++) await call();
  return (performance.now() - begin) / 20;
}

for (const [name, { raw, ours }] of Object.entries(cases)) {
  const rounds: { raw: number; ours: number }[] = [];
  for (let n = 0; n < 80; n++) {
    // Each goes first every other time, so that a drift of the machine favours neither.
    if (n % 2 === 0) rounds.push({ raw: await time(raw), ours: await time(ours) });
    else {
      const first = await time(ours);
      rounds.push({ raw: await time(raw), ours: first });
    }
  }
  const warm = rounds.slice(15);
  const ratio = median(warm.map((round) => round.ours / round.raw));
  console.log(
    `${name.padEnd(7)} raw ${median(warm.map((round) => round.raw)).toFixed(2)} ms, ours ${median(warm.map((round) => round.ours)).toFixed(2)} ms, ratio ${ratio.toFixed(2)}`,
  );
}

client.destroy();
await emulator.stop();
