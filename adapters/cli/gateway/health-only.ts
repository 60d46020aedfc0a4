import { problemResponse } from '../../../core/http/problem.ts';
import type { HttpHandler } from '../../../core/ports/index.ts';

/**
 * Of the control API only what an orchestrator asks: whether the process lives, and whether store and secrets can be read. One that is stopping
 * lives, and is not ready.
 */
export function healthOnly(handler: HttpHandler, isStopping: () => boolean): HttpHandler {
  return (request, context) => {
    if (request.target === '/readyz' && isStopping())
      return problemResponse({ status: 503, type: 'service-unavailable', title: 'Stopping' });
    return ['/healthz', '/livez', '/readyz'].includes(request.target)
      ? handler(request, context)
      : problemResponse({ status: 404, type: 'not-found', title: 'Not found' });
  };
}
