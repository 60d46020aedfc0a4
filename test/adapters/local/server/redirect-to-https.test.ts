import { afterEach, describe, expect, it } from 'vitest';
import { startHttpServer } from '../../../../adapters/local/server/http-server.ts';
import type { HttpServer } from '../../../../adapters/local/server/http-server.ts';
import { redirectToHttps } from '../../../../adapters/local/server/redirect-to-https.ts';
import { systemClock } from '../../../../adapters/node/system-clock.ts';
import type { LogAttributes, Logger } from '../../../../core/ports/index.ts';
import { trustProxies } from '../../../../core/proxy/forwarding/client.ts';
import { exchange, statuses } from './raw-socket.ts';

describe('a port that redirects to https', () => {
  const lines: (readonly [event: string, attributes: LogAttributes | undefined])[] = [];
  const logger: Logger = { log: (_, event, attributes) => void lines.push([event, attributes]) };
  let server: HttpServer | undefined;
  afterEach(async () => {
    await server?.close();
    lines.length = 0;
  });

  const ask = async (request: string, port = 443, trusted: readonly string[] = []): Promise<string> => {
    server = await startHttpServer({
      handler: redirectToHttps(port, logger, trustProxies(trusted)),
      host: '127.0.0.1',
      port: 0,
      clock: systemClock,
      logger,
      http2: false,
    });
    return exchange(server.port, request);
  };
  const location = (answer: string): string | undefined => /^location: (.*)\r$/im.exec(answer)?.[1];

  it.each([
    ['GET /', 'a.example', 443, 'https://a.example/'],
    ['GET /', 'A.Example:80', 443, 'https://a.example/'],
    ['GET /', 'a.example:8080', 8443, 'https://a.example:8443/'],
    ['GET /', 'a.example:', 443, 'https://a.example/'],
    ['GET /', '192.0.2.1:8080', 443, 'https://192.0.2.1/'],
    ['GET /', '[2001:db8::1]', 8443, 'https://[2001:db8::1]:8443/'],
    ['GET /', '[2001:db8::1]:8080', 443, 'https://[2001:db8::1]/'],
    ['HEAD /x', 'a.example', 443, 'https://a.example/x'],
    [
      "DELETE /a/../%2e%2F//b;c=1?q='%20&r=http://x/#".slice(0, -1),
      'a.example',
      443,
      "https://a.example/a/../%2e%2F//b;c=1?q='%20&r=http://x/",
    ],
    ['GET //evil.example/', 'a.example', 443, 'https://a.example//evil.example/'],
    ['GET http://b.example:8080/x?y', 'a.example', 443, 'https://b.example/x?y'],
    ['GET /.well-known/acme-challenge/token', 'a.example', 443, 'https://a.example/.well-known/acme-challenge/token'],
    ['OPTIONS *', 'a.example', 443, 'https://a.example'],
  ])('sends %s on %s to the same place: port %i', async (line, host, port, expected) => {
    const answer = await ask(`${line} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`, port);
    expect([statuses(answer), location(answer)]).toEqual([[308], expected]);
  });

  it('answers a request with content without asking for it', async () => {
    const head = 'POST /form HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5000000\r\nExpect: 100-continue\r\n\r\n';
    expect(statuses(await ask(head))).toEqual([308]);
  });

  it.each([
    ['without a host', 'GET / HTTP/1.0\r\n\r\n'],
    ['with one that would be another place', 'GET / HTTP/1.1\r\nHost: user@evil.example\r\nConnection: close\r\n\r\n'],
    ['with one that is none', 'GET / HTTP/1.1\r\nHost: a"b\r\nConnection: close\r\n\r\n'],
    ['with half an address', 'GET / HTTP/1.1\r\nHost: [::1\r\nConnection: close\r\n\r\n'],
  ])('refuses a request %s', async (_, request) => {
    const answer = await ask(request);
    expect([statuses(answer), location(answer)]).toEqual([[400], undefined]);
  });

  it('leaves a line in the log, without the query', async () => {
    await ask('GET /a?token=c4n4ry HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n');
    expect(lines).toEqual([
      [
        'http.request',
        {
          'http.request.method': 'GET',
          'url.path': '/a',
          'http.response.status_code': 308,
          requestId: expect.any(String) as string,
          source: 'http-server',
          'client.address': '127.0.0.1',
        },
      ],
    ]);
  });

  it.each([
    ['of the client behind a trusted proxy', ['127.0.0.1'], '192.0.2.7'],
    ['of the peer where nobody is trusted', [], '127.0.0.1'],
  ])('tells the log the address %s', async (_, trusted, address) => {
    const request = 'GET / HTTP/1.1\r\nHost: a.example\r\nX-Forwarded-For: 203.0.113.1, 192.0.2.7\r\nConnection: close\r\n\r\n';
    await ask(request, 443, trusted);
    expect(lines.map(([, attributes]) => attributes?.['client.address'])).toEqual([address]);
  });
});
