import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { loadPackageDefinition, Server, ServerCredentials, status } from '@grpc/grpc-js';
import type { GrpcObject, sendUnaryData, ServiceClientConstructor } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

interface Version {
  readonly data: Uint8Array;
  readonly crc32c?: string;
  readonly state: 'DESTROYED' | 'DISABLED' | 'ENABLED';
}

type Answer =
  { readonly code: number; readonly details: string } | { readonly code?: never; readonly name: string; readonly payload: object };

/**
 * Secret Manager's gRPC service, as far as reading goes: versions counted from 1, `latest`, disabled and destroyed ones. It proves the client's
 * wire and the adapter's logic, not the cloud's behaviour: here `latest` moves on at once.
 */
export interface FakeSecretManager {
  /** `host:port`. */
  readonly address: string;
  /** Names asked for so far. */
  readonly asked: readonly string[];
  /** Adds a version to `projects/<project>/secrets/<name>`; answers its number. */
  add(secret: string, data: Uint8Array, crc32c?: string): string;
  setState(secret: string, version: string, state: Version['state']): void;
  /** A canonical code that every call fails with from now on, `silence`, or undefined to heal. */
  fail(failure: number | 'silence' | undefined): void;
  stop(): void;
}

export async function fakeSecretManager(): Promise<FakeSecretManager> {
  const secrets = new Map<string, Version[]>();
  const asked: string[] = [];
  let failure: number | 'silence' | undefined;
  const access = (name: string): Answer => {
    const [, secret = '', wanted = ''] = /^(.+)\/versions\/(latest|\d+)$/.exec(name) ?? [];
    const versions = secrets.get(secret) ?? [];
    const number = wanted === 'latest' ? versions.length : Number(wanted);
    const version = versions[number - 1];
    if (version === undefined) return { code: status.NOT_FOUND, details: `Secret Version [${name}] not found.` };
    if (version.state !== 'ENABLED') {
      return { code: status.FAILED_PRECONDITION, details: `Secret Version [${name}] is in ${version.state} state.` };
    }
    const payload = { data: version.data, ...(version.crc32c === undefined ? {} : { dataCrc32c: version.crc32c }) };
    return { name: `${secret.replace(/^projects\/[^/]+/, 'projects/1234567890')}/versions/${number}`, payload };
  };
  const server = new Server();
  server.addService(secretManagerService(), {
    AccessSecretVersion: ({ request: { name } }: { request: { name: string } }, callback: sendUnaryData<object>) => {
      asked.push(name);
      if (failure === 'silence') return;
      const answer: Answer = failure === undefined ? access(name) : { code: failure, details: 'a message that may hold a value' };
      if (answer.code !== undefined) callback(answer);
      else callback(null, answer);
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return {
    address: `127.0.0.1:${port}`,
    asked,
    add(secret, data, crc32c) {
      const versions = secrets.get(secret) ?? [];
      secrets.set(secret, [...versions, { data, state: 'ENABLED', ...(crc32c === undefined ? {} : { crc32c }) }]);
      return String(versions.length + 1);
    },
    setState(secret, version, state) {
      secrets.set(
        secret,
        (secrets.get(secret) ?? []).map((kept, at) => (String(at + 1) === version ? { ...kept, state } : kept)),
      );
    },
    fail(next) {
      failure = next;
    },
    stop: () => server.forceShutdown(),
  };
}

function secretManagerService(): ServiceClientConstructor['service'] {
  const resolver = createRequire(import.meta.url);
  const root = join(dirname(resolver.resolve('@google-cloud/secret-manager')), '..', 'protos');
  const common = join(dirname(resolver.resolve('google-gax')), '..', 'protos');
  const definition = loadPackageDefinition(
    loadSync('google/cloud/secretmanager/v1/service.proto', { includeDirs: [root, common], longs: String }),
  );
  const cloud = (definition['google'] as GrpcObject)['cloud'] as GrpcObject;
  const v1 = (cloud['secretmanager'] as GrpcObject)['v1'] as GrpcObject;
  return (v1['SecretManagerService'] as ServiceClientConstructor).service;
}
