import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import { unlessMoved, whenIdle } from '../../../adapters/node/unless-moved.ts';

const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});

async function pair(): Promise<{ readonly near: Socket; readonly far: Socket }> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const far = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [[near]] = (await Promise.all([once(server, 'connection'), once(far, 'connect')])) as [[Socket], unknown];
  server.close();
  sockets.push(near, far);
  near.resume();
  return { near, far };
}

/** As Node's time-outs do: between two looks at the sockets. */
function expires(socket: Duplex, before: () => void = () => undefined): Promise<boolean> {
  return new Promise((resolve) => {
    setImmediate(() => {
      let expired = false;
      before();
      unlessMoved(socket, () => {
        expired = true;
      });
      // after two looks
      setImmediate(() => setImmediate(() => resolve(expired)));
    });
  });
}

describe('the end of a time-out', () => {
  it('comes where nothing has moved', async () => {
    const { near } = await pair();
    expect(await expires(near)).toBe(true);
  });

  it('does not come where something had arrived and had not been read yet', async () => {
    const { near, far } = await pair();
    expect(await expires(near, () => far.write('x'))).toBe(false);
  });

  it('does not come where something that waited could leave', async () => {
    let taken: (() => void) | undefined;
    const near = new Duplex({
      write(_chunk, _encoding, done) {
        taken = done;
      },
    });
    near.write('x');
    expect(await expires(near)).toBe(true);
    expect(await expires(near, () => process.nextTick(() => taken?.()))).toBe(false);
  });

  it('does not come for what is closed already', async () => {
    const { near } = await pair();
    expect(await expires(near, () => near.destroy())).toBe(false);
  });
});

describe('the end of an idle socket', () => {
  it('comes although something had moved when its time first seemed over', async () => {
    const { near, far } = await pair();
    const ms = 20;
    let moved = 0;
    near.on('data', () => moved++);
    const expired = new Promise<void>((resolve) => {
      whenIdle(near, ms, resolve);
    });
    // the next thing that the loop looks at are its timers
    await new Promise((later) => setImmediate(later));
    far.write('x');
    for (const until = performance.now() + 2 * ms; performance.now() < until;);
    await expired;
    expect(moved).toBe(1);
  });
});
