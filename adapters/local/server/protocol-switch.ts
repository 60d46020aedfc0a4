import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { unlessMoved } from '../../node/unless-moved.ts';
import type { Http2Front } from './http2-front.ts';

/** What a client that knows begins with (RFC 9113 section 3.4). */
const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

/**
 * Gives each connection to HTTP/1.1 or HTTP/2: by ALPN over TLS, by its first bytes in the clear.
 *
 * @param patienceMs for the first bytes to arrive
 * @returns what closes the connections on which nothing has been said yet
 */
export function switchProtocols(server: Server, encrypted: boolean, http2: Http2Front, patienceMs: number): () => void {
  const silent = new Set<Socket>();
  const event = encrypted ? 'secureConnection' : 'connection';
  // Node's own way with a connection, which the others keep going
  const [speakHttp1] = server.listeners(event) as ((this: Server, socket: Socket) => void)[];
  if (speakHttp1 === undefined) throw new TypeError('The server does not listen for connections');
  server.off(event, speakHttp1);
  server.on(event, (socket: Socket) => {
    if (encrypted) {
      if ((socket as TLSSocket).alpnProtocol === 'h2') http2.accept(socket);
      else speakHttp1.call(server, socket);
      return;
    }
    silent.add(socket);
    socket.once('close', () => silent.delete(socket));
    readFirst(socket, patienceMs, (isHttp2) => {
      silent.delete(socket);
      if (isHttp2) http2.accept(socket);
      else speakHttp1.call(server, socket);
    });
  });
  return () => {
    for (const socket of silent) socket.destroy();
  };
}

/** Looks at the first bytes and leaves them where they were. */
function readFirst(socket: Socket, patienceMs: number, tell: (isHttp2: boolean) => void): void {
  let seen: Buffer = Buffer.alloc(0);
  const settle = (isHttp2: boolean): void => {
    socket.off('readable', onReadable).off('error', onGone).off('close', onGone).off('end', onGone);
    socket.setTimeout(0).off('timeout', onLate);
    if (seen.length > 0) socket.unshift(seen);
    tell(isHttp2);
  };
  const onReadable = (): void => {
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) return;
    seen = seen.length === 0 ? chunk : Buffer.concat([seen, chunk]);
    const start = seen.toString('latin1', 0, preface.length);
    if (start.length < preface.length && preface.startsWith(start)) return;
    settle(start === preface);
  };
  const onGone = (): void => {
    socket.destroy();
  };
  const onLate = (): void => {
    // says what is to be said to a client that sends nothing
    unlessMoved(socket, () => settle(false));
  };
  socket.on('readable', onReadable).on('error', onGone).on('close', onGone).on('end', onGone);
  socket.setTimeout(patienceMs).on('timeout', onLate);
}
