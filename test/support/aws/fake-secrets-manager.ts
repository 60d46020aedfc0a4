import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What one staging label holds. */
export interface FakeSecretValue {
  readonly text?: string;
  readonly binary?: Uint8Array;
  readonly versionId: string;
  /** Epoch seconds. */
  readonly createdAt: number;
}

/**
 * Secrets Manager's GetSecretValue over its wire protocol (JSON 1.1), under the real client. It proves the client's wire and the adapter's
 * logic, not Amazon's behaviour.
 */
export interface FakeSecretsManager {
  /** `host:port`. */
  readonly address: string;
  /** How many requests came, whatever was answered. */
  readonly calls: number;
  /** Writes a new current version; the one before becomes the previous. */
  put(id: string, value: string | Uint8Array): string;
  /** The next answers fail so, until called with `undefined`: AWS's name and status, or the connection `drop`s. */
  fail(failure: { readonly name: string; readonly status: number } | 'drop' | undefined): void;
  stop(): Promise<void>;
}

export async function startFakeSecretsManager(): Promise<FakeSecretsManager> {
  const secrets = new Map<string, readonly FakeSecretValue[]>();
  let failure: Parameters<FakeSecretsManager['fail']>[0];
  let calls = 0;

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    calls += 1;
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    if (failure === 'drop') {
      request.socket.destroy();
      return;
    }
    const answer = (status: number, body: unknown): void => {
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify(body));
    };
    if (failure !== undefined) {
      answer(failure.status, { __type: failure.name, message: 'injected' });
      return;
    }
    if (
      request.headers['x-amz-target'] !== 'secretsmanager.GetSecretValue' ||
      !request.headers.authorization?.startsWith('AWS4-')
    ) {
      answer(400, { __type: 'InvalidRequestException' });
      return;
    }
    const { SecretId, VersionStage } = JSON.parse(Buffer.concat(chunks).toString()) as { SecretId: string; VersionStage: string };
    const value = secrets.get(SecretId)?.[VersionStage === 'AWSPREVIOUS' ? 1 : 0];
    if (value === undefined) {
      answer(400, { __type: 'ResourceNotFoundException', Message: "Secrets Manager can't find the specified secret." });
      return;
    }
    answer(200, {
      Name: SecretId,
      VersionId: value.versionId,
      VersionStages: [VersionStage],
      CreatedDate: value.createdAt,
      ...(value.text === undefined ? {} : { SecretString: value.text }),
      ...(value.binary === undefined ? {} : { SecretBinary: Buffer.from(value.binary).toString('base64') }),
    });
  };
  const server = createServer((request, response) => void serve(request, response)).listen(0, '127.0.0.1');
  await once(server, 'listening');

  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    get calls() {
      return calls;
    },
    put(id, value) {
      const versionId = randomUUID();
      const payload = typeof value === 'string' ? { text: value } : { binary: value };
      secrets.set(id, [{ ...payload, versionId, createdAt: Date.now() / 1_000 }, ...(secrets.get(id) ?? [])]);
      return versionId;
    },
    fail(next) {
      failure = next;
    },
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
