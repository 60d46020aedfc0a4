import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { lambdaHttpCodecs } from '../../adapters/aws/select-codec.ts';
import { functionsHttp as azureHttp } from '../../adapters/azure/functions-http.ts';
import { functionsHttp as gcpHttp } from '../../adapters/gcp/functions-http.ts';
import { startHttpServer } from '../../adapters/local/server/http-server.ts';
import type { HttpServer } from '../../adapters/local/server/http-server.ts';
import { systemClock } from '../../adapters/node/system-clock.ts';
import { bodyBytes } from '../../core/http/body.ts';
import { HeaderList } from '../../core/http/header-list.ts';
import type { HttpRequest, Transport } from '../../core/ports/index.ts';
import { createPortolan } from '../../core/portolan.ts';
import { MemoryStore } from '../../core/storage/memory-store.ts';
import { nodeCrypto } from '../../adapters/node/node-crypto.ts';
import { Connection } from '../probe/arena.ts';
import { albEvent, albMultiEvent, functionUrlEvent, httpV2Event, restEvent } from '../support/aws/events.ts';
import type { WireRequest } from '../support/aws/events.ts';
import { functionsEvent, functionsRequest } from '../support/azure/events.ts';
import { frontEndFields, sentEvent } from '../support/gcp/function-event.ts';
import { MemorySecrets } from '../support/memory-secrets.ts';
import { reverseProxy } from '../../core/proxy/reverse-proxy.ts';
import { unusedProxyPlatform } from '../support/proxy-platform.ts';
import { additions, losses } from './losses.ts';
import type { Sent, Source } from './losses.ts';

const authority = 'api.example.com';
const clientAddress = '127.0.0.1';

/** Framing, and what only a server can keep: it alone brings trailers back. */
const ofTransport: ReadonlySet<string> = new Set(['content-length', 'te']);

/** What reached the upstream, in a form that can be compared; only a status when nothing did. */
interface Reached {
  readonly status: number;
  readonly method?: string;
  readonly target?: string;
  /** Sorted by name, values in order; without the framing, which is the transport's. */
  readonly fields?: readonly string[];
  readonly body?: string;
}

/** A gateway whose upstream notes what it gets. */
function gateway() {
  const sent: HttpRequest[] = [];
  const bodies: Uint8Array[] = [];
  const transport: Transport = {
    async send(request) {
      sent.push(request);
      bodies.push(await bodyBytes(request.body));
      return { status: 200, headers: new HeaderList(), body: undefined };
    },
    close: () => Promise.resolve(),
  };
  const { handler } = createPortolan(
    {
      clock: systemClock,
      // The same ids for every source.
      crypto: { ...nodeCrypto, randomBytes: (size) => new Uint8Array(size).fill(0x11) },
      logger: { log: () => undefined },
      store: new MemoryStore(),
      secrets: new MemorySecrets({}),
      proxy: reverseProxy({
        ...unusedProxyPlatform,
        openTransports: () => ({ open: () => transport, checkSecrets: async () => [] }),
      }),
    },
    {
      routes: [{ id: 'all', match: { paths: ['/*'] }, upstream: 'origin', allowEncodedDelimiters: true }],
      upstreams: { origin: { url: 'http://origin.example' } },
    },
  );
  const reached = (status: number, source: Source | undefined): Reached => {
    const request = sent.pop();
    const body = bodies.pop();
    if (request === undefined) return { status };
    const flat = request.headers.flat();
    const added = source === undefined ? [] : additions[source];
    const pairs = flat.flatMap((name, at) =>
      at % 2 === 1 || ofTransport.has(name) || added.includes(name) ? [] : [[name, flat[at + 1] ?? ''] as const],
    );
    return {
      status,
      method: request.method,
      target: request.target,
      // Ours is a server in the clear: the one difference that is no platform's.
      fields: pairs
        .map(([name, value]) => `${name}: ${/forwarded/.test(name) ? value.replace(/https\b/, 'http') : value}`)
        .toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : nameOf(a) > nameOf(b) ? 1 : 0)),
      body: Buffer.from(body ?? []).toString('base64'),
    };
  };
  return { handler, reached };
}

function nameOf(line: string): string {
  return line.slice(0, line.indexOf(':'));
}

