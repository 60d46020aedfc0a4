import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startHttpServer } from '../../../../adapters/local/server/http-server.ts';
import type { HttpServer } from '../../../../adapters/local/server/http-server.ts';
import { systemClock } from '../../../../adapters/node/system-clock.ts';
import { HeaderList } from '../../../../core/http/header-list.ts';
import { createIssuer } from '../../../support/certificates.ts';
import type { Issuer } from '../../../support/certificates.ts';

describe('a connection without a finished TLS handshake', () => {
  let issuer: Issuer;
  beforeAll(() => {
    issuer = createIssuer();
  });
  afterAll(() => {
    issuer.remove();
  });
  const sockets: Socket[] = [];
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.destroy();
  });

  const serve = (http2: boolean, headersTimeoutMs = 10_000): Promise<HttpServer> =>
    startHttpServer({
      handler: () => ({ status: 200, headers: new HeaderList(), body: 'ok' }),
      host: '127.0.0.1',
      port: 0,
      clock: systemClock,
      logger: { log: () => undefined },
      tls: issuer.issue('DNS:localhost'),
      http2,
      limits: { headersTimeoutMs },
    });

  /** Connected, and everything sent; then somebody who does finish his handshake has been accepted after it. */
  const begin = async (port: number, sent: string): Promise<Socket> => {
    const socket = connect({ port, host: '127.0.0.1' });
    sockets.push(socket);
    await once(socket, 'connect');
    if (sent !== '') socket.write(sent, 'latin1');
    const honest = connectTls({ port, host: '127.0.0.1', servername: 'localhost', ca: issuer.ca });
    sockets.push(honest);
    await once(honest, 'secureConnect');
    return socket;
  };

  it.each([
    ['nothing was sent', '', true],
    ['it breaks off', '\x16\x03\x01\x02\x00\x01\x00', true],
    ['nothing was sent, over HTTP/1.1 alone', '', false],
    ['it breaks off, over HTTP/1.1 alone', '\x16\x03\x01\x02\x00\x01\x00', false],
  ])('does not hold up the end of the server: %s', async (_, sent, http2) => {
    const server = await serve(http2);
    const socket = await begin(server.port, sent);
    const closed = once(socket, 'close');
    await server.close();
    await closed;
    expect(socket.bytesRead).toBe(0);
  });

  it('ends when the time for it is over', async () => {
    const server = await serve(true, 100);
    const socket = connect({ port: server.port, host: '127.0.0.1' });
    sockets.push(socket);
    await once(socket.resume(), 'close');
    expect(socket.bytesRead).toBe(0);
    await server.close();
  });
});
