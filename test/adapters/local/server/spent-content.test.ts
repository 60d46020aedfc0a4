import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { expect, it, onTestFinished } from 'vitest';
import { startHttpServer } from '../../../../adapters/local/server/http-server.ts';
import { systemClock } from '../../../../adapters/node/system-clock.ts';
import { HeaderList } from '../../../../core/http/header-list.ts';
import type { BodyFlow, BodySink, PushBody } from '../../../../core/ports/index.ts';
import { tapBody } from '../../../../core/proxy/tap-body.ts';
import { selfSigned } from '../../../support/self-signed.ts';

const chunkBytes = 65_536;
const chunkCount = 400;

/** Scribbles over each chunk as soon as it may: what has not left by then arrives spoilt. */
class Scribbling implements PushBody, BodyFlow {
  spent = 0;
  cancelled = false;
  outOfOrder = false;
  written = 0;
  #sink: BodySink | undefined;

  pushTo(sink: BodySink): BodyFlow {
    this.#sink = sink;
    // as content does that was there before its reader
    setImmediate(() => {
      this.resume();
    });
    return this;
  }

  resume(): void {
    for (let wanted = true; wanted && !this.cancelled;) {
      if (this.written === chunkCount) {
        this.#sink?.end();
        return;
      }
      wanted = this.#sink?.write(chunk(this.written++), this.#take) ?? false;
    }
  }

  cancel(): void {
    this.cancelled = true;
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return expect.unreachable('it can push');
  }

  readonly #take = (bytes: Uint8Array): void => {
    if (bytes[0] !== (this.spent & 0xff)) this.outOfOrder = true;
    bytes.fill(0xee);
    this.spent++;
  };
}

/** Each is another from its first byte to its last. */
function chunk(n: number): Buffer {
  const words = new Uint32Array(chunkBytes / 4);
  for (let at = 0; at < words.length; at++) words[at] = (at * 2_654_435_761) ^ (n * 40_503);
  const bytes = Buffer.from(words.buffer);
  bytes[0] = n & 0xff;
  return bytes;
}

async function serve(tls?: {
  readonly key: string;
  readonly cert: string;
}): Promise<{ readonly port: number; readonly body: Scribbling }> {
  const body = new Scribbling();
  let seen = 0;
  const { port, close } = await startHttpServer({
    handler: () => ({
      status: 200,
      headers: new HeaderList(['content-length', `${chunkBytes * chunkCount}`]),
      // as the access log looks on
      body: tapBody(body, { chunk: (bytes) => (seen += bytes.length), end: () => expect(seen).toBeGreaterThan(0) }),
    }),
    host: '127.0.0.1',
    port: 0,
    clock: systemClock,
    logger: { log: () => undefined },
    limits: { closeTimeoutMs: 500 },
    tls,
  });
  onTestFinished(close);
  return { port, body };
}

it.each([
  ['in the clear', undefined],
  ['over TLS', selfSigned()],
] as const)('Content is spent when it has left, not before: %s, to a client that stops reading', async (_how, tls) => {
  const { port, body } = await serve(tls);
  const socket: Socket = tls === undefined ? connect(port, '127.0.0.1') : connectTls({ port, host: '127.0.0.1', ca: tls.cert });
  onTestFinished(() => void socket.destroy());
  await once(socket, tls === undefined ? 'connect' : 'secureConnect');
  socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  socket.pause();
  await expect.poll(() => body.spent, { timeout: 20_000 }).toBeGreaterThan(0);
  let held = -1;
  // what the system takes in for a client that does not read, until nothing moves any more
  await expect.poll(() => held === (held = body.spent), { timeout: 20_000, interval: 300 }).toBe(true);
  expect(held).toBeLessThan(chunkCount);
  const parts: Buffer[] = [];
  let length = 0;
  socket.on('data', (bytes: Buffer) => {
    parts.push(bytes);
    length += bytes.length;
  });
  socket.resume();
  await expect.poll(() => length, { timeout: 60_000 }).toBeGreaterThan(chunkBytes * chunkCount);
  const received = Buffer.concat(parts);
  const start = received.indexOf('\r\n\r\n') + 4;
  const wrong = Array.from({ length: chunkCount }, (_, n) => n).filter(
    (n) => !received.subarray(start + n * chunkBytes, start + (n + 1) * chunkBytes).equals(chunk(n)),
  );
  expect(wrong).toEqual([]);
  await expect.poll(() => body.spent).toBe(chunkCount);
  expect(body.outOfOrder).toBe(false);
});

it('What a client that leaves did not get is not spent', async () => {
  const { port, body } = await serve();
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  socket.pause();
  await expect.poll(() => body.spent, { timeout: 20_000 }).toBeGreaterThan(0);
  socket.destroy();
  await expect.poll(() => body.cancelled, { timeout: 20_000 }).toBe(true);
  // whatever is still to be said of what was on its way
  for (let turn = 0; turn < 10; turn++) await new Promise((later) => setImmediate(later));
  expect(body.spent).toBeLessThan(body.written);
});
