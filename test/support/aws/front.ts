import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { LambdaSource } from '../../../adapters/aws/lambda-http-codec.ts';
import { albEvent, albMultiEvent, functionUrlEvent, httpV2Event, restEvent } from './events.ts';
import type { WireRequest } from './events.ts';
import type { LambdaFunction } from './lambda-runtime.ts';
import { readResult } from './results.ts';

/** An HTTP server that is one of AWS's fronts before a function. */
export interface Front {
  /** `http://127.0.0.1:port`, without a slash. */
  readonly origin: string;
  stop(): Promise<void>;
}

export interface FrontOptions {
  readonly source: LambdaSource;
  readonly lambda: Pick<LambdaFunction, 'invoke' | 'invokeStream'>;
  /** Whether the function streams; default false. Function URLs and REST APIs only. */
  readonly streaming?: boolean;
}

const events: Readonly<Record<LambdaSource, (request: WireRequest) => unknown>> = {
  'aws-rest': restEvent,
  'aws-http-v2': httpV2Event,
  'aws-url': functionUrlEvent,
  'aws-alb': albEvent,
  'aws-alb-multi': albMultiEvent,
};

/** What the front calls itself; a load balancer has only the client's word. */
const authorities: Readonly<Record<LambdaSource, string | undefined>> = {
  'aws-rest': 'abcdefghij.execute-api.eu-central-1.amazonaws.com',
  'aws-http-v2': 'abcdefghij.execute-api.eu-central-1.amazonaws.com',
  'aws-url': 'abcdefghijklmnopqrstuvwxyz012345.lambda-url.eu-central-1.on.aws',
  'aws-alb': undefined,
  'aws-alb-multi': undefined,
};

/** Starts a front: real HTTP in, the source's event to the function, its result out again. A function that fails is a 502. */
export async function startFront({ source, lambda, streaming = false }: FrontOptions): Promise<Front> {
  const server = createServer((request, response) => {
    void (async () => {
      const event: unknown = JSON.parse(JSON.stringify(events[source](await wireRequest(request, authorities[source]))));
      try {
        if (streaming) await stream(source, await lambda.invokeStream(event), response);
        else write(source, await lambda.invoke(event), response);
      } catch {
        // AWS says no more than this; once the answer has begun, it can only be cut off.
        if (response.headersSent) response.destroy();
        else response.writeHead(502, { 'content-type': 'application/json' }).end('{"message":"Internal Server Error"}');
      }
    })();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function wireRequest(request: IncomingMessage, authority: string | undefined): Promise<WireRequest> {
  const clientAddress = request.socket.remoteAddress ?? '';
  const own = authority ?? request.headers.host ?? '';
  const headers: string[] = ['host', own];
  let claimed = '';
  for (let at = 0; at < request.rawHeaders.length; at += 2) {
    const name = (request.rawHeaders[at] ?? '').toLowerCase();
    const value = request.rawHeaders[at + 1] ?? '';
    if (name === 'x-forwarded-for') claimed += `${value}, `;
    else if (!['host', 'connection', 'keep-alive', 'transfer-encoding', 'x-forwarded-proto', 'x-forwarded-port'].includes(name))
      headers.push(name, value);
  }
  headers.push('x-forwarded-for', claimed + clientAddress, 'x-forwarded-port', '443', 'x-forwarded-proto', 'https');
  const body = Buffer.concat(await request.toArray());
  return {
    method: request.method ?? 'GET',
    scheme: 'https',
    authority: own,
    target: request.url ?? '/',
    headers,
    body: body.length === 0 ? undefined : body,
    clientAddress,
  };
}

function write(source: LambdaSource, result: unknown, response: ServerResponse): void {
  const { status, headers, body } = readResult(source, result);
  response.writeHead(status, [...headers]).end(body);
}

async function stream(
  source: LambdaSource,
  { head, body }: Awaited<ReturnType<LambdaFunction['invokeStream']>>,
  response: ServerResponse,
): Promise<void> {
  const { status, headers } = readResult(source, head);
  response.writeHead(status, [...headers]);
  response.flushHeaders();
  for await (const chunk of body) if (!response.write(chunk)) await once(response, 'drain');
  response.end();
}
