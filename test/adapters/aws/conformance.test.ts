import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, inject } from 'vitest';
import { dynamoClient } from '../../../adapters/aws/dynamo-client.ts';
import { DynamoCounters } from '../../../adapters/aws/dynamo-counters.ts';
import { DynamoStore } from '../../../adapters/aws/dynamo-store.ts';
import { SecretsManager } from '../../../adapters/aws/secrets-manager.ts';
import type { KeyValueStore } from '../../../core/ports/index.ts';
import { testCounters } from '../../conformance/counters.ts';
import { testKeyValueStore } from '../../conformance/key-value-store.ts';
import { testRetrySafety } from '../../conformance/retry-safety.ts';
import { testSecrets } from '../../conformance/secrets.ts';
import { freshTable } from '../../support/aws/dynamo.ts';
import { emulatorOptions } from '../../support/aws/emulator-options.ts';
import { startFakeSecretsManager } from '../../support/aws/fake-secrets-manager.ts';
import { freePort } from '../../support/emulators/emulator.ts';

const address = inject('emulators').dynamodb;

/** A store whose every call is answered as DynamoDB answers credentials it refuses, which DynamoDB Local never does. */
async function deniedStore(): Promise<KeyValueStore> {
  const server = createServer((_, response) => {
    response.writeHead(400, { 'content-type': 'application/x-amz-json-1.0' });
    response.end(
      JSON.stringify({ __type: 'com.amazon.coral.service#UnrecognizedClientException', message: 'The security token is invalid.' }),
    );
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  server.unref();
  return new DynamoStore(dynamoClient(emulatorOptions(`127.0.0.1:${(server.address() as AddressInfo).port}`)), 'table');
}

describe.runIf(address !== undefined)('AWS', () => {
  const open = (): ReturnType<typeof freshTable> => freshTable(address ?? '');

  const makeStore = async (): Promise<{ store: KeyValueStore; close: () => void }> => {
    const { client, table } = await open();
    return { store: new DynamoStore(client, table), close: () => client.destroy() };
  };

  testKeyValueStore({
    name: 'DynamoDB Local',
    makeStore,
    outages: {
      unreachable: async () => new DynamoStore(dynamoClient(emulatorOptions(`127.0.0.1:${await freePort()}`)), 'table'),
      missing: async () => new DynamoStore((await open()).client, 'no-such-table'),
      denied: deniedStore,
    },
  });

  testCounters({
    name: 'DynamoDB Local',
    makeCounters: async (clock) => {
      const { client, table } = await open();
      return { counters: new DynamoCounters(client, table, clock), close: () => client.destroy() };
    },
  });

  testRetrySafety({ name: 'DynamoDB Local', makeStore, drops: 1_000 });
});

testSecrets({
  name: 'Secrets Manager (wire fake)',
  makeSecrets: async () => {
    const fake = await startFakeSecretsManager();
    const prefix = `${randomUUID()}/`;
    return {
      secrets: new SecretsManager({ ...emulatorOptions(fake.address), prefix, attemptTimeoutMs: 30_000 }),
      put: async (name, value) => fake.put(`${prefix}${name}`, value),
      fail: (kind) =>
        fake.fail(
          kind === undefined
            ? undefined
            : (
                {
                  unreachable: 'drop',
                  denied: { name: 'AccessDeniedException', status: 400 },
                  throttled: { name: 'ThrottlingException', status: 400 },
                } as const
              )[kind],
        ),
      close: () => fake.stop(),
    };
  },
});