/** Each platform's event of a request, as its codec reads it. */
const decoders: Readonly<Record<Source, (sent: Sent) => { readonly request: HttpRequest; readonly address: string | undefined }>> =
  {
    'aws-alb': lambda('aws-alb', albEvent),
    'aws-alb-multi': lambda('aws-alb-multi', albMultiEvent),
    'aws-http-v2': lambda('aws-http-v2', httpV2Event),
    'aws-rest': lambda('aws-rest', restEvent),
    'aws-url': lambda('aws-url', functionUrlEvent),
    azure: (sent) => {
      const event = functionsRequest(functionsEvent(wire(sent)));
      return { request: azureHttp.decode(event), address: azureHttp.clientAddress(event) };
    },
    gcp: (sent) => {
      const codec = gcpHttp();
      const fields = frontEndFields(claimsJoined(sent).flat(), authority, clientAddress, sent.body);
      const { content, ...event } = sentEvent(sent.method, sent.target, fields, sent.body);
      const whole = { ...event, ...(content === undefined ? {} : { sentBody: Buffer.from(content, 'base64') }) };
      return { request: codec.decode(whole), address: codec.clientAddress(whole) };
    },
  };

function lambda(source: keyof typeof lambdaHttpCodecs, toEvent: (request: WireRequest) => unknown): (typeof decoders)[Source] {
  return (sent) => {
    const event: unknown = JSON.parse(JSON.stringify(toEvent(wire(sent))));
    const codec = lambdaHttpCodecs[source];
    return { request: codec.decode(event), address: codec.clientAddress(event) };
  };
}

/** As a front end hands it on: with its own word on who asks. */
function wire(sent: Sent): WireRequest {
  const fields = claimsJoined(sent);
  const claimed = fields.find(([name]) => name === 'x-forwarded-for')?.[1];
  return {
    method: sent.method,
    scheme: 'https',
    authority,
    target: sent.target,
    headers: [
      ...['host', authority],
      ...fields.filter(([name]) => name !== 'x-forwarded-for' && name !== 'x-forwarded-proto').flat(),
      ...['x-forwarded-for', claimed === undefined ? clientAddress : `${claimed}, ${clientAddress}`, 'x-forwarded-proto', 'https'],
    ],
    body: sent.body,
    clientAddress,
  };
}

/** Front ends take several X-Forwarded-For fields for one list. */
function claimsJoined({ fields }: Sent): Sent['fields'] {
  const claims = fields.filter(([name]) => name === 'x-forwarded-for').map(([, value]) => value);
  const rest = fields.filter(([name]) => name !== 'x-forwarded-for');
  return claims.length === 0 ? rest : [...rest, ['x-forwarded-for', claims.join(', ')]];
}

const through = gateway();
let server: HttpServer;

beforeAll(async () => {
  server = await startHttpServer({
    handler: through.handler,
    host: '127.0.0.1',
    port: 0,
    clock: systemClock,
    logger: { log: () => undefined },
  });
});

afterAll(() => server.close());

// The library of Azure says each time that it drops the content of a GET, which is among the losses.
vi.spyOn(console, 'warn').mockImplementation(() => undefined);

async function throughServer({ method, target, fields, body }: Sent): Promise<Reached> {
  const connection = new Connection(server.port);
  const lines = [
    `${method} ${target} HTTP/1.1`,
    `Host: ${authority}`,
    ...fields.map(([name, value]) => `${name}: ${value}`),
    'Connection: close',
    ...(body === undefined ? [] : [`Content-Length: ${body.length}`]),
  ];
  connection.write(`${lines.join('\r\n')}\r\n\r\n${Buffer.from(body ?? []).toString('latin1')}`);
  const { status } = await connection.answer(method);
  connection.destroy();
  return through.reached(status, undefined);
}

async function throughEvent(source: Source, sent: Sent): Promise<Reached> {
  const { handler, reached } = gateway();
  const { request, address } = decoders[source](sent);
  const { status } = await handler(request, {
    source,
    requestId: 'r',
    clientAddress: address,
    deadline: systemClock.now() + 10_000,
    traceId: request.headers.get('traceparent'),
    waitUntil: () => undefined,
  });
  return reached(status, source);
}

