import { isIP } from 'node:net';
import { HeaderList } from '../../core/http/header-list.ts';
import { responseTooLarge } from '../../core/http/problem.ts';
import { readTarget } from '../../core/http/read-target.ts';
import { RequestRejected } from '../../core/ports/index.ts';
import type { Body, HttpEventCodec, HttpRequest, HttpResponse } from '../../core/ports/index.ts';

/** What the codec reads of a request as the Functions Framework hands it over (Express's, which is Node's). */
export interface FunctionEvent {
  readonly method: string;
  /** The request target as sent. */
  readonly originalUrl: string;
  /** Name, value, ... as sent. */
  readonly rawHeaders: readonly string[];
  /** Content as the framework read it: whole, and taken out of its content coding. Absent when there was none. */
  readonly rawBody?: Uint8Array | undefined;
  /** Content as sent, where it was not left to the framework (`receiveAsSent`). */
  readonly sentBody?: Body;
}

/** What is written to Node's response: fields as `writeHead` takes them, framed already. */
export interface FunctionResult {
  readonly statusCode: number;
  readonly rawHeaders: string[];
  readonly body: Body;
}

/** What the codec knows beside the messages. */
export interface FunctionsHttpCodec extends HttpEventCodec<FunctionEvent, FunctionResult> {
  /** The peer's address, without port, as Google's front end attests it; `undefined` when there is no front end. */
  clientAddress(event: FunctionEvent): string | undefined;
}

/** 32 MiB (https://cloud.google.com/functions/quotas); more only in chunks: a stream that says it is longer must not say how long. */
const maxResponseBytes = 33_554_432;

/**
 * HTTP functions of Google Cloud (2nd generation and Cloud Run functions).
 *
 * Target, fields and their order come as sent. What the front end does is not seen here: it adds `x-forwarded-for`, `x-forwarded-proto`,
 * `forwarded`, `traceparent` and `x-cloud-trace-context`. Without `receiveAsSent` the framework takes content out of its coding, which is why
 * `content-encoding` and `content-length` go then, and answers some requests before anybody is asked (see there).
 *
 * @param trustedHops how many proxies of one's own stand between the client and Google's front end, a load balancer for example; each
 * adds itself to the right of `x-forwarded-for`; default 0
 * @param forwardedAuthorization whether only API Gateway may call, which writes its own `authorization` and puts the caller's into
 * `x-forwarded-authorization` (https://cloud.google.com/api-gateway/docs/oasv2-extensions#x-google-backend): the request has the caller's
 * then, or none; default `false`
 */
export function functionsHttp({
  trustedHops = 0,
  forwardedAuthorization = false,
}: {
  readonly trustedHops?: number | undefined;
  readonly forwardedAuthorization?: boolean | undefined;
} = {}): FunctionsHttpCodec {
  return {
    source: 'gcp',
    maxResponseBytes,

    matches(event): event is FunctionEvent {
      const { method, originalUrl, rawHeaders } = (event ?? {}) as Partial<FunctionEvent>;
      return typeof method === 'string' && typeof originalUrl === 'string' && Array.isArray(rawHeaders);
    },

    decode: (event) => decodeRequest(forwardedAuthorization ? { ...event, rawHeaders: callersOwn(event.rawHeaders) } : event),
    encode: encodeResponse,

    clientAddress({ rawHeaders }) {
      const hops = lastValue(rawHeaders, 'x-forwarded-for')?.split(',') ?? [];
      return addressOf(hops.at(-1 - trustedHops)?.trim() ?? '');
    },
  };
}

