/**
 * From event to result, in process: our Lambda handler with a trivial core handler, against a handler written by hand for that one source
 * which does the same work. Run: `node test/bench/aws-codec.bench.ts`. Prints ratios of medians of interleaved rounds.
 */
import { strict as assert } from 'node:assert';
import { spawnSync } from 'node:child_process';
import { HeaderList } from '../../core/http/header-list.ts';
import type { HttpHandler } from '../../core/ports/index.ts';
import { lambdaHandler } from '../../adapters/aws/lambda-handler.ts';
import type { LambdaContext } from '../../adapters/aws/lambda-context.ts';
import { albEvent, albMultiEvent, httpV2Event, restEvent } from '../support/aws/events.ts';
import type { WireRequest } from '../support/aws/events.ts';

type Handler = (event: never, context: LambdaContext) => unknown;

const context: LambdaContext = {
  xRayTraceId: 'Root=1-5759e988-bd862e3fe1be46a994272793',
  awsRequestId: '8f5079a8-8a8c-4c0e-a1a0-3d4fd5a8d6f1',
  getRemainingTimeInMillis: () => 30_000,
};

const browser: readonly string[] = [
  ...[
    'host',
    'api.example.com',
    'accept',
    'application/json',
    'accept-encoding',
    'gzip, deflate, br',
    'accept-language',
    'de-DE,de;q=0.9',
  ],
  ...[
    'authorization',
    'Bearer ptl_4f1c_0123456789abcdef0123456789abcdef',
    'user-agent',
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36',
  ],
  ...['sec-fetch-mode', 'cors', 'sec-fetch-site', 'same-origin', 'cookie', 'a=1; b=2', 'x-forwarded-for', '203.0.113.9'],
];
const get: WireRequest = {
  method: 'GET',
  scheme: 'https',
  authority: 'api.example.com',
  target: '/v1/sessions/s_0123456789abcdef?expand=proxy',
  headers: browser,
  body: undefined,
  clientAddress: '203.0.113.9',
};
const session = {
  sessionId: 's_0123456789abcdef',
  state: 'active',
  pool: 'default',
  label: 'shop',
  createdAt: '2026-11-21T08:00:00Z',
  expiresAt: '2026-11-21T09:00:00Z',
  generation: 3,
  proxyUrl: 'http://user-session-abc:token@gw.example.com:8788',
};
const prefix = '/v1/sessions/';
const bytes = new Uint8Array(1_048_576).map((_, at) => (at * 31) & 0xff);
const base64 = Buffer.from(bytes).toString('base64');

/** The same work on the neutral message. */
const portable: HttpHandler = (request) => {
  const { target } = request;
  const end = target.indexOf('?');
  const path = end < 0 ? target : target.slice(0, end);
  if (request.method === 'GET' && path.startsWith(prefix)) {
    if (request.headers.get('authorization')?.startsWith('Bearer ') !== true)
      return { status: 401, headers: noFields, body: undefined };
    return {
      status: 200,
      headers: new HeaderList(['content-type', 'application/json', 'etag', '"3"', 'cache-control', 'no-store']),
      body: JSON.stringify({ ...session, sessionId: path.slice(prefix.length) }),
    };
  }
  if (request.method === 'POST') {
    const { body } = request;
    return { status: 200, headers: noFields, body: String((body as Uint8Array).length) };
  }
  return { status: 200, headers: noFields, body: bytes };
};
const noFields = new HeaderList([]);

function answerGet(path: string, authorization: string | undefined): { statusCode: number; headers: object; body: string } {
  if (authorization?.startsWith('Bearer ') !== true) return { statusCode: 401, headers: {}, body: '' };
  return {
    statusCode: 200,
    headers: { 'content-type': 'application/json', etag: '"3"', 'cache-control': 'no-store' },
    body: JSON.stringify({ ...session, sessionId: path.slice(prefix.length) }),
  };
}

type V2 = ReturnType<typeof httpV2Event>;
type Rest = ReturnType<typeof restEvent>;
type Alb = ReturnType<typeof albEvent>;
type AlbMulti = ReturnType<typeof albMultiEvent>;

