import { DynamoStore } from '../../../adapters/aws/dynamo-store.ts';
import { testSessionLinearizability } from '../../conformance/index.ts';
import { freshTable } from '../../support/aws/dynamo.ts';
import { withEmulator } from '../../support/emulators/with-emulator.ts';

withEmulator('dynamodb', (address) => {
  testSessionLinearizability({
    name: 'DynamoDB Local',
    makeStore: async () => {
      const { client, table } = await freshTable(address);
      return { store: new DynamoStore(client, table), close: () => client.destroy() };
    },
    runs: 40,
    clients: 3,
    operations: 4,
  });
});
