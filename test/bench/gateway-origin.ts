/** The backend of all gateways compared, on `node:http` as backends are: answers by the path, and asks nothing else of a request. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { transferContent } from './gateway-content.ts';

const answers: Readonly<Record<string, readonly [type: string, content: Buffer]>> = {
  '/items/1k': ['application/json', Buffer.alloc(1_024, 'x')],
  '/items/64k': ['application/json', Buffer.alloc(65_536, 'x')],
  '/items/10m': ['application/octet-stream', transferContent()],
};

const server = createServer((request, response) => {
  const [type, content] = answers[request.url ?? ''] ?? [];
  if (type === undefined || content === undefined) {
    response.writeHead(404).end();
    return;
  }
  const fields = [
    'content-type',
    type,
    'content-length',
    `${content.length}`,
    'cache-control',
    'no-cache',
    'etag',
    '"0123456789abcdef"',
  ];
  response.writeHead(200, fields).end(content);
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => {
  process.send?.({ port: (server.address() as AddressInfo).port });
});
process.once('disconnect', () => process.exit(0));
