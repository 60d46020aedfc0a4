import { randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { discardBody } from '../../../core/http/body.ts';
import { Canceller } from '../../../core/http/canceller.ts';
import { problemResponse } from '../../../core/http/problem.ts';
import { rejectedResponse } from '../../../core/http/reject.ts';
import { linkedAbort } from '../../../core/proxy/upstream/linked-abort.ts';
import { RequestRejected } from '../../../core/ports/index.ts';
import type {
  Body,
  Clock,
  EpochMillis,
  HeaderFields,
  HttpHandler,
  HttpRequest,
  HttpResponse,
  Logger,
  RequestContext,
} from '../../../core/ports/index.ts';
import type { HttpServerLimits } from './http-server.ts';

/** `RequestContext.source` of every request. */
const httpServerSource = 'http-server';

/** What a front tells of a request beside the message. */
export interface Received {
  readonly request: Omit<HttpRequest, 'body' | 'scheme' | 'trailers'>;
  readonly body: Body;
  readonly trailers: HttpRequest['trailers'];
  readonly peer: string | undefined;
  readonly encrypted: boolean;
  readonly protocolVersion: string;
  readonly canUpgrade: boolean;
  /** Runs once: `gone` is called when the client leaves before it has its answer. */
  watchClient(gone: () => void): void;
  readonly sendInformational: ((status: number, headers: HeaderFields) => void) | undefined;
}

/** What every front of one server shares: the handler, the limits, and what is under way. */
export class Serving {
  readonly limits: HttpServerLimits;
  readonly logger: Logger;
  /** Answers under way whose end is their connection's: see `endsWithConnection`. */
  readonly unframed: Set<ServerResponse> = new Set<ServerResponse>();
  readonly #handler: HttpHandler;
  readonly #clock: Clock;
  readonly #idPrefix = randomBytes(6).toString('hex');
  readonly #background = new Set<Promise<unknown>>();
  #served = 0;
  #inFlight = 0;
  #drained: (() => void) | undefined;
  #announced = false;

  constructor(handler: HttpHandler, clock: Clock, logger: Logger, limits: HttpServerLimits) {
    this.#handler = handler;
    this.#clock = clock;
    this.logger = logger;
    this.limits = limits;
  }

  /** Answers over HTTP/1.1 are their connection's last. */
  get leaving(): boolean {
    return this.#announced;
  }

  /** No connection is kept any more. */
  get closing(): boolean {
    return this.#drained !== undefined;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  begin(): void {
    this.#inFlight++;
  }

  end(): void {
    if (--this.#inFlight === 0) this.#drained?.();
  }

  announceClose(): void {
    this.#announced = true;
  }

  /** Asks the handler, and tells `answer` once, whatever happens. */
  handle(received: Received, answer: (response: HttpResponse) => void): void {
    const { headers } = received.request;
    const context = new ServerRequestContext(received, {
      requestId: `${this.#idPrefix}-${(this.#served++).toString(36)}`,
      clientAddress: unmapped(received.peer),
      deadline: this.#clock.now() + this.limits.handlerTimeoutMs,
      traceId: headers.get('traceparent'),
      coldStart: this.#served === 1,
      waitUntil: this.#waitUntil,
    });
    const request = new ServerRequest(received, received.encrypted ? 'https' : 'http');
    const fail = (error: unknown): void => {
      try {
        answer(error instanceof RequestRejected ? rejectedResponse(error) : this.#failed(error, context.requestId));
      } catch (again) {
        // nobody can be told: what was thrown here would end the process
        this.cut(again);
      }
    };
    const tell = (response: HttpResponse): void => {
      try {
        answer(response);
      } catch (error) {
        // fields or a status that the protocol has no place for: nothing has been sent
        discardBody(response.body);
        fail(error);
      }
    };
    try {
      const response = this.#handler(request, context);
      if (response instanceof Promise) response.then(tell, fail);
      else tell(response);
    } catch (error) {
      fail(error);
    }
  }

  /** Resolves when every request has been answered and all its work is done. */
  async drain(): Promise<void> {
    this.#announced = true;
    await new Promise<void>((resolve) => {
      this.#drained = resolve;
      if (this.#inFlight === 0) resolve();
    });
    await Promise.all(this.#background);
  }

  /** The line of a request that no handler saw: of what came nothing but a method that could be read is told. */
  refused({ status, detail }: Pick<RequestRejected, 'detail' | 'status'>, peer: string | undefined, method?: string): void {
    this.logger.log('info', 'http.request', {
      'http.request.method': method,
      'http.response.status_code': status,
      source: httpServerSource,
      'client.address': unmapped(peer),
      'error.type': 'http_request_error',
      detail,
    });
  }

  cut(error: unknown): void {
    this.logger.log('warn', 'http_server.response_cut', describe(error));
  }

  /** A handler does not throw: this is a bug of ours, told to the log by its place and to the client by a number. */
  #failed(error: unknown, incident: string): HttpResponse {
    this.logger.log('error', 'http_server.handler_failed', { incident, ...describe(error) });
    return problemResponse({ status: 500, type: 'internal-error', title: 'Internal error', incident });
  }

  readonly #waitUntil = (work: Promise<unknown>): void => {
    const done: Promise<void> = work.then(
      () => {
        this.#background.delete(done);
      },
      (error: unknown) => {
        this.#background.delete(done);
        this.logger.log('error', 'http_server.background_work_failed', describe(error));
      },
    );
    this.#background.add(done);
  };
}

class ServerRequest implements HttpRequest {
  readonly method: string;
  readonly scheme: 'http' | 'https';
  readonly authority: string;
  readonly target: string;
  readonly headers: HeaderFields;
  readonly body: Body;
  readonly trailers: HttpRequest['trailers'];

  constructor({ request, body, trailers }: Received, scheme: 'http' | 'https') {
    this.method = request.method;
    this.scheme = scheme;
    this.authority = request.authority;
    this.target = request.target;
    this.headers = request.headers;
    this.body = body;
    this.trailers = trailers;
  }
}

/** The rest of a request context is plain; the signal costs, so that it is made when it is asked for. */
class ServerRequestContext implements RequestContext {
  readonly source: string = httpServerSource;
  readonly requestId: string;
  readonly clientAddress: string | undefined;
  readonly deadline: EpochMillis;
  readonly traceId: string | undefined;
  readonly protocolVersion: string;
  readonly canUpgrade: boolean;
  readonly sendInformational: RequestContext['sendInformational'];
  readonly coldStart: boolean;
  readonly waitUntil: (work: Promise<unknown>) => void;
  readonly #received: Received;
  #cancellation: Canceller | undefined;
  #signal: AbortSignal | undefined;

  constructor(
    received: Received,
    facts: Pick<RequestContext, 'clientAddress' | 'deadline' | 'requestId' | 'traceId' | 'waitUntil'> & { coldStart: boolean },
  ) {
    this.requestId = facts.requestId;
    this.clientAddress = facts.clientAddress;
    this.deadline = facts.deadline;
    this.traceId = facts.traceId;
    this.protocolVersion = received.protocolVersion;
    this.canUpgrade = received.canUpgrade;
    this.sendInformational = received.sendInformational;
    this.coldStart = facts.coldStart;
    this.waitUntil = facts.waitUntil;
    this.#received = received;
  }

  get cancellation(): Canceller {
    if (this.#cancellation === undefined) {
      const gone = new Canceller();
      this.#cancellation = gone;
      this.#received.watchClient(() => {
        gone.abort(new DOMException('The client has gone', 'AbortError'));
      });
    }
    return this.#cancellation;
  }

  get signal(): AbortSignal {
    return (this.#signal ??= linkedAbort(this.cancellation).signal);
  }
}

/** The IPv4 address that a dual-stack socket writes as an IPv6 one. */
function unmapped(address: string | undefined): string | undefined {
  return address?.startsWith('::ffff:') === true && address.includes('.') ? address.slice(7) : address;
}

export function tooLarge(maxBytes: number): RequestRejected {
  return new RequestRejected(413, `Content must have at most ${maxBytes} bytes`);
}

/** What a log may know of an error: its name and where it was thrown, not its message, which may carry data. */
export function describe(error: unknown): { 'error.type': string; 'error.code'?: string; 'code.stacktrace'?: string } {
  if (!(error instanceof Error)) return { 'error.type': typeof error };
  const { code } = error as NodeJS.ErrnoException;
  const frames = error.stack?.split('\n').filter((line) => /^\s+at /.test(line));
  return {
    'error.type': error.name,
    ...(typeof code === 'string' && { 'error.code': code }),
    ...(frames !== undefined && { 'code.stacktrace': frames.slice(0, 6).join('\n') }),
  };
}
