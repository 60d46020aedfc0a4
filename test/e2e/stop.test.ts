import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import { connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startPortolan } from '../support/local/portolan-process.ts';
import type { RunningPortolan } from '../support/local/portolan-process.ts';

describe('portolan dev that is told to stop', () => {
  const folder = mkdtempSync(join(tmpdir(), 'portolan-'));
  const configuration = join(folder, 'portolan.yaml');
  const waiting: ServerResponse[] = [];
  // begins its answers, and ends them when told to
  const backend = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/plain' });
    response.write('first ');
    waiting.push(response);
  });

  beforeAll(async () => {
    backend.listen(0, '127.0.0.1');
    await once(backend, 'listening');
    const { port } = backend.address() as AddressInfo;
    writeFileSync(
      configuration,
      `upstreams: { slow: { url: 'http://127.0.0.1:${port}', allowPrivate: true } }\nroutes: [{ id: all, upstream: slow }]\n`,
    );
  });
  afterAll(() => {
    backend.closeAllConnections();
    backend.close();
    rmSync(folder, { recursive: true });
  });

  const start = (...args: readonly string[]): Promise<RunningPortolan> =>
    startPortolan(['--data', join(folder, 'data'), '--config', configuration, ...args]);

  const addressOf = ({ greeting }: RunningPortolan): string => /reverse proxy\s+(\S+)/.exec(greeting)?.[1] ?? '';

  /** A request whose answer has begun. */
  const begin = async (running: RunningPortolan): Promise<{ readonly socket: Socket; readonly text: () => string }> => {
    const { hostname, port } = new URL(addressOf(running));
    const socket = connect(Number(port), hostname);
    let received = '';
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => (received += chunk.toString()));
    socket.write('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n');
    await expect.poll(() => received).toContain('first ');
    return { socket, text: () => received };
  };
  const stopping = async (running: RunningPortolan): Promise<void> => {
    await expect.poll(() => running.output()).toContain('Stopping');
  };

  test.each(['SIGTERM', 'SIGINT'] as const)(
    'by %s finishes what is under way, refuses what is new, and ends with code 0',
    async (signal) => {
      const running = await start();
      const { socket, text } = await begin(running);
      running.process.kill(signal);
      await stopping(running);
      await expect(fetch(addressOf(running))).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } });
      const closed = once(socket, 'close');
      waiting.pop()?.end('last');
      await closed;
      expect(text()).toMatch(/first [^]*last\r\n0\r\n\r\n$/);
      expect(await running.ended).toBe(0);
      expect(running.output()).toContain('"event":"http.request"');
    },
  );

  test('cuts what goes on for too long, and says so', async () => {
    const running = await start('--drain-seconds', '1');
    const { socket, text } = await begin(running);
    const closed = once(socket, 'close');
    running.process.kill('SIGTERM');
    await closed;
    expect(text()).not.toMatch(/0\r\n\r\n$/);
    expect(await running.ended).toBe(0);
    expect(running.output()).toMatch(/"event":"http_server\.cut"[^\n]*"running":1/);
  });

  test('with a delay is not ready, and serves on, one request a connection, until a second signal comes', async () => {
    const running = await start('--drain-delay-seconds', '3600');
    const ready = async (): Promise<number> => (await fetch(`${addressOf(running)}/readyz`)).status;
    expect(await ready()).toBe(200);
    running.process.kill('SIGTERM');
    await expect.poll(ready).toBe(503);
    const { socket, text } = await begin(running);
    const closed = once(socket, 'close');
    waiting.pop()?.end('last');
    await closed;
    expect(text()).toMatch(/connection: close\r\n[^]*first [^]*last\r\n0\r\n\r\n$/i);
    await expect.poll(() => (running.process.kill('SIGTERM'), running.process.exitCode)).toBe(0);
  });

  test('refuses what is new when the delay is over', async () => {
    const running = await start('--drain-delay-seconds', '1');
    const { socket } = await begin(running);
    running.process.kill('SIGTERM');
    const connects = (): Promise<unknown> =>
      fetch(`${addressOf(running)}/livez`).catch(({ cause }: Error) => (cause as NodeJS.ErrnoException).code);
    await expect.poll(connects, { timeout: 20_000 }).toBe('ECONNREFUSED');
    expect(running.process.exitCode).toBe(null);
    waiting.pop()?.end('last');
    await once(socket, 'close');
    expect(await running.ended).toBe(0);
  });

  test('a second time ends at once', async () => {
    const running = await start();
    await begin(running);
    running.process.kill('SIGINT');
    await stopping(running);
    // what comes within a moment counts as the same signal, passed on by a wrapper
    await expect.poll(() => (running.process.kill('SIGINT'), running.process.exitCode)).toBe(0);
    await running.ended;
    expect(running.output()).not.toContain('http_server.cut');
  });

  test('refuses a time that is none', async () => {
    await expect(start('--drain-seconds', 'soon')).rejects.toThrow('--drain-seconds must be a whole number from 0 to 86400');
    await expect(start('--drain-delay-seconds', '1.5')).rejects.toThrow(
      '--drain-delay-seconds must be a whole number from 0 to 86400',
    );
  });
});
