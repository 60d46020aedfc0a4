import type { Cancellation } from '../../ports/http.ts';

/**
 * A controller that also aborts with `outer`, a request's own signal, for as long as that lives. At a fifth of the cost of `AbortSignal.any`, whose
 * care for long-lived signals nothing here needs.
 */
export function linkedAbort(outer: Cancellation | undefined): AbortController {
  const inner = new AbortController();
  if (outer?.aborted === true) inner.abort(outer.reason);
  else outer?.addEventListener('abort', () => inner.abort(outer.reason), { once: true });
  return inner;
}
