import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startLocal } from '../../../../adapters/local/start-local.ts';
import type { Local } from '../../../../adapters/local/start-local.ts';

describe('a route of the plain server', () => {
  const folder = mkdtempSync(join(tmpdir(), 'portolan-limits-'));
  let local: Local;
  const backend = createServer({ maxHeaderSize: 65_536 }, (request, response) => {
    let bytes = 0;
    request.on('data', (chunk: Buffer) => (bytes += chunk.length));
    request.on('end', () => response.end(`${bytes} ${request.headers['x-wide']?.length ?? 0}`));
  });
  beforeAll(async () => {
    await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve));
    const { port } = backend.address() as AddressInfo;
    local = await startLocal({
      configuration: {
        upstreams: { backend: { url: `http://127.0.0.1:${port}`, allowPrivate: true } },
        routes: [
          {
            id: 'wide',
            match: { paths: ['/wide'] },
            upstream: 'backend',
            maxRequestBytes: 12_000_000,
            maxRequestFieldBytes: 32_768,
          },
          { id: 'all', upstream: 'backend' },
        ],
      },
      dataFolder: folder,
      host: '127.0.0.1',
      port: 0,
      gatewayPort: 0,
      logSink: () => undefined,
      env: {},
    });
  });
  afterAll(async () => {
    await local.close();
    backend.close().closeAllConnections();
    rmSync(folder, { recursive: true });
  });

  const send = async (path: string, bytes: number, fieldBytes = 0): Promise<readonly [number, string]> => {
    const response = await fetch(`http://127.0.0.1:${local.port}${path}`, {
      method: 'PUT',
      body: Buffer.alloc(bytes),
      headers: { 'x-wide': 'a'.repeat(fieldBytes) },
    });
    return [response.status, await response.text()];
  };

  it('takes the content and the fields that it is configured for, and no more', async () => {
    expect(await send('/wide', 11_000_000, 30_000)).toEqual([200, '11000000 30000']);
    expect((await send('/wide', 12_000_001))[0]).toBe(413);
    expect((await send('/wide', 1, 33_000))[0]).toBe(431);
  });

  it('takes 10 MiB and 16 KiB where it says nothing', async () => {
    expect(await send('/', 10_485_760, 16_000)).toEqual([200, '10485760 16000']);
    expect((await send('/', 10_485_761))[0]).toBe(413);
    expect((await send('/', 1, 20_000))[0]).toBe(431);
  });
});
