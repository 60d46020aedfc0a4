import { createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { cloudFunction } from '../../../adapters/gcp/cloud-function.ts';
import { HeaderList } from '../../../core/http/header-list.ts';

it('content of an answer that cannot be written is freed, also where freeing it fails; announced trailers are left out', async () => {
  let freed = 0;
  const body = {
    [Symbol.asyncIterator]: () => ({
      next: () => new Promise<never>(() => undefined),
      return: () => {
        freed++;
        return Promise.reject(new Error('planted'));
      },
    }),
  };
  const answers = [
    { status: 200, headers: new HeaderList(['x-a', 'b\r\nc']), body },
    // no content goes with it
    { status: 304, headers: new HeaderList(), body },
    // trailers that nobody carries
    { status: 200, headers: new HeaderList(['trailer', 'x-sum']), body: 'text' },
  ];
  const server = createServer(cloudFunction(() => answers.shift() ?? expect.unreachable())).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  try {
    const status = () =>
      new Promise((resolve, reject) => {
        get(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, { headers: { host: 'a.example' } }, (response) => {
          response.resume();
          resolve(response.statusCode);
        }).on('error', reject);
      });
    expect([await status(), freed]).toEqual([500, 1]);
    expect([await status(), freed]).toEqual([304, 2]);
    expect(await status()).toBe(200);
  } finally {
    server.close().closeAllConnections();
  }
});
