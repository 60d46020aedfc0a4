import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { expect, it } from 'vitest';
import { paced } from '../../../adapters/azure/worker-response.ts';

/** A response that is full after each chunk. */
class SlowResponse extends EventEmitter {
  readonly writableNeedDrain = true;
  readonly destroyed = false;
  hasHeader(): boolean {
    return false;
  }
}

async function* chunks(count: number): AsyncGenerator<Uint8Array> {
  for (let n = 0; n < count; n++) yield Uint8Array.of(n);
}

it('a long answer to a slow client leaves no listener behind each time it waits', async () => {
  const response = new SlowResponse();
  let taken = 0;
  for await (const chunk of paced(chunks(30), response as unknown as ServerResponse)) {
    taken += chunk.length;
    // it waits before it hands over the next one
    setImmediate(() => response.emit('drain'));
  }
  expect([taken, response.listenerCount('close'), response.listenerCount('drain')]).toEqual([30, 0, 0]);
});