const octet = fc.integer({ min: 0, max: 255 }).map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`);
const text = fc.string({ unit: 'binary', maxLength: 3 }).map((raw) => encodeURIComponent(raw.toWellFormed()));
const characters = fc.stringMatching(/^[A-Za-z0-9._~!$&'()*+,;=:@-]{1,8}$/);
const segment = fc.array(fc.oneof({ weight: 4, arbitrary: characters }, { weight: 2, arbitrary: text }, octet), { maxLength: 4 });
const path = fc.array(segment, { maxLength: 5 }).map((segments) => `/${segments.map((parts) => parts.join('')).join('/')}`);
const parameter = fc
  .tuple(fc.stringMatching(/^([a-z]{1,3}|[0-9])$/), fc.constantFrom('=', '=', '=', ''), fc.oneof(characters.map(withoutMark), text))
  .map(([name, equals, value]) => (equals === '' ? name : name + equals + value));
const query = fc.option(fc.array(fc.oneof({ weight: 9, arbitrary: parameter }, fc.constant('')), { maxLength: 5 }), {
  nil: undefined,
});

function withoutMark(raw: string): string {
  return raw.replaceAll('&', '');
}

/** Names that mean something to an intermediary, and any others. */
const name = fc.oneof(
  fc.constantFrom('connection', 'keep-alive', 'te', 'via', 'cdn-loop', 'max-forwards', 'x-hop', 'cookie', 'accept', 'content-type'),
  fc.constantFrom('x-forwarded-for', 'x-forwarded-host', 'forwarded', 'x_forwarded_for', 'x-real-ip', 'x-ms-client-principal'),
  fc.constantFrom('traceparent', 'proxy-connection', 'proxy-authorization', 'x-a', 'x-a', 'x-b'),
  fc.stringMatching(/^y[a-z0-9!#$%&'*+^`|~_.-]{0,12}$/),
);
const value = fc.oneof(
  fc.constantFrom('x-hop', 'close, x-hop', '1.1 other', '10', 'text/plain', 'a=1', 'for=1.2.3.4', '1.2.3.4', 'trailers'),
  fc.constant('00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'),
  fc.stringMatching(/^[!-~]([ -~]{0,20}[!-~])?$/),
);

const sent: fc.Arbitrary<Sent> = fc
  .record({
    method: fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'HEAD'),
    path,
    query,
    fields: fc.array(fc.tuple(name, value), { maxLength: 8 }),
    body: fc.option(fc.uint8Array({ minLength: 1, maxLength: 64 }), { nil: undefined }),
  })
  .map(({ query: pairs, path: where, body, ...rest }) => ({
    ...rest,
    target: pairs === undefined ? where : `${where}?${pairs.join('&')}`,
    // What says that it is text is text: AWS makes it so.
    body: rest.fields.some(([own, type]) => own === 'content-type' && textual.test(type)) ? body?.map((byte) => byte & 0x7f) : body,
  }));

const textual = /^(?:text|application)\//;

describe('a request reaches its upstream alike', () => {
  it.each(Object.keys(losses) as Source[])(
    'through %s and the plain server, but for what is published that the platform loses',
    async (source) => {
      await fc.assert(
        fc.asyncProperty(sent, async (request) => {
          const lost = Object.values(losses[source]).reduce((left, lose) => lose(left), request);
          expect(await throughEvent(source, request)).toEqual(await throughServer(lost));
        }),
        { numRuns: 250 },
      );
    },
  );

  it('or not at all: a comparison that sees differences', async () => {
    const plain: Sent = {
      method: 'GET',
      target: '/a%2Fb?x=1&x=2',
      fields: [
        ['x-a', '1'],
        ['x-a', '2'],
      ],
      body: undefined,
    };
    const untouched = await throughServer(plain);
    expect(untouched).toMatchObject({ status: 200, target: '/a%2Fb?x=1&x=2' });
    for (const source of ['aws-http-v2', 'aws-alb', 'azure'] as const)
      expect(await throughEvent(source, plain)).not.toEqual(untouched);
  });
});

describe('the published list', () => {
  const published = JSON.parse(readFileSync(new URL('../corpus/platform-losses.json', import.meta.url), 'utf8')) as Record<
    string,
    Record<string, string>
  >;
  const page = readFileSync(new URL('../../docs/platforms.md', import.meta.url), 'utf8');

  it('is the one that was tried', () => {
    const names = (list: Readonly<Record<string, object>>): unknown =>
      Object.fromEntries(Object.entries(list).map(([source, each]) => [source, Object.keys(each).toSorted()]));
    expect(names(losses)).toEqual(names(published));
  });

  it('is in docs/platforms.md, word for word', () => {
    const rows = page.split('\n').flatMap((line) => {
      const cells = /^\| `([a-z0-9-]+)` +\| (.+?) +\| (.+?) +\|$/.exec(line);
      return cells === null ? [] : [cells.slice(1).join(' | ').replaceAll('`', '')];
    });
    const expected = Object.entries(published).flatMap(([source, each]) =>
      Object.entries(each).map(([loss, sentence]) => `${source} | ${loss} | ${sentence}`),
    );
    expect(rows.toSorted()).toEqual(expected.toSorted());
    for (const added of Object.values(additions).flat()) expect(page).toContain(`\`${added}\``);
  });
});
