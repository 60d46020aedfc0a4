import type { v1 } from '@google-cloud/firestore';
import { PortError } from '../../core/ports/index.ts';
import type { CallOptions } from '../../core/ports/index.ts';
import { emulatorSettings, lazyClient } from './lazy-client.ts';
import { toPortError } from './port-error.ts';

export interface FirestoreOptions {
  /** The project the database belongs to. */
  readonly projectId: string;
  /** A database in native mode; default `(default)`. */
  readonly databaseId?: string | undefined;
  /** How long one attempt may take, in milliseconds; default 1,000. Then it fails with `deadline_exceeded`. */
  readonly attemptTimeoutMs?: number | undefined;
  /** `host:port` of an emulator, reached in plain text and without credentials (what `FIRESTORE_EMULATOR_HOST` is by custom); default the cloud. */
  readonly emulatorHost?: string | undefined;
}

type Generated = InstanceType<typeof v1.FirestoreClient>;
type Write = NonNullable<NonNullable<NonNullable<Parameters<Generated['commit']>[0]>['writes']>[number]>;
type CancellableStream = ReturnType<Generated['runQuery']>;
type Query = NonNullable<NonNullable<Parameters<Generated['runQuery']>[0]>['structuredQuery']>;

/** `google.firestore.v1.Document`; its name is `projects/<project>/databases/<database>/documents/<collection>/<id>`. */
export type Document = NonNullable<Write['update']>;
/** `google.protobuf.Timestamp`. */
export type Timestamp = NonNullable<NonNullable<Write['currentDocument']>['updateTime']>;

/**
 * The calls the store needs, over the client generated from Firestore's service definition (`v1` of `@google-cloud/firestore`).
 *
 * Not over its `Firestore` class: that one retries by itself, reads up to five times and writes after ABORTED too, and has no option
 * against it, so that a lost answer could not be told from a lost race; it takes no time-out and no signal either. It also costs a
 * fifth of a cold start and twice the processor time of a read. Over gRPC, not REST: the start takes as long, codes are exact (REST answers 409 for ABORTED and
 * for ALREADY_EXISTS alike), and deadlines and cancellation are the protocol's own.
 *
 * The module is loaded with the first call. It logs whole requests when `GOOGLE_SDK_NODE_LOGGING` is set: leave that unset.
 */
export class FirestoreClient {
  /** `projects/<project>/databases/<database>`. */
  readonly database: string;
  readonly #timeoutMs: number;
  readonly #open: (operation: string, signal: AbortSignal | undefined) => Promise<Generated>;

  constructor(options: FirestoreOptions) {
    const { projectId, databaseId = '(default)', attemptTimeoutMs = 1_000 } = options;
    this.database = `projects/${projectId}/databases/${databaseId}`;
    this.#timeoutMs = attemptTimeoutMs;
    this.#open = lazyClient(() => connect(options));
  }

  /** Does one write and answers its commit time. A refusal is thrown too, its canonical name as `reason`. */
  async commit(write: Write, operation: string, options: CallOptions | undefined): Promise<Timestamp | undefined> {
    const signal = options?.signal;
    const client = await this.#open(operation, signal);
    try {
      const [{ writeResults }] = await client.commit({ database: this.database, writes: [write] }, this.#callOptions(signal));
      return writeResults?.[0]?.updateTime ?? undefined;
    } catch (error) {
      throw toPortError(error, operation, signal);
    }
  }

  /**
   * Reads one document by its full name; `undefined` when the service says that it is missing. BatchGetDocuments and not GetDocument,
   * whose NOT_FOUND means a missing document or a missing database.
   */
  async read(name: string, operation: string, options: CallOptions | undefined): Promise<Document | undefined> {
    const signal = options?.signal;
    const client = await this.#open(operation, signal);
    const request = { database: this.database, documents: [name] };
    const [answer] = await collect<{ found?: Document | null; missing?: string | null }>(
      client.batchGetDocuments(request, this.#callOptions()),
      operation,
      signal,
    );
    if (answer?.found) return answer.found;
    if (answer?.missing) return undefined;
    throw new PortError('unavailable', operation, { reason: 'NoAnswer' });
  }

  /** Reads the documents a query finds, in its order. */
  async query(structuredQuery: Query, operation: string, options: CallOptions | undefined): Promise<readonly Document[]> {
    const signal = options?.signal;
    const client = await this.#open(operation, signal);
    const request = { parent: `${this.database}/documents`, structuredQuery };
    const answers = await collect<{ document?: Document | null }>(client.runQuery(request, this.#callOptions()), operation, signal);
    return answers.flatMap(({ document }) => (document ? [document] : []));
  }

  /** A new object each time: the client adds its own header fields to it. */
  #callOptions(signal?: AbortSignal): NonNullable<Parameters<Generated['runQuery']>[1]> {
    return {
      timeout: this.#timeoutMs,
      retry: null,
      otherArgs: { headers: { 'google-cloud-resource-prefix': this.database } },
      ...(signal === undefined ? {} : { signal }),
    };
  }
}

async function connect({ projectId, emulatorHost }: FirestoreOptions): Promise<Generated> {
  const { default: firestore } = await import('@google-cloud/firestore');
  const client = new firestore.v1.FirestoreClient({
    projectId,
    // Without it every failed read is sent again by a second retry layer that no call option reaches: seven seconds for a refused connection.
    gaxServerStreamingRetries: true,
    ...(await emulatorSettings(emulatorHost)),
  });
  await client.initialize();
  return client;
}

/** Everything a server stream says, once it has ended well. */
function collect<T>(stream: CancellableStream, operation: string, signal: AbortSignal | undefined): Promise<readonly T[]> {
  return new Promise((resolve, reject) => {
    const messages: T[] = [];
    const fail = (error: unknown): void => reject(toPortError(error, operation, signal));
    const cancel = (): void => {
      stream.cancel();
      fail(signal?.reason);
    };
    signal?.addEventListener('abort', cancel, { once: true });
    stream.on('data', (message: T) => messages.push(message));
    stream.on('error', fail);
    stream.on('end', () => resolve(messages));
    stream.on('close', () => signal?.removeEventListener('abort', cancel));
  });
}
