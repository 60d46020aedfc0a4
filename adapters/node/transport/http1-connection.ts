import type { Socket } from 'node:net';
import { HeaderList } from '../../../core/http/header-list.ts';
import { UpstreamError } from '../../../core/ports/index.ts';
import type { EpochMillis, HeaderFields, HttpRequest, HttpResponse, SendOptions } from '../../../core/ports/index.ts';
import { fieldName, isFieldValue } from '../field-grammar.ts';
import { ReceivedBody } from '../received-body.ts';
import { isTrailerField } from '../trailer-fields.ts';
import { UpgradedSocket } from '../upgraded-socket.ts';
import type { Timeouts } from './connector.ts';
import { freeRead } from './free-read.ts';
import { contentTooLate, lateness, RequestBody } from './request-body.ts';
import { writeRequestHead } from './request-head.ts';
import type { RequestHead } from './request-head.ts';
import { ResponseParser } from './response-parser.ts';
import type { ResponseEvents, ResponseHead } from './response-parser.ts';
import { toUpstreamError } from './upstream-errors.ts';
import type { Watched } from './watch.ts';

/** One request on its way, and who waits for its answer. */
export interface Pending {
  readonly request: HttpRequest;
  readonly options: SendOptions;
  readonly timeouts: Timeouts;
  resolve(response: HttpResponse): void;
  reject(error: unknown): void;
}

/** Who owns a connection. */
export interface ConnectionOwner {
  now(): EpochMillis;
  /** The connection waits for something until `dueAt`. */
  watch(connection: Http1Connection): void;
  /** It may carry another request, if another comes within this time, in milliseconds. */
  onIdle(connection: Http1Connection, keepAliveMs: number | undefined): void;
  /** It is closed, or given away. */
  onGone(connection: Http1Connection): void;
}

/** How long an upstream that was asked may keep silent before the content is sent all the same, in milliseconds (RFC 9110 section 10.1.1). */
const continueTimeoutMs = 1_000;

/** Where an exchange stands. */
type Phase = 'awaiting-continue' | 'awaiting-head' | 'idle' | 'receiving' | 'sending';

/** A connection that speaks HTTP/1.1, one exchange after the other. */
export class Http1Connection implements ResponseEvents, Watched {
  dueAt: EpochMillis = Number.POSITIVE_INFINITY;

  readonly #socket: Socket;
  readonly #owner: ConnectionOwner;
  readonly #parser: ResponseParser = new ResponseParser(this);
  #pending: Pending | undefined;
  #phase: Phase = 'idle';
  #head: ResponseHead | undefined;
  /** Content that came with the head. */
  #early: Buffer[] = [];
  #body: ReceivedBody | undefined;
  #trailers: string[] | undefined;
  #ended = false;
  /** The request has been written to its end. */
  #sent = false;
  #requestBody: RequestBody | undefined;
  #onAbort: (() => void) | undefined;

