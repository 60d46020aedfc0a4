import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { readMessage } from '../probe/wire.ts';
import type { Message } from '../probe/wire.ts';

/** A request whose header section has come; its content may not have. */
export interface Http1Asked {
  readonly method: string;
  readonly target: string;
  readonly fields: Message['fields'];
  /** Runs when the request is whole: at once, when it is. */
  whenWhole(work: (content: string) => void): void;
}

/** One connection of a backend that writes its bytes by hand. Text is latin1: one character a byte. */
export class Http1Peer {
  readonly socket: Socket;
  /** From 1. */
  readonly connection: number;
  readonly #onRequest: (peer: Http1Peer, asked: Http1Asked) => void;
  #text = '';
  #content: string | undefined;
  #whenWhole: ((content: string) => void)[] | undefined;

  constructor(socket: Socket, connection: number, onRequest: (peer: Http1Peer, asked: Http1Asked) => void) {
    this.socket = socket;
    this.connection = connection;
    this.#onRequest = onRequest;
  }

  write(text: string): void {
    if (this.socket.writable) this.socket.write(text, 'latin1');
  }

  read(chunk: string): void {
    this.#text += chunk;
    for (;;) {
      const message = readMessage(this.#text);
      if (message === undefined) return;
      if (this.#whenWhole === undefined) this.#begin(message);
      if (!message.complete) return;
      this.#text = message.rest;
      const works = this.#whenWhole ?? [];
      this.#content = message.body;
      this.#whenWhole = undefined;
      for (const work of works) work(message.body);
    }
  }

  #begin({ start, fields }: Message): void {
    const [method = '', target = ''] = start.split(' ');
    const works: ((content: string) => void)[] = [];
    this.#whenWhole = works;
    this.#onRequest(this, {
      method,
      target,
      fields,
      whenWhole: (work) => {
        if (this.#whenWhole === works) works.push(work);
        else work(this.#content ?? '');
      },
    });
  }
}

export interface HostileHttp1Script {
  readonly onConnection?: ((peer: Http1Peer) => void) | undefined;
  readonly onRequest: (peer: Http1Peer, asked: Http1Asked) => void;
}

/** A backend that speaks HTTP/1.1 as its script wants it. It reads leniently, as those do that get smuggled to. */
export class HostileHttp1Backend {
  readonly sockets: Socket[] = [];
  readonly #server: Server;

  constructor({ onConnection, onRequest }: HostileHttp1Script) {
    // it says nothing of its own accord, not even that it has ended
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      this.sockets.push(socket);
      socket.setEncoding('latin1');
      socket.on('error', () => undefined);
      const peer = new Http1Peer(socket, this.sockets.length, onRequest);
      socket.on('data', (chunk: string) => {
        peer.read(chunk);
      });
      onConnection?.(peer);
    });
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
