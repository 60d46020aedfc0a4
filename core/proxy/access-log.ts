import { isStream } from '../http/body.ts';
import type { Clock } from '../ports/clock.ts';
import type { Body, HttpResponse } from '../ports/http.ts';
import type { LogAttributes, Logger } from '../ports/telemetry.ts';
import { UpstreamError } from '../ports/transport.ts';
import type { TraceContext } from '../telemetry/trace-context.ts';
import type { AccessLogConfiguration } from './configuration.ts';
import type { Attempt, Exchange } from './exchange.ts';
import type { Client } from './forwarding/client.ts';
import { queryValue } from './hash-key.ts';
import { tapBody } from './tap-body.ts';

/**
 * One line per request, `http.request` like the control API's, written when the content has ended or broken off. Names are OpenTelemetry's where
 * it has one. Of header fields and query only what the configuration names is told.
 */
export interface AccessLog {
  /** Call it first, and hand what it answers to the others: monotonic milliseconds. */
  begin(): number;
  /** Answers the response to send, whose content is watched. Call it last, once. */
  finish(response: HttpResponse, exchange: Exchange, client: Client, trace: TraceContext, begun: number): HttpResponse;
  /** The value of `Server-Timing` (https://www.w3.org/TR/server-timing/) up to now. */
  serverTiming(exchange: Exchange, begun: number): string;
}

/** @param version of the configuration that serves */
export function compileAccessLog(
  { enabled = true, requestFields = [], queryParameters = [] }: AccessLogConfiguration = {},
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
  version: string,
): AccessLog {
  const fieldNames = requestFields.map((name) => name.toLowerCase());
  const chosen = fieldNames.length > 0 || queryParameters.length > 0;

  const write = (
    response: HttpResponse,
    { request, context, startedAt, routeId, upstream, fallback, side, attempts, errorType }: Exchange,
    client: Client,
    trace: TraceContext,
    begun: number,
    headersAt: number,
    bytes: number,
    broken: string | undefined,
  ): void => {
    const { target } = request;
    const mark = target.indexOf('?');
    const last = attempts.at(-1);
    const line: Record<string, LogAttributes[string]> = {
      'http.request.method': request.method,
      'url.path': mark === -1 ? target : target.slice(0, mark),
      'http.route': routeId,
      'http.response.status_code': response.status,
      durationMs: tenths(clock.monotonic() - begun),
      headersMs: tenths(headersAt - begun),
      requestId: context.requestId,
      source: context.source,
      'client.address': client.address,
      'server.address': client.host,
      upstream,
      'upstream.target': last?.target,
      'upstream.attempts': attempts.length,
      'upstream.tries': attempts.length > 1 ? attempts.map(told).join(', ') : undefined,
      'upstream.fallback': fallback === undefined ? undefined : `for ${fallback.from}: ${fallback.reason}`,
      'upstream.durationMs': last === undefined ? undefined : tenths(last.durationMs),
      'upstream.queueMs': attempts[0] === undefined ? undefined : attempts[0].startedAt - startedAt,
      'upstream.side': side,
      'http.request.body.size': sizeOf(request.body, request.headers.get('content-length')),
      'http.response.body.size': bytes,
      traceId: trace.traceId,
      spanId: trace.spanId,
      parentSpanId: trace.parentSpanId,
      coldStart: context.coldStart,
      'configuration.version': version,
      'error.type': errorType ?? broken,
    };
    if (chosen) {
      for (const name of fieldNames) line[`http.request.header.${name}`] = request.headers.get(name);
      for (const name of queryParameters)
        line[`url.query.${name}`] = mark === -1 ? undefined : queryValue(target.slice(mark + 1), name);
    }
    logger.log('info', 'http.request', line);
  };

  return {
    begin: () => clock.monotonic(),

    finish(response, exchange, client, trace, begun) {
      if (!enabled) return response;
      const headersAt = clock.monotonic();
      const { body, status } = response;
      if (!isStream(body) || exchange.request.method === 'HEAD' || status === 204 || status === 304) {
        write(response, exchange, client, trace, begun, headersAt, sizeOf(body, undefined) ?? 0, undefined);
        return response;
      }
      let bytes = 0;
      const watched = tapBody(body, {
        chunk(chunk) {
          bytes += chunk.length;
        },
        end(complete, error) {
          write(response, exchange, client, trace, begun, headersAt, bytes, complete ? undefined : brokenBy(error, exchange));
        },
      });
      const { headers, trailers, upgraded } = response;
      return { status, headers, body: watched, trailers, upgraded };
    },

    serverTiming({ attempts }, begun) {
      let upstream = 0;
      for (const { durationMs } of attempts) upstream += durationMs;
      const total = `total;dur=${tenths(clock.monotonic() - begun)}`;
      return attempts.length === 0 ? total : `${total}, upstream;dur=${tenths(upstream)}`;
    },
  };
}

/** `first 10.0.0.1:80 connection_refused` */
function told({ reason, target, outcome }: Attempt): string {
  return `${reason} ${target} ${outcome}`;
}

/** Who broke an answer off. */
function brokenBy(error: unknown, { context }: Exchange): string {
  if (error === undefined || context.signal?.aborted === true) return 'client_gone';
  return error instanceof UpstreamError ? error.type : 'http_response_incomplete';
}

function tenths(milliseconds: number): number {
  return Math.round(milliseconds * 10) / 10;
}

/** Bytes of content; of a stream what was announced. */
function sizeOf(body: Body, announced: string | undefined): number | undefined {
  if (body === undefined) return 0;
  if (typeof body === 'string') return utf8Length(body);
  if (body instanceof Uint8Array) return body.length;
  return announced === undefined ? undefined : Number(announced);
}

function utf8Length(text: string): number {
  let length = text.length;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    // Each half of a surrogate pair stands for two of its four bytes.
    if (code > 0x7f) length += code > 0x7ff && (code < 0xd800 || code > 0xdfff) ? 2 : 1;
  }
  return length;
}
