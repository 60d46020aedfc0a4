import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import { HeaderList } from '../../../core/http/header-list.ts';
import { UpstreamError } from '../../../core/ports/index.ts';
import type { EpochMillis, HttpRequest, UpstreamErrorType } from '../../../core/ports/index.ts';
import { fieldName, isFieldValue, isToken } from '../field-grammar.ts';
import { ReceivedBody } from '../received-body.ts';
import type { BodySource } from '../received-body.ts';
import { isTrailerField } from '../trailer-fields.ts';
import type { Pending } from './http1-connection.ts';
import { contentTooLate, lateness, RequestBody } from './request-body.ts';
import { greatestStatus } from './response-parser.ts';
import { toUpstreamError, upstreamErrorType } from './upstream-errors.ts';
import type { Watch, Watched } from './watch.ts';

/** Greatest number of 1xx responses before the final one. */
const maxInformational = 64;
const continueTimeoutMs = 1_000;

/** RFC 9113 section 7: what a reset says. */
const noError = 0;
const refusedStream = 7;
const cancelled = 8;

const resetTypes: Readonly<Record<number, UpstreamErrorType>> = {
  [noError]: 'connection_terminated',
  2: 'connection_terminated',
  [refusedStream]: 'connection_terminated',
  [cancelled]: 'connection_terminated',
};

