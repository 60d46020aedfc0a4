import { HttpResponse as FunctionsResponse } from '@azure/functions';
import type { app, HttpHandler as FunctionsHandler, HttpMethod, InvocationContext } from '@azure/functions';
import { internalError } from '../../core/control/problems.ts';
import { rejectedResponse } from '../../core/http/reject.ts';
import { RequestRejected } from '../../core/ports/index.ts';
import type { Clock, HttpHandler, HttpResponse, Logger, RequestContext } from '../../core/ports/index.ts';
import { systemClock } from '../node/system-clock.ts';
import { functionsHttp } from './functions-http.ts';

/** The library's `app`, as far as HTTP goes. */
export type FunctionsHttpApp = Pick<typeof app, 'http' | 'setup'>;

export interface RegisterHttpOptions {
  /** Default: the system's. */
  readonly clock?: Clock | undefined;
  /** Told of failures nobody else can see; default nobody. */
  readonly logger?: Logger | undefined;
}

/** Every method the library takes but TRACE and CONNECT, for which its `Request` throws. */
const methods: HttpMethod[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/**
 * The platform's load balancer gives up after 230 seconds, whatever `functionTimeout` says
 * (https://learn.microsoft.com/azure/azure-functions/functions-scale#timeout); one is kept back for the answer.
 */
const maxInvocationMs = 229_000;

/** Registers core's handler for every path and method, with streams on. `host.json` must set an empty `routePrefix`. */
export function registerHttp(functions: FunctionsHttpApp, handler: HttpHandler, options: RegisterHttpOptions = {}): void {
  functions.setup({ enableHttpStream: true });
  functions.http('http', { methods, authLevel: 'anonymous', route: '{*path}', handler: functionsHandler(handler, options) });
}

/**
 * Makes core's handler a function. It never throws, and never hands over a response the library could not send: with streams on, the
 * library answers neither (https://github.com/Azure/azure-functions-nodejs-library/issues/324).
 */
export function functionsHandler(
  handler: HttpHandler,
  { clock = systemClock, logger }: RegisterHttpOptions = {},
): FunctionsHandler {
  let coldStart = true;
  return async (event, invocation) => {
    try {
      const context = contextOf(invocation, functionsHttp.clientAddress(event), coldStart, clock, logger);
      coldStart = false;
      const response = await handler(functionsHttp.decode(event), context);
      return new FunctionsResponse(await functionsHttp.encode(response, event));
    } catch (error) {
      if (!(error instanceof RequestRejected)) logFailure(logger, 'functions.request_failed', invocation, error);
      return new FunctionsResponse(await functionsHttp.encode(answerTo(error, invocation), event));
    }
  };
}

function contextOf(
  invocation: InvocationContext,
  clientAddress: string | undefined,
  coldStart: boolean,
  clock: Clock,
  logger: Logger | undefined,
): RequestContext {
  return {
    source: functionsHttp.source,
    requestId: invocation.invocationId,
    clientAddress,
    deadline: clock.now() + maxInvocationMs,
    traceId: invocation.traceContext?.traceParent ?? undefined,
    coldStart,
    // The process lives on after an answer: nothing to wait for.
    waitUntil: (work) => {
      work.catch((error: unknown) => logFailure(logger, 'functions.background_failed', invocation, error));
    },
  };
}

function answerTo(error: unknown, { invocationId }: InvocationContext): HttpResponse {
  return error instanceof RequestRejected ? rejectedResponse(error) : internalError(invocationId);
}

/** Logs what kind of error it was; never its message, which may hold data. */
function logFailure(logger: Logger | undefined, event: string, { invocationId }: InvocationContext, error: unknown): void {
  logger?.log('error', event, {
    'error.type': error instanceof Error ? error.name : typeof error,
    'faas.invocation_id': invocationId,
  });
}
