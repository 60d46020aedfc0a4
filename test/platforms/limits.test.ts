import { get } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { maxAlbResultBytes } from '../../adapters/aws/alb-codec.ts';
import { maxLambdaResultBytes } from '../../adapters/aws/lambda-http-codec.ts';
import type { RouteConfiguration } from '../../core/proxy/configuration.ts';
import type { OriginScript } from '../probe/origin.ts';
import { responseText } from '../probe/arena.ts';
import { allFronts, frontScene } from '../support/front-scene.ts';
import type { FrontScene } from '../support/front-scene.ts';
import type { Front } from '../support/fronts.ts';

/** Limits of routes and platforms, through events and sockets: answered by us before a platform cuts anything off. */

const scene = (name: string, script: OriginScript, route: Partial<RouteConfiguration> = {}): Promise<FrontScene> =>
  frontScene(name, { script, more: () => ({ routes: [{ id: 'all', upstream: 'origin', ...route }] }) });

const all = allFronts;
const lambdas = all.filter((name) => name.startsWith('aws'));
const ok: OriginScript = { onRequest: (_seen, socket) => socket.write(responseText(200)) };
const problem = (type: string): RegExp => new RegExp(`"type":"https://portolan\\.dev/problems/${type}"`);

describe.each(all)('through %s', (name) => {
  it.each(['text/plain', 'application/octet-stream'])(
    'content over the route’s limit is 413, and reaches nobody: %s (R1)',
    async (type) => {
      const { front, origin } = await scene(name, ok, { maxRequestBytes: 1_000 });
      const ask = (length: number): ReturnType<Front['ask']> =>
        front.ask({
          method: 'POST',
          target: '/',
          fields: [['content-type', type]],
          body: Buffer.alloc(length, type === 'text/plain' ? 'a' : 0xff),
        });
      const refused = await ask(1_001);
      expect([refused.status, refused.error]).toEqual([413, 'http_request_error']);
      expect(refused.body).toMatch(problem('content-too-large'));
      expect(origin.requests).toHaveLength(0);
      expect((await ask(1_000)).status).toBe(200);
      expect(origin.last.body).toHaveLength(1_000);
    },
  );

  it('a header section over the route’s limit is 431, and reaches nobody', async () => {
    const { front, origin } = await scene(name, ok, { maxRequestFieldBytes: 2_000 });
    const refused = await front.ask({ target: '/', fields: [['x-long', 'x'.repeat(2_000)]] });
    expect([refused.status, refused.error]).toEqual([431, 'http_request_error']);
    expect(refused.body).toMatch(problem('header-fields-too-large'));
    expect(origin.sockets).toHaveLength(0);
    expect((await front.ask({ target: '/', fields: [['x-long', 'x'.repeat(1_000)]] })).status).toBe(200);
  });
});

describe('an answer over what the platform carries', () => {
  const limitOf = (name: string): number => (name.startsWith('aws-alb') ? maxAlbResultBytes : maxLambdaResultBytes);

  it.each(lambdas)('is a problem, never cut, and the next one is served: %s (R6)', async (name) => {
    // Bytes that are no text come as base64, a third longer.
    const most = Math.floor((limitOf(name) - 2_000) / 4) * 3;
    const { front, gateway } = await scene(name, {
      onRequest: ({ target }, socket) => {
        const body = '\xff'.repeat(target === '/over' ? most + 4_000 : most);
        socket.write(responseText(200, ['Content-Type: application/octet-stream'], body), 'latin1');
      },
    });
    const over = await front.ask('/over');
    expect(over.status).toBe(500);
    expect(over.body).toMatch(problem('response-too-large'));
    expect(gateway.logged.map(({ event }) => event)).toContain('lambda.response_too_large');
    const { status, body } = await front.ask('/most');
    expect([status, body.length, body === '\xff'.repeat(most)]).toEqual([200, most, true]);
  });

  it.each(lambdas)('that never ends is not gathered for ever: %s', async (name) => {
    const { front, origin } = await scene(name, {
      onRequest: (_seen, socket) => {
        socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
        const chunk = `8000\r\n${'x'.repeat(0x8000)}\r\n`;
        const more = (): void => {
          while (!socket.destroyed && socket.write(chunk));
        };
        socket.on('drain', more);
        more();
      },
    });
    const { status, body } = await front.ask('/');
    expect(status).toBe(500);
    expect(body).toMatch(problem('response-too-large'));
    await expect.poll(() => origin.sockets.every(({ destroyed }) => destroyed)).toBe(true);
  });

  it.each(['server', 'gcp'])('passes as a stream where there is one: %s', async (name) => {
    const length = 33_554_432 + 1;
    const { front } = await scene(name, {
      onRequest: (_seen, socket) =>
        socket.write(responseText(200, ['Content-Type: application/octet-stream'], 'x'.repeat(length)), 'latin1'),
    });
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      get({ port: front.port, host: '127.0.0.1', agent: false }, resolve).on('error', reject);
    });
    let received = 0;
    for await (const chunk of answer) received += (chunk as Buffer).length;
    expect([answer.statusCode, received, answer.complete]).toEqual([200, length, true]);
    // Google takes as much only in chunks.
    expect([answer.headers['content-length'], answer.headers['transfer-encoding']]).toEqual(
      name === 'gcp' ? [undefined, 'chunked'] : [`${length}`, undefined],
    );
  });
});
