/** The least a function on Google Cloud needs for `GET /v1/sessions/{id}`; see `aws-function.ts`. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import firestore from '@google-cloud/firestore';
import secretManager from '@google-cloud/secret-manager';
import grpc from '@grpc/grpc-js';
import { tenantOf, withoutWriteIds } from './bearer.ts';
import { getSession } from './hand-written.ts';

const env = process.env as Readonly<Record<string, string>>;
const projectId = env['GOOGLE_CLOUD_PROJECT'] ?? '';

function settings(address = ''): { projectId: string; apiEndpoint: string; port: number; sslCreds: grpc.ChannelCredentials } {
  const [apiEndpoint = '', port] = address.split(':');
  return { projectId, apiEndpoint, port: Number(port), sslCreds: grpc.credentials.createInsecure() };
}

const records = new firestore.v1.FirestoreClient(settings(env['FIRESTORE_EMULATOR_HOST']));
const secrets = new secretManager.SecretManagerServiceClient(settings(env['PORTOLAN_SECRET_MANAGER_EMULATOR_HOST']));
const database = `projects/${projectId}/databases/(default)`;

export const portolan = (request: IncomingMessage, response: ServerResponse): void => {
  void serve(request, response);
};

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const tenant = tenantOf(request.headers.authorization, await secretValue('api-keys'));
  if (tenant === undefined) {
    response.writeHead(401).end();
    return;
  }
  const deployment = {
    get: async (id: string): Promise<string | undefined> => read(`${database}/documents/portolan/sessions.${tenant}!${id}`),
    signingSecret: () => secretValue('signing'),
  };
  const { status, headers, body } = await getSession(deployment, (request.url ?? '').slice('/v1/sessions/'.length));
  response.writeHead(status, headers).end(body);
}

function read(name: string): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const stream = records.batchGetDocuments(
      { database, documents: [name] },
      { otherArgs: { headers: { 'google-cloud-resource-prefix': database } } },
    );
    stream.on('data', ({ found }: { found?: { fields: { value: { stringValue: string } } } }) =>
      resolve(found && withoutWriteIds(found.fields.value.stringValue)),
    );
    stream.on('error', reject);
  });
}

async function secretValue(name: string): Promise<string> {
  const [{ payload }] = await secrets.accessSecretVersion({ name: `projects/${projectId}/secrets/${name}/versions/latest` });
  return Buffer.from(payload?.data ?? '').toString();
}
