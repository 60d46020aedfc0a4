import type { IncomingMessage, ServerResponse } from 'node:http';
import { HeaderList } from '../../../core/http/header-list.ts';
import { RequestRejected } from '../../../core/ports/index.ts';
import type { Body } from '../../../core/ports/index.ts';
import { ReceivedBody } from '../../node/received-body.ts';
import type { BodySource } from '../../node/received-body.ts';
import { isTrailerField } from '../../node/trailer-fields.ts';
import { tooLarge } from './server-exchange.ts';

/** The content of a request over HTTP/1.1: read when somebody reads it, at his pace, and no more of it than the limit. */
export class IncomingContent implements BodySource {
  readonly body: ReceivedBody = new ReceivedBody(this);
  readonly #message: IncomingMessage;
  readonly #maxBytes: number;
  /** The client waits to be asked for the content (RFC 9110 section 10.1.1). */
  readonly #asks: ServerResponse | undefined;
  #started = false;
  #length = 0;

  constructor(message: IncomingMessage, maxBytes: number, asks: ServerResponse | undefined) {
    this.#message = message;
    this.#maxBytes = maxBytes;
    this.#asks = asks;
  }

  /** Waits for content that came with its head, and for no longer than this turn of the loop: gives it as bytes, or the body that flows. */
  collect(give: (content: Body) => void): void {
    let given = false;
    const settle = (): void => {
      if (given) return;
      given = true;
      give(this.body.whole() ?? this.body);
    };
    this.#start();
    this.#message.once('end', settle);
    setImmediate(settle);
  }

  resume(): void {
    if (this.#started) this.#message.resume();
    else this.#start();
  }

  /** The rest goes nowhere, but it is taken: a client that is still sending might not read its answer. */
  cancel(): void {
    this.#message.removeAllListeners('data');
    if (this.#started) this.#message.resume();
  }

  #start(): void {
    this.#started = true;
    const message = this.#message;
    if (this.#asks !== undefined) ask(this.#asks);
    message.on('data', (chunk: Uint8Array) => {
      this.#length += chunk.length;
      if (this.#length > this.#maxBytes) {
        this.body.fail(tooLarge(this.#maxBytes));
        this.cancel();
      } else if (!this.body.push(chunk)) {
        message.pause();
      }
    });
    message.on('end', () => {
      const trailers = trailersOf(message.rawTrailers);
      if (trailers.length > 0) this.body.trailers = new HeaderList(trailers);
      this.body.end();
    });
    message.on('error', () => {
      this.body.fail(new RequestRejected(400, 'Content ended early'));
    });
    message.on('close', () => {
      this.body.fail(new RequestRejected(400, 'Content ended early'));
    });
  }
}

/** Not before the turn of its answer has come: Node would write the answer's head before what was said earlier. */
function ask(response: ServerResponse): void {
  if (response.socket === null) {
    response.once('socket', () => {
      ask(response);
    });
  } else if (!response.headersSent) {
    response.writeContinue();
  }
}

function trailersOf(rawTrailers: readonly string[]): string[] {
  const fields: string[] = [];
  for (let at = 0; at < rawTrailers.length; at += 2) {
    const name = (rawTrailers[at] ?? '').toLowerCase();
    if (isTrailerField(name)) fields.push(name, rawTrailers[at + 1] ?? '');
  }
  return fields;
}
