import { inject } from 'vitest';
import { DynamoStore } from '../../../adapters/aws/dynamo-store.ts';
import { testSessionLinearizability } from '../../conformance/index.ts';
import { freshTable } from '../../support/aws/dynamo.ts';

const { dynamodb } = inject('emulators');

if (dynamodb !== undefined) {
  testSessionLinearizability({
    name: 'DynamoDB Local',
    makeStore: async () => {
      const { client, table } = await freshTable(dynamodb);
      return { store: new DynamoStore(client, table), close: () => client.destroy() };
    },
    runs: 40,
    clients: 3,
    operations: 4,
  });
}
