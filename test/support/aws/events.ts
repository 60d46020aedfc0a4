/**
 * What AWS makes of an HTTP request, written from its documentation and published captures, independently of the codecs: a request as the
 * client sent it in, the platform's event out, with everything the platform loses on the way lost. Sources:
 *
 * - https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
 * - https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
 * - https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
 * - https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
 */

/** A request as the client sent it, but for the fields the platform adds (`x-forwarded-*`), which are among `headers` as it adds them. */
export interface WireRequest {
  readonly method: string;
  readonly scheme: 'http' | 'https';
  readonly authority: string;
  readonly target: string;
  /** name, value, ..., names in lower case. */
  readonly headers: readonly string[];
  readonly body: Uint8Array | undefined;
  readonly clientAddress: string | undefined;
}

type Single = Record<string, string>;
type Multi = Record<string, string[]>;

interface Content {
  readonly body?: string | null;
  readonly isBase64Encoded: boolean;
}

/** Content types the platforms hand over as text; every other body is base64. */
const textual = /^(text\/|application\/(json|javascript|xml|[a-z.+-]*\+(json|xml)))/;

function content(request: WireRequest, none: '' | null | undefined): Content {
  if (request.body === undefined || request.body.length === 0)
    return none === undefined ? { isBase64Encoded: false } : { body: none, isBase64Encoded: false };
  const isText = textual.test(all(request.headers)['content-type']?.[0] ?? '');
  return { body: Buffer.from(request.body).toString(isText ? 'utf8' : 'base64'), isBase64Encoded: !isText };
}

/** Every value of every name, in order. */
export function all(headers: readonly string[]): Multi {
  const values: Multi = {};
  for (let at = 0; at < headers.length; at += 2) own<string[]>(values, headers[at] ?? '', [])?.push(headers[at + 1] ?? '');
  return values;
}

function own<Value>(object: Record<string, Value>, name: string, initial: Value): Value | undefined {
  if (!Object.hasOwn(object, name))
    Object.defineProperty(object, name, { value: initial, enumerable: true, configurable: true, writable: true });
  return object[name];
}

function mapValues<From, To>(object: Record<string, From>, map: (value: From) => To): Record<string, To> {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [name, map(value)]));
}

function split(target: string): { path: string; query: string } {
  const at = target.indexOf('?');
  return at < 0 ? { path: target, query: '' } : { path: target.slice(0, at), query: target.slice(at + 1) };
}

/** `decodeURIComponent` that leaves ill-formed escapes alone. */
function percentDecode(text: string): string {
  return text.replace(/(?:%[0-9A-Fa-f]{2})+/g, (escapes) => {
    const bytes = Buffer.from(escapes.replaceAll('%', ''), 'hex');
    return bytes.toString('utf8');
  });
}

function parameters(query: string, decode: (text: string) => string): Multi {
  const values: Multi = {};
  for (const pair of query.split('&').filter((text) => text !== '')) {
    const [name = '', ...rest] = pair.split('=');
    own<string[]>(values, decode(name), [])?.push(decode(rest.join('=')));
  }
  return values;
}

const formDecode = (text: string): string => percentDecode(text.replaceAll('+', ' '));
const last = (values: readonly string[]): string => values.at(-1) ?? '';

interface PayloadV2 extends Content {
  version: '2.0';
  routeKey: string;
  rawPath: string;
  rawQueryString: string;
  cookies?: string[];
  headers: Single;
  queryStringParameters?: Single;
  requestContext: {
    accountId: string;
    apiId: string;
    domainName: string;
    domainPrefix: string;
    http: { method: string; path: string; protocol: string; sourceIp: string; userAgent: string };
    requestId: string;
    routeKey: string;
    stage: string;
    time: string;
    timeEpoch: number;
  };
}

function payloadV2(request: WireRequest, rawPath: string, keepsCookieHeader: boolean, domainName: string): PayloadV2 {
  const { query } = split(request.target);
  const values = all(request.headers);
  const cookie = values['cookie']?.join('; ');
  const headers = mapValues(values, (each) => each.join(','));
  if (cookie !== undefined) {
    if (keepsCookieHeader) headers['cookie'] = cookie;
    else delete headers['cookie'];
  }
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath,
    rawQueryString: query,
    ...(cookie === undefined ? {} : { cookies: cookie.split('; ') }),
    headers,
    ...(query === '' ? {} : { queryStringParameters: mapValues(parameters(query, formDecode), (each) => each.join(',')) }),
    requestContext: {
      accountId: '123456789012',
      apiId: 'abcdefghij',
      domainName,
      domainPrefix: domainName.split('.')[0] ?? '',
      http: {
        method: request.method,
        path: rawPath,
        protocol: 'HTTP/1.1',
        sourceIp: request.clientAddress ?? '',
        userAgent: values['user-agent']?.[0] ?? '',
      },
      requestId: 'JKJaXmPLvHcESHA=',
      routeKey: '$default',
      stage: '$default',
      time: '21/Nov/2026:08:00:00 +0000',
      timeEpoch: 1795248000000,
    },
    ...content(request, undefined),
  };
}

