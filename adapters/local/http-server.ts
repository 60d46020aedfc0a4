import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { problemResponse } from '../../core/http/problem.ts';
import { rejectedResponse } from '../../core/http/reject.ts';
import { RequestRejected } from '../../core/ports/index.ts';
import type {
  Body,
  Clock,
  EpochMillis,
  HttpHandler,
  HttpRequest,
  HttpResponse,
  Logger,
  RequestContext,
} from '../../core/ports/index.ts';
import { createClientAddress } from './client-address.ts';
import { readHead } from './http-message.ts';
import type { Framing } from './http-message.ts';

export interface HttpServerLimits {
  /** Request line and header fields together, in bytes; over it 431; default 16,384. */
  readonly maxHeaderBytes: number;
  /** Content of a request in bytes; over it 413; default 10 MiB. */
  readonly maxBodyBytes: number;
  /** For the header section to arrive, in milliseconds; then 408; default 10,000. */
  readonly headersTimeoutMs: number;
  /** For the whole request to arrive, in milliseconds; then 408; default 60,000. */
  readonly requestTimeoutMs: number;
  /** How long an idle connection is kept, in milliseconds; default 65,000, more than load balancers keep theirs. */
  readonly keepAliveTimeoutMs: number;
  /** What `context.deadline` gives a request, in milliseconds; default 30,000. */
  readonly handlerTimeoutMs: number;
  /** How long `close` waits for requests in flight, in milliseconds; default 10,000. */
  readonly closeTimeoutMs: number;
}

export const defaultHttpServerLimits: HttpServerLimits = {
  maxHeaderBytes: 16_384,
  maxBodyBytes: 10 * 1_024 * 1_024,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 60_000,
  keepAliveTimeoutMs: 65_000,
  handlerTimeoutMs: 30_000,
  closeTimeoutMs: 10_000,
};

export interface HttpServerOptions {
  readonly handler: HttpHandler;
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits?: Partial<HttpServerLimits> | undefined;
  /** Ranges of the proxies in front, whose `X-Forwarded-For` and `X-Forwarded-Proto` count; default none. */
  readonly trustedProxies?: readonly string[] | undefined;
}

export interface HttpServer {
  readonly port: number;
  /** Takes no more requests, finishes those in flight and their `waitUntil` work, then closes every connection. */
  close(): Promise<void>;
}

/** Content up to this is read before the handler is called, which saves it the cost of a stream. */
const bufferedBodyBytes = 65_536;

/** `RequestContext.source` of every request. */
export const httpServerSource = 'http-server';

