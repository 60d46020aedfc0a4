import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { Origin } from '../probe/origin.ts';
import { responseText } from '../probe/arena.ts';
import {
  clientPreface,
  fieldBlock,
  flag,
  frame,
  FrameReader,
  frameType,
  settings,
  settingsAck,
  uint32,
} from '../support/http2-frames.ts';
import type { Frame } from '../support/http2-frames.ts';
import { startStack } from './stack.ts';
import type { Stack, StackOptions } from './stack.ts';

/** Clients that write their frames by hand, and do what no library would. */
class RawClient {
  readonly socket: Socket;
  readonly frames: Frame[] = [];

  constructor({ port }: Stack, ...own: readonly (readonly [id: number, value: number])[]) {
    this.socket = connect({ host: '127.0.0.1', port, noDelay: true });
    onTestFinished(() => void this.socket.destroy());
    const reader = new FrameReader(false);
    this.socket.on('error', () => undefined);
    this.socket.on('data', (chunk) => {
      for (const received of reader.push(chunk)) {
        this.frames.push(received);
        if (received.type === frameType.settings && (received.flags & flag.ack) === 0) this.socket.write(settingsAck);
      }
    });
    this.socket.write(Buffer.concat([clientPreface, settings(...own)]));
  }

  ask(stream: number, method: string, path: string, flags: number = flag.endStream): void {
    const fields = fieldBlock([':method', method], [':scheme', 'http'], [':authority', 'api.example'], [':path', path]);
    this.send(frame(frameType.headers, flag.endHeaders | flags, stream, fields));
  }

  send(...frames: readonly Buffer[]): void {
    this.socket.write(Buffer.concat(frames));
  }

  reset(stream: number, code: number): void {
    this.send(frame(frameType.rstStream, 0, stream, uint32(code)));
  }

  async until(type: number, stream: number): Promise<void> {
    await vi.waitUntil(() => this.frames.some((one) => one.type === type && one.stream === stream), { timeout: 10_000 });
  }
}

/** A server that would wait longer than any test for what is under way. */
async function patientStack(content: number, options: StackOptions = {}): Promise<Stack> {
  const origin = new Origin({ onRequest: (_seen, socket) => socket.write(responseText(200, [], 'x'.repeat(content))) });
  const port = await origin.listen();
  onTestFinished(() => origin.close());
  return startStack(`http://127.0.0.1:${port}`, {
    ...options,
    server: { ...options.server, limits: { closeTimeoutMs: 600_000, ...options.server?.limits } },
  });
}

/** SETTINGS_INITIAL_WINDOW_SIZE */
const window = 4;

describe('An exchange over HTTP/2 is over', () => {
  it.each([0, 2, 5, 8])('when its client resets it with %d while the end of the answer waits for the window', async (code) => {
    const stack = await patientStack(1_000);
    const client = new RawClient(stack, [window, 100]);
    client.ask(1, 'GET', '/');
    await client.until(frameType.data, 1);
    client.reset(1, code);
    client.ask(3, 'GET', '/');
    await client.until(frameType.data, 3);
    client.reset(3, code);
    await stack.close();
    expect(stack.gateway.logged.filter(({ event }) => event === 'http_server.cut')).toEqual([]);
  });

  it.each([0, 8])('when its client resets it with %d, and nobody has read what it sent', async (code) => {
    const stack = await patientStack(0, { route: { upstream: undefined, respond: { status: 200, body: 'y'.repeat(1_000) } } });
    const client = new RawClient(stack, [window, 100]);
    client.ask(1, 'POST', '/', 0);
    client.send(frame(frameType.data, 0, 1, Buffer.alloc(1_000)));
    await client.until(frameType.data, 1);
    client.send(frame(frameType.data, 0, 1, Buffer.alloc(1_000)));
    client.reset(1, code);
    await stack.close();
    expect(stack.gateway.logged.filter(({ event }) => event === 'http_server.cut')).toEqual([]);
  });

  it('when nothing of its answer is taken for as long as may be', async () => {
    const stack = await patientStack(1_000, { server: { limits: { sendTimeoutMs: 300 } } });
    const client = new RawClient(stack, [window, 100]);
    client.ask(1, 'GET', '/');
    await client.until(frameType.rstStream, 1);
    await stack.close();
    expect(stack.gateway.logged.filter(({ event }) => event === 'http_server.cut')).toEqual([]);
  });

  it('when its client closes its side of the connection while the answer waits for the window', async () => {
    const stack = await patientStack(1_000);
    const client = new RawClient(stack, [window, 100]);
    client.ask(1, 'GET', '/');
    await client.until(frameType.data, 1);
    client.socket.end();
    await once(client.socket, 'close');
    await stack.close();
    expect(stack.gateway.logged.filter(({ event }) => event === 'http_server.cut')).toEqual([]);
  });

  it('when its content does not come in time: its client is told, and has room for others', async () => {
    const origin = new Origin({});
    const port = await origin.listen();
    onTestFinished(() => origin.close());
    const stack = await startStack(`http://127.0.0.1:${port}`, {
      server: { limits: { headersTimeoutMs: 200, requestTimeoutMs: 200 } },
    });
    const client = new RawClient(stack);
    client.ask(1, 'POST', '/', 0);
    await client.until(frameType.rstStream, 1);
    await stack.close();
    expect(stack.gateway.logged.filter(({ event }) => event === 'http_server.cut')).toEqual([]);
  });
});

it('a WebSocket over HTTP/2 (RFC 8441), which is not offered, is refused, and the connection goes on', async () => {
  const stack = await patientStack(10);
  const client = new RawClient(stack);
  const fields = fieldBlock(
    ...([
      [':method', 'CONNECT'],
      [':protocol', 'websocket'],
      [':scheme', 'http'],
      [':authority', 'api.example'],
      [':path', '/'],
    ] as const),
  );
  client.send(frame(frameType.headers, flag.endHeaders, 1, fields));
  await client.until(frameType.rstStream, 1);
  client.ask(3, 'GET', '/');
  await client.until(frameType.data, 3);
  await stack.close();
  // SETTINGS_ENABLE_CONNECT_PROTOCOL
  const offered = client.frames
    .filter(({ type, flags }) => type === frameType.settings && flags === 0)
    .map(({ payload }) => payload);
  expect(offered.some((payload) => [...Array(payload.length / 6).keys()].some((at) => payload.readUInt16BE(6 * at) === 8))).toBe(
    false,
  );
});
