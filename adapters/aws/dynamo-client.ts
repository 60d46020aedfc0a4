import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { clientConfiguration } from './client-options.ts';
import type { AwsClientOptions } from './client-options.ts';

/** The client the store and the counters share. Opens no connection before its first call. */
export function dynamoClient(options: AwsClientOptions = {}): DynamoDBDocumentClient {
  return DynamoDBDocumentClient.from(new DynamoDBClient(clientConfiguration(options)));
}
