import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startLocal } from '../../../adapters/local/start-local.ts';
import type { RouteConfiguration } from '../../../core/proxy/configuration.ts';

const mebibyte = 1_024 * 1_024;

async function start(route: Partial<RouteConfiguration>, deadlines: number[] = []): Promise<number> {
  const dataFolder = mkdtempSync(join(tmpdir(), 'portolan-limits-'));
  onTestFinished(() => {
    rmSync(dataFolder, { recursive: true });
  });
  const { port, close } = await startLocal({
    configuration: { routes: [{ id: 'all', handler: 'count', ...route }] },
    dataFolder,
    host: '127.0.0.1',
    port: 0,
    gatewayPort: 0,
    logSink: () => undefined,
    env: {},
    handlers: {
      count: async (asked, { deadline }) => {
        deadlines.push(deadline - Date.now());
        return new Response(`${(await asked.arrayBuffer()).byteLength}`);
      },
    },
  });
  onTestFinished(close);
  return port;
}

function ask(port: number, content: Uint8Array | undefined, headers: Readonly<Record<string, string>> = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = request(
      { port, host: '127.0.0.1', method: content === undefined ? 'GET' : 'POST', headers, agent: false },
      (answer) => {
        let text = `${answer.statusCode} `;
        answer.on('data', (chunk: Buffer) => (text += chunk.toString())).on('end', () => resolve(text.slice(0, 20)));
      },
    );
    sent.on('error', reject);
    sent.end(content);
  });
}

describe('the limits of the plain server are the route’s', () => {
  it('for content: more than the default where the route takes it, and no more than that', async () => {
    const port = await start({ maxRequestBytes: 12 * mebibyte });
    expect(await ask(port, Buffer.alloc(12 * mebibyte))).toBe(`200 ${12 * mebibyte}`);
    const over = await ask(port, Buffer.alloc(12 * mebibyte + 1)).catch((error: NodeJS.ErrnoException) => error.code);
    // The answer may come before the content is sent, and the connection be closed under it.
    expect(over).toMatch(/^413 |^EPIPE$|^ECONNRESET$/);
    expect(await ask(await start({}), Buffer.alloc(10 * mebibyte))).toBe(`200 ${10 * mebibyte}`);
  });

  it('for header sections', async () => {
    const long = { 'x-long': 'x'.repeat(30_000) };
    expect(await ask(await start({ maxRequestFieldBytes: 40_000 }), undefined, long)).toBe('200 0');
    expect(await ask(await start({}), undefined, long)).toMatch(/^431 /);
  });

  it('for time: an hour, if the route says so', async () => {
    const deadlines: number[] = [];
    await ask(await start({ timeoutMs: 3_600_000 }, deadlines), undefined);
    await ask(await start({}, deadlines), undefined);
    expect(deadlines[0]).toBeGreaterThan(3_590_000);
    expect(deadlines[1]).toBeLessThanOrEqual(30_000);
  });
});