/** Fields that HTTP/2 has no place for (RFC 9113 section 8.2.2), and `host`, which is a pseudo-field. */
const notInHttp2: ReadonlySet<string> = new Set([
  'connection',
  'host',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);

/** One request and its response on a stream of a session. */
export class Http2Exchange implements BodySource, Watched {
  dueAt: EpochMillis = Number.POSITIVE_INFINITY;

  readonly #session: ClientHttp2Session;
  readonly #pending: Pending;
  readonly #watch: Watch;
  readonly #onOver: () => void;
  readonly #onSilence: () => void;
  #error: Error | undefined;
  #stream: ClientHttp2Stream | undefined;
  #requestBody: RequestBody | undefined;
  #body: ReceivedBody | undefined;
  #phase: 'awaiting-continue' | 'awaiting-head' | 'over' | 'receiving' | 'sending' = 'sending';
  #informational = 0;
  #sent = false;
  /** The upstream has said that the response is at its end. */
  #whole = false;
  readonly #onAbort = (): void => {
    const reason = lateness(this.#pending.options.signal?.reason, this.#contentIsLate);
    // a try that was given up for taking too long
    if (reason instanceof UpstreamError) this.#onSilence();
    this.#fail(reason);
  };

  /** @param on.silence the upstream took too long: perhaps nobody is there any more */
  constructor(
    session: ClientHttp2Session,
    pending: Pending,
    watch: Watch,
    on: { readonly over: () => void; readonly silence: () => void },
  ) {
    this.#session = session;
    this.#pending = pending;
    this.#watch = watch;
    this.#onOver = on.over;
    this.#onSilence = on.silence;
  }

  start(): void {
    const { request, options } = this.#pending;
    const { body } = request;
    const content = typeof body === 'string' ? Buffer.from(body) : body;
    let stream: ClientHttp2Stream;
    let length: number | undefined;
    let expectsContinue: boolean;
    try {
      const head = requestFields(request, content instanceof Uint8Array ? content.length : undefined);
      ({ length, expectsContinue } = head);
      stream = this.#session.request(head.fields, {
        endStream: content === undefined,
        waitForTrailers: content !== undefined && request.trailers !== undefined,
      });
    } catch (error) {
      this.#phase = 'over';
      this.#onOver();
      this.#pending.reject(toUpstreamError(error, false));
      return;
    }
    this.#stream = stream;
    options.signal?.addEventListener('abort', this.#onAbort, { once: true });
    this.#listen(stream);
    this.#watch.add(this);
    if (content === undefined) {
      this.#requestSent();
      return;
    }
    this.#requestBody = this.#bodyOut(stream, content, length);
    if (expectsContinue) {
      this.#phase = 'awaiting-continue';
      this.#due(continueTimeoutMs);
    } else {
      this.#sendBody();
    }
  }

  expire(): void {
    const isOver = this.#watch.now() >= this.#pending.options.deadline;
    if (this.#phase === 'awaiting-continue' && !isOver) this.#sendBody();
    else if (this.#contentIsLate) {
      if (isOver) this.#fail(contentTooLate());
      else this.#touch();
    } else {
      this.#onSilence();
      const type = isOver || this.#phase === 'awaiting-head' ? 'http_response_timeout' : 'connection_write_timeout';
      this.#fail(new UpstreamError(this.#phase === 'receiving' ? 'connection_read_timeout' : type, true));
    }
  }

  resume(): void {
    this.#touch();
    this.#stream?.resume();
  }

  cancel(): void {
    this.#fail(undefined);
  }

  #listen(stream: ClientHttp2Stream): void {
    stream.on('headers', (_headers, _flags, rawHeaders) => {
      this.#onInformational(rawHeaders);
    });
    stream.on('continue', () => {
      if (this.#phase === 'awaiting-continue') this.#sendBody();
    });
    stream.on('response', (_headers, _flags, rawHeaders) => {
      this.#onHead(rawHeaders);
    });
    stream.on('data', (chunk: Buffer) => {
      if (this.#body?.push(chunk) === false) {
        this.dueAt = this.#pending.options.deadline;
        stream.pause();
      } else {
        this.#touch();
      }
    });
    stream.on('trailers', (_headers, _flags, rawHeaders) => {
      const trailers = fieldsOf(rawHeaders).filter((_, at, all) => isTrailerField(all[at - (at % 2)] ?? ''));
      if (trailers.length > 0 && this.#body !== undefined) this.#body.trailers = new HeaderList(trailers);
    });
    const push = stream.push.bind(stream);
    // Node tells the end of a response and a reset without an error alike, as the end of what can be read: the first comes while the stream is open
    stream.push = (chunk, encoding) => {
      if (chunk === null && !stream.closed) this.#whole = true;
      return push(chunk, encoding);
    };
    stream.on('end', () => {
      // one that we have reset ends by itself
      if (this.#phase === 'over') return;
      // 'close' would wait for what can no longer be sent
      if (!this.#whole) stream.destroy();
      else if (this.#phase === 'receiving') this.#finish();
    });
    stream.on('drain', () => {
      this.#touch();
      this.#requestBody?.resume();
    });
    stream.on('wantTrailers', () => {
      this.#sendTrailers(stream);
    });
    stream.on('error', (error) => {
      this.#error = error;
    });
    stream.on('close', () => {
      this.#onClose(stream.rstCode);
    });
  }

  #onInformational(rawHeaders: readonly string[]): void {
    if (this.#phase === 'over') return;
    const { status, fields } = responseHead(rawHeaders);
    if (++this.#informational > maxInformational) this.#fail(new UpstreamError('http_protocol_error', true));
    // 100 is an event of its own
    else if (status !== 100 && status < 200) this.#pending.options.onInformational?.(status, new HeaderList(fields));
  }

  #onHead(rawHeaders: readonly string[]): void {
    if (this.#phase === 'over') return;
    const { status, fields } = responseHead(rawHeaders);
    if (!(status >= 200 && status <= greatestStatus)) {
      this.#fail(new UpstreamError('http_protocol_error', true));
      return;
    }
    if (this.#phase === 'awaiting-continue') this.#dropRequestBody();
    this.#phase = 'receiving';
    this.#touch();
    const body = new ReceivedBody(this);
    this.#body = body;
    const empty = this.#pending.request.method === 'HEAD' || status === 204 || status === 304;
    this.#pending.resolve({
      status,
      headers: new HeaderList(fields),
      body: empty ? undefined : body,
      trailers: () => body.trailers,
      protocolVersion: '2',
    });
  }

  #onClose(code: number | undefined): void {
    if (this.#phase === 'over') return;
    const hasHead = this.#phase === 'receiving';
    // a reset of the stream is told by its code; everything else befell the connection
    const { code: cause } = (this.#error ?? {}) as NodeJS.ErrnoException;
    const isReset = cause === undefined || cause === 'ERR_HTTP2_STREAM_ERROR';
    let type = isReset ? (resetTypes[code ?? noError] ?? 'http_protocol_error') : upstreamErrorType(this.#error);
    if (hasHead && type === 'connection_terminated') type = 'http_response_incomplete';
    // a refused stream has not been processed in any way: as safe as if it had not been sent (RFC 9113 section 8.7)
    this.#fail(new UpstreamError(type, code !== refusedStream));
  }

  #bodyOut(stream: ClientHttp2Stream, content: AsyncIterable<Uint8Array> | Uint8Array, length: number | undefined): RequestBody {
    return new RequestBody(content, length, {
      write: (chunk) => stream.write(chunk),
      end: () => {
        this.#requestBody = undefined;
        stream.end();
        this.#requestSent();
      },
      abort: (error) => {
        this.#requestBody = undefined;
        this.#fail(error);
      },
    });
  }

  #sendTrailers(stream: ClientHttp2Stream): void {
    const flat = this.#pending.request.trailers?.()?.flat() ?? [];
    // without a prototype: `constructor` is a field name like any other
    const trailers = Object.create(null) as Record<string, string[]>;
    for (let at = 0; at < flat.length; at += 2) {
      const name = flat[at] ?? '';
      const value = flat[at + 1] ?? '';
      if (fieldName(name) === undefined || !isFieldValue(value)) {
        this.#fail(new UpstreamError('http_protocol_error', true));
        return;
      }
      if (isTrailerField(name)) (trailers[name] ??= []).push(value);
    }
    try {
      stream.sendTrailers(trailers);
    } catch (error) {
      // fields that HTTP/2 has no place for
      this.#fail(toUpstreamError(error, true));
    }
  }

  /** It takes what it gets: the content itself is slow to come. */
  get #contentIsLate(): boolean {
    return this.#phase === 'sending' && this.#stream?.writableNeedDrain !== true;
  }

  #sendBody(): void {
    this.#phase = 'sending';
    this.#touch();
    this.#requestBody?.start();
  }

  #requestSent(): void {
    this.#sent = true;
    if (this.#phase === 'receiving' || this.#phase === 'over') return;
    this.#phase = 'awaiting-head';
    this.#due(this.#pending.timeouts.responseHeadersTimeoutMs);
  }

  #dropRequestBody(): void {
    this.#requestBody?.cancel();
    this.#requestBody = undefined;
  }

  #touch(): void {
    this.#due(this.#pending.timeouts.idleTimeoutMs);
  }

  #due(withinMs: number): void {
    if (this.#phase === 'over') return;
    this.dueAt = Math.min(this.#pending.options.deadline, this.#watch.now() + withinMs);
    this.#watch.note(this.dueAt);
  }

  #finish(): void {
    this.#leave(true);
    this.#body?.end();
  }

  #fail(reason: unknown): void {
    if (this.#phase === 'over') return;
    const hasHead = this.#phase === 'receiving';
    this.#leave();
    if (hasHead) this.#body?.fail(reason);
    else this.#pending.reject(reason);
  }

  /** @param whole the response has come to its end */
  #leave(whole = false): void {
    this.#phase = 'over';
    this.#pending.options.signal?.removeEventListener('abort', this.#onAbort);
    this.#dropRequestBody();
    const stream = this.#stream;
    // `close` would end the content before the reset, and it would look complete
    if (!this.#sent) stream?.destroy(new Error('cut'));
    // what has come and is not wanted would be waited for, and the stream would keep its connection open
    else if (stream?.closed === true) stream.destroy();
    else if (!whole || stream?.writableFinished === false) stream?.close(cancelled);
    this.#onOver();
  }
}

interface RequestFields {
  readonly fields: string[];
  readonly length: number | undefined;
  readonly expectsContinue: boolean;
}

/** @throws {UpstreamError} what cannot be sent without changing what it says */
function requestFields(request: HttpRequest, bodyLength: number | undefined): RequestFields {
  const { method, target, headers } = request;
  const flat = headers.flat();
  const fields: string[] = [];
  let authority = request.authority;
  let given: string | undefined;
  let expectsContinue = false;
  for (let at = 0; at < flat.length; at += 2) {
    const name = flat[at] ?? '';
    const value = flat[at + 1] ?? '';
    if (fieldName(name) === undefined || !isFieldValue(value)) throw new UpstreamError('http_protocol_error', false);
    if (name === 'host') authority = value;
    else if (name === 'content-length') given = value;
    else if (name === 'te' ? value.toLowerCase() === 'trailers' : !notInHttp2.has(name)) {
      if (name === 'expect') expectsContinue = value.toLowerCase() === '100-continue';
      fields.push(name, value);
    }
  }
  if (!isToken(method) || !isFieldValue(authority) || !isFieldValue(target)) throw new UpstreamError('http_protocol_error', false);
  const isStream = bodyLength === undefined && request.body !== undefined;
  const length = isStream && given !== undefined ? Number(given) : bodyLength;
  if (length !== undefined) fields.push('content-length', `${length}`);
  return {
    fields: [':method', method, ':scheme', request.scheme, ':authority', authority, ':path', target, ...fields],
    length,
    expectsContinue: expectsContinue && request.body !== undefined,
  };
}

function responseHead(rawHeaders: readonly string[]): { readonly status: number; readonly fields: string[] } {
  const at = rawHeaders.indexOf(':status');
  return { status: Number(rawHeaders[at + 1]), fields: fieldsOf(rawHeaders) };
}

/** Without pseudo-fields. */
function fieldsOf(rawHeaders: readonly string[]): string[] {
  return rawHeaders.filter((_, at) => rawHeaders[at - (at % 2)]?.startsWith(':') === false);
}
