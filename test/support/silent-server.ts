import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';

export interface SilentServerOptions {
  readonly onConnection: (socket: Socket, connection: number) => void;
  /** Over TLS; default in the clear. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly ALPNProtocols: string[] } | undefined;
}

/** A server on loopback that says nothing of its own accord, not even that it has ended: what a hostile backend stands on. */
export class SilentServer {
  readonly sockets: Socket[] = [];
  readonly #server: Server;

  constructor({ onConnection, tls }: SilentServerOptions) {
    const accept = (socket: Socket): void => {
      this.sockets.push(socket);
      socket.on('error', () => undefined);
      onConnection(socket, this.sockets.length);
    };
    const options = { allowHalfOpen: true, noDelay: true };
    this.#server = tls === undefined ? createServer(options, accept) : createTlsServer({ ...options, ...tls }, accept);
    this.#server.on('tlsClientError', () => undefined);
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => {
      this.#server.listen(0, '127.0.0.1', resolve);
    });
    return (this.#server.address() as AddressInfo).port;
  }

  /** Connections that the other side still holds. */
  get open(): number {
    for (const socket of this.sockets) socket.resume();
    return this.sockets.filter(({ destroyed, readableEnded }) => !destroyed && !readableEnded).length;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
