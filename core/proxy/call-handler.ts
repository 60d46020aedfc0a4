import type { HttpHandler, HttpRequest, HttpResponse, RequestContext } from '../ports/http.ts';
import { UpstreamError } from '../ports/transport.ts';
import type { Clock } from '../ports/clock.ts';
import { discardBody } from '../http/body.ts';
import type { Exchange } from './exchange.ts';
import { linkedAbort } from './upstream/linked-abort.ts';
import type { Timers } from './upstream/timers.ts';
import { within } from './upstream/within.ts';

/**
 * Asks the user's own code, for as long as the exchange has and the client waits: then its signal aborts, and what it answers later is dropped.
 *
 * @throws {UpstreamError} `http_response_timeout`
 * @throws the client's signal's reason; what the handler throws
 */
export async function callHandler(
  handler: HttpHandler,
  request: HttpRequest,
  { context, clientAddress, deadline }: Exchange,
  { clock, timers }: { readonly clock: Clock; readonly timers: Timers },
): Promise<HttpResponse> {
  const { source, requestId, traceId, protocolVersion, coldStart, signal } = context;
  signal?.throwIfAborted();
  const over = linkedAbort(signal);
  const own: RequestContext = {
    ...{ source, requestId, clientAddress, deadline, traceId, protocolVersion, coldStart, signal: over.signal },
    waitUntil: (work) => context.waitUntil(work),
  };
  const answered = Promise.resolve(handler(request, own));
  const late = new UpstreamError('http_response_timeout', true);
  try {
    return await within(timers, answered, deadline - clock.now(), signal, () => late);
  } catch (error) {
    if (error === late || signal?.aborted === true) {
      over.abort(error);
      answered.then(
        ({ body }) => discardBody(body),
        () => undefined,
      );
    }
    throw error;
  }
}
