import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../adapters/node/system-clock.ts';

/** Until those of a millisecond are due, all at once. */
function waitForTimers(): void {
  for (const until = performance.now() + 3; performance.now() < until;);
}

describe('the system’s clock', () => {
  it.each([
    ['a sleep', undefined],
    ['a sleep that can be cancelled', new AbortController().signal],
  ])('ends %s after what had arrived when it was due, also when its process stood still', async (_what, signal) => {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
    const [[received]] = (await Promise.all([once(server, 'connection'), once(client, 'connect')])) as [[typeof client], unknown];
    const order: string[] = [];
    received.on('data', () => order.push('arrived'));
    await new Promise<void>((resolve) => {
      // the next thing that the loop looks at are its timers
      setImmediate(() => {
        client.write('x');
        systemClock.sleep(0, signal).then(
          () => {
            order.push('woken');
            resolve();
          },
          () => undefined,
        );
        waitForTimers();
      });
    });
    expect(order).toEqual(['arrived', 'woken']);
    client.destroy();
    received.destroy();
    server.close();
  });

  it('ends a sleep with its signal’s reason, before it, during it, and when its time has just come', async () => {
    const reason = new Error('gone');
    await expect(systemClock.sleep(0, AbortSignal.abort(reason))).rejects.toBe(reason);
    const during = new AbortController();
    const sleep = expect(systemClock.sleep(60_000, during.signal)).rejects.toBe(reason);
    during.abort(reason);
    await sleep;
    const late = new AbortController();
    const due = expect(systemClock.sleep(0, late.signal)).rejects.toBe(reason);
    // timers of one delay fire in the order they were made
    setTimeout(() => late.abort(reason), 0);
    waitForTimers();
    await due;
  });
});
