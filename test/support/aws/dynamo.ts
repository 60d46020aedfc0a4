import { randomUUID } from 'node:crypto';
import { CreateTableCommand, UpdateTimeToLiveCommand } from '@aws-sdk/client-dynamodb';
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { dynamoClient } from '../../../adapters/aws/dynamo-client.ts';
import { dynamoTable } from '../../../adapters/aws/dynamo-table.ts';
import { emulatorOptions } from './emulator-options.ts';

/** A client of DynamoDB Local and a fresh table in it. Attempts may take longer there than in the cloud. */
export async function freshTable(address: string): Promise<{ client: DynamoDBDocumentClient; table: string }> {
  const client = dynamoClient({ ...emulatorOptions(address), attemptTimeoutMs: 10_000 });
  const table = `portolan-${randomUUID()}`;
  await client.send(new CreateTableCommand(dynamoTable(table)));
  await client.send(
    new UpdateTimeToLiveCommand({ TableName: table, TimeToLiveSpecification: { AttributeName: 'ttl', Enabled: true } }),
  );
  return { client, table };
}
