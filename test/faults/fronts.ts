import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { HttpResponse as FunctionsResponse, InvocationContext } from '@azure/functions';
import { lambdaHandler } from '../../adapters/aws/lambda-handler.ts';
import type { LambdaSource } from '../../adapters/aws/lambda-http-codec.ts';
import { functionsHandler } from '../../adapters/azure/register-http.ts';
import { cloudFunction } from '../../adapters/gcp/cloud-function.ts';
import { startHttpServer } from '../../adapters/local/http-server.ts';
import { systemClock } from '../../adapters/node/system-clock.ts';
import type { HttpHandler, Logger } from '../../core/ports/index.ts';
import { Connection, requestText } from '../probe/arena.ts';
import { albEvent, albMultiEvent, functionUrlEvent, httpV2Event, restEvent } from '../support/aws/events.ts';
import type { WireRequest } from '../support/aws/events.ts';
import { readResult } from '../support/aws/results.ts';
import { functionsEvent, functionsRequest } from '../support/azure/events.ts';

/** What a client gets. */
export interface Got {
  readonly status: number;
  /** Of `Proxy-Status`. */
  readonly error: string | undefined;
  readonly body: string;
  /** Whether it looks whole to the client. */
  readonly whole: boolean;
}

/** A way to a handler, from the client's side. */
export interface Front {
  ask(target: string): Promise<Got>;
  close(): Promise<void>;
}

export type OpenFront = (handler: HttpHandler, logger: Logger) => Promise<Front>;

export const fronts: Readonly<Record<string, OpenFront>> = {
  server: async (handler, logger) => {
    const server = await startHttpServer({ handler, host: '127.0.0.1', port: 0, clock: systemClock, logger });
    return { ask: (target) => askServer(server.port, target), close: () => server.close() };
  },
  'aws-rest': lambda('aws-rest', restEvent),
  'aws-http-v2': lambda('aws-http-v2', httpV2Event),
  'aws-url': lambda('aws-url', functionUrlEvent),
  'aws-alb': lambda('aws-alb', albEvent),
  'aws-alb-multi': lambda('aws-alb-multi', albMultiEvent),
  azure: async (handler, logger) => {
    const serve = functionsHandler(handler, { logger });
    const invocation = { invocationId: 'invocation-1' } as InvocationContext;
    return {
      async ask(target) {
        const answer = (await serve(functionsRequest(functionsEvent(wire(target))), invocation)) as FunctionsResponse;
        const got = { status: answer.status, error: errorOf(answer.headers.get('proxy-status') ?? undefined) };
        try {
          return { ...got, body: await answer.text(), whole: true };
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
    return {
      ask: (target) => askServer((server.address() as AddressInfo).port, target),
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

async function askServer(port: number, target: string): Promise<Got> {
  const connection = new Connection(port);
  connection.write(requestText(`GET ${target}`));
  const { status, body, complete, field } = await connection.answer();
  connection.destroy();
  return { status, error: errorOf(field('proxy-status')), body, whole: complete };
}

function lambda(source: LambdaSource, toEvent: (request: WireRequest) => unknown): OpenFront {
  return (handler, logger) => {
    const invoke = lambdaHandler(handler, { logger });
    return Promise.resolve({
      async ask(target) {
        const event: unknown = JSON.parse(JSON.stringify(toEvent(wire(target))));
        const result = await invoke(event, { awsRequestId: 'request-1', getRemainingTimeInMillis: () => 10_000 });
        const { status, headers, body } = readResult(source, result);
        const at = headers.indexOf('proxy-status');
        return { status, error: errorOf(at === -1 ? undefined : headers[at + 1]), body: body.toString(), whole: true };
      },
      close: () => Promise.resolve(),
    });
  };
}

function wire(target: string): WireRequest {
  return {
    method: 'GET',
    scheme: 'https',
    authority: 'api.example.com',
    target,
    headers: ['host', 'api.example.com', 'x-forwarded-for', '127.0.0.1', 'x-forwarded-proto', 'https'],
    body: undefined,
    clientAddress: '127.0.0.1',
  };
}

function errorOf(proxyStatus: string | undefined): string | undefined {
  return /error=([a-z_]+)/.exec(proxyStatus ?? '')?.[1];
}
