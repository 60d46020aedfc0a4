import type { Http2Server, IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import { discardBody, isPushBody } from '../../../core/http/body.ts';
import { HeaderList } from '../../../core/http/header-list.ts';
import { problemResponse } from '../../../core/http/problem.ts';
import { readTarget } from '../../../core/http/read-target.ts';
import { rejectedResponse } from '../../../core/http/reject.ts';
import { RequestRejected } from '../../../core/ports/index.ts';
import type { Body, BodyFlow, BodySink, HeaderFields, HttpResponse } from '../../../core/ports/index.ts';
import { ReceivedBody } from '../../node/received-body.ts';
import type { BodySource } from '../../node/received-body.ts';
import { isTrailerField } from '../../node/trailer-fields.ts';
import { unlessMoved } from '../../node/unless-moved.ts';
import { tooLarge } from './server-exchange.ts';
import type { Received, Serving } from './server-exchange.ts';

const noError = 0;
const cancelled = 8;
/** Streams at once on one connection. */
const maxConcurrentStreams = 128;
const endStream = 1;
/** What has been answered last may still be on its way to the client, in milliseconds. */
const lastWordsMs = 1_000;
const lengthDigits = /^\d{1,15}$/;

/** HTTP/2 to clients, on connections that somebody else has accepted. */
export class Http2Front {
  readonly #serving: Serving;
  readonly #encrypted: boolean;
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #sockets = new Set<Socket>();
  #server: Promise<Http2Server> | undefined;

  constructor(serving: Serving, encrypted: boolean) {
    this.#serving = serving;
    this.#encrypted = encrypted;
  }

  /** Takes over a connection on which the client speaks HTTP/2; loaded with the first of them. */
  accept(socket: Socket): void {
    // Node's HTTP/1.1 server lets clients half-close; here a client that ends has gone, with all its streams
    socket.allowHalfOpen = false;
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    this.#server ??= this.#start();
    this.#server.then(
      (server) => {
        const begin = (session: ServerHttp2Session): void => {
          this.#begin(session, socket);
        };
        // Node makes the session within this call
        server.once('session', begin).emit('connection', socket);
        server.off('session', begin);
      },
      () => {
        socket.destroy();
      },
    );
  }

  /** Takes no more streams; idle connections end at once. */
  close(): void {
    for (const session of this.#sessions) session.close();
  }

  /** Ends every connection: those that have nothing under way when their clients do, and at the latest in a second. */
  destroy(): void {
    const cut = (): void => {
      for (const socket of this.#sockets) socket.destroy();
    };
    if (this.#serving.inFlight > 0) cut();
    else setTimeout(cut, lastWordsMs).unref();
  }

  async #start(): Promise<Http2Server> {
    const { createServer } = await import('node:http2');
    const { maxHeaderBytes } = this.#serving.limits;
    const server = createServer({
      settings: { maxConcurrentStreams, maxHeaderListSize: maxHeaderBytes },
      maxHeaderListPairs: 1_000,
      // what a backend repeats is passed on as it is
      strictSingleValueFields: false,
    });
    server.on('sessionError', () => undefined);
    return server;
  }

  /** @param socket the session's own throws once the session has let go of it */
  #begin(session: ServerHttp2Session, socket: Socket): void {
    const serving = this.#serving;
    this.#sessions.add(session);
    session.once('close', () => {
      this.#sessions.delete(session);
    });
    session.on('error', () => {
      // the session is gone, and its streams are told
    });
    // nothing at all has moved for so long
    const { keepAliveTimeoutMs } = serving.limits;
    session.setTimeout(keepAliveTimeoutMs);
    session.on('timeout', () => {
      // a PING, which Node answers by itself, does not begin the time anew
      session.setTimeout(keepAliveTimeoutMs);
      unlessMoved(socket, () => session.close());
    });
    // Node has closed our side, and would wait for the client's for good
    socket.once('finish', () => {
      const timer = setTimeout(() => socket.destroy(), lastWordsMs).unref();
      socket.once('close', () => {
        clearTimeout(timer);
      });
    });
    const connection = { peer: socket.remoteAddress, encrypted: this.#encrypted };
    session.on('stream', (stream, _headers: IncomingHttpHeaders, flags, rawHeaders) => {
      new Http2Exchange(serving, connection, stream, rawHeaders, (flags & endStream) !== 0).start();
    });
    if (serving.closing) session.close();
  }
}

interface Head {
  readonly request: Received['request'];
  readonly length: number | undefined;
  readonly expectsContinue: boolean;
}

/** One request over HTTP/2. */
class Http2Exchange implements Received, BodySource, BodySink {
  readonly peer: string | undefined;
  readonly encrypted: boolean;
  readonly protocolVersion: string = '2';
  readonly canUpgrade: boolean = false;
  body: Body;
  trailers: Received['trailers'];
  readonly #serving: Serving;
  readonly #stream: ServerHttp2Stream;
  readonly #rawHeaders: readonly string[];
  readonly #hasNoContent: boolean;
  #head: Head | undefined;
  #content: ReceivedBody | undefined;
  #received = 0;
  #reading = false;
  #answer: HttpResponse | undefined;
  #flow: BodyFlow | undefined;
  #onGone: (() => void) | undefined;
  #over = false;
  /** What is late is the client that takes nothing. */
  #awaited = false;

  constructor(
    serving: Serving,
    { peer, encrypted }: Pick<Received, 'encrypted' | 'peer'>,
    stream: ServerHttp2Stream,
    rawHeaders: readonly string[],
    hasNoContent: boolean,
  ) {
    this.#serving = serving;
    this.peer = peer;
    this.#stream = stream;
    this.#rawHeaders = rawHeaders;
    this.#hasNoContent = hasNoContent;
    this.encrypted = encrypted;
  }

  get request(): Received['request'] {
    return (this.#head as Head).request;
  }

  start(): void {
    const stream = this.#stream;
    const serving = this.#serving;
    serving.begin();
    stream.on('error', () => {
      // 'close' follows
    });
    stream.on('timeout', () => {
      const cancel = (): void => {
        if (this.#awaited || !stream.readableEnded) stream.close(cancelled);
      };
      unlessMoved(stream, cancel, () => this.#received);
    });
    stream.once('aborted', () => {
      // one that was reset waits for its content to be read, and tells nobody, where the client's reason was none; a reset of ours must leave first
      process.nextTick(() => {
        if (stream.closed) stream.destroy();
      });
    });
    stream.once('end', () => {
      // reset without a reason while the end of the answer waited for its window: Node would go on waiting
      if (stream.closed) stream.destroy();
    });
    stream.once('finish', () => {
      if (stream.closed) stream.destroy();
      else if (this.#over && !stream.readableEnded) this.#dropContent();
    });
    stream.once('close', () => {
      serving.end();
      this.#content?.fail(new RequestRejected(400, 'Content ended early'));
      if (this.#over) return;
      this.#over = true;
      this.#onGone?.();
      this.#flow?.cancel();
    });
    try {
      this.#head = readHead(this.#rawHeaders, serving.limits.maxBodyBytes);
    } catch (error) {
      const rejection = error as RequestRejected;
      serving.refused(rejection, this.peer);
      this.#write(rejectedResponse(rejection));
      return;
    }
    if (this.#head.request.method === 'CONNECT') {
      serving.refused({ status: 405, detail: 'Method not allowed' }, this.peer, 'CONNECT');
      this.#write(problemResponse({ status: 405, type: 'method-not-allowed', title: 'Method not allowed' }, ['allow', '']));
      return;
    }
    if (!this.#hasNoContent) {
      const content = new ReceivedBody(this);
      this.#content = content;
      this.body = content;
      this.trailers = () => content.trailers;
      this.#receive(content);
    }
    serving.handle(this, (answer) => {
      this.#write(answer);
    });
  }

  watchClient(gone: () => void): void {
    if (this.#stream.destroyed || this.#stream.closed) gone();
    else this.#onGone = gone;
  }

  readonly sendInformational = (status: number, headers: HeaderFields): void => {
    if (this.#stream.headersSent || this.#stream.destroyed || this.#stream.closed) return;
    this.#stream.additionalHeaders({ ':status': status, ...fieldsOf(headers.flat()) });
  };

  // --- where the request's content comes from

  resume(): void {
    if (!this.#reading) {
      this.#reading = true;
      if (this.#head?.expectsContinue === true && !this.#stream.headersSent && !this.#stream.closed)
        this.#stream.additionalHeaders({ ':status': 100 });
    }
    this.#stream.resume();
  }

  cancel(): void {
    this.#stream.removeAllListeners('data').resume();
  }

  #receive(content: ReceivedBody): void {
    const stream = this.#stream;
    const { maxBodyBytes, requestTimeoutMs } = this.#serving.limits;
    stream.on('data', (chunk: Uint8Array) => {
      this.#received += chunk.length;
      if (this.#received > maxBodyBytes) {
        content.fail(tooLarge(maxBodyBytes));
        this.cancel();
      } else if (!content.push(chunk)) {
        stream.pause();
      }
    });
    // nothing is read before somebody wants it
    stream.pause();
    stream.on('trailers', (_headers: IncomingHttpHeaders, _flags: number, rawHeaders: readonly string[]) => {
      const trailers = rawHeaders.filter((_, at) => isTrailerField(rawHeaders[at - (at % 2)] ?? ''));
      if (trailers.length > 0) content.trailers = new HeaderList(trailers);
    });
    stream.on('end', () => {
      // one that was reset ends too
      if (!stream.closed) content.end();
    });
    stream.setTimeout(requestTimeoutMs);
  }

  /** It must take something of its answer. */
  #awaitClient(): void {
    this.#awaited = true;
    this.#stream.setTimeout(this.#serving.limits.sendTimeoutMs);
  }

  /** The rest of the answer is given to the connection: of what the client still sends nothing is wanted, and it must take what it is sent. */
  #last(): void {
    const stream = this.#stream;
    this.#over = true;
    // unread content would hide a reset
    if (!stream.readableEnded) stream.removeAllListeners('data').resume();
    this.#awaitClient();
  }

  /** The answer is over: a client that still sends is told that it need not (RFC 9113 section 8.1). */
  #dropContent(): void {
    const stream = this.#stream.removeAllListeners('data').resume();
    // it would cut trailers off
    if (this.#answer?.trailers === undefined) stream.close(noError);
  }

  // --- where the answer's content goes

  write(chunk: Uint8Array): boolean {
    const flowing = this.#stream.write(chunk);
    if (!flowing) this.#awaitClient();
    return flowing;
  }

  end(): void {
    if (this.#over) return;
    this.#last();
    this.#stream.end();
  }

  abort(error: unknown): void {
    if (this.#over) return;
    this.#over = true;
    this.#serving.cut(error);
    // `close` would end the content before the reset, and it would look complete
    this.#stream.destroy(new Error('cut'));
  }

  /** @throws for fields that cannot be written; nothing has been sent then */
  #write(answer: HttpResponse): void {
    const stream = this.#stream;
    const { status, body } = answer;
    if (stream.destroyed || stream.closed || stream.headersSent) {
      discardBody(body);
      if (stream.closed) stream.destroy();
      return;
    }
    const empty = this.#rawHeaders[this.#rawHeaders.indexOf(':method') + 1] === 'HEAD' || status === 204 || status === 304;
    const bytes = typeof body === 'string' ? Buffer.from(body) : body;
    const isBytes = bytes instanceof Uint8Array;
    const fields = fieldsOf(answer.headers.flat());
    if (isBytes || (body === undefined && !empty)) fields['content-length'] = [`${isBytes ? bytes.length : 0}`];
    const last = empty || bytes === undefined || (isBytes && bytes.length === 0);
    stream.respond({ ':status': status, ...fields }, { endStream: last, waitForTrailers: !last && answer.trailers !== undefined });
    if (last) {
      this.#last();
      discardBody(body);
      return;
    }
    this.#answer = answer;
    stream.on('wantTrailers', () => {
      try {
        stream.sendTrailers(fieldsOf(answer.trailers?.()?.flat() ?? []));
      } catch (error) {
        // fields that HTTP/2 has no place for
        this.#serving.cut(error);
        stream.destroy(new Error('cut'));
      }
    });
    if (isBytes) {
      this.#last();
      stream.end(bytes);
      return;
    }
    stream.on('drain', () => {
      if (!this.#over) {
        this.#awaited = false;
        stream.setTimeout(this.#hasNoContent ? 0 : this.#serving.limits.requestTimeoutMs);
      }
      this.#flow?.resume();
    });
    if (isPushBody(bytes)) this.#flow = bytes.pushTo(this);
    else this.#pull(bytes);
  }

  #pull(body: AsyncIterable<Uint8Array>): void {
    const iterator = body[Symbol.asyncIterator]();
    let wanted: (() => void) | undefined;
    this.#flow = {
      resume: () => wanted?.(),
      cancel: () => {
        wanted?.();
        iterator.return?.().catch(() => undefined);
      },
    };
    const pump = async (): Promise<void> => {
      while (!this.#over) {
        const next = await iterator.next();
        if (this.#over) return;
        if (next.done === true) {
          this.end();
          return;
        }
        if (!this.write(next.value)) {
          await new Promise<void>((resolve) => {
            wanted = resolve;
          });
        }
      }
    };
    pump().catch((error: unknown) => {
      this.abort(error);
    });
  }
}

/** @throws {RequestRejected} */
function readHead(rawHeaders: readonly string[], maxBodyBytes: number): Head {
  const fields: string[] = [];
  let method = '';
  let path = '';
  let authority: string | undefined;
  let host: string | undefined;
  let cookie: string | undefined;
  let cookieAt = -1;
  let length: number | undefined;
  let expectsContinue = false;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? '';
    const value = rawHeaders[at + 1] ?? '';
    if (name === ':method') method = value;
    else if (name === ':path') path = value;
    else if (name === ':authority') authority = value.toLowerCase();
    else if (name.startsWith(':')) continue;
    else if (name === 'host') {
      if (host !== undefined) throw new RequestRejected(400, 'There must be one Host field');
      host = value.toLowerCase();
    } else if (name === 'cookie') {
      // one field outside HTTP/2 (RFC 9113 section 8.2.3)
      if (cookieAt === -1) cookieAt = fields.push(name, value) - 1;
      cookie = cookie === undefined ? value : `${cookie}; ${value}`;
    } else {
      if (name === 'content-length') {
        if (length !== undefined || !lengthDigits.test(value)) throw new RequestRejected(400, 'Content must be framed in one way');
        length = Number(value);
      } else if (name === 'expect') {
        expectsContinue = value.toLowerCase() === '100-continue';
      }
      fields.push(name, value);
    }
  }
  if (cookie !== undefined) fields[cookieAt] = cookie;
  if (authority !== undefined && host !== undefined && authority !== host) {
    throw new RequestRejected(400, 'Host and authority must be the same');
  }
  const named = authority ?? host;
  if (named === undefined) throw new RequestRejected(400, 'There must be a Host field');
  if (length !== undefined && length > maxBodyBytes) throw tooLarge(maxBodyBytes);
  if (method === 'CONNECT')
    return { request: { method, authority: named, target: '/', headers: new HeaderList() }, length, expectsContinue };
  return {
    request: { method, ...readTarget(path, method, named), headers: new HeaderList(['host', named, ...fields]) },
    length,
    expectsContinue,
  };
}

/** As Node's HTTP/2 wants them, without what HTTP/2 has no place for (RFC 9113 section 8.2.2). */
function fieldsOf(flat: readonly string[]): Record<string, string[]> {
  // without a prototype: `constructor` is a field name like any other
  const fields = Object.create(null) as Record<string, string[]>;
  for (let at = 0; at < flat.length; at += 2) {
    const name = flat[at] ?? '';
    if (
      name === 'connection' ||
      name === 'keep-alive' ||
      name === 'proxy-connection' ||
      name === 'transfer-encoding' ||
      name === 'upgrade'
    )
      continue;
    (fields[name] ??= []).push(flat[at + 1] ?? '');
  }
  return fields;
}
