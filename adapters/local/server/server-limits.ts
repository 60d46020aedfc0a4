import type { Configuration } from '../../../core/config/configuration.ts';
import type { HttpServerLimits } from './http-server.ts';
import { defaultHttpServerLimits } from './http-server.ts';

/** The greatest that a route's `timeoutMs` and `maxRequestBytes` may be. */
const longestMs = 3_600_000;
const largestBytes = 1_073_741_824;

/** For the request line, beside the fields that a route counts. */
const targetBytes = 16_384;

/**
 * The bounds of a server before a configuration: wide enough that the limits that count are those of the route, also of one that is pushed
 * later. A header section has no route before it has been read: of that it takes as much as the deployed routes do.
 */
export function serverLimits({ routes = [] }: Configuration): Partial<HttpServerLimits> {
  const fieldBytes = Math.max(0, ...routes.map(({ maxRequestFieldBytes = 0 }) => maxRequestFieldBytes));
  const { maxHeaderBytes } = defaultHttpServerLimits;
  return {
    maxHeaderBytes: fieldBytes > maxHeaderBytes ? fieldBytes + targetBytes : maxHeaderBytes,
    maxBodyBytes: largestBytes,
    requestTimeoutMs: longestMs,
    handlerTimeoutMs: longestMs,
  };
}
