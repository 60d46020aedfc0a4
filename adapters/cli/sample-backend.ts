import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ProxyConfiguration } from '../../core/proxy/configuration.ts';

export interface SampleBackend {
  readonly port: number;
  close(): Promise<void>;
}

/**
 * A backend to try the gateway with: tells each request as it arrived; `/events` streams, `/status/503` answers with that status.
 */
export async function startSampleBackend(): Promise<SampleBackend> {
  const server = createServer((request, response) => {
    const path = request.url ?? '/';
    const [, wanted] = /^\/status\/([2-5]\d\d)$/.exec(path) ?? [];
    if (path === '/events') {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      let sent = 0;
      const timer = setInterval(() => {
        response.write(`data: ${new Date().toISOString()}\n\n`);
        if (++sent === 10) response.end();
      }, 1_000);
      response.on('close', () => {
        clearInterval(timer);
      });
      return;
    }
    let bytes = 0;
    request.on('data', (chunk: Uint8Array) => {
      bytes += chunk.length;
    });
    request.on('end', () => {
      const body = { backend: 'sample', method: request.method, path, headers: request.headers, bytes };
      response.writeHead(Number(wanted ?? 200), { 'content-type': 'application/json' });
      response.end(`${JSON.stringify(body, null, 2)}\n`);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

/** What sends `/sample/...` there. */
export function sampleRoutes({ port }: SampleBackend): ProxyConfiguration {
  const backend = `127.0.0.1:${port}`;
  return {
    upstreams: { sample: { url: `http://${backend}`, allow: [backend] } },
    routes: [{ id: 'sample', match: { paths: ['/sample/*'] }, upstream: 'sample', rewrite: { stripPrefix: '/sample' } }],
  };
}