  constructor(socket: Socket, owner: ConnectionOwner) {
    this.#socket = socket;
    this.#owner = owner;
    socket.on('data', (chunk: Buffer) => {
      this.#receive(chunk);
    });
    socket.on('end', () => {
      this.#receiveEnd();
    });
    socket.on('error', (error) => {
      this.#fail(toUpstreamError(error, true));
    });
    socket.on('close', () => {
      this.#fail(new UpstreamError('connection_terminated', true));
    });
    socket.on('drain', () => {
      if (this.#requestBody !== undefined) this.#touch();
      this.#requestBody?.resume();
    });
  }

  /** It can take a request. */
  get usable(): boolean {
    return this.#phase === 'idle' && !this.#socket.destroyed && this.#socket.writable;
  }

  /** Sends a request. Before this call not a byte of it has left. */
  start(pending: Pending): void {
    const { request, options } = pending;
    const { body } = request;
    const content = typeof body === 'string' ? Buffer.from(body) : body;
    const isBytes = content instanceof Uint8Array;
    const upgrade = options.upgrade === true;
    let head: RequestHead;
    try {
      head = writeRequestHead(request, content === undefined ? undefined : isBytes ? content.length : 'stream', upgrade);
    } catch (error) {
      pending.reject(error);
      this.#owner.onIdle(this, undefined);
      return;
    }
    this.#pending = pending;
    this.#head = undefined;
    this.#body = undefined;
    this.#trailers = undefined;
    this.#ended = false;
    this.#sent = false;
    this.#parser.begin(request.method, upgrade);
    const { signal } = options;
    if (signal !== undefined) {
      const onAbort = (): void => {
        this.#fail(lateness(signal.reason, this.#contentIsLate), true);
      };
      this.#onAbort = onAbort;
      signal.addEventListener('abort', onAbort, { once: true });
    }
    const socket = this.#socket;
    if (content === undefined) {
      socket.write(head.text, 'latin1');
      this.#requestSent();
    } else if (isBytes && !head.expectsContinue) {
      socket.cork();
      socket.write(head.text, 'latin1');
      socket.write(content);
      socket.uncork();
      this.#requestSent();
    } else {
      socket.write(head.text, 'latin1');
      this.#requestBody = this.#bodyOut(content, head.framing, request);
      if (head.expectsContinue) {
        this.#phase = 'awaiting-continue';
        this.#due(continueTimeoutMs);
      } else {
        this.#sendBody();
      }
    }
  }

  /** Closes it, whatever it is doing. */
  destroy(): void {
    this.#socket.destroy();
    this.#fail(new UpstreamError('connection_terminated', true), true);
  }

  /** While it is idle, it does not keep the process alive. */
  ref(needed: boolean): void {
    if (needed) this.#socket.ref();
    else this.#socket.unref();
  }

  expire(): void {
    const pending = this.#pending;
    if (pending === undefined) return;
    const isOver = this.#owner.now() >= pending.options.deadline;
    if (this.#contentIsLate) {
      if (isOver) this.#fail(contentTooLate(), true);
      else this.#touch();
    } else if (this.#phase === 'awaiting-continue' && !isOver) this.#sendBody();
    else if (this.#head !== undefined) this.#fail(new UpstreamError('connection_read_timeout', true));
    else this.#fail(new UpstreamError(isOver || this.#sent ? 'http_response_timeout' : 'connection_write_timeout', true));
  }

  // --- ReceivedBody's source

  resume(): void {
    if (this.#ended) return;
    if (this.#socket.isPaused()) {
      this.#touch();
      this.#socket.resume();
    }
  }

  cancel(): void {
    this.destroy();
  }

  // --- ResponseEvents

  onInformational({ status, fields }: ResponseHead): void {
    if (status === 100 && this.#phase === 'awaiting-continue') this.#sendBody();
    else this.#pending?.options.onInformational?.(status, new HeaderList(fields));
  }

  onHead(head: ResponseHead): void {
    this.#head = head;
    // the answer is final: who asked first need not send the content any more
    if (this.#phase === 'awaiting-continue') this.#dropRequestBody();
    this.#phase = 'receiving';
    this.#touch();
  }

  onContent(chunk: Buffer): void {
    if (this.#body === undefined) {
      this.#early.push(chunk);
      return;
    }
    if (this.#body.push(chunk)) {
      this.#touch();
    } else {
      // as long as the reader wants no more only the deadline counts
      this.dueAt = this.#pending?.options.deadline ?? Number.POSITIVE_INFINITY;
      this.#socket.pause();
    }
  }

  onEnd(trailers: string[] | undefined, rest: Buffer | undefined): void {
    this.#ended = true;
    this.#trailers = trailers;
    const reusable = this.#sent && this.#head?.persistent === true && rest?.length === 0;
    if (this.#body === undefined) this.#answer();
    const body = this.#body;
    if (body !== undefined && trailers !== undefined) body.trailers = new HeaderList(trailers);
    const keepAliveSeconds = this.#head?.keepAliveSeconds;
    this.#finish();
    body?.end();
    if (reusable && !this.#socket.destroyed) {
      if (this.#socket.isPaused()) this.#socket.resume();
      this.#owner.onIdle(this, keepAliveSeconds === undefined ? undefined : keepAliveSeconds * 1_000);
    } else {
      this.#socket.destroy();
    }
  }

  onUpgrade({ status, fields, protocolVersion }: ResponseHead, rest: Buffer): void {
    const pending = this.#pending;
    const socket = this.#socket;
    this.#finish();
    socket.removeAllListeners('data').removeAllListeners('end').removeAllListeners('error').removeAllListeners('close');
    socket.removeAllListeners('drain').pause();
    this.#owner.onGone(this);
    const upgraded = new UpgradedSocket(socket, rest);
    pending?.resolve({ status, headers: new HeaderList(fields), body: undefined, protocolVersion, upgraded });
  }

  // --- the exchange

  #receive(chunk: Buffer): void {
    try {
      this.#parser.push(chunk);
    } catch (error) {
      this.#fail(error as Error);
      return;
    }
    if (this.#head !== undefined && this.#body === undefined) this.#answer();
  }

  #receiveEnd(): void {
    try {
      this.#parser.end();
    } catch (error) {
      this.#fail(error as Error);
    }
    this.#socket.destroy();
  }

  /** Tells who waits: with the bytes themselves when they have all come already, else with a body that goes on. */
  #answer(): void {
    const pending = this.#pending;
    const head = this.#head;
    if (pending === undefined || head === undefined) return;
    const early = this.#early;
    const headers = new HeaderList(head.fields);
    if (this.#ended && this.#trailers === undefined) {
      const [first] = early;
      const body = early.length > 1 ? Buffer.concat(early) : first;
      if (early.length > 0) this.#early = [];
      pending.resolve({ status: head.status, headers, body, protocolVersion: head.protocolVersion });
      return;
    }
    const body = new ReceivedBody(this, freeRead);
    this.#body = body;
    this.#early = [];
    let wanted = true;
    for (const chunk of early) wanted = body.push(chunk);
    if (!wanted && !this.#ended) this.#socket.pause();
    const { status, protocolVersion } = head;
    pending.resolve({ status, headers, body, trailers: () => body.trailers, protocolVersion });
  }

  #bodyOut(
    content: AsyncIterable<Uint8Array> | Uint8Array,
    framing: RequestHead['framing'],
    { trailers }: HttpRequest,
  ): RequestBody {
    const socket = this.#socket;
    const isChunked = framing === 'chunked';
    // the request's own content broke off: what has been sent must not look complete
    const abort = (error: unknown): void => {
      this.#requestBody = undefined;
      this.#fail(error, true);
    };
    return new RequestBody(content, isChunked ? undefined : framing, {
      write: (chunk) => (isChunked ? writeChunk(socket, chunk) : socket.write(chunk)),
      end: () => {
        this.#requestBody = undefined;
        if (isChunked) {
          const text = trailerText(trailers?.());
          if (text === undefined) {
            abort(new UpstreamError('http_protocol_error', true));
            return;
          }
          socket.write(`0\r\n${text}\r\n`, 'latin1');
        }
        this.#requestSent();
      },
      abort,
    });
  }

  /** It takes what it gets: the content itself is slow to come. */
  get #contentIsLate(): boolean {
    return this.#phase === 'sending' && !this.#socket.writableNeedDrain;
  }

  #sendBody(): void {
    this.#phase = 'sending';
    this.#touch();
    this.#requestBody?.start();
  }

  #requestSent(): void {
    this.#sent = true;
    if (this.#head !== undefined) return;
    this.#phase = 'awaiting-head';
    this.#due(this.#pending?.timeouts.responseHeadersTimeoutMs);
  }

  #dropRequestBody(): void {
    this.#requestBody?.cancel();
    this.#requestBody = undefined;
  }

  #touch(): void {
    this.#due(this.#pending?.timeouts.idleTimeoutMs);
  }

  /** Without an exchange nothing is due. */
  #due(withinMs = Number.POSITIVE_INFINITY): void {
    const deadline = this.#pending?.options.deadline ?? Number.POSITIVE_INFINITY;
    this.dueAt = Math.min(deadline, this.#owner.now() + withinMs);
    this.#owner.watch(this);
  }

  /** The exchange is over, one way or the other. */
  #finish(): void {
    if (this.#onAbort !== undefined) {
      this.#pending?.options.signal?.removeEventListener('abort', this.#onAbort);
      this.#onAbort = undefined;
    }
    this.#dropRequestBody();
    this.#pending = undefined;
    this.#phase = 'idle';
    this.dueAt = Number.POSITIVE_INFINITY;
  }

  /** @param asIs the reason is not the upstream's: it is passed on as it is */
  #fail(reason: unknown, asIs = false): void {
    const pending = this.#pending;
    const head = this.#head;
    const body = this.#body;
    const isOver = this.#ended;
    if (pending !== undefined) this.#finish();
    this.#socket.destroy();
    this.#owner.onGone(this);
    if (pending === undefined) return;
    if (head === undefined || (body === undefined && !isOver)) {
      if (head === undefined || asIs) pending.reject(reason);
      else pending.reject(incomplete(reason));
    } else if (!isOver) {
      body?.fail(asIs ? reason : incomplete(reason));
    }
  }
}

/** A connection that ends within a message leaves it incomplete (RFC 9112 section 8). */
function incomplete(error: unknown): unknown {
  const isCut = error instanceof UpstreamError && error.type === 'connection_terminated';
  return isCut ? new UpstreamError('http_response_incomplete', true) : error;
}

function writeChunk(socket: Socket, chunk: Uint8Array): boolean {
  socket.cork();
  socket.write(`${chunk.length.toString(16)}\r\n`, 'latin1');
  socket.write(chunk);
  const wanted = socket.write('\r\n', 'latin1');
  socket.uncork();
  return wanted;
}

/** `undefined` for fields that cannot be written. */
function trailerText(trailers: HeaderFields | undefined): string | undefined {
  const flat = trailers?.flat() ?? [];
  let text = '';
  for (let at = 0; at < flat.length; at += 2) {
    const name = flat[at] ?? '';
    const value = flat[at + 1] ?? '';
    if (fieldName(name) === undefined || !isFieldValue(value)) return undefined;
    if (isTrailerField(name)) text += `${name}: ${value}\r\n`;
  }
  return text;
}
