import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { HttpResponse as FunctionsResponse, InvocationContext } from '@azure/functions';
import { lambdaHandler, lambdaStreamHandler } from '../../adapters/aws/lambda-handler.ts';
import type { LambdaResponseStream } from '../../adapters/aws/lambda-handler.ts';
import type { LambdaSource } from '../../adapters/aws/lambda-http-codec.ts';
import { functionsHandler } from '../../adapters/azure/register-http.ts';
import { cloudFunction } from '../../adapters/gcp/cloud-function.ts';
import { startHttpServer } from '../../adapters/local/server/http-server.ts';
import { systemClock } from '../../adapters/node/system-clock.ts';
import type { HttpHandler, Logger } from '../../core/ports/index.ts';
import { Connection, requestText } from '../probe/arena.ts';
import { albEvent, albMultiEvent, functionUrlEvent, httpV2Event, restEvent } from './aws/events.ts';
import type { WireRequest } from './aws/events.ts';
import { readResult } from './aws/results.ts';
import { functionsEvent, functionsRequest } from './azure/events.ts';
import { quietTestMode } from './azure/quiet-test-mode.ts';
import { sentFields } from './azure/sent-response.ts';

/** What a client asks. */
export interface Asked {
  /** Default GET. */
  readonly method?: string;
  readonly target: string;
  /** Names lower case. Beside those of the front end, and the length of the content unless it is among them. */
  readonly fields?: readonly (readonly [name: string, value: string])[];
  readonly body?: Uint8Array | undefined;
}

/** What a client gets. */
export interface Got {
  readonly status: number;
  /** name, value, ...; names lower case. */
  readonly headers: readonly string[];
  /** Of `Proxy-Status`. */
  readonly error: string | undefined;
  /** A character a byte. */
  readonly body: string;
  /** Whether it looks whole to the client. */
  readonly whole: boolean;
}

/** A way to a handler, from the client's side. */
export interface Front {
  ask(asked: Asked | string): Promise<Got>;
  /** Of those that listen. */
  readonly port?: number;
  close(): Promise<void>;
}

export type OpenFront = (handler: HttpHandler, logger: Logger) => Promise<Front>;

/** What the compatibility table calls a way in; one whose answers are streamed has a row of its own. */
export function platformOf(front: string): string {
  const [source = '', streamed] = front.split(', ');
  return [platformNames[source] ?? source, streamed].filter((part) => part !== undefined).join(', ');
}

const platformNames: Readonly<Record<string, string>> = {
  server: 'plain server',
  'aws-rest': 'AWS REST API',
  'aws-http-v2': 'AWS HTTP API',
  'aws-url': 'AWS function URL',
  'aws-alb': 'AWS load balancer',
  'aws-alb-multi': 'AWS load balancer, multi-value',
  azure: 'Azure Functions',
  gcp: 'Google Cloud Functions',
};

export const fronts: Readonly<Record<string, OpenFront>> = {
  server: async (handler, logger) => {
    const server = await startHttpServer({ handler, host: '127.0.0.1', port: 0, clock: systemClock, logger });
    return { port: server.port, ask: (asked) => askServer(server.port, sent(asked)), close: () => server.close() };
  },
  'aws-rest': lambda('aws-rest', restEvent),
  'aws-http-v2': lambda('aws-http-v2', httpV2Event),
  'aws-url': lambda('aws-url', functionUrlEvent),
  'aws-alb': lambda('aws-alb', albEvent),
  'aws-alb-multi': lambda('aws-alb-multi', albMultiEvent),
  azure: async (handler, logger) => {
    quietTestMode();
    const serve = functionsHandler(handler, { logger });
    const invocation = { invocationId: 'invocation-1' } as InvocationContext;
    return {
      async ask(asked) {
        const answer = (await serve(functionsRequest(functionsEvent(wire(asked))), invocation)) as FunctionsResponse;
        const headers = sentFields(answer);
        const got = { status: answer.status, headers, error: errorOf(headers) };
        try {
          return { ...got, body: Buffer.from(await answer.arrayBuffer()).toString('latin1'), whole: true };
        } catch {
          return { ...got, body: '', whole: false };
        }
      },
      close: () => Promise.resolve(),
    };
  },
  gcp: async (handler, logger) => {
    const server = createServer(cloudFunction(handler, { logger }));
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const { port } = server.address() as AddressInfo;
    return {
      port,
      ask: (asked) => askServer(port, wire(asked)),
      async close() {
        server.closeAllConnections();
        await new Promise<void>((resolve) => {
          server.close(() => {
            resolve();
          });
        });
      },
    };
  },
};

