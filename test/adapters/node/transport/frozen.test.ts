import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { FreezingClock } from '../../../support/freezing-clock.ts';
import { answering, failure, failureOf, open, rawUpstream, request, textOf } from './support.ts';
import type { RawUpstream } from './support.ts';

const good = 'HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ngood';

/** An upstream that leaves it to the test what it answers to its first request. */
async function silentUpstream(): Promise<{ readonly upstream: RawUpstream; readonly asked: Promise<Socket> }> {
  const asked = Promise.withResolvers<Socket>();
  const upstream = await rawUpstream(
    answering((_head, socket) => {
      asked.resolve(socket);
      return undefined;
    }),
  );
  return { upstream, asked: asked.promise };
}

describe('a process that is frozen', () => {
  it('takes an answer over HTTP/1.1 that came meanwhile, whatever time-out is over', async () => {
    for (const [profile, deadlineMs] of [
      [{ responseHeadersTimeoutMs: 5_000 }, 600_000],
      [{}, 5_000],
    ] as const) {
      const clock = new FreezingClock();
      const { upstream, asked } = await silentUpstream();
      const sent = open(profile, { clock }).send(request(upstream.authority), { deadline: clock.now() + deadlineMs });
      const socket = await asked;
      await clock.freeze(60_000, () => socket.write(good));
      expect(await textOf(await sent)).toBe('good');
    }
  });

  it('goes on with content that came meanwhile', async () => {
    const clock = new FreezingClock();
    const { upstream, asked } = await silentUpstream();
    const sent = open({ idleTimeoutMs: 5_000 }, { clock }).send(request(upstream.authority), { deadline: clock.now() + 600_000 });
    const socket = await asked;
    socket.write(good.slice(0, -2));
    const response = await sent;
    await clock.freeze(60_000, () => socket.write('o'));
    const text = textOf(response);
    await clock.freeze(4_000, () => socket.write('d'));
    expect(await text).toBe('good');
  });

  it('still does not wait for what did not come', async () => {
    const clock = new FreezingClock();
    const { upstream, asked } = await silentUpstream();
    const sent = failureOf(
      open({ responseHeadersTimeoutMs: 5_000 }, { clock }).send(request(upstream.authority), { deadline: clock.now() + 600_000 }),
    );
    await asked;
    await clock.freeze(60_000);
    expect(await sent).toEqual(failure('http_response_timeout', true));
  });
});
