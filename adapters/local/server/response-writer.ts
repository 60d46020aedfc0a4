import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { discardBody, isPushBody } from '../../../core/http/body.ts';
import type { BodyFlow, BodySink, HttpResponse, PushBody } from '../../../core/ports/index.ts';
import { breakOff, endsWithConnection } from './break-off.ts';
import type { Serving } from './server-exchange.ts';

/** Bytes up to this go out in one write with their head, as text of one byte a character: two buffers cost Node twice as much. */
const maxJoinedBytes = 12_288;

export interface WriteOptions {
  /** The request's method was HEAD. */
  readonly head: boolean;
  /** The connection carries no further request. */
  readonly close: boolean;
  readonly serving: Serving;
}

/**
 * Writes an answer over HTTP/1.1. One that breaks off destroys its connection: it must never look complete.
 *
 * @throws for fields that cannot be written; nothing has been sent then
 */
export function writeResponse(response: ServerResponse, answer: HttpResponse, { head, close, serving }: WriteOptions): void {
  if (response.headersSent || response.destroyed) {
    discardBody(answer.body);
    return;
  }
  const { status, body } = answer;
  const empty = head || status === 204 || status === 304;
  const isStream = body !== undefined && typeof body !== 'string' && !(body instanceof Uint8Array);
  const length = body === undefined ? 0 : typeof body === 'string' ? Buffer.byteLength(body) : isStream ? undefined : body.length;
  // a HEAD or 304 without content says nothing of the length it would have had
  const ownLength = length !== undefined && !(empty && length === 0);
  const mayChunk = isStream && !empty && response.req.httpVersionMinor !== 0;
  const fields = framedFields(answer.headers.flat(), ownLength, mayChunk);
  if (ownLength && status !== 204) fields.push('content-length', `${length}`);
  if (close) fields.push('connection', 'close');
  response.writeHead(status, fields);
  if (!isStream) {
    const bytes = typeof body === 'string' ? Buffer.from(body) : body;
    if (empty || bytes === undefined) response.end();
    else if (bytes.length > maxJoinedBytes) response.end(bytes);
    else response.end(latin1(bytes), 'latin1');
    awaitLast(response, serving);
  } else if (empty) {
    response.end();
    discardBody(body);
  } else {
    // a stream that is not as long as it said must not leave the connection out of step
    response.strictContentLength = true;
    if (!mayChunk && answer.headers.get('content-length') === undefined) endsWithConnection(response, serving);
    if (isPushBody(body)) new Pushing(response, answer, serving).start(body);
    else void pull(response, answer, body, serving);
  }
}

/** Sends the head ahead of the content. `flushHeaders` would write it as UTF-8, and fields may hold any byte (RFC 9110 section 5.5). */
function sendHead(response: ServerResponse): void {
  response.write('', 'latin1');
}

/** An answer's content on its way to the client: what the source pushes goes straight to the socket. */
class Pushing implements BodySink {
  readonly #response: ServerResponse;
  readonly #answer: HttpResponse;
  readonly #serving: Serving;
  #flow: BodyFlow | undefined;
  #begun = false;
  #over = false;

  constructor(response: ServerResponse, answer: HttpResponse, serving: Serving) {
    this.#response = response;
    this.#answer = answer;
    this.#serving = serving;
  }

