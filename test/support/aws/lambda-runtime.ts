import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';

/** What a function that streams has begun to answer. */
export interface StreamedAnswer {
  /** Status, headers and cookies. */
  readonly head: unknown;
  /** The content as it comes; throws when the function broke the answer off. */
  readonly body: AsyncIterable<Uint8Array>;
}

/** The function failed: it threw, or could not be loaded. */
export class LambdaError extends Error {
  override readonly name = 'LambdaError';
  readonly errorType: string;

  constructor(errorType: string, message: string) {
    super(message);
    this.errorType = errorType;
  }
}

/** A function in the real Lambda runtime interface client, one invocation after the other. */
export interface LambdaFunction {
  /** Milliseconds from starting the process to its first request for work. */
  readonly initMs: number;
  /**
   * Invokes the function and answers its result.
   *
   * @param timeoutMs what the function is told it has; default its time-out
   * @throws {LambdaError}
   */
  invoke(event: unknown, timeoutMs?: number): Promise<unknown>;
  /**
   * Invokes a function that streams, and answers as soon as the head is there.
   *
   * @throws {LambdaError} it failed before the head
   */
  invokeStream(event: unknown, timeoutMs?: number): Promise<StreamedAnswer>;
  /** Whether it waits for work: Lambda freezes it then. */
  isIdle(): boolean;
  /** What the function has printed so far. */
  output(): string;
  stop(): Promise<void>;
}

export interface LambdaOptions {
  /** The folder that holds the code. */
  readonly taskRoot: string;
  /** File and export, default `index.handler`. */
  readonly handler?: string;
  /** The function's environment, beside what Lambda sets. */
  readonly env?: Readonly<Record<string, string>>;
  /** The function's time-out, default 30,000. */
  readonly timeoutMs?: number;
}

interface Pending {
  readonly id: string;
  readonly event: unknown;
  readonly timeoutMs: number;
  readonly resolve: (answer: IncomingMessage) => void;
  readonly reject: (error: Error) => void;
}

const prefix = '/2018-06-01/runtime/';

/**
 * Starts a function: Amazon's `aws-lambda-ric` with the module above in place of its native part, driven by a Runtime API of ours
 * (https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html).
 *
 * @throws {LambdaError} the function could not be loaded
 */
