import { createServer } from 'node:http';
import type { RequestListener, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { callControlApi } from '../../../adapters/cli/control-api.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections();
});

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const call = (url: string, key = 'ptl_key') => callControlApi({ url, key }, 'PUT', '/v1/configuration', { routes: [] });

describe('a command that calls the control API', () => {
  it('tells what a problem says, with its places', async () => {
    const url = await serve((_request, response) => {
      response.writeHead(422, { 'content-type': 'application/problem+json' });
      response.end(
        JSON.stringify({ title: 'Not right', detail: 'Nothing was changed.', errors: [{ pointer: '/a', detail: 'is b' }] }),
      );
    });
    await expect(call(url)).rejects.toMatchObject({ exitCode: 1, message: '422 Not right; Nothing was changed.; /a is b' });
  });

  it('says what a gateway without a control API lacks, whose answer is that it has no such route', async () => {
    const url = await serve((_request, response) => {
      response.writeHead(404, { 'content-type': 'application/problem+json' });
      response.end(JSON.stringify({ type: 'https://portolan.dev/problems/no-route', title: 'No route fits', status: 404 }));
    });
    await expect(call(url)).rejects.toMatchObject({ exitCode: 1, message: expect.stringContaining('has no auth') as string });
  });

  it.each([
    [200, '<html>a web page'],
    [200, '{"cut'],
    [200, ''],
    [502, '{ "cut'],
    [404, '<html>not here'],
  ])('takes %i with %j for what it is: no answer of Portolan', async (status, body) => {
    const url = await serve((_request, response) => {
      response.writeHead(status, { 'content-type': 'text/html' });
      response.end(body);
    });
    await expect(call(url)).rejects.toMatchObject({
      exitCode: 1,
      message: `${status} from ${url}, which is no answer of Portolan: is --url right?`,
    });
  });

  it('follows no redirect, which would take key and configuration elsewhere', async () => {
    let asked = 0;
    const elsewhere = await serve((_request, response) => {
      asked++;
      response.end('{}');
    });
    const url = await serve((_request, response) => {
      response.writeHead(307, { location: elsewhere });
      response.end();
    });
    await expect(call(url)).rejects.toMatchObject({ exitCode: 1, message: `307 from ${url}, which leads to ${elsewhere}` });
    expect(asked).toBe(0);
  });

  it('refuses a key that no header can hold, without showing it', async () => {
    for (const key of ['ptl_a\nb', 'ptl_ü', '']) {
      const error: unknown = await call('http://127.0.0.1:1', key).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ exitCode: 2, message: 'The API key is none: it looks like ptl_<id>_<secret>' });
    }
  });

  it('does not take a URL with credentials, which would go into histories and logs', async () => {
    await expect(call('http://user:secret@127.0.0.1:1')).rejects.toMatchObject({ exitCode: 2 });
  });
});
