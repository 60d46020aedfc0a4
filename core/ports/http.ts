import type { EpochMillis } from './clock.ts';

/**
 * Header fields in the order received, names lower case, repetitions kept (RFC 9110 section 5.3).
 *
 * An interface, because a platform event is read in place: nothing is copied for a request that looks at three fields.
 */
export interface HeaderFields {
  /** The field's value; repetitions joined with `, `, except `cookie`, joined with `; ` (RFC 6265 section 5.4). `name` is lower case. */
  get(name: string): string | undefined;
  /** Every value of the field in order. `set-cookie` is only ever read so. */
  getAll(name: string): readonly string[];
  /** All fields as name, value, name, value... in order. Do not change it. */
  flat(): readonly string[];
}

/**
 * Content. Text stands for its UTF-8 bytes. A stream can be read once. Absent content is `undefined`, which is not the same as
 * empty content only where a protocol says so.
 */
export type Body = string | Uint8Array | AsyncIterable<Uint8Array> | undefined;

/** Where a `PushBody` goes. Not called again after `end` or `abort`. */
export interface BodySink {
  /**
   * False asks for a pause, until `BodyFlow.resume`. The chunk is the sink's for good, unless it calls `spent`.
   *
   * @param spent may be called, with this chunk, when neither it nor what came before it is needed any more: its memory is taken back at once
   */
  write(chunk: Uint8Array, spent?: (chunk: Uint8Array) => void): boolean;
  end(): void;
  /** The content broke off. */
  abort(error: unknown): void;
}

/** The reader's hand on a flowing body. */
export interface BodyFlow {
  resume(): void;
  /** Nobody reads any more: frees what the body came from. The sink is not called again. */
  cancel(): void;
}

/**
 * A streamed body that can also push: where the source and the reader both know how, nothing stands between them. Read once, either way.
 */
export interface PushBody extends AsyncIterable<Uint8Array> {
  pushTo(sink: BodySink): BodyFlow;
}

/**
 * A connection that has switched protocols (RFC 9110 section 7.8): opaque to core, joined to the client's by the server that made or knows it.
 */
export interface UpgradedConnection {
  destroy(): void;
}

/**
 * An HTTP request, with what a proxy must see and `Request` hides: the raw target, repeated fields in order, content on any method.
 */
export interface HttpRequest {
  /** Case-sensitive, any token (RFC 9110 section 9.1). */
  readonly method: string;
  readonly scheme: 'http' | 'https';
  /** Host and optional port as the client named it, lower case; the platform's word where it states one. Not to be trusted for authorization. */
  readonly authority: string;
  /** Origin form: path and query as sent, byte for byte where the platform gives them; starts with `/` (or is `*`). Never decoded. */
  readonly target: string;
  readonly headers: HeaderFields;
  /** Decoded from the platform's form on first access. Access may throw `RequestRejected`. */
  readonly body: Body;
  /** Trailer fields (RFC 9110 section 6.5), once the body has ended; `undefined` when there are none. */
  readonly trailers?: (() => HeaderFields | undefined) | undefined;
}

export interface HttpResponse {
  /** 100 to 999; final statuses are 200 to 599. */
  readonly status: number;
  readonly headers: HeaderFields;
  readonly body: Body;
  /** Trailer fields, once the body has ended. A platform that cannot send them leaves them out. */
  readonly trailers?: (() => HeaderFields | undefined) | undefined;
  /** Version of the protocol an upstream said it in, for `Via`: `1.0`, `1.1`, `2`; default `1.1`. */
  readonly protocolVersion?: string | undefined;
  /** With status 101: the upstream's side of the tunnel. */
  readonly upgraded?: UpgradedConnection | undefined;
}

/** Tells that nobody wants an answer any more: as much of an `AbortSignal` as a listener needs. Every `AbortSignal` is one. */
export interface Cancellation {
  readonly aborted: boolean;
  /** Why, when it is aborted. */
  readonly reason: unknown;
  throwIfAborted(): void;
  addEventListener(event: 'abort', listener: () => void, options: { readonly once: true }): void;
  removeEventListener(event: 'abort', listener: () => void): void;
}

/** What the platform attests about one request, apart from the message. */
export interface RequestContext {
  /** Which event source brought it, for example `aws-http-v2`; one of the adapter's documented names. For logs. */
  readonly source: string;
  /** The platform's id of this invocation, or one we made: 1 to 128 visible ASCII characters. */
  readonly requestId: string;
  /** The peer's address as the platform attests it, without port, never taken from a header a client can write. */
  readonly clientAddress: string | undefined;
  /** When the platform stops us, less a reserve for the answer, epoch milliseconds. */
  readonly deadline: EpochMillis;
  /** Aborts when the client is gone or the platform cancels. */
  readonly signal?: AbortSignal | undefined;
  /** The same, where the platform has it cheaper; default `signal`. */
  readonly cancellation?: Cancellation | undefined;
  /** W3C `traceparent` or the platform's own trace id, where given. */
  readonly traceId?: string | undefined;
  /** Version of the protocol the client spoke to the platform, for `Via`: `1.0`, `1.1`, `2`; default `1.1`. */
  readonly protocolVersion?: string | undefined;
  /** Sends a 1xx response ahead of the answer; absent where the platform cannot. */
  readonly sendInformational?: ((status: number, headers: HeaderFields) => void) | undefined;
  /** Whether an answer 101 with `upgraded` can be carried out; default false. */
  readonly canUpgrade?: boolean | undefined;
  /** Greatest response content this platform passes on, in bytes; default no limit. */
  readonly maxResponseBytes?: number | undefined;
  /** True for the first request a process serves. */
  readonly coldStart?: boolean | undefined;
  /** Work to finish after the answer; a platform that freezes waits for it before answering. Rejections are logged, never thrown. */
  waitUntil(work: Promise<unknown>): void;
}

/** What core is to a platform: one function, total. It answers every request and does not throw. */
export type HttpHandler = (request: HttpRequest, context: RequestContext) => HttpResponse | Promise<HttpResponse>;

/**
 * The platform handed over something that is no acceptable request: an ill-formed target, a smuggling attempt, content over a limit.
 * Becomes a problem response with this status.
 */
export class RequestRejected extends Error {
  override readonly name = 'RequestRejected';
  readonly status: number;
  /** Says what is wrong; safe to show to the client: holds none of the client's data. */
  readonly detail: string;

  constructor(status: number, detail: string) {
    super(detail);
    this.status = status;
    this.detail = detail;
  }
}

/**
 * Turns one platform's event into a request and an answer into that platform's result. Pure but for the lazy body.
 *
 * `Event` and `Result` are the platform's shapes. `encode` gets the event again because some results must mirror its shape (ALB).
 * A result over the platform's limit is a defined 5xx from `encode`, never truncated by the platform.
 */
export interface HttpEventCodec<Event, Result> {
  /** The documented name of the source, for example `aws-alb-multi`. */
  readonly source: string;
  /** Greatest response content in bytes before the platform truncates or refuses; `undefined` when it does not limit. */
  readonly maxResponseBytes: number | undefined;
  /** Tells this source by shape alone. */
  matches(event: unknown): event is Event;
  /** Throws `RequestRejected` for what is not acceptable. */
  decode(event: Event): HttpRequest;
  encode(response: HttpResponse, event: Event): Result | Promise<Result>;
}
