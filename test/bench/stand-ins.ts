import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TableStore } from '../../adapters/azure/table-store.ts';
import { FirestoreStore } from '../../adapters/gcp/firestore-store.ts';
import { sessionPartition } from '../../core/session/session-record.ts';
import { connectionString, newTable } from '../support/azure/azurite-table.ts';
import { FakeKeyVault } from '../support/azure/fake-key-vault.ts';
import { start as startAzurite } from '../support/emulators/azurite.ts';
import { start as startFirestore } from '../support/emulators/firestore.ts';
import { fakeSecretManager } from '../support/gcp/fake-secret-manager.ts';
import * as fixtures from './fixtures.ts';

/** The services behind a function, holding the one session and its secrets. */
export interface StandIns {
  /** What the function must find in its environment. */
  readonly env: Readonly<Record<string, string>>;
  /** What differs from the real thing, for the reader. */
  readonly note?: string;
  stop(): Promise<void>;
}

const configuration = { PORTOLAN_CONFIG: JSON.stringify(fixtures.configuration), PORTOLAN_ATTEMPT_TIMEOUT_MS: '10000' };
const record = {
  partition: sessionPartition(fixtures.tenant),
  id: fixtures.sessionId,
  value: fixtures.storedValue,
  expiresAt: fixtures.session.expiresAt,
};

/**
 * DynamoDB's GetItem and Secrets Manager's GetSecretValue, with constant answers. Over TLS as in the cloud where `openssl` can make a certificate: over
 * plain HTTP the SDK loads `node:http`, and with it Node's fetch, which it does not in the cloud.
 */
export async function awsStandIns(): Promise<StandIns> {
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { SecretId = '', VersionStage } = JSON.parse(Buffer.concat(chunks).toString()) as Record<string, string>;
    const isSecret = request.headers['x-amz-target'] === 'secretsmanager.GetSecretValue';
    const body = isSecret
      ? {
          Name: SecretId,
          VersionId: '1',
          VersionStages: [VersionStage],
          CreatedDate: 1_795_248_000,
          SecretString: fixtures.secretValues[SecretId],
        }
      : {
          Item: {
            pk: { S: record.partition },
            sk: { S: record.id },
            v: { S: record.value },
            ver: { S: '00000000-0000-4000-8000-000000000000' },
            exp: { N: String(record.expiresAt) },
          },
        };
    response.writeHead(200, { 'content-type': `application/x-amz-json-1.${isSecret ? 1 : 0}` }).end(JSON.stringify(body));
  };
  const folder = mkdtempSync(join(tmpdir(), 'portolan-bench-'));
  const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
  const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '2'];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const made = spawnSync('openssl', ['req', '-x509', ...curve, ...subject, '-keyout', key, '-out', certificate]);
  const server =
    made.status === 0
      ? createHttpsServer({ key: readFileSync(key), cert: readFileSync(certificate) }, (...exchange) => void answer(...exchange))
      : createHttpServer((...exchange) => void answer(...exchange));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const scheme = made.status === 0 ? 'https' : 'http';
  return {
    env: {
      ...configuration,
      AWS_REGION: 'eu-central-1',
      AWS_ACCESS_KEY_ID: 'bench',
      AWS_SECRET_ACCESS_KEY: 'bench',
      AWS_ENDPOINT_URL: `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`,
      PORTOLAN_TABLE: 'bench',
      ...(made.status === 0 ? { NODE_EXTRA_CA_CERTS: certificate } : {}),
    },
    ...(made.status === 0 ? {} : { note: 'over plain HTTP, because `openssl` is not installed' }),
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
      rmSync(folder, { recursive: true });
    },
  };
}

/** Azurite, and a stand-in for Key Vault and the managed identity. */
export async function azureStandIns(): Promise<StandIns> {
  const azurite = await startAzurite();
  const vault = await FakeKeyVault.start();
  for (const [name, value] of Object.entries(fixtures.secretValues)) vault.put(name, value);
  const table = await newTable(azurite.address);
  await new TableStore(table, { attemptTimeoutMs: 10_000 }).create(record);
  return {
    env: {
      ...configuration,
      PORTOLAN_TABLE: table.tableName,
      PORTOLAN_TABLE_CONNECTION_STRING: connectionString(azurite.address),
      PORTOLAN_KEY_VAULT_URL: vault.url,
      ...vault.identityEnvironment,
    },
    async stop() {
      await Promise.all([azurite.stop(), vault.stop()]);
    },
  };
}

/** The Firestore front from npm, and a stand-in for Secret Manager. */
export async function gcpStandIns(): Promise<StandIns> {
  const firestore = await startFirestore();
  const vault = await fakeSecretManager();
  const projectId = 'portolan-bench';
  for (const [name, value] of Object.entries(fixtures.secretValues)) {
    vault.add(`projects/${projectId}/secrets/${name}`, Buffer.from(value));
  }
  const place = { projectId, collection: 'portolan', emulatorHost: firestore.address };
  await new FirestoreStore({ ...place, attemptTimeoutMs: 10_000 }).create(record);
  return {
    env: {
      ...configuration,
      GOOGLE_CLOUD_PROJECT: projectId,
      FIRESTORE_EMULATOR_HOST: firestore.address,
      PORTOLAN_SECRET_MANAGER_EMULATOR_HOST: vault.address,
    },
    async stop() {
      vault.stop();
      await firestore.stop();
    },
  };
}
