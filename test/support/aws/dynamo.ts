import { randomUUID } from 'node:crypto';
import { CreateTableCommand, UpdateTimeToLiveCommand } from '@aws-sdk/client-dynamodb';
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { dynamoClient } from '../../../adapters/aws/dynamo-client.ts';
import { dynamoTable } from '../../../adapters/aws/dynamo-table.ts';

/** How to reach an AWS emulator: any key will do, signatures are not checked. */
export function emulatorOptions(address: string): {
  region: string;
  endpoint: string;
  credentials: { accessKeyId: string; secretAccessKey: string };
} {
  return {
    region: 'eu-central-1',
    endpoint: `http://${address}`,
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  };
}

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
