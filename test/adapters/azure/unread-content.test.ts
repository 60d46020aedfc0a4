import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { HttpRequest as FunctionsRequest } from '@azure/functions';
import { expect, it, onTestFinished } from 'vitest';
import { functionsHttp } from '../../../adapters/azure/functions-http.ts';
import { rawMessage, rawRequest } from '../../support/gcp/raw-request.ts';

/** As the library makes it of a forwarded request with streams on. */
function streamed(message: IncomingMessage): FunctionsRequest {
  const { method = 'GET' } = message;
  const hasContent = method !== 'GET';
  const request = new Request('https://a.example/', {
    method,
    ...(hasContent ? { body: message as unknown as ReadableStream, duplex: 'half' } : {}),
  } as RequestInit);
  return { method, url: request.url, headers: request.headers, params: {}, body: request.body } as unknown as FunctionsRequest;
}

it('content that is not read to its end is not in the way of the next request on its connection', async () => {
  const server = createServer((message, response) => {
    const { body } = functionsHttp.decode(streamed(message));
    void (async () => {
      // answered early: by a backend that asks who it is, or for a limit
      if (body !== undefined) for await (const _ of body as AsyncIterable<Uint8Array>) break;
      response.end();
    })();
  }).listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const long = Buffer.concat([
    Buffer.from('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4000000\r\n\r\n'),
    Buffer.alloc(4_000_000),
  ]);
  const answers = await rawRequest((server.address() as AddressInfo).port, Buffer.concat([long, rawMessage('GET /')]));
  expect(answers.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 200']);
});
