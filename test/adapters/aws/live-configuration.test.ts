import { DynamoStore } from '../../../adapters/aws/dynamo-store.ts';
import { freshTable } from '../../support/aws/dynamo.ts';
import { testLiveConfiguration } from '../../support/live-configuration.ts';
import { withEmulator } from '../../support/emulators/with-emulator.ts';

withEmulator('dynamodb', (address) => {
  testLiveConfiguration('DynamoDB Local', async () => {
    const { client, table } = await freshTable(address);
    return { store: new DynamoStore(client, table), close: () => client.destroy() };
  });
});