/**
 * Serves a handler over HTTP/1.1 on `node:http`. The target is passed on byte for byte and header fields in their order; what is
 * ill-formed is answered with a problem by the server itself.
 *
 * @throws the system's error, when it cannot listen
 */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { handler, clock, logger } = options;
  const limits = { ...defaultHttpServerLimits, ...options.limits };
  const clientAddress = createClientAddress(options.trustedProxies);
  const behindProxy = (options.trustedProxies ?? []).length > 0;
  const idPrefix = randomBytes(6).toString('hex');
  const background = new Set<Promise<unknown>>();
  let served = 0;
  let inFlight = 0;
  let closing = false;
  let drained = (): void => undefined;

  const server: Server = createServer({
    maxHeaderSize: limits.maxHeaderBytes,
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    connectionsCheckingInterval: Math.min(limits.headersTimeoutMs, 1_000),
    noDelay: true,
    // checked by `readHead`, which answers with a problem
    requireHostHeader: false,
  });

  const waitUntil = (work: Promise<unknown>): void => {
    const done: Promise<void> = work.then(
      () => {
        background.delete(done);
      },
      (error: unknown) => {
        background.delete(done);
        logger.log('error', 'http_server.background_work_failed', describe(error));
      },
    );
    background.add(done);
  };

  const dispatch = (message: IncomingMessage, response: ServerResponse, expectsContinue: boolean): void => {
    inFlight++;
    response.once('close', () => {
      inFlight--;
      if (inFlight === 0) drained();
    });
    let head;
    try {
      head = readHead(message);
      if (head.framing.kind === 'length' && head.framing.length > limits.maxBodyBytes) throw tooLarge(limits.maxBodyBytes);
    } catch (error) {
      if (!(error instanceof RequestRejected)) throw error;
      // what follows on this connection cannot be trusted to be a request
      send(message, response, rejectedResponse(error), true);
      return;
    }
    if (expectsContinue) response.writeContinue();
    const { framing } = head;
    const peer = message.socket.remoteAddress;
    const { headers } = head.request;
    const client = clientAddress(peer, () => headers.get('x-forwarded-for'));
    const forwardedHttps = behindProxy && client !== peer && headers.get('x-forwarded-proto') === 'https';
    const context = new ServerRequestContext(response, {
      requestId: `${idPrefix}-${(served++).toString(36)}`,
      clientAddress: client,
      deadline: clock.now() + limits.handlerTimeoutMs,
      traceId: headers.get('traceparent'),
      coldStart: served === 1,
      waitUntil,
    });
    const run = (body: Body): void => {
      const request: HttpRequest = { ...head.request, scheme: forwardedHttps ? 'https' : 'http', body };
      const finish = (answer: HttpResponse): void => {
        send(message, response, answer, closing || (framing.kind !== 'none' && !message.complete));
      };
      const fail = (error: unknown): void => {
        finish(error instanceof RequestRejected ? rejectedResponse(error) : failed(error, context.requestId));
      };
      try {
        const answer = handler(request, context);
        if (answer instanceof Promise) answer.then(finish).catch(fail);
        else finish(answer);
      } catch (error) {
        fail(error);
      }
    };
    receive(message, framing, limits.maxBodyBytes, run);
  };

  /** A handler does not throw: this is a bug of ours, told to the log by its place and to the client by a number. */
  const failed = (error: unknown, incident: string): HttpResponse => {
    logger.log('error', 'http_server.handler_failed', { incident, ...describe(error) });
    return problemResponse({ status: 500, type: 'internal-error', title: 'Internal error', incident });
  };

  const send = (message: IncomingMessage, response: ServerResponse, answer: HttpResponse, close: boolean): void => {
    if (response.headersSent) return;
    const { status, body } = answer;
    const empty = message.method === 'HEAD' || status === 204 || status === 304;
    const isStream = body !== undefined && typeof body !== 'string' && !(body instanceof Uint8Array);
    const length = body === undefined ? 0 : typeof body === 'string' ? Buffer.byteLength(body) : isStream ? undefined : body.length;
    // a HEAD or 304 without content says nothing of the length it would have had
    const ownLength = length !== undefined && !(empty && length === 0);
    const fields = framedFields(answer.headers.flat(), ownLength);
    if (ownLength && status !== 204) fields.push('content-length', `${length}`);
    if (close) fields.push('connection', 'close');
    response.writeHead(status, fields);
    if (!isStream) {
      response.end(empty ? undefined : body);
      return;
    }
    if (empty || response.destroyed) {
      response.end();
      void body[Symbol.asyncIterator]().return?.();
      return;
    }
    // a stream that is not as long as it said must not leave the connection out of step
    response.strictContentLength = true;
    pipeline(body, response).catch((error: unknown) => {
      if (!isClientGone(error)) logger.log('warn', 'http_server.response_cut', describe(error));
    });
  };

  server.on('request', (message: IncomingMessage, response: ServerResponse) => {
    dispatch(message, response, false);
  });
  server.on('checkContinue', (message: IncomingMessage, response: ServerResponse) => {
    dispatch(message, response, true);
  });
  server.on('connect', (_message: IncomingMessage, socket: Duplex) => {
    socket.on('error', () => socket.destroy());
    socket.end(rawAnswer(problemResponse({ status: 405, type: 'method-not-allowed', title: 'Method not allowed' }, ['allow', ''])));
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex & { _httpMessage?: ServerResponse | null }) => {
    const begun = socket._httpMessage?.headersSent === true;
    if (error.code === 'ECONNRESET' || !socket.writable || begun) socket.destroy();
    else socket.end(rawAnswer(rejectedResponse(rejectionOf(error.code))), () => socket.destroy());
  });

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, () => {
      server.off('error', reject);
      resolve();
    });
  });

  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      closing = true;
      const closed = new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
      });
      const answered = new Promise<void>((resolve) => {
        drained = resolve;
        if (inFlight === 0) resolve();
      });
      const finished = new AbortController();
      const patience = clock.sleep(limits.closeTimeoutMs, finished.signal).catch(() => undefined);
      await Promise.race([answered.then(() => Promise.all(background)), patience]);
      finished.abort();
      // a connection that never sent a request is not idle in Node's eyes
      server.closeAllConnections();
      await closed;
    },
  };
}

/** The rest of a request context is plain; the signal costs, so that it is made when it is asked for. */
class ServerRequestContext implements RequestContext {
  readonly source: string = httpServerSource;
  readonly requestId: string;
  readonly clientAddress: string | undefined;
  readonly deadline: EpochMillis;
  readonly traceId: string | undefined;
  readonly coldStart: boolean;
  readonly waitUntil: (work: Promise<unknown>) => void;
  readonly #response: ServerResponse;
  #signal: AbortSignal | undefined;

