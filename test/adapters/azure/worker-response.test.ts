import { EventEmitter, once } from 'node:events';
import { createServer, request as httpRequest } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { clientGone, paced, takeResponse, trackResponses } from '../../../adapters/azure/worker-response.ts';

/** A response that is full after each chunk. */
class SlowResponse extends EventEmitter {
  readonly writableNeedDrain = true;
  destroyed = false;
  hasHeader(): boolean {
    return false;
  }
  destroy(): void {
    this.destroyed = true;
  }
}

const taken = async (body: AsyncIterable<Uint8Array>, response: SlowResponse): Promise<number> => {
  let length = 0;
  for await (const chunk of paced(body, response as unknown as ServerResponse)) {
    length += chunk.length;
    // it waits before it hands over the next one
    setImmediate(() => response.emit('drain'));
  }
  return length;
};

async function* chunks(count: number): AsyncGenerator<Uint8Array> {
  for (let n = 0; n < count; n++) yield Uint8Array.of(n);
}

it('a long answer to a slow client leaves no listener behind each time it waits', async () => {
  const response = new SlowResponse();
  expect(await taken(chunks(30), response)).toBe(30);
  expect([response.listenerCount('close'), response.listenerCount('drain')]).toEqual([0, 0]);
});

it('content that ends because its client is gone is no failure, and content that breaks off is one', async () => {
  const response = new SlowResponse();
  async function* until(happens: () => void): AsyncGenerator<Uint8Array> {
    yield Uint8Array.of(1);
    happens();
    throw new Error('aborted');
  }
  await expect(
    taken(
      until(() => response.destroy()),
      response,
    ),
  ).resolves.toBe(1);
  const other = new SlowResponse();
  await expect(
    taken(
      until(() => undefined),
      other,
    ),
  ).rejects.toThrow('aborted');
  expect(other.destroyed).toBe(true);
});

it('an invocation that begins when its client is gone already knows it', async () => {
  trackResponses();
  const server = createServer().listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const headers = { 'x-ms-invocation-id': 'late' };
  const client = httpRequest({ host: '127.0.0.1', port, headers, agent: false }).on('error', () => undefined);
  client.end();
  const [, response] = (await once(server, 'request')) as [IncomingMessage, ServerResponse];
  client.destroy();
  await once(response, 'close');
  const taken = takeResponse('late') ?? expect.unreachable();
  expect(clientGone(taken).aborted).toBe(true);
  expect(takeResponse('late')).toBeUndefined();
});
