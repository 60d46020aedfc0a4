import type { HttpResponse } from '../../core/ports/index.ts';
import { encodeResult } from './encode-result.ts';
import type { ResultContent } from './encode-result.ts';
import { MultiValueHeaders, SingleValueHeaders } from './event-headers.ts';
import type { MultiValues, SingleValues } from './event-headers.ts';
import { EventRequest } from './event-request.ts';
import { encodedPath, joinTarget, queryComponent } from './event-target.ts';
import { maxContentBytes, maxLambdaResultBytes } from './lambda-http-codec.ts';
import type { LambdaHttpCodec } from './lambda-http-codec.ts';
import { isFraming, isRepeated, setOwn } from './result-headers.ts';

/**
 * API Gateway REST API, Lambda proxy integration
 * (https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html).
 */
export interface RestEvent {
  readonly resource: string;
  readonly path: string;
  readonly httpMethod: string;
  /** Null when a console test sends none. `headers` keeps the last of several values, so `multiValueHeaders` is read. */
  readonly headers?: SingleValues | null | undefined;
  readonly multiValueHeaders?: MultiValues | null | undefined;
  readonly queryStringParameters?: SingleValues | null | undefined;
  readonly multiValueQueryStringParameters?: MultiValues | null | undefined;
  readonly requestContext: {
    readonly domainName?: string | undefined;
    readonly identity: { readonly sourceIp?: string | undefined };
  };
  readonly body?: string | null | undefined;
  readonly isBase64Encoded?: boolean | undefined;
}

/** How a buffered or a streamed answer starts. */
export interface RestHead {
  statusCode: number;
  /** The fields with one value. */
  headers: Record<string, string>;
  /** The fields with several, and `set-cookie`. A key `cookies` would be a 502. */
  multiValueHeaders?: Record<string, string[]>;
}

export type RestResult = RestHead & ResultContent;

/** REST API v1. The path has no stage; the query comes decoded and is escaped again. */
export const restV1Codec: LambdaHttpCodec<RestEvent, RestResult> = {
  source: 'aws-rest',
  maxResponseBytes: maxContentBytes(maxLambdaResultBytes),
  matches: (event): event is RestEvent => {
    const { resource, path, httpMethod, requestContext, version } = event as Partial<RestEvent & { version: unknown }>;
    return (
      // An HTTP API's payload format 1.0 looks the same but for its version.
      version === undefined &&
      typeof resource === 'string' &&
      typeof path === 'string' &&
      typeof httpMethod === 'string' &&
      typeof requestContext?.identity === 'object'
    );
  },
  decode: (event) => {
    const headers =
      event.multiValueHeaders == null
        ? new SingleValueHeaders(event.headers ?? {})
        : new MultiValueHeaders(event.multiValueHeaders);
    return new EventRequest(
      event.httpMethod,
      'https',
      (event.requestContext.domainName ?? headers.get('host') ?? '').toLowerCase(),
      joinTarget(encodedPath(event.path), queryOf(event)),
      headers,
      event,
    );
  },
  encode: (response) => encodeResult(response, maxLambdaResultBytes, restResult),
  clientAddress: (event) => event.requestContext.identity.sourceIp,
  streamHead: restHead,
};

function queryOf({ multiValueQueryStringParameters: multi, queryStringParameters: single }: RestEvent): string {
  let query = '';
  if (multi != null) {
    for (const name of Object.keys(multi)) {
      for (const value of multi[name] ?? []) query += `${query === '' ? '' : '&'}${queryComponent(name)}=${queryComponent(value)}`;
    }
  } else if (single != null) {
    for (const name of Object.keys(single)) {
      query += `${query === '' ? '' : '&'}${queryComponent(name)}=${queryComponent(single[name] ?? '')}`;
    }
  }
  return query;
}

export function restHead({ status, headers }: HttpResponse): RestHead {
  const { single, several } = restHeaders(headers.flat());
  return several === undefined
    ? { statusCode: status, headers: single }
    : { statusCode: status, headers: single, multiValueHeaders: several };
}

function restResult({ status, headers }: HttpResponse, { body, isBase64Encoded }: ResultContent): RestResult {
  const { single, several } = restHeaders(headers.flat());
  return several === undefined
    ? { statusCode: status, headers: single, body, isBase64Encoded }
    : { statusCode: status, headers: single, multiValueHeaders: several, body, isBase64Encoded };
}

function restHeaders(fields: readonly string[]): {
  single: Record<string, string>;
  several: Record<string, string[]> | undefined;
} {
  const single: Record<string, string> = {};
  let several: Record<string, string[]> | undefined;
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at] ?? '';
    const value = fields[at + 1] ?? '';
    if (isFraming(name)) continue;
    if (!isRepeated(fields, at)) {
      if (name === 'set-cookie') setOwn((several ??= {}), name, [value]);
      else setOwn(single, name, value);
      continue;
    }
    several ??= {};
    if (Object.hasOwn(several, name)) {
      several[name]?.push(value);
    } else {
      setOwn(several, name, [single[name] ?? '', value]);
      delete single[name];
    }
  }
  return { single, several };
}
