import type { HttpRequest, HttpResponse } from '../../ports/http.ts';
import type { Exchange } from '../exchange.ts';

/**
 * Why an upstream was not asked at all. Not a failure of the upstream: none of its health figures counts it.
 *
 * `circuit_open` and `no_healthy_target` are RFC 9209's `destination_unavailable`; `overloaded` (queue full or too slow for the deadline) and
 * `shed` (admission control) are `connection_limit_reached`.
 */
export type RefusalReason = 'circuit_open' | 'no_healthy_target' | 'overloaded' | 'shed';

/** The upstream was spared. Answered with 503 and `Retry-After`. */
export class UpstreamRefused extends Error {
  override readonly name = 'UpstreamRefused';
  readonly reason: RefusalReason;
  /** When asking again may help, in whole seconds, at least 1. */
  readonly retryAfterSeconds: number;

  constructor(reason: RefusalReason, retryAfterSeconds: number) {
    super(reason);
    this.reason = reason;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/**
 * A backend with everything that stands between it and a request: a queue, the breaker, choice of a target, tries, hedges, the fall-back.
 */
export interface Upstream {
  readonly name: string;
  /**
   * `request` is what is sent: its fields are already those of a next hop; its `scheme` and `authority` are the client's and are replaced by the
   * target's, the `host` field too unless the upstream preserves it; a target's own path is put before `request.target`.
   *
   * Fills `exchange.attempts` and `exchange.upstream`; respects `exchange.deadline` and `exchange.context.signal`. Resolves with whatever the
   * upstream said.
   *
   * @throws {UpstreamError} the last try's failure
   * @throws {UpstreamRefused} not asked
   */
  send(request: HttpRequest, exchange: Exchange): Promise<HttpResponse>;
}

/** All upstreams of one configuration, with background work that ends with `close`. */
export interface Upstreams {
  /** @throws {TypeError} a name the configuration does not have */
  get(name: string): Upstream;
  /** Requests in flight go on; health checks and idle connections end. */
  close(): Promise<void>;
}
