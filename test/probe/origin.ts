import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { readMessage, valueOf, valuesOf } from './wire.ts';
import type { Message } from './wire.ts';

/** A request as it reached the origin. */
export interface Seen extends Message {
  readonly method: string;
  readonly target: string;
  /** Which connection it came on, from 1. */
  readonly connection: number;
  field(name: string): string | undefined;
  all(name: string): readonly string[];
}

/** What the origin does. Sockets take latin1. */
export interface OriginScript {
  readonly onConnection?: (socket: Socket, count: number) => void;
  /** The header section is there, the content may not be. */
  readonly onHead?: (seen: Seen, socket: Socket, count: number) => void;
  /** The whole request is there. */
  readonly onRequest?: (seen: Seen, socket: Socket, count: number) => void;
}

/** A server on a raw socket that does as it is told, well-formed or not. */
export class Origin {
  readonly heads: Seen[] = [];
  readonly requests: Seen[] = [];
  readonly sockets: Socket[] = [];
  /** Everything that came, connection by connection. */
  readonly received: string[] = [];
  readonly #server: Server;
  #waiting: (() => void)[] = [];

  constructor(script: OriginScript) {
    this.#server = createServer((socket) => {
      socket.setEncoding('latin1');
      socket.on('error', () => undefined);
      socket.on('close', () => this.#changed());
      this.sockets.push(socket);
      const connection = this.sockets.length;
      this.received.push('');
      this.#changed();
      script.onConnection?.(socket, connection);
      let text = '';
      let headSeen = false;
      socket.on('data', (chunk: string) => {
        this.received[connection - 1] += chunk;
        text += chunk;
        for (;;) {
          const message = readMessage(text);
          if (message === undefined) break;
          const seen = toSeen(message, connection);
          if (!headSeen) {
            headSeen = true;
            this.heads.push(seen);
            script.onHead?.(seen, socket, this.heads.length);
          }
          if (!message.complete) break;
          headSeen = false;
          text = message.rest;
          this.requests.push(seen);
          script.onRequest?.(seen, socket, this.requests.length);
        }
        this.#changed();
      });
    });
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => {
      this.#server.listen(0, '127.0.0.1', resolve);
    });
    return (this.#server.address() as AddressInfo).port;
  }

  /** The last request. Fails when none arrived. */
  get last(): Seen {
    const seen = this.requests.at(-1) ?? this.heads.at(-1);
    if (seen === undefined) throw new Error('nothing reached the origin');
    return seen;
  }

  /** Resolves when `condition` holds; it is looked at whenever something happens here. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    }
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise<void>((resolve) => {
      this.#server.close(() => {
        resolve();
      });
    });
  }

  #changed(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }
}

function toSeen(message: Message, connection: number): Seen {
  const [method = '', target = ''] = message.start.split(' ');
  return {
    ...message,
    method,
    target,
    connection,
    field: (name) => valueOf(message.fields, name),
    all: (name) => valuesOf(message.fields, name),
  };
}
