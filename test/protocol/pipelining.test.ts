import { describe, expect, it, onTestFinished } from 'vitest';
import { Connection, requestText, responseText } from '../probe/arena.ts';
import { Origin } from '../probe/origin.ts';
import { readResponses } from '../probe/wire.ts';
import { startStack } from './stack.ts';
import type { Stack } from './stack.ts';

/** Requests that do not wait for the answers before them (RFC 9112 section 9.3.2): each gets its own, in order, whatever follows. */

interface Scene {
  readonly stack: Stack;
  readonly origin: Origin;
  readonly connection: Connection;
  /** Lets the answers to `/slow` go. */
  release(): void;
}

async function scene(closeTimeoutMs = 1_000): Promise<Scene> {
  const held: (() => void)[] = [];
  const origin = new Origin({
    onRequest: ({ target, field }, socket) => {
      const answer = (): void => void socket.write(responseText(200, [], `${target} ${field('upgrade') ?? 'plain'}`));
      if (target === '/slow') held.push(answer);
      else answer();
    },
  });
  const stack = await startStack(`http://127.0.0.1:${await origin.listen()}`, { server: { limits: { closeTimeoutMs } } });
  onTestFinished(() => origin.close());
  const connection = new Connection(stack.port);
  onTestFinished(() => {
    connection.destroy();
  });
  return {
    stack,
    origin,
    connection,
    release() {
      for (const answer of held.splice(0)) answer();
    },
  };
}

const keep = ['Connection: keep-alive'];
const slow = requestText('GET /slow', keep);

async function answersTo({ connection, origin, release }: Scene, text: string): Promise<readonly (readonly [number, string])[]> {
  connection.write(text);
  const asked = origin.until(() => origin.requests.some(({ target }) => target === '/slow'));
  await Promise.race([asked, connection.closed()]);
  // Time for whatever might overtake.
  await new Promise((resolve) => setTimeout(resolve, 30));
  expect(connection.text).toBe('');
  release();
  await connection.closed();
  return readResponses(connection.text, 'GET', true).map(
    ({ status, body, complete }) => [status, complete ? body : 'cut'] as const,
  );
}

async function stillHonest({ stack }: Scene): Promise<void> {
  const honest = new Connection(stack.port);
  honest.write(requestText('GET /honest'));
  expect((await honest.answer()).body).toBe('/honest plain');
}

describe('behind a request that is not answered yet', () => {
  it.each([
    ['a wish for another protocol', 200, requestText('GET /ws', ['Connection: Upgrade, close', 'Upgrade: websocket'])],
    ['an ill-formed wish', 400, 'GET /ws HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'],
    ['an unknown method', 501, requestText('BREW /pot')],
    ['garbage', 400, 'what is this\r\n\r\n'],
    ['a header section that is too large', 431, `GET / HTTP/1.1\r\nHost: a\r\nX-Long: ${'x'.repeat(20_000)}\r\n\r\n`],
    ['a request of unknown expectations', 417, requestText('GET /late', ['Expect: the unexpected'])],
  ])('%s waits for its turn, and is then answered %i', async (_, expected, second) => {
    const here = await scene();
    const [first, next, ...others] = await answersTo(here, slow + second);
    expect(first).toEqual([200, '/slow plain']);
    expect([next?.[0], others]).toEqual([expected, []]);
    if (expected === 200) expect(next).toEqual([200, '/ws plain']);
    await stillHonest(here);
  });

  it('CONNECT ends the connection, with nothing said that could be taken for the answer', async () => {
    const here = await scene();
    const answers = await answersTo(here, slow + requestText('CONNECT other.example:443', ['Host: other.example:443']));
    expect(answers).toEqual([]);
    await stillHonest(here);
  });

  it('a chunk that is none is the fault of its own request', async () => {
    const { connection, origin } = await scene();
    connection.write(`${requestText('POST /own', ['Transfer-Encoding: chunked', 'Connection: keep-alive'])}3\r\nabc\r\nzz\r\n`);
    await connection.closed();
    expect(readResponses(connection.text, 'POST', true).map(({ status }) => status)).toEqual([400]);
    expect(origin.requests).toHaveLength(0);
  });

  it('all that wait are given up when the client goes, and nothing holds the server open', { timeout: 20_000 }, async () => {
    const { stack, origin, connection } = await scene(120_000);
    connection.write(slow.repeat(4));
    await origin.until(() => origin.requests.length === 4);
    connection.destroy();
    await expect.poll(() => origin.sockets.every(({ destroyed }) => destroyed)).toBe(true);
    await expect.poll(() => stack.gateway.lines().map((line) => line['http.response.status_code'])).toEqual([499, 499, 499, 499]);
    await stack.close();
  });
});
