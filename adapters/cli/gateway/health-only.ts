import { problemResponse } from '../../../core/http/problem.ts';
import type { HttpHandler } from '../../../core/ports/index.ts';

/** Of the control API only what an orchestrator asks: whether the process lives, and whether it is ready. */
export function healthOnly(handler: HttpHandler): HttpHandler {
  return (request, context) =>
    ['/healthz', '/livez', '/readyz'].includes(request.target)
      ? handler(request, context)
      : problemResponse({ status: 404, type: 'not-found', title: 'Not found' });
}
