import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { loadPackageDefinition, Metadata, Server, ServerCredentials } from '@grpc/grpc-js';
import type { GrpcObject, ServerWritableStream, ServiceClientConstructor } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

/** What the service does with every call: never answers, or fails with a canonical code. */
export type Failure =
  | 'silence'
  | {
      readonly code: number;
      /** Goes with the failure as `google.rpc.RetryInfo`. */
      readonly retryAfterMs?: number;
      /** Given, reads do not fail: every document exists and was last written then. */
      readonly updateTime?: { readonly seconds: number; readonly nanos: number };
    };

/** Firestore's gRPC service in a bad moment, for what emulators never do. */
export interface FailingFirestore {
  /** `host:port`. */
  readonly address: string;
  /** Calls received so far, by method. */
  readonly calls: readonly string[];
  stop(): void;
}

export async function failingFirestore(failure: Failure): Promise<FailingFirestore> {
  const calls: string[] = [];
  const fail =
    (method: string) =>
    (call: ServerWritableStream<{ documents?: string[] }, object>, callback?: (error: object) => void): void => {
      calls.push(method);
      if (failure === 'silence') return;
      if (failure.updateTime !== undefined && method === 'BatchGetDocuments') {
        const fields = { value: { stringValue: '' } };
        call.write({ found: { name: call.request.documents?.[0], fields, updateTime: failure.updateTime } });
        call.end();
        return;
      }
      const error = { code: failure.code, details: 'a message that may hold a value', metadata: details(failure) };
      if (callback === undefined) call.emit('error', error);
      else callback(error);
    };
  const server = new Server();
  const methods = ['Commit', 'BatchGetDocuments', 'RunQuery'];
  server.addService(firestoreService(), Object.fromEntries(methods.map((method) => [method, fail(method)])));
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return { address: `127.0.0.1:${port}`, calls, stop: () => server.forceShutdown() };
}

function firestoreService(): ServiceClientConstructor['service'] {
  const protos = join(dirname(createRequire(import.meta.url).resolve('@google-cloud/firestore')), '..', 'protos');
  const definition = loadPackageDefinition(loadSync('google/firestore/v1/firestore.proto', { includeDirs: [protos] }));
  const v1 = ((definition['google'] as GrpcObject)['firestore'] as GrpcObject)['v1'] as GrpcObject;
  return (v1['Firestore'] as ServiceClientConstructor).service;
}

/** `google.rpc.Status` with a `google.rpc.RetryInfo`, as bytes of protobuf: short enough to write by hand. */
function details({ code, retryAfterMs }: { readonly code: number; readonly retryAfterMs?: number }): Metadata {
  const metadata = new Metadata();
  if (retryAfterMs === undefined) return metadata;
  const seconds = Math.floor(retryAfterMs / 1_000);
  const duration = [...varint(1, seconds), ...varint(2, (retryAfterMs % 1_000) * 1_000_000)];
  const url = [...Buffer.from('type.googleapis.com/google.rpc.RetryInfo')];
  const any = [...bytes(1, url), ...bytes(2, bytes(1, duration))];
  metadata.set('grpc-status-details-bin', Buffer.from([...varint(1, code), ...bytes(3, any)]));
  return metadata;
}

function varint(field: number, value: number): number[] {
  return [field << 3, ...base128(value)];
}

function bytes(field: number, content: readonly number[]): number[] {
  return [(field << 3) | 2, ...base128(content.length), ...content];
}

function base128(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) | 128, ...base128(Math.floor(value / 128))];
}
