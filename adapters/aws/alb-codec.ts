import { isIP } from 'node:net';
import type { HeaderFields, HttpRequest, HttpResponse } from '../../core/ports/index.ts';
import { encodeResult } from './encode-result.ts';
import type { ResultContent } from './encode-result.ts';
import { MultiValueHeaders, SingleValueHeaders } from './event-headers.ts';
import type { MultiValues, SingleValues } from './event-headers.ts';
import { EventRequest } from './event-request.ts';
import { encodedPath, encodedQuery, joinTarget } from './event-target.ts';
import { maxContentBytes } from './lambda-http-codec.ts';
import type { LambdaHttpCodec } from './lambda-http-codec.ts';
import { reasonPhrase } from './reason-phrase.ts';
import { isFraming, isRepeated, setOwn, singleValues } from './result-headers.ts';

interface AlbEventBase {
  readonly requestContext: { readonly elb: object };
  readonly httpMethod: string;
  readonly path: string;
  readonly body?: string | null | undefined;
  readonly isBase64Encoded?: boolean | undefined;
}

/** With multi-value headers off: of several values the last only. */
export interface AlbEvent extends AlbEventBase {
  readonly headers: SingleValues;
  /** Not decoded. */
  readonly queryStringParameters?: SingleValues | undefined;
}

/** With multi-value headers on; `headers` and `queryStringParameters` are absent. */
export interface AlbMultiEvent extends AlbEventBase {
  readonly multiValueHeaders: MultiValues;
  /** Not decoded. */
  readonly multiValueQueryStringParameters?: MultiValues | undefined;
}

interface AlbResultBase extends ResultContent {
  statusCode: number;
  /** Status and reason: the load balancer wants it. */
  statusDescription: string;
}

export interface AlbResult extends AlbResultBase {
  headers: Record<string, string>;
}

export interface AlbMultiResult extends AlbResultBase {
  multiValueHeaders: Record<string, string[]>;
}

/**
 * The greatest result a load balancer takes, in bytes of JSON
 * (https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html).
 */
export const maxAlbResultBytes = 1_048_576;

/**
 * Application Load Balancer with multi-value headers off. The answer has one value a name too, so further `set-cookie` fields use the
 * name in another case: the field's name has nine letters, so at most 512.
 */
export const albCodec: LambdaHttpCodec<AlbEvent, AlbResult> = {
  source: 'aws-alb',
  maxResponseBytes: maxContentBytes(maxAlbResultBytes),
  matches: (event): event is AlbEvent => isAlb(event) && typeof (event as Partial<AlbEvent>).headers === 'object',
  decode: (event) => {
    const { queryStringParameters: parameters = {} } = event;
    let query = '';
    for (const name of Object.keys(parameters)) query += `${query === '' ? '' : '&'}${name}=${parameters[name] ?? ''}`;
    return albRequest(event, new SingleValueHeaders(event.headers), query);
  },
  encode: (response) => encodeResult(response, maxAlbResultBytes, albResult),
  clientAddress: ({ headers }) => lastAddress(headers['x-forwarded-for']),
};

/** Application Load Balancer with multi-value headers on; the answer mirrors that. */
export const albMultiCodec: LambdaHttpCodec<AlbMultiEvent, AlbMultiResult> = {
  source: 'aws-alb-multi',
  maxResponseBytes: maxContentBytes(maxAlbResultBytes),
  matches: (event): event is AlbMultiEvent =>
    isAlb(event) && typeof (event as Partial<AlbMultiEvent>).multiValueHeaders === 'object',
  decode: (event) => {
    const { multiValueQueryStringParameters: parameters = {} } = event;
    let query = '';
    for (const name of Object.keys(parameters)) {
      for (const value of parameters[name] ?? []) query += `${query === '' ? '' : '&'}${name}=${value}`;
    }
    return albRequest(event, new MultiValueHeaders(event.multiValueHeaders), query);
  },
  encode: (response) => encodeResult(response, maxAlbResultBytes, albMultiResult),
  clientAddress: ({ multiValueHeaders }) => lastAddress(multiValueHeaders['x-forwarded-for']?.at(-1)),
};

function isAlb(event: unknown): event is AlbEventBase {
  const { requestContext, httpMethod, path } = event as Partial<AlbEventBase>;
  return typeof requestContext?.elb === 'object' && typeof httpMethod === 'string' && typeof path === 'string';
}

/** A health check's only field is its `user-agent`: it has neither host nor scheme. */
function albRequest(event: AlbEventBase, headers: HeaderFields, query: string): HttpRequest {
  return new EventRequest(
    event.httpMethod,
    headers.get('x-forwarded-proto') === 'https' ? 'https' : 'http',
    (headers.get('host') ?? '').toLowerCase(),
    joinTarget(encodedPath(event.path), encodedQuery(query)),
    headers,
    event,
  );
}

/**
 * The last address is the load balancer's own word, everything before it the client's. It may come with the client's port
 * (`routing.http.xff_client_port.enabled`). What is no address is none.
 */
function lastAddress(forwardedFor: string | undefined): string | undefined {
  if (forwardedFor === undefined) return undefined;
  const last = forwardedFor.slice(forwardedFor.lastIndexOf(',') + 1).trim();
  const colon = last.indexOf(':');
  const address = last.startsWith('[')
    ? last.slice(1, last.indexOf(']'))
    : colon >= 0 && colon === last.lastIndexOf(':')
      ? last.slice(0, colon)
      : last;
  return isIP(address) === 0 ? undefined : address;
}

function albResult({ status, headers }: HttpResponse, { body, isBase64Encoded }: ResultContent): AlbResult | undefined {
  const { single, cookies = [] } = singleValues(headers.flat());
  if (cookies.length > maxCookies) return undefined;
  for (const [n, cookie] of cookies.entries()) single[cookieName(n)] = cookie;
  return { statusCode: status, statusDescription: describe(status), headers: single, body, isBase64Encoded };
}

function albMultiResult({ status, headers }: HttpResponse, { body, isBase64Encoded }: ResultContent): AlbMultiResult {
  const fields = headers.flat();
  const multiValueHeaders: Record<string, string[]> = {};
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at] ?? '';
    if (isFraming(name)) continue;
    if (isRepeated(fields, at)) multiValueHeaders[name]?.push(fields[at + 1] ?? '');
    else setOwn(multiValueHeaders, name, [fields[at + 1] ?? '']);
  }
  return { statusCode: status, statusDescription: describe(status), multiValueHeaders, body, isBase64Encoded };
}

function describe(status: number): string {
  return status === 200 ? '200 OK' : `${status} ${reasonPhrase(status)}`;
}

const maxCookies = 512;

/** The nth way to write `set-cookie`: each bit of `n` makes one letter a capital. */
function cookieName(n: number): string {
  let name = '';
  for (const letter of 'set-cookie') {
    if (letter === '-') {
      name += letter;
    } else {
      name += (n & 1) === 1 ? letter.toUpperCase() : letter;
      n >>= 1;
    }
  }
  return name;
}
