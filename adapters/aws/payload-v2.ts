import type { HttpRequest, HttpResponse } from '../../core/ports/index.ts';
import type { ResultContent } from './encode-result.ts';
import { SingleValueHeaders } from './event-headers.ts';
import type { SingleValues } from './event-headers.ts';
import { EventRequest } from './event-request.ts';
import { encodedQuery, joinTarget } from './event-target.ts';
import { singleValues } from './result-headers.ts';

/**
 * Payload format 2.0, which HTTP APIs and function URLs share
 * (https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html).
 */
export interface PayloadV2Event {
  readonly version: '2.0';
  readonly rawPath: string;
  readonly rawQueryString: string;
  readonly cookies?: readonly string[] | undefined;
  readonly headers: SingleValues;
  readonly requestContext: {
    readonly domainName?: string | undefined;
    readonly stage?: string | undefined;
    readonly http: { readonly method: string; readonly sourceIp?: string | undefined };
  };
  readonly body?: string | null | undefined;
  readonly isBase64Encoded?: boolean | undefined;
}

/** How a buffered or a streamed answer starts. */
export interface PayloadV2Head {
  statusCode: number;
  headers: Record<string, string>;
  cookies?: string[];
}

export type PayloadV2Result = PayloadV2Head & ResultContent;

/** Whether an event has this format, whichever of the two sent it. */
export function isPayloadV2(event: unknown): event is PayloadV2Event {
  const { version, rawPath, requestContext } = event as Partial<PayloadV2Event>;
  return version === '2.0' && typeof rawPath === 'string' && typeof requestContext?.http?.method === 'string';
}

/** @param path what `rawPath` stands for, escaped */
export function decodePayloadV2(event: PayloadV2Event, path: string): HttpRequest {
  const { http, domainName } = event.requestContext;
  const headers = new SingleValueHeaders(event.headers ?? {}, event.cookies);
  return new EventRequest(
    http.method,
    'https',
    (domainName ?? headers.get('host') ?? '').toLowerCase(),
    joinTarget(path, encodedQuery(event.rawQueryString ?? '')),
    headers,
    event,
  );
}

/** The head in this format: cookies apart, every other repeated field joined. */
export function payloadV2Head({ status, headers }: HttpResponse): PayloadV2Head {
  const { single, cookies } = singleValues(headers.flat());
  return cookies === undefined ? { statusCode: status, headers: single } : { statusCode: status, headers: single, cookies };
}

export function payloadV2Result({ status, headers }: HttpResponse, { body, isBase64Encoded }: ResultContent): PayloadV2Result {
  const { single, cookies } = singleValues(headers.flat());
  return cookies === undefined
    ? { statusCode: status, headers: single, body, isBase64Encoded }
    : { statusCode: status, headers: single, cookies, body, isBase64Encoded };
}
