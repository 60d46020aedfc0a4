import type { CreateTableCommandInput } from '@aws-sdk/client-dynamodb';

/**
 * The table `DynamoStore` and `DynamoCounters` need, as the input of CreateTable; Terraform makes the same one. Time to live is on
 * for the attribute `ttl`, which is a call of its own.
 */
export function dynamoTable(name: string): CreateTableCommandInput {
  return {
    TableName: name,
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: [
      { AttributeName: 'pk', AttributeType: 'S' },
      { AttributeName: 'sk', AttributeType: 'S' },
    ],
    KeySchema: [
      { AttributeName: 'pk', KeyType: 'HASH' },
      { AttributeName: 'sk', KeyType: 'RANGE' },
    ],
  };
}
