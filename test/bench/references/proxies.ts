/** Reverse proxies that Portolan is compared with. Each listens on a free port of loopback and forwards everything to `upstream`. */
import { Agent, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** @param upstream `http://127.0.0.1:1234`; answers the port */
export type StartProxy = (upstream: string) => Promise<number>;

const ofConnection = new Set(['connection', 'keep-alive', 'transfer-encoding', 'proxy-connection', 'upgrade']);

/** `node:http` in front, undici's `dispatch` behind, fields and chunks passed on as they come: the least a Node proxy can do. */
const bare: StartProxy = async (upstream) => {
  const { Pool } = await import('undici');
  const pool = new Pool(upstream);
  const server = createServer((request, response) => {
    const { method = '', url: path = '', rawHeaders } = request;
    const hasContent = 'content-length' in request.headers || 'transfer-encoding' in request.headers;
    pool.dispatch(
      { method: method as 'GET', path, headers: endToEnd(rawHeaders), body: hasContent ? request : null },
      {
        onRequestStart(controller) {
          response.on('drain', () => {
            controller.resume();
          });
          response.once('close', () => {
            if (!response.writableFinished) controller.abort(new Error('client gone'));
          });
        },
        onResponseStart(controller, status) {
          response.writeHead(status, endToEnd((controller.rawHeaders as readonly Buffer[]).map((part) => part.toString('latin1'))));
        },
        onResponseData(controller, chunk) {
          if (!response.write(chunk)) controller.pause();
        },
        onResponseEnd() {
          response.end();
        },
        onResponseError() {
          if (response.headersSent) response.destroy();
          else response.writeHead(502).end();
        },
      },
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
};

function endToEnd(fields: readonly string[]): string[] {
  const kept: string[] = [];
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at] ?? '';
    if (!ofConnection.has(name.toLowerCase())) kept.push(name, fields[at + 1] ?? '');
  }
  return kept;
}

const fastifyProxy: StartProxy = async (upstream) => {
  const [{ fastify }, { default: httpProxy }] = await Promise.all([import('fastify'), import('@fastify/http-proxy')]);
  const server = fastify();
  await server.register(httpProxy, { upstream });
  await server.listen({ host: '127.0.0.1', port: 0 });
  return (server.server.address() as AddressInfo).port;
};

const httpProxy3: StartProxy = async (upstream) => {
  const { createProxyServer } = await import('http-proxy-3');
  const proxy = createProxyServer({ target: upstream, agent: new Agent({ keepAlive: true }) });
  const server = createServer((request, response) => {
    proxy.web(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
};

export const proxies: Readonly<Record<'@fastify/http-proxy' | 'bare' | 'http-proxy-3', StartProxy>> = {
  bare,
  '@fastify/http-proxy': fastifyProxy,
  'http-proxy-3': httpProxy3,
};
