import { discardBody, isStream } from '../../core/http/body.ts';
import { problemResponse, responseTooLarge } from '../../core/http/problem.ts';
import { rejectedResponse } from '../../core/http/reject.ts';
import { RequestRejected } from '../../core/ports/index.ts';
import type { Clock, HttpHandler, HttpRequest, HttpResponse, Logger } from '../../core/ports/index.ts';
import { systemClock } from '../node/system-clock.ts';
import { isRefusal } from './encode-result.ts';
import { LambdaInvocation, logFailure } from './lambda-context.ts';
import type { LambdaContext } from './lambda-context.ts';
import { maxLambdaStreamBytes } from './lambda-http-codec.ts';
import type { LambdaSource } from './lambda-http-codec.ts';
import { selectCodec } from './select-codec.ts';
import type { AnyLambdaHttpCodec } from './select-codec.ts';

export interface LambdaHandlerOptions {
  /** Default: the system's. */
  readonly clock?: Clock;
  /** Told of failures nobody else can see; default nobody. */
  readonly logger?: Logger | undefined;
  /** The event source, where its shape does not tell for certain (`PORTOLAN_EVENT_SOURCE`); default: by shape. */
  readonly source?: LambdaSource | undefined;
}

/** A Lambda function for every HTTP source with buffered answers. */
export type LambdaHandler = (event: unknown, context: LambdaContext) => object | Promise<object>;

/**
 * Makes core's handler a Lambda function: HTTP API, REST API, function URL, load balancer, told apart by each event's shape.
 *
 * Answers synchronously when the handler does and left no work. The function throws only for an event of no source we know.
 */
export function lambdaHandler(handler: HttpHandler, options: LambdaHandlerOptions = {}): LambdaHandler {
  const { clock = systemClock, logger, source } = options;
  let coldStart = true;
  return (event, lambda) => {
    const codec = selectCodec(event, source);
    const first = coldStart;
    coldStart = false;
    let request: HttpRequest;
    try {
      request = codec.decode(event);
    } catch (error) {
      return codec.encode(rejected(error), event);
    }
    const invocation = new LambdaInvocation(
      lambda,
      request.headers,
      codec.source,
      codec.clientAddress(event),
      first,
      undefined,
      clock,
      logger,
    );
    const response = handler(request, invocation);
    if (response instanceof Promise) return response.then((settled) => answer(codec, event, settled, invocation, logger));
    return answer(codec, event, response, invocation, logger);
  };
}

function answer(
  codec: AnyLambdaHttpCodec,
  event: unknown,
  response: HttpResponse,
  invocation: LambdaInvocation,
  logger: Logger | undefined,
): object | Promise<object> {
  const result = codec.encode(response, event);
  if (invocation.hasWork || result instanceof Promise) return finish(codec, event, result, invocation, logger);
  tellIfRefused(result, invocation, logger);
  return result;
}

async function finish(
  codec: AnyLambdaHttpCodec,
  event: unknown,
  encoded: object | Promise<object>,
  invocation: LambdaInvocation,
  logger: Logger | undefined,
): Promise<object> {
  let result: object;
  try {
    result = await encoded;
    tellIfRefused(result, invocation, logger);
  } catch (error) {
    // Only reading a streamed body can fail, and nothing has been sent yet.
    logFailure(logger, 'lambda.response_incomplete', error, invocation.requestId);
    result = await codec.encode(incomplete(), event);
  }
  // Lambda freezes the process with the answer.
  if (invocation.hasWork) await invocation.finishWork();
  return result;
}

/** Whoever made the answer does not know that the client got another: a problem, because it was larger than the platform carries. */
function tellIfRefused(result: object, invocation: LambdaInvocation, logger: Logger | undefined): void {
  if (isRefusal(result)) logTooLarge(logger, invocation);
}

function logTooLarge(logger: Logger | undefined, { requestId }: LambdaInvocation): void {
  logger?.log('warn', 'lambda.response_too_large', { 'http.response.status_code': responseTooLarge.status, requestId });
}

function incomplete(): HttpResponse {
  return problemResponse({ status: 502, type: 'response-incomplete', title: 'The answer from behind broke off' });
}

/** What the Lambda runtime gives a streaming function to write to. */
export interface LambdaResponseStream {
  write(chunk: string | Uint8Array): boolean;
  end(): unknown;
  readonly destroyed: boolean;
  readonly writableFinished: boolean;
  once(event: 'close' | 'drain' | 'error' | 'finish', listener: () => void): unknown;
  off(event: 'close' | 'drain' | 'error' | 'finish', listener: () => void): unknown;
}