export async function startLambda({
  taskRoot,
  handler = 'index.handler',
  env = {},
  timeoutMs = 30_000,
}: LambdaOptions): Promise<LambdaFunction> {
  const queue: Pending[] = [];
  const running = new Map<string, Pending>();
  let idle: ServerResponse | undefined;
  let onReady: () => void;
  let onFailed: (error: Error) => void;
  const ready = new Promise<void>((resolve, reject) => {
    onReady = resolve;
    onFailed = reject;
  });

  const hand = (): void => {
    const next = idle === undefined ? undefined : queue.shift();
    if (next === undefined || idle === undefined) return;
    running.set(next.id, next);
    idle.writeHead(200, {
      'content-type': 'application/json',
      'Lambda-Runtime-Aws-Request-Id': next.id,
      'Lambda-Runtime-Deadline-Ms': String(Date.now() + next.timeoutMs),
      'Lambda-Runtime-Invoked-Function-Arn': 'arn:aws:lambda:eu-central-1:123456789012:function:portolan',
      'Lambda-Runtime-Trace-Id': 'Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0',
    });
    idle.end(JSON.stringify(next.event));
    idle = undefined;
  };

  const server = createServer((request, response) => {
    const [what = '', id = '', outcome] = (request.url ?? '').slice(prefix.length).split('/');
    if (request.method === 'GET') {
      onReady();
      idle = response;
      hand();
      return;
    }
    response.statusCode = 202;
    if (outcome === 'response') {
      request.once('end', () => response.end());
      running.get(id)?.resolve(request);
      running.delete(id);
      return;
    }
    void textOf(request).then((text) => {
      response.end();
      const { errorType, errorMessage } = JSON.parse(text) as { errorType: string; errorMessage: string };
      const error = new LambdaError(errorType, errorMessage);
      if (what === 'init') onFailed(error);
      else running.get(id)?.reject(error);
      running.delete(id);
    });
  });
  server.requestTimeout = 0;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  const started = performance.now();
  const child = spawn(
    process.execPath,
    [
      '--require',
      fileURLToPath(new URL('rapid-client.cjs', import.meta.url)),
      createRequire(import.meta.url).resolve('aws-lambda-ric'),
    ],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      cwd: taskRoot,
      env: {
        AWS_ACCESS_KEY_ID: 'test',
        AWS_SECRET_ACCESS_KEY: 'test',
        AWS_REGION: 'eu-central-1',
        AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
        AWS_LAMBDA_FUNCTION_NAME: 'portolan',
        AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
        AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '256',
        AWS_LAMBDA_LOG_GROUP_NAME: '/aws/lambda/portolan',
        AWS_LAMBDA_LOG_STREAM_NAME: 'test',
        AWS_LAMBDA_RUNTIME_API: `127.0.0.1:${(server.address() as AddressInfo).port}`,
        LAMBDA_TASK_ROOT: taskRoot,
        _HANDLER: handler,
        ...env,
      },
    },
  );
  let output = '';
  const keep = (chunk: Buffer): void => {
    output += chunk.toString();
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const ended = once(child, 'exit').then(() => {
    const error = new LambdaError('Runtime.ExitError', `The runtime ended:\n${output.slice(-4_000)}`);
    onFailed(error);
    for (const { reject } of [...queue, ...running.values()]) reject(error);
  });

  const stop = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
    server.closeAllConnections();
    server.close();
  };
  await ready.catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  const initMs = performance.now() - started;

  const run = (event: unknown, told = timeoutMs): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      queue.push({ id: randomUUID(), event, timeoutMs: told, resolve, reject });
      hand();
    });

  return {
    initMs,
    invoke: async (event, told) => JSON.parse(await textOf(await run(event, told))) as unknown,
    invokeStream: async (event, told) => splitStream(await run(event, told)),
    isIdle: () => idle !== undefined,
    output: () => output,
    stop,
  };
}

async function textOf(request: IncomingMessage): Promise<string> {
  return Buffer.concat(await request.toArray()).toString();
}

/** The head as JSON, eight zero bytes, then the content; an error comes in the trailers. */
async function splitStream(request: IncomingMessage): Promise<StreamedAnswer> {
  if (request.headers['content-type'] !== 'application/vnd.awslambda.http-integration-response') {
    const text = await textOf(request);
    throwTrailerError(request);
    throw new LambdaError('Runtime.NotStreamed', `The function did not stream: ${text.slice(0, 200)}`);
  }
  const chunks = request[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let start = Buffer.alloc(0);
  let end = -1;
  while (end < 0) {
    const next = await chunks.next();
    if (next.done === true) throw new LambdaError('Runtime.NoHead', 'The answer ended before its head');
    start = Buffer.concat([start, next.value]);
    end = start.indexOf(Buffer.alloc(8));
  }
  const rest = start.subarray(end + 8);
  async function* body(): AsyncGenerator<Uint8Array> {
    if (rest.length > 0) yield rest;
    for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) yield next.value;
    throwTrailerError(request);
  }
  return { head: JSON.parse(start.subarray(0, end).toString()), body: body() };
}

function throwTrailerError({ trailers }: IncomingMessage): void {
  const type = trailers['lambda-runtime-function-error-type'];
  if (typeof type !== 'string') return;
  const details = trailers['lambda-runtime-function-error-body'];
  const { errorMessage } = JSON.parse(Buffer.from(String(details), 'base64').toString()) as { errorMessage: string };
  throw new LambdaError(type, errorMessage);
}
