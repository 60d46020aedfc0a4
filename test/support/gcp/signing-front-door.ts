import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';

/** What stands before a function that only it may call. */
export interface SigningFrontDoor {
  /** `http://127.0.0.1:<port>`. */
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * API Gateway and the function's own front end, as far as they change fields: the gateway signs its call in `Authorization` and puts the caller's
 * into `X-Forwarded-Authorization`; the front end takes the signature off. Both add an address to `X-Forwarded-For`.
 */
export async function signingFrontDoor(port: number): Promise<SigningFrontDoor> {
  const server = createServer((received, answer) => {
    const { authorization, ...headers } = received.headers;
    const forwarded = request(
      {
        port,
        host: '127.0.0.1',
        method: received.method,
        path: received.url,
        headers: {
          ...headers,
          ...(authorization === undefined ? {} : { 'x-forwarded-authorization': authorization }),
          authorization: 'Bearer eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJodHRwczovL2Z1bmN0aW9uIn0.SIGNATURE_REMOVED_BY_GOOGLE',
          'x-forwarded-for': '203.0.113.9, 192.0.2.1',
          'x-forwarded-proto': 'https',
        },
      },
      (response) => {
        answer.writeHead(response.statusCode ?? 502, response.rawHeaders);
        pipeline(response, answer).catch(() => answer.destroy());
      },
    );
    pipeline(received, forwarded).catch(() => answer.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
