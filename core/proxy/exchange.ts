import type { EpochMillis } from '../ports/clock.ts';
import type { HeaderFields, HttpRequest, RequestContext } from '../ports/http.ts';

/** One try at one target, for the access line. */
export interface Attempt {
  /** `host:port` as configured or discovered. */
  readonly target: string;
  readonly startedAt: EpochMillis;
  /** Until the response's header section or the failure; monotonic milliseconds. */
  durationMs: number;
  /** A status, or an error type in the words of RFC 9209. */
  outcome: number | string;
  /** Why it was sent: the first, again after a failure, or beside a slow one. */
  readonly reason: 'first' | 'hedge' | 'retry';
}

/**
 * What is known of one request while it passes: facts for the access line and for decisions. Every field has one writer, named beside it.
 */
export interface Exchange {
  readonly request: HttpRequest;
  readonly context: RequestContext;
  /** Of the client, as trusted proxies tell it; where there are none the platform's word. Written by the proxy handler. */
  readonly clientAddress: string | undefined;
  readonly startedAt: EpochMillis;
  /** The instant everything must be over: the platform's deadline or the route's, whichever is sooner. Written by the proxy handler. */
  deadline: EpochMillis;
  /** Written by the router. */
  routeId: string | undefined;
  /** Name of the upstream that answered or failed last. Written by `Upstream.send`. */
  upstream: string | undefined;
  /** The upstream that could not, where its fall-back was asked, and why: a status, an error type, or why nobody was asked. Written by `Upstream.send`. */
  fallback?: { readonly from: string; readonly reason: number | string } | undefined;
  /** `old` or `new` where the route splits. Written by the split. */
  side: 'new' | 'old' | undefined;
  /** In the order sent. Written by `Upstream.send`. */
  readonly attempts: Attempt[];
  /** Passes a 1xx response on; absent where the platform cannot. Never for 101, and for 100 only where nobody asked for it. Written by the proxy handler. */
  onInformational?: ((status: number, headers: HeaderFields) => void) | undefined;
  /** Why we answered ourselves: a type of `core/proxy/problems.ts`. Written by the proxy handler. */
  errorType: string | undefined;
}
