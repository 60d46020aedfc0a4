import { HttpResponse as FunctionsResponse } from '@azure/functions';
import type { app, HttpHandler as FunctionsHandler, HttpMethod, HttpRequest as FunctionsRequest } from '@azure/functions';
import type { ServerResponse } from 'node:http';
import { internalError } from '../../core/control/problems.ts';
import { discardBody } from '../../core/http/body.ts';
import { HeaderList } from '../../core/http/header-list.ts';
import { rejectedResponse } from '../../core/http/reject.ts';
import { RequestRejected } from '../../core/ports/index.ts';
import type { Clock, HttpHandler, HttpResponse, Logger, RequestContext } from '../../core/ports/index.ts';
import { systemClock } from '../node/system-clock.ts';
import { functionsHttp } from './functions-http.ts';
import { clientGone, paced, takeResponse, trackResponses } from './worker-response.ts';

/** The library's `app`, as far as HTTP goes. */
export type FunctionsHttpApp = Pick<typeof app, 'http' | 'setup'>;

export interface RegisterHttpOptions {
  /** Proxies of one's own before App Service; default 0. See `functionsHttp`. */
  readonly trustedHops?: number | undefined;
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
  { trustedHops, clock = systemClock, logger }: RegisterHttpOptions = {},
): FunctionsHandler {
  let coldStart = true;
  trackResponses();
  return async (event, invocation) => {
    const { invocationId } = invocation;
    const log = (name: string, error: unknown): void => logFailure(logger, name, invocationId, error);
    const out = takeResponse(invocationId);
    try {
      const context: RequestContext = {
        source: functionsHttp.source,
        requestId: invocationId,
        clientAddress: functionsHttp.clientAddress(event, trustedHops),
        deadline: clock.now() + maxInvocationMs,
        signal: out && clientGone(out),
        traceId: invocation.traceContext?.traceParent ?? undefined,
        coldStart,
        // The process lives on after an answer: nothing to wait for.
        waitUntil: (work) => void work.catch((error: unknown) => log('functions.background_failed', error)),
      };
      coldStart = false;
      const response = await handler(functionsHttp.decode(event), context);
      try {
        return await send(response, event, out);
      } catch (error) {
        discardBody(response.body);
        throw error;
      }
    } catch (error) {
      if (error instanceof RequestRejected) return send(rejectedResponse(error), event, out);
      log('functions.request_failed', error);
      return send(internalError(invocationId), event, out);
    }
  };
}

/** @throws {TypeError | RangeError} a status or a field the library cannot send */
async function send(response: HttpResponse, event: FunctionsRequest, out: ServerResponse | undefined): Promise<FunctionsResponse> {
  if (out === undefined) return new FunctionsResponse(await functionsHttp.encode(response, event));
  const { status, headers, body } = response;
  const fields = headers.flat();
  const setCookies = headers.getAll('set-cookie');
  const sent = new FunctionsResponse(
    await functionsHttp.encode(
      {
        status,
        headers: new HeaderList(fields.filter((_, at) => fields[at - (at % 2)] !== 'set-cookie')),
        body: typeof body === 'object' && !(body instanceof Uint8Array) ? paced(body, out) : body,
      },
      event,
    ),
  );
  // As they are: the library sets its fields beside these.
  if (setCookies.length > 0) out.setHeader('set-cookie', setCookies);
  return sent;
}

/** Logs what kind of error it was; never its message, which may hold data. */
function logFailure(logger: Logger | undefined, event: string, invocationId: string, error: unknown): void {
  logger?.log('error', event, {
    'error.type': error instanceof Error ? error.name : typeof error,
    'faas.invocation_id': invocationId,
  });
}