function decodeRequest({ method, originalUrl, rawHeaders, rawBody, sentBody }: FunctionEvent): HttpRequest {
  const hosts: string[] = [];
  const fields: string[] = [];
  let coded = false;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = (rawHeaders[at] ?? '').toLowerCase();
    const value = rawHeaders[at + 1] ?? '';
    fields.push(name, value);
    if (name === 'host') hosts.push(value.toLowerCase());
    else if (name === 'content-encoding' && value.toLowerCase() !== 'identity') coded = true;
  }
  if (hosts.length > 1) throw new RequestRejected(400, 'There must be one Host field');
  const headers = coded && rawBody !== undefined ? fields.filter((_, at) => !isCoding(fields[at & ~1])) : fields;
  const { authority, target } = readTarget(originalUrl, method, hosts[0] ?? '');
  if (authority === '') throw new RequestRejected(400, 'There must be a Host field');
  const proto = lastValue(rawHeaders, 'x-forwarded-proto')?.split(',').at(-1)?.trim().toLowerCase();
  return {
    method,
    scheme: proto === 'https' ? 'https' : 'http',
    authority,
    target,
    headers: new HeaderList(headers),
    body: sentBody ?? (rawBody?.length === 0 ? undefined : rawBody),
  };
}

/** The fields as they were before the front door signed its call. */
function callersOwn(rawHeaders: readonly string[]): readonly string[] {
  const fields: string[] = [];
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? '';
    const lowered = name.toLowerCase();
    if (lowered === 'authorization') continue;
    fields.push(lowered === 'x-forwarded-authorization' ? 'authorization' : name, rawHeaders[at + 1] ?? '');
  }
  return fields;
}

/** Fields that speak of the coding the framework took the content out of. */
function isCoding(name: string | undefined): boolean {
  return name === 'content-encoding' || name === 'content-length';
}

/** The last field of a name: a front end adds behind what a client wrote. */
function lastValue(rawHeaders: readonly string[], name: string): string | undefined {
  for (let at = rawHeaders.length - 2; at >= 0; at -= 2) {
    if (rawHeaders[at]?.length === name.length && rawHeaders[at]?.toLowerCase() === name) return rawHeaders[at + 1];
  }
  return undefined;
}

/** Without port and brackets; `undefined` for what is no address. */
function addressOf(hop: string): string | undefined {
  const [, address = hop] = /^\[([^\]]*)\](?::\d+)?$/.exec(hop) ?? /^([\d.]+):\d+$/.exec(hop) ?? [];
  return isIP(address) === 0 ? undefined : address;
}

function encodeResponse(response: HttpResponse, { method }: FunctionEvent): FunctionResult {
  const { status, headers, body } = response;
  const length = lengthOf(body);
  if (length !== undefined && length > maxResponseBytes)
    return encodeResponse(responseTooLarge, { method, originalUrl: '/', rawHeaders: [] });
  const contentless = method === 'HEAD' || status === 204 || status === 304;
  // Without content an answer to HEAD and a 304 may still say how long it would have been.
  const ownLength = length !== undefined && !(contentless && length === 0);
  const flat = headers.flat();
  const rawHeaders: string[] = [];
  for (let at = 0; at < flat.length; at += 2) {
    const name = flat[at] ?? '';
    const value = flat[at + 1] ?? '';
    if (isFraming(name) || (name === 'content-length' && (ownLength || (!contentless && Number(value) > maxResponseBytes))))
      continue;
    rawHeaders.push(name, value);
  }
  if (ownLength && status !== 204) rawHeaders.push('content-length', String(length));
  return { statusCode: status, rawHeaders, body: contentless ? undefined : body };
}

/** `undefined` for a stream. */
function lengthOf(body: Body): number | undefined {
  if (body === undefined) return 0;
  if (typeof body === 'string') return Buffer.byteLength(body);
  return body instanceof Uint8Array ? body.length : undefined;
}

/** Fields that belong to the connection, which is Node's (RFC 9110 section 7.6.1). */
function isFraming(name: string): boolean {
  return (
    name === 'connection' ||
    name === 'keep-alive' ||
    name === 'proxy-connection' ||
    // announces what this platform does not carry, and Node refuses it beside a length
    name === 'trailer' ||
    name === 'transfer-encoding' ||
    name === 'upgrade'
  );
}
