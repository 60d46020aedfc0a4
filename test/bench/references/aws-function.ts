/**
 * The least a function on AWS needs for `GET /v1/sessions/{id}`: the SDK's clients, the same calls in the same order as Portolan's first
 * session read (key records, session, signing secret), the same answer. No layers, no configuration, no container, no other route.
 */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { DeleteCommand, DynamoDBDocumentClient, GetCommand, PutCommand, QueryCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { tenantOf, withoutWriteIds } from './bearer.ts';
import { getSession } from './hand-written.ts';

const client = DynamoDBDocumentClient.from(new DynamoDBClient({ maxAttempts: 1 }));
const secrets = new SecretsManagerClient({ maxAttempts: 1 });

/** What its other routes would send: in the bundle, as in Portolan's. */
export const commands: readonly unknown[] = [DeleteCommand, PutCommand, QueryCommand, UpdateCommand];

interface Event {
  readonly rawPath: string;
  readonly headers: Readonly<Record<string, string>>;
}

export const handler = async ({ rawPath, headers }: Event): Promise<object> => {
  const tenant = tenantOf(headers['authorization'], await secretValue('api-keys'));
  if (tenant === undefined) return { statusCode: 401 };
  const deployment = {
    get: async (id: string): Promise<string | undefined> => {
      const Key = { pk: `sessions.${tenant}`, sk: id };
      const { Item } = await client.send(new GetCommand({ TableName: process.env['PORTOLAN_TABLE'], Key, ConsistentRead: true }));
      return Item === undefined ? undefined : withoutWriteIds(Item['v'] as string);
    },
    signingSecret: () => secretValue('signing'),
  };
  const { status, ...answer } = await getSession(deployment, rawPath.slice('/v1/sessions/'.length));
  return { statusCode: status, ...answer };
};

async function secretValue(name: string): Promise<string> {
  const { SecretString = '' } = await secrets.send(new GetSecretValueCommand({ SecretId: name, VersionStage: 'AWSCURRENT' }));
  return SecretString;
}