/** HTTP API: the path decoded, and cut where the decoded path holds a `?`; cookies apart only. */
export function httpV2Event(request: WireRequest): PayloadV2 {
  const decoded = percentDecode(split(request.target).path);
  const cut = decoded.indexOf('?');
  return payloadV2(request, cut < 0 ? decoded : decoded.slice(0, cut), false, request.authority);
}

/** Function URL: the path as sent; cookies apart and in the header. */
export function functionUrlEvent(request: WireRequest): PayloadV2 {
  return payloadV2(request, split(request.target).path, true, request.authority);
}

interface Rest extends Content {
  resource: string;
  path: string;
  httpMethod: string;
  headers: Single | null;
  multiValueHeaders: Multi | null;
  queryStringParameters: Single | null;
  multiValueQueryStringParameters: Multi | null;
  pathParameters: Single | null;
  stageVariables: null;
  requestContext: {
    accountId: string;
    apiId: string;
    domainName: string;
    httpMethod: string;
    identity: { sourceIp: string; userAgent: string };
    path: string;
    protocol: string;
    requestId: string;
    resourcePath: string;
    stage: string;
  };
}

/** What API Gateway writes with capitals whatever the client wrote. */
const capitalised: ReadonlyMap<string, string> = new Map(
  Object.entries({
    host: 'Host',
    'user-agent': 'User-Agent',
    'x-forwarded-for': 'X-Forwarded-For',
    'x-forwarded-port': 'X-Forwarded-Port',
    'x-forwarded-proto': 'X-Forwarded-Proto',
    'x-amzn-trace-id': 'X-Amzn-Trace-Id',
  }),
);

/** REST API: the query decoded, names in mixed case, every value in the multi-value maps and the last in the others. */
export function restEvent(request: WireRequest): Rest {
  const { path, query } = split(request.target);
  const multi = parameters(query, formDecode);
  const headers = Object.fromEntries(
    Object.entries(all(request.headers)).map(([name, values]) => [capitalised.get(name) ?? name, values]),
  );
  const orNull = <Value>(map: Record<string, Value>): Record<string, Value> | null => (Object.keys(map).length === 0 ? null : map);
  return {
    resource: '/{proxy+}',
    path,
    httpMethod: request.method,
    headers: orNull(mapValues(headers, last)),
    multiValueHeaders: orNull(headers),
    queryStringParameters: orNull(mapValues(multi, last)),
    multiValueQueryStringParameters: orNull(multi),
    pathParameters: path === '/' ? null : { proxy: path.slice(1) },
    stageVariables: null,
    requestContext: {
      accountId: '123456789012',
      apiId: 'abcdefghij',
      domainName: request.authority,
      httpMethod: request.method,
      identity: { sourceIp: request.clientAddress ?? '', userAgent: all(request.headers)['user-agent']?.[0] ?? '' },
      path: `/prod${path}`,
      protocol: 'HTTP/1.1',
      requestId: '8f5079a8-8a8c-4c0e-a1a0-3d4fd5a8d6f1',
      resourcePath: '/{proxy+}',
      stage: 'prod',
    },
    body: null,
    ...content(request, null),
  };
}

interface AlbBase extends Content {
  requestContext: { elb: { targetGroupArn: string } };
  httpMethod: string;
  path: string;
}

function albBase(request: WireRequest): Omit<AlbBase, keyof Content> {
  return {
    requestContext: {
      elb: { targetGroupArn: 'arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/portolan/6d0ecf831eec9f09' },
    },
    httpMethod: request.method,
    path: split(request.target).path,
  };
}

/** Load balancer, multi-value headers off: the last of several values; the query not decoded. */
export function albEvent(request: WireRequest): AlbBase & { queryStringParameters: Single; headers: Single } {
  return {
    ...albBase(request),
    queryStringParameters: mapValues(
      parameters(split(request.target).query, (text) => text),
      last,
    ),
    headers: mapValues(all(request.headers), last),
    ...content(request, ''),
  };
}

/** Load balancer, multi-value headers on. */
export function albMultiEvent(
  request: WireRequest,
): AlbBase & { multiValueQueryStringParameters: Multi; multiValueHeaders: Multi } {
  return {
    ...albBase(request),
    multiValueQueryStringParameters: parameters(split(request.target).query, (text) => text),
    multiValueHeaders: all(request.headers),
    ...content(request, ''),
  };
}