async function askServer(
  port: number,
  { method, target, headers, body }: Pick<WireRequest, 'body' | 'headers' | 'method' | 'target'>,
): Promise<Got> {
  const connection = new Connection(port);
  const lines = headers.flatMap((name, at) => (at % 2 === 0 ? [`${name}: ${headers[at + 1] ?? ''}`] : []));
  connection.write(requestText(`${method} ${target}`, lines, Buffer.from(body ?? []).toString('latin1')));
  const { status, fields, body: content, complete } = await connection.answer(method);
  connection.destroy();
  const received = fields.flat();
  return { status, headers: received, error: errorOf(received), body: content, whole: complete };
}

function lambda(source: LambdaSource, toEvent: (request: WireRequest) => unknown): OpenFront {
  return (handler, logger) => {
    const invoke = lambdaHandler(handler, { logger, source });
    return Promise.resolve({
      async ask(asked) {
        const event: unknown = JSON.parse(JSON.stringify(toEvent(wire(asked))));
        const result = await invoke(event, { awsRequestId: 'request-1', getRemainingTimeInMillis: () => 60_000 });
        const { status, headers, body } = readResult(source, result);
        return { status, headers, error: errorOf(headers), body: body.toString('latin1'), whole: true };
      },
      close: () => Promise.resolve(),
    });
  };
}

/** Lambda with streamed answers. Here the client gets the status before it is known how the answer ends. */
export const streamingFronts: Readonly<Record<string, OpenFront>> = {
  'aws-rest, streamed': streamingLambda('aws-rest', restEvent),
  'aws-url, streamed': streamingLambda('aws-url', functionUrlEvent),
};

function streamingLambda(source: LambdaSource, toEvent: (request: WireRequest) => unknown): OpenFront {
  return (handler, logger) => {
    const heads = new WeakMap<LambdaResponseStream, object>();
    // The runtime's global, which is looked at when a handler is made.
    const runtime = globalThis as { awslambda?: unknown };
    runtime.awslambda = {
      streamifyResponse: (made: unknown) => made,
      HttpResponseStream: { from: (stream: LambdaResponseStream, head: object) => (heads.set(stream, head), stream) },
    };
    const invoke = lambdaStreamHandler(handler, { logger, source });
    delete runtime.awslambda;
    return Promise.resolve({
      async ask(asked) {
        const event: unknown = JSON.parse(JSON.stringify(toEvent(wire(asked))));
        const out = new PassThrough();
        const content: Buffer[] = [];
        out.on('data', (chunk: Buffer) => content.push(chunk));
        const whole = await invoke(event, out, { awsRequestId: 'request-1', getRemainingTimeInMillis: () => 60_000 }).then(
          () => true,
          () => false,
        );
        if (whole) await finished(out);
        const { status, headers } = readResult(source, { ...heads.get(out), body: '', isBase64Encoded: false });
        return { status, headers, error: errorOf(headers), body: Buffer.concat(content).toString('latin1'), whole };
      },
      close: () => Promise.resolve(),
    });
  };
}

/** As a client sends it. */
function sent(asked: Asked | string): WireRequest {
  const { method = 'GET', target, fields = [], body } = typeof asked === 'string' ? { target: asked } : asked;
  return { method, scheme: 'https', authority, target, headers: ['host', authority, ...fields.flat()], body, clientAddress };
}

/** As a front end hands it on: with its own word on who asks. */
function wire(asked: Asked | string): WireRequest {
  const request = sent(asked);
  const { headers, body } = request;
  const claimed = headers.flatMap((name, at) => (at % 2 === 0 && name === 'x-forwarded-for' ? [headers[at + 1] ?? ''] : []));
  const others = headers.filter((_, at) => !/^x-forwarded-(?:for|proto)$/.test(headers[at - (at % 2)] ?? ''));
  const hasLength = body === undefined || headers.includes('content-length');
  return {
    ...request,
    headers: [
      ...others,
      ...(hasLength ? [] : ['content-length', `${body.length}`]),
      ...['x-forwarded-for', [...claimed, clientAddress].join(', '), 'x-forwarded-proto', 'https'],
    ],
  };
}

const authority = 'api.example.com';
const clientAddress = '127.0.0.1';

function errorOf(headers: readonly string[]): string | undefined {
  const at = headers.indexOf('proxy-status');
  return at === -1 ? undefined : /error=([a-z_]+)/.exec(headers[at + 1] ?? '')?.[1];
}
