import { ServerResponse } from 'node:http';
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { discardBody } from '../../../core/http/body.ts';
import { rejectedResponse } from '../../../core/http/reject.ts';
import { RequestRejected } from '../../../core/ports/index.ts';
import type { HttpResponse } from '../../../core/ports/index.ts';
import { unlessMoved, whenIdle } from '../../node/unless-moved.ts';
import { UpgradedSocket } from '../../node/upgraded-socket.ts';
import { readHead } from './http-message.ts';
import type { ReceivedHead } from './http-message.ts';
import { owedAnswer } from './owed-answer.ts';
import { rawInformational } from './raw-answer.ts';
import { writeResponse } from './response-writer.ts';
import type { Received, Serving } from './server-exchange.ts';

/**
 * A request that has content, or comes before an earlier one is answered, is served like any other, without a switch of protocols.
 */
export function mayUpgrade(message: IncomingMessage): boolean {
  const { headers, httpVersionMinor, socket } = message;
  const may =
    httpVersionMinor !== 0 &&
    headers['content-length'] === undefined &&
    headers['transfer-encoding'] === undefined &&
    owedAnswer(socket) === undefined;
  if (!may) servedLikeAnyOther.add(message);
  return may;
}

const servedLikeAnyOther = new WeakSet<IncomingMessage>();

/** Node throws away what came behind a request for another protocol, though it was not switched to: the connection is over with its answer. */
export function isLast(message: IncomingMessage): boolean {
  return servedLikeAnyOther.has(message);
}

/** Requests that ask for another protocol (RFC 9110 section 7.8), and the tunnels that some of them become. */
export class Upgrades {
  readonly #serving: Serving;
  readonly #encrypted: boolean;
  readonly #open = new Set<Duplex>();

  constructor(server: Server, serving: Serving, encrypted: boolean) {
    this.#serving = serving;
    this.#encrypted = encrypted;
    server.on('upgrade', (message: IncomingMessage, socket: Duplex, head: Buffer) => {
      this.#receive(message, socket, head);
    });
  }

  /** Tunnels end with the server: nothing tells how long they would go on. */
  close(): void {
    for (const socket of this.#open) socket.destroy();
  }

  #receive(message: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (owedAnswer(socket) !== undefined || !socket.writable) {
      // behind the last answer of the connection; or without the option that leaves this one to the ordinary way (Node 24.9)
      socket.on('error', () => undefined).destroy();
      return;
    }
    this.#open.add(socket);
    this.#serving.begin();
    socket.on('error', () => socket.destroy());
    socket.once('close', () => {
      this.#open.delete(socket);
    });
    let over = false;
    const end = (): void => {
      if (!over) this.#serving.end();
      over = true;
    };
    socket.once('close', end);
    let read: ReceivedHead;
    try {
      read = readHead(message);
      // without the option that leaves these to the ordinary way (Node 24.9) their content cannot be read
      if (!mayUpgrade(message)) throw new RequestRejected(400, 'A request for another protocol must not have content');
    } catch (error) {
      const rejection = error as RequestRejected;
      this.#serving.refused(rejection, message.socket.remoteAddress, message.method);
      this.#refuse(message, socket, rejectedResponse(rejection));
      return;
    }
    const received: Received = {
      request: read.request,
      body: undefined,
      trailers: undefined,
      peer: message.socket.remoteAddress,
      encrypted: this.#encrypted,
      protocolVersion: '1.1',
      canUpgrade: true,
      watchClient: (gone) => {
        socket.once('close', () => {
          if (!over) gone();
        });
      },
      sendInformational: undefined,
    };
    this.#serving.handle(received, (answer) => {
      if (answer.status === 101 && answer.upgraded instanceof UpgradedSocket) {
        this.#join(message, socket, head, answer, answer.upgraded);
        end();
      } else {
        answer.upgraded?.destroy();
        this.#refuse(message, socket, answer);
      }
    });
  }

  #join(message: IncomingMessage, client: Duplex, head: Uint8Array, answer: HttpResponse, upgraded: UpgradedSocket): void {
    const upstream = upgraded.socket;
    const upgrade = answer.headers.get('upgrade') ?? message.headers.upgrade ?? '';
    const fields = answer.headers.flat().filter((_, at, all) => !isOurs(all[at - (at % 2)] ?? ''));
    const text = rawInformational(101, { ...answer.headers, flat: () => fields } as HttpResponse['headers'], [
      'connection',
      'upgrade',
      'upgrade',
      upgrade,
    ]);
    if (client.destroyed || text === undefined) {
      upstream.destroy();
      client.destroy();
      return;
    }
    this.#open.add(upstream);
    const idleMs = this.#serving.limits.tunnelIdleTimeoutMs;
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      from.on('error', () => to.destroy());
      from.once('close', () => {
        this.#open.delete(from);
        // an end has been passed on already, and what is still in the pipe may arrive
        if (!from.readableEnded) to.destroy();
      });
      whenIdle(from, idleMs, () => from.destroy());
    }
    client.write(text, 'latin1');
    if (upgraded.head.length > 0) client.write(upgraded.head);
    if (head.length > 0) upstream.write(head);
    client.pipe(upstream);
    upstream.pipe(client);
  }

  #refuse(message: IncomingMessage, socket: Duplex, answer: HttpResponse): void {
    if (socket.destroyed) {
      discardBody(answer.body);
      return;
    }
    // Node looks after this connection no longer: whether its client goes on taking the answer, and whether it has left
    socket.on('timeout', () => unlessMoved(socket, () => socket.destroy()));
    socket.on('end', () => socket.destroy());
    socket.resume();
    const response = new ServerResponse(message);
    response.assignSocket(socket as Parameters<ServerResponse['assignSocket']>[0]);
    // nor does it tell the answer any more that there is room for the rest of it
    socket.on('drain', () => response.emit('drain'));
    response.on('finish', () => {
      socket.end(() => socket.destroy());
    });
    try {
      writeResponse(response, answer, { head: message.method === 'HEAD', close: true, serving: this.#serving });
    } catch (error) {
      discardBody(answer.body);
      this.#serving.cut(error);
      socket.destroy();
    }
  }
}

function isOurs(name: string): boolean {
  return name === 'connection' || name === 'upgrade' || name === 'content-length' || name === 'transfer-encoding';
}
