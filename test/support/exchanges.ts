import { HeaderList } from '../../core/http/header-list.ts';
import type { HttpRequest, RequestContext } from '../../core/ports/index.ts';
import type { Exchange } from '../../core/proxy/exchange.ts';

/** A request as the proxy handler hands it to an upstream. */
export function newRequest(given: Partial<HttpRequest> = {}): HttpRequest {
  return {
    method: 'GET',
    scheme: 'https',
    authority: 'www.example.com',
    target: '/',
    headers: new HeaderList(['host', 'www.example.com']),
    body: undefined,
    ...given,
  };
}

/** Work handed to `waitUntil` is kept in `background`. */
export function newExchange(
  request: HttpRequest,
  startedAt: number,
  given: { readonly timeoutMs?: number | undefined; readonly context?: Partial<RequestContext> | undefined } = {},
): Exchange & { readonly background: Promise<unknown>[] } {
  const deadline = startedAt + (given.timeoutMs ?? 30_000);
  const background: Promise<unknown>[] = [];
  const context: RequestContext = {
    source: 'local',
    requestId: 'r1',
    clientAddress: '203.0.113.7',
    deadline,
    waitUntil: (work) => {
      work.catch(() => undefined);
      background.push(work);
    },
    ...given.context,
  };
  return {
    request,
    context,
    clientAddress: context.clientAddress,
    startedAt,
    deadline,
    routeId: 'all',
    upstream: undefined,
    side: undefined,
    attempts: [],
    errorType: undefined,
    onInformational: given.context?.sendInformational,
    background,
  };
}
