import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { discardBody, isStream } from '../../core/http/body.ts';
import { problemResponse } from '../../core/http/problem.ts';
import { rejectedResponse } from '../../core/http/reject.ts';
import { RequestRejected } from '../../core/ports/index.ts';
import type { Clock, HttpHandler, HttpResponse, Logger } from '../../core/ports/index.ts';
import { systemClock } from '../node/system-clock.ts';
import { FunctionContext, logFailure } from './function-context.ts';
import { functionsHttp } from './functions-http.ts';
import type { FunctionEvent } from './functions-http.ts';
import { announcesContent, sentBody, sentRequest } from './receive-as-sent.ts';

export interface CloudFunctionOptions {
  /** The function's time-out as deployed, in milliseconds; default 60,000, which is Google's. */
  readonly timeoutMs?: number | undefined;
  /** Proxies of one's own before Google's front end; default 0. See `functionsHttp`. */
  readonly trustedHops?: number | undefined;
  /** Whether API Gateway stands in front and signs its calls; default `false`. See `functionsHttp`. */
  readonly forwardedAuthorization?: boolean | undefined;
  /** Default: the system's. */
  readonly clock?: Clock | undefined;
  /** Told of failures nobody else can see; default nobody. */
  readonly logger?: Logger | undefined;
}

/** An HTTP function as the Functions Framework calls it: with Express's request and response, which are Node's. */
export type CloudFunction = (request: IncomingMessage, response: ServerResponse) => void;

/**
 * Makes core's handler an HTTP function. Call `receiveAsSent` as well, before the framework listens; without it set `IGNORED_ROUTES=''` and
 * `NODE_ENV=production`.
 *
 * Answers are streamed as they come, with the client's back-pressure. One that breaks off breaks the connection, so that nobody takes half of
 * it for the whole. `context.signal` aborts when the client is gone. Work left with `waitUntil` is awaited before the answer ends, because
 * afterwards the function has no processor any more.
 */
export function cloudFunction(handler: HttpHandler, options: CloudFunctionOptions = {}): CloudFunction {
  const { timeoutMs = 60_000, trustedHops, forwardedAuthorization, clock = systemClock, logger } = options;
  const codec = functionsHttp({ trustedHops, forwardedAuthorization });
  let coldStart = true;

  const serve = async (message: IncomingMessage, response: ServerResponse): Promise<void> => {
    const first = coldStart;
    coldStart = false;
    // The platform counts from here, also while content is read.
    const endsAt = clock.now() + timeoutMs;
    const event = await receive(message);
    const answer = async (answered: HttpResponse, context?: FunctionContext): Promise<void> => {
      const { statusCode, rawHeaders, body } = await codec.encode(answered, event);
      if (!isStream(body)) {
        if (isStream(answered.body)) discardBody(answered.body);
        await context?.finishWork();
        // As bytes: beside text Node writes the fields as UTF-8 too, and they may hold any byte (RFC 9110 section 5.5).
        response.writeHead(statusCode, rawHeaders).end(typeof body === 'string' ? Buffer.from(body) : body);
        return;
      }
      try {
        // The head goes ahead; `flushHeaders` would write it as UTF-8.
        response.writeHead(statusCode, rawHeaders).write('', 'latin1');
      } catch (error) {
        discardBody(body);
        throw error;
      }
      try {
        await pipeline(body, response, { end: false });
      } finally {
        await context?.finishWork();
      }
      response.end();
    };
    try {
      const request = codec.decode(event);
      const context = new FunctionContext(
        { source: codec.source, clientAddress: codec.clientAddress(event), headers: request.headers, coldStart: first, endsAt },
        response,
        clock,
        logger,
      );
      await answer(await handler(request, context), context);
    } catch (error) {
      if (error instanceof RequestRejected && !response.headersSent) return answer(rejectedResponse(error));
      throw error;
    }
  };

  return (message, response) => {
    serve(message, response).catch((error: unknown) => {
      // The client going away is no failure of ours.
      if (message.socket.destroyed) return;
      logFailure(logger, 'function.response_incomplete', error);
      if (response.headersSent) response.destroy();
      else fail(response);
    });
  };
}

async function receive(message: IncomingMessage): Promise<FunctionEvent> {
  // Express adds `originalUrl`, the framework `rawBody`, which it leaves out when there was no content type: then nothing was read.
  const { method = '', url = '', originalUrl = url, rawBody, rawHeaders } = message as IncomingMessage & Partial<FunctionEvent>;
  const { target, hasContent } = sentRequest(message) ?? { target: originalUrl, hasContent: announcesContent(message) };
  if (rawBody !== undefined || !hasContent) return { method, originalUrl: target, rawHeaders, rawBody };
  return { method, originalUrl: target, rawHeaders, sentBody: await sentBody(message, rawHeaders) };
}

/** A bug: a handler that threw, or fields that no HTTP message can hold. */
function fail(response: ServerResponse): void {
  const { status, headers, body } = problemResponse({ status: 500, type: 'internal-error', title: 'Internal error' });
  response.writeHead(status, [...headers.flat()]).end(body);
}
