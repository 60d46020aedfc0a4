/**
 * Firestore's gRPC service on `127.0.0.1:<first argument>`, kept in memory by `@firebase-bridge/firestore-admin`: what Google's emulator
 * is where that cannot be installed. The package is a client to be put into the Admin SDK; here the wire is put in front of it, so that
 * the adapter under test uses its real client over a real socket. One client per project, so that contention crosses processes.
 *
 * `(default)` exists, in any project, and what begins with `deployed`, as if Terraform had made it; another database is NOT_FOUND, as in the
 * cloud. Unlike the cloud it does not enforce indexes, quotas or credentials. The package gives every field whatever the mask says; the front applies the mask itself.
 */
import { dirname, join } from 'node:path';
import { createRequire } from 'node:module';
import type { Readable } from 'node:stream';
import { loadPackageDefinition, Server, ServerCredentials, status } from '@grpc/grpc-js';
import type {
  GrpcObject,
  handleUnaryCall,
  ServerWritableStream,
  ServiceClientConstructor,
  UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { FirestoreMock } from '@firebase-bridge/firestore-admin';

type Message = Record<string, unknown>;

/** The part of the package's client that the front calls. */
interface GapicClient {
  commit(request: Message): Promise<[Message]>;
  beginTransaction(request: Message): Promise<[Message]>;
  rollback(request: Message): Promise<[Message]>;
  batchWrite(request: Message): Promise<[Message]>;
  batchGetDocuments(request: Message): Readable;
  runQuery(request: Message): Readable;
  runAggregationQuery(request: Message): Readable;
}

const mock = new FirestoreMock();
// Every state needs a time of its own, as in the cloud: with a plain clock two writes of one millisecond would share a version.
let last = 0;
mock.systemTime.custom(() => new Date((last = Math.max(Date.now(), last + 1))));

const clients = new Map<string, GapicClient>();

/** The client for the database a resource name is in. Throws NOT_FOUND for one that does not exist. */
function clientFor(name: unknown): GapicClient {
  const [, projectId = '', , databaseId = ''] = String(name).split('/');
  if (databaseId !== '(default)' && !databaseId.startsWith('deployed')) {
    throw Object.assign(new Error(`The database ${databaseId} does not exist for project ${projectId}`), {
      code: status.NOT_FOUND,
    });
  }
  const database = `${projectId}/${databaseId}`;
  let client = clients.get(database);
  if (client === undefined) {
    const firestore = mock.createDatabase({ projectId, databaseId }).firestore();
    // Private, hence the exact pin in package.json.
    client = (firestore as unknown as { _clientPool: { clientFactory(): GapicClient } })._clientPool.clientFactory();
    clients.set(database, client);
  }
  return client;
}

const failure = (error: unknown): { code: number; details: string } => ({
  code: (error as { code?: number }).code ?? status.INTERNAL,
  details: String((error as Error).message),
});

const unary =
  (method: 'commit' | 'beginTransaction' | 'rollback' | 'batchWrite'): handleUnaryCall<Message, Message> =>
  async ({ request }, callback) => {
    try {
      const [response] = await clientFor(request['database'])[method](request);
      callback(null, response);
    } catch (error) {
      callback(failure(error));
    }
  };

const streaming =
  (method: 'batchGetDocuments' | 'runQuery' | 'runAggregationQuery', change: (response: Message, request: Message) => Message) =>
  (call: ServerWritableStream<Message, Message>): void => {
    const { request } = call;
    try {
      const stream = clientFor(request['database'] ?? request['parent'])[method](request);
      stream.on('data', (response: Message) => call.write(change(response, request)));
      stream.on('error', (error) => call.emit('error', failure(error)));
      stream.on('end', () => call.end());
      stream.resume();
    } catch (error) {
      call.emit('error', failure(error));
    }
  };

function masked(response: Message, request: Message): Message {
  const mask = request['mask'] as { fieldPaths?: string[] } | undefined;
  const found = response['found'] as { fields?: Message } | undefined;
  if (mask === undefined || found?.fields === undefined) return response;
  const kept = Object.entries(found.fields).filter(([field]) => mask.fieldPaths?.includes(field));
  return { ...response, found: { ...found, fields: Object.fromEntries(kept) } };
}

const same = (response: Message): Message => response;

const protos = join(dirname(createRequire(import.meta.url).resolve('@google-cloud/firestore')), '..', 'protos');
const definition = loadPackageDefinition(
  loadSync('google/firestore/v1/firestore.proto', {
    includeDirs: [protos],
    longs: String,
    enums: String,
    oneofs: true,
    defaults: false,
  }),
);
const { Firestore } = ((definition['google'] as GrpcObject)['firestore'] as GrpcObject)['v1'] as {
  Firestore: ServiceClientConstructor;
};
const implementation: UntypedServiceImplementation = {
  Commit: unary('commit'),
  BeginTransaction: unary('beginTransaction'),
  Rollback: unary('rollback'),
  BatchWrite: unary('batchWrite'),
  BatchGetDocuments: streaming('batchGetDocuments', masked),
  RunQuery: streaming('runQuery', same),
  RunAggregationQuery: streaming('runAggregationQuery', same),
};

const server = new Server();
server.addService(Firestore.service, implementation);
server.bindAsync(`127.0.0.1:${process.argv[2]}`, ServerCredentials.createInsecure(), (error) => {
  if (error !== null) throw error;
});