  start(body: PushBody): void {
    const response = this.#response;
    response.on('drain', () => {
      stopAwaiting(response);
      this.#flow?.resume();
    });
    response.once('close', () => {
      if (this.#over) return;
      this.#over = true;
      this.#flow?.cancel();
    });
    this.#flow = body.pushTo(this);
    // no content has come with the head, which must not wait for it: the first event may be long in coming
    if (!this.#begun && !this.#over) sendHead(response);
  }

  write(chunk: Uint8Array, spent?: (chunk: Uint8Array) => void): boolean {
    this.#begun = true;
    const response = this.#response;
    try {
      const flowing =
        spent === undefined
          ? response.write(chunk)
          : response.write(chunk, (error) => {
              // until it has left, the system reads from this memory
              if (error === null || error === undefined) spent(chunk);
            });
      if (!flowing) awaitClient(response, this.#serving);
      return flowing;
    } catch (error) {
      this.#flow?.cancel();
      this.abort(error);
      return false;
    }
  }

  end(): void {
    if (this.#over) return;
    try {
      endWithTrailers(this.#response, this.#answer, this.#serving);
      this.#over = true;
    } catch (error) {
      this.abort(error);
    }
  }

  abort(error: unknown): void {
    if (this.#over) return;
    this.#over = true;
    // a client that has gone is what broke it off: nothing was cut
    if (!this.#response.closed) this.#serving.cut(error);
    breakOff(this.#response, this.#serving);
  }
}

/** An answer's content that has to be asked for, piece by piece. */
async function pull(
  response: ServerResponse,
  answer: HttpResponse,
  body: AsyncIterable<Uint8Array>,
  serving: Serving,
): Promise<void> {
  const iterator = body[Symbol.asyncIterator]();
  let begun = false;
  let over = false;
  let gone = false;
  let resume: (() => void) | undefined;
  const release = (): void => {
    // whatever goes wrong with what nobody reads is nobody's concern
    iterator.return?.().catch(() => undefined);
  };
  response.on('drain', () => {
    stopAwaiting(response);
    resume?.();
  });
  response.once('close', () => {
    if (over) return;
    gone = true;
    resume?.();
    release();
  });
  setImmediate(() => {
    if (!begun && !over && !gone) sendHead(response);
  });
  try {
    for (;;) {
      const next = await iterator.next();
      if (gone) return;
      if (next.done === true) break;
      begun = true;
      if (!response.write(next.value)) {
        awaitClient(response, serving);
        await new Promise<void>((resolve) => {
          resume = resolve;
        });
      }
    }
    over = true;
    endWithTrailers(response, answer, serving);
  } catch (error) {
    // a client that has gone is what broke it off: nothing was cut
    if (gone) return;
    over = true;
    serving.cut(error);
    breakOff(response, serving);
    release();
  }
}

/** @throws when less has been written than was said */
function endWithTrailers(response: ServerResponse, { trailers }: HttpResponse, serving: Serving): void {
  const flat = trailers?.()?.flat();
  // only chunks have room for trailers (RFC 9112 section 7.1.2); where there are none Node writes none
  if (flat !== undefined && response.chunkedEncoding) {
    const pairs: [string, string][] = [];
    for (let at = 0; at < flat.length; at += 2) pairs.push([flat[at] ?? '', flat[at + 1] ?? '']);
    response.addTrailers(pairs);
  }
  response.end();
  awaitLast(response, serving);
}

/** Of an answer that has been given whole: when it has left, the next one on the connection begins without its time. */
function awaitLast(response: ServerResponse, serving: Serving): void {
  if (response.writableLength === 0 && !response.socket?.timeout) return;
  awaitClient(response, serving);
  // before Node, which gives an idle connection a time of its own and lets go of it
  response.prependOnceListener('finish', () => {
    stopAwaiting(response);
  });
}

/** The connection ends when nothing moves on it for `sendTimeoutMs`. */
function awaitClient(response: ServerResponse, serving: Serving): void {
  const { sendTimeoutMs } = serving.limits;
  if (response.socket !== null) response.socket.setTimeout(sendTimeoutMs);
  else response.once('socket', (socket: Socket) => socket.setTimeout(sendTimeoutMs));
}

function stopAwaiting(response: ServerResponse): void {
  response.socket?.setTimeout(0);
}

/** Without the fields that frame a message or manage the connection: those are ours. Trailers are announced only where chunks have room for them. */
function framedFields(flat: readonly string[], ownLength: boolean, mayChunk: boolean): string[] {
  const fields: string[] = [];
  let trailer: string | undefined;
  let hasLength = ownLength;
  for (let at = 0; at < flat.length; at += 2) {
    const name = flat[at] ?? '';
    const value = flat[at + 1] ?? '';
    if (name === 'connection' || name === 'keep-alive' || name === 'transfer-encoding') continue;
    if (name === 'trailer') {
      trailer = trailer === undefined ? value : `${trailer}, ${value}`;
      continue;
    }
    if (name === 'content-length') {
      if (ownLength) continue;
      hasLength = true;
    }
    fields.push(name, value);
  }
  if (trailer !== undefined && mayChunk && !hasLength) fields.push('trailer', trailer);
  return fields;
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}