/** The runtime's global (https://docs.aws.amazon.com/lambda/latest/dg/response-streaming-tutorial.html). */
interface AwsLambda {
  streamifyResponse<Handler extends LambdaStreamHandler>(handler: Handler): Handler;
  readonly HttpResponseStream: { from(stream: LambdaResponseStream, head: object): LambdaResponseStream };
}

export type LambdaStreamHandler = (event: unknown, stream: LambdaResponseStream, context: LambdaContext) => Promise<void>;

/**
 * Makes core's handler a Lambda function that streams its answers: function URLs in mode `RESPONSE_STREAM` and REST APIs in response
 * transfer mode `STREAM`. Nothing is gathered; a body that breaks off breaks the answer off, so that no client takes half of it for the whole.
 *
 * `context.signal` aborts when the client is gone. Outside the Lambda runtime the handler can be made but not called.
 */
export function lambdaStreamHandler(handler: HttpHandler, options: LambdaHandlerOptions = {}): LambdaStreamHandler {
  const { clock = systemClock, logger, source } = options;
  const awslambda = lambdaRuntime();
  let coldStart = true;

  const stream: LambdaStreamHandler = async (event, out, lambda) => {
    const codec = selectCodec(event, source);
    if (awslambda === undefined || codec.streamHead === undefined)
      throw new TypeError(`Answers to ${codec.source} cannot be streamed here`);
    const gone = new AbortController();
    const onClose = (): void => {
      if (!out.writableFinished) gone.abort();
    };
    out.once('close', onClose);
    const first = coldStart;
    coldStart = false;
    let request: HttpRequest;
    try {
      request = codec.decode(event);
    } catch (error) {
      const response = rejected(error);
      await send(awslambda.HttpResponseStream.from(out, codec.streamHead(response)), response, gone.signal);
      return;
    }
    const invocation = new LambdaInvocation(
      lambda,
      request.headers,
      codec.source,
      codec.clientAddress(event),
      first,
      gone.signal,
      clock,
      logger,
    );
    const response = carried(await handler(request, invocation));
    if (response === responseTooLarge) logTooLarge(logger, invocation);
    try {
      await send(awslambda.HttpResponseStream.from(out, codec.streamHead(response)), response, gone.signal).catch(
        (error: unknown) => {
          if (error instanceof StreamTooLong) logTooLarge(logger, invocation);
          else logFailure(logger, 'lambda.response_incomplete', error, invocation.requestId);
          // The runtime aborts the answer and sends the error's message on, so it gets one that says nothing.
          throw new Error('The answer broke off');
        },
      );
    } finally {
      if (invocation.hasWork) await invocation.finishWork();
    }
  };
  return awslambda === undefined ? stream : awslambda.streamifyResponse(stream);
}

/** The runtime's global; something else may have put an empty object there. */
function lambdaRuntime(): AwsLambda | undefined {
  const { awslambda } = globalThis as { awslambda?: Partial<AwsLambda> };
  return typeof awslambda?.streamifyResponse === 'function' ? (awslambda as AwsLambda) : undefined;
}

/** A streamed answer has grown over what the platform carries. */
class StreamTooLong extends Error {
  override readonly name = 'StreamTooLong';
}

/** The answer, or a problem where it says that it is larger than the platform carries. */
function carried(response: HttpResponse): HttpResponse {
  const { body, headers } = response;
  if (!isStream(body) || !(Number(headers.get('content-length')) > maxLambdaStreamBytes)) return response;
  discardBody(body);
  return responseTooLarge;
}

async function send(out: LambdaResponseStream, { body }: HttpResponse, gone: AbortSignal): Promise<void> {
  // The head goes out with the first write, and not at all without one.
  out.write('');
  if (typeof body === 'string' || body instanceof Uint8Array) {
    if (body.length > 0) out.write(body);
  } else if (body !== undefined) {
    let length = 0;
    for await (const chunk of body) {
      if (gone.aborted) return;
      // the platform would end it there
      if ((length += chunk.length) > maxLambdaStreamBytes) throw new StreamTooLong();
      if (chunk.length > 0 && !out.write(chunk)) await drained(out);
    }
  }
  out.end();
}

/** Until there is room again, or nobody reads any more. */
function drained(out: LambdaResponseStream): Promise<void> {
  return new Promise((resolve) => {
    const events = ['drain', 'close', 'error'] as const;
    const settle = (): void => {
      for (const event of events) out.off(event, settle);
      resolve();
    };
    if (out.destroyed) resolve();
    else for (const event of events) out.once(event, settle);
  });
}

/** The answer to an event that is no acceptable request. */
function rejected(error: unknown): HttpResponse {
  if (error instanceof RequestRejected) return rejectedResponse(error);
  throw error;
}
