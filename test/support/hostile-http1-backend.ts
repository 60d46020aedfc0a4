import type { Socket } from 'node:net';
import { readMessage } from '../probe/wire.ts';
import type { Message } from '../probe/wire.ts';
import { SilentServer } from './silent-server.ts';

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
export function hostileHttp1Backend({ onConnection, onRequest }: HostileHttp1Script): SilentServer {
  return new SilentServer({
    onConnection: (socket, connection) => {
      socket.setEncoding('latin1');
      const peer = new Http1Peer(socket, connection, onRequest);
      socket.on('data', (chunk: string) => {
        peer.read(chunk);
      });
      onConnection?.(peer);
    },
  });
}
