import { inject } from 'vitest';
import { DynamoStore } from '../../../adapters/aws/dynamo-store.ts';
import { freshTable } from '../../support/aws/dynamo.ts';
import { testLiveConfiguration } from '../../support/live-configuration.ts';

const { dynamodb } = inject('emulators');

if (dynamodb !== undefined) {
  testLiveConfiguration('DynamoDB Local', async () => {
    const { client, table } = await freshTable(dynamodb);
    return { store: new DynamoStore(client, table), close: () => client.destroy() };
  });
}