  constructor(response: ServerResponse, facts: Omit<RequestContext, 'signal' | 'source'> & { coldStart: boolean }) {
    this.requestId = facts.requestId;
    this.clientAddress = facts.clientAddress;
    this.deadline = facts.deadline;
    this.traceId = facts.traceId;
    this.coldStart = facts.coldStart;
    this.waitUntil = facts.waitUntil;
    this.#response = response;
  }

  get signal(): AbortSignal {
    if (this.#signal !== undefined) return this.#signal;
    const controller = new AbortController();
    this.#signal = controller.signal;
    const response = this.#response;
    const abortUnlessAnswered = (): void => {
      if (!response.writableFinished) controller.abort();
    };
    if (response.closed) abortUnlessAnswered();
    else response.once('close', abortUnlessAnswered);
    return this.#signal;
  }
}

/** Gives the content to `run`: at once when there is none, read when it is short, else as a stream. */
function receive(message: IncomingMessage, framing: Framing, maxBytes: number, run: (body: Body) => void): void {
  if (framing.kind === 'none') {
    run(undefined);
  } else if (framing.kind === 'length' && framing.length <= bufferedBodyBytes) {
    const chunks: Uint8Array[] = [];
    message.on('data', (chunk: Uint8Array) => chunks.push(chunk));
    message.on('end', () => {
      const [first] = chunks;
      run(first !== undefined && chunks.length === 1 ? first : Buffer.concat(chunks));
    });
  } else {
    run(boundedStream(message, maxBytes));
  }
}

async function* boundedStream(message: IncomingMessage, maxBytes: number): AsyncGenerator<Uint8Array> {
  let length = 0;
  try {
    // a handler that stops reading must still be able to answer on this connection
    for await (const chunk of message.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>) {
      length += chunk.length;
      if (length > maxBytes) throw tooLarge(maxBytes);
      yield chunk;
    }
  } catch (error) {
    throw error instanceof RequestRejected ? error : new RequestRejected(400, 'Content ended early');
  }
}

/** Without the fields that frame a message or manage the connection: those are ours. */
function framedFields(flat: readonly string[], ownLength: boolean): string[] {
  const fields: string[] = [];
  for (let at = 0; at < flat.length; at += 2) {
    const name = flat[at] ?? '';
    if (name === 'connection' || name === 'keep-alive' || name === 'transfer-encoding' || (ownLength && name === 'content-length'))
      continue;
    fields.push(name, flat[at + 1] ?? '');
  }
  return fields;
}

function tooLarge(maxBytes: number): RequestRejected {
  return new RequestRejected(413, `Content must have at most ${maxBytes} bytes`);
}

function rejectionOf(code: string | undefined): RequestRejected {
  if (code === 'HPE_HEADER_OVERFLOW') return new RequestRejected(431, 'The header section is too large');
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return new RequestRejected(408, 'The request did not arrive in time');
  return new RequestRejected(400, 'The request is no well-formed HTTP/1.1');
}

/** An answer to what never became a request, as the bytes of the last message on its connection. */
function rawAnswer({ status, headers, body }: HttpResponse): string {
  const text = typeof body === 'string' ? body : '';
  const flat = ['connection', 'close', 'content-length', `${Buffer.byteLength(text)}`, ...headers.flat()];
  const lines = flat.flatMap((name, at) => (at % 2 === 0 ? [`${name}: ${flat[at + 1] ?? ''}\r\n`] : []));
  return `HTTP/1.1 ${status} ${reasons[status] ?? 'Bad Request'}\r\n${lines.join('')}\r\n${text}`;
}

const reasons: Readonly<Record<number, string>> = {
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  431: 'Request Header Fields Too Large',
};

function isClientGone(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ERR_STREAM_PREMATURE_CLOSE' || code === 'ECONNRESET' || code === 'EPIPE' || code === 'ERR_STREAM_DESTROYED';
}

/** What a log may know of an error: its name and where it was thrown, not its message, which may carry data. */
function describe(error: unknown): { 'error.type': string; 'error.code'?: string; 'code.stacktrace'?: string } {
  if (!(error instanceof Error)) return { 'error.type': typeof error };
  const { code } = error as NodeJS.ErrnoException;
  const frames = error.stack?.split('\n').filter((line) => /^\s+at /.test(line));
  return {
    'error.type': error.name,
    ...(typeof code === 'string' && { 'error.code': code }),
    ...(frames !== undefined && { 'code.stacktrace': frames.slice(0, 6).join('\n') }),
  };
}