const byHand = {
  v2: (event: V2): unknown => {
    if (event.requestContext.http.method === 'GET' && event.rawPath.startsWith(prefix)) {
      return answerGet(event.rawPath, event.headers['authorization']);
    }
    if (event.requestContext.http.method === 'POST') {
      return { statusCode: 200, headers: {}, body: String(Buffer.from(event.body ?? '', 'base64').length) };
    }
    return { statusCode: 200, headers: {}, body: Buffer.from(bytes.buffer).toString('base64'), isBase64Encoded: true };
  },
  rest: (event: Rest): unknown =>
    event.httpMethod === 'GET' && event.path.startsWith(prefix)
      ? answerGet(event.path, event.headers?.['authorization'] ?? event.headers?.['Authorization'])
      : { statusCode: 404, headers: {}, body: '' },
  alb: (event: Alb): unknown =>
    event.httpMethod === 'GET' && event.path.startsWith(prefix)
      ? { statusDescription: '200 OK', ...answerGet(event.path, event.headers?.['authorization']) }
      : { statusCode: 404, headers: {}, body: '' },
  albMulti: (event: AlbMulti): unknown => {
    if (event.httpMethod !== 'GET' || !event.path.startsWith(prefix)) return { statusCode: 404, headers: {}, body: '' };
    const { headers, ...rest } = answerGet(event.path, event.multiValueHeaders?.['authorization']?.[0]);
    return {
      statusDescription: '200 OK',
      multiValueHeaders: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]])),
      ...rest,
    };
  },
};

const ours = lambdaHandler(portable) as Handler;
const reparse = <T>(event: T): T => JSON.parse(JSON.stringify(event)) as T;

const cases: readonly { name: string; event: unknown; hand: Handler; loops: number }[] = [
  { name: 'HTTP API v2 GET', event: reparse(httpV2Event(get)), hand: byHand.v2, loops: 2_000 },
  { name: 'REST v1 GET', event: reparse(restEvent(get)), hand: byHand.rest, loops: 2_000 },
  { name: 'ALB GET', event: reparse(albEvent(get)), hand: byHand.alb, loops: 2_000 },
  { name: 'ALB multi GET', event: reparse(albMultiEvent(get)), hand: byHand.albMulti, loops: 2_000 },
  {
    name: 'v2 1 MiB base64 in',
    event: { ...reparse(httpV2Event({ ...get, method: 'POST' })), body: base64, isBase64Encoded: true },
    hand: byHand.v2,
    loops: 20,
  },
  { name: 'v2 1 MiB base64 out', event: reparse(httpV2Event({ ...get, target: '/blob' })), hand: byHand.v2, loops: 20 },
];

function time(handler: Handler, event: unknown, loops: number): number {
  const start = performance.now();
  for (let n = 0; n < loops; n++) handler(event as never, context);
  return ((performance.now() - start) / loops) * 1_000;
}

function allocated(handler: Handler, event: unknown): number {
  const { gc } = globalThis as { gc?: () => void };
  if (gc === undefined) return Number.NaN;
  gc();
  const before = process.memoryUsage().heapUsed;
  for (let n = 0; n < 1_000; n++) handler(event as never, context);
  return (process.memoryUsage().heapUsed - before) / 1_000;
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

/** One case in a process of its own: a function serves one source, so its code is compiled for one shape. */
function measure({ name, event, hand, loops }: (typeof cases)[number]): void {
  const bodyOf = (result: unknown): unknown => (result as { body: string }).body;
  assert.equal(bodyOf(ours(event as never, context)), bodyOf(hand(event as never, context)));
  const rounds = Array.from({ length: loops < 100 ? 60 : 200 }, (_, round) => {
    // Each goes first every other time: whoever comes second pays for the garbage of both.
    const [first, second] = round % 2 === 0 ? [hand, ours] : [ours, hand];
    const [one, two] = [time(first, event, loops), time(second, event, loops)];
    return first === hand ? { hand: one, ours: two } : { hand: two, ours: one };
  }).slice(10);
  const handUs = median(rounds.map((round) => round.hand));
  const oursUs = median(rounds.map((round) => round.ours));
  const ratio = median(rounds.map((round) => round.ours / round.hand));
  const kb = ((allocated(ours, event) - allocated(hand, event)) / 1_024).toFixed(1);
  console.log(
    `${name.padEnd(22)} by hand ${handUs.toFixed(2)} us, ours ${oursUs.toFixed(2)} us, ratio ${ratio.toFixed(2)}, allocated beyond by hand ${kb} KB`,
  );
}

const only = process.argv[2];
if (only === undefined) {
  for (const index of cases.keys()) {
    const child = spawnSync(process.execPath, ['--expose-gc', import.meta.filename, String(index)], { stdio: 'inherit' });
    if (child.status !== 0) process.exit(1);
  }
} else {
  measure(cases[Number(only)] ?? assert.fail('no such case'));
}
