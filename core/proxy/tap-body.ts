import type { Body, BodyFlow, BodySink, PushBody } from '../ports/http.ts';
import { isPushBody } from '../http/body.ts';

/** Looks on while a body passes. */
export interface BodyTap {
  /** The bytes are lent for the call: what is to be kept is copied. */
  chunk(bytes: Uint8Array): void;
  /** Called once: the body ended, broke off with `error`, or nobody wanted the rest (`error` undefined, `complete` false). */
  end(complete: boolean, error?: unknown): void;
}

const utf8 = new TextEncoder();

/** The same body, watched. One that can push still can. A body that is not a stream is told at once. */
export function tapBody(body: Body, tap: BodyTap): Body {
  if (body === undefined || typeof body === 'string' || body instanceof Uint8Array) {
    if (body !== undefined && body.length > 0) tap.chunk(typeof body === 'string' ? utf8.encode(body) : body);
    tap.end(true);
    return body;
  }
  return isPushBody(body) ? new TappedPushBody(body, tap) : new TappedBody(body, tap);
}

class TappedBody implements AsyncIterable<Uint8Array> {
  readonly #body: AsyncIterable<Uint8Array>;
  readonly #tap: BodyTap;

  constructor(body: AsyncIterable<Uint8Array>, tap: BodyTap) {
    this.#body = body;
    this.#tap = tap;
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    const iterator = this.#body[Symbol.asyncIterator]();
    const tap = this.#tap;
    let ended = false;
    const end = (complete: boolean, error?: unknown): void => {
      if (ended) return;
      ended = true;
      tap.end(complete, error);
    };
    return {
      async next() {
        try {
          const result = await iterator.next();
          if (result.done === true) end(true);
          else tap.chunk(result.value);
          return result;
        } catch (error) {
          end(false, error);
          throw error;
        }
      },
      async return() {
        end(false);
        await iterator.return?.();
        return { done: true, value: undefined };
      },
    };
  }
}

class TappedPushBody extends TappedBody implements PushBody {
  readonly #body: PushBody;
  readonly #tap: BodyTap;

  constructor(body: PushBody, tap: BodyTap) {
    super(body, tap);
    this.#body = body;
    this.#tap = tap;
  }

  pushTo(sink: BodySink): BodyFlow {
    return new PushTap(this.#tap, sink).start(this.#body);
  }
}

/** Between a body that pushes and its reader: a sink to the one, the flow to the other. */
class PushTap implements BodySink, BodyFlow {
  readonly #tap: BodyTap;
  readonly #sink: BodySink;
  #flow: BodyFlow | undefined;
  #ended = false;

  constructor(tap: BodyTap, sink: BodySink) {
    this.#tap = tap;
    this.#sink = sink;
  }

  start(body: PushBody): this {
    this.#flow = body.pushTo(this);
    return this;
  }

  write(chunk: Uint8Array, spent?: (chunk: Uint8Array) => void): boolean {
    this.#tap.chunk(chunk);
    return this.#sink.write(chunk, spent);
  }

  end(): void {
    this.#tell(true);
    this.#sink.end();
  }

  abort(error: unknown): void {
    this.#tell(false, error);
    this.#sink.abort(error);
  }

  resume(): void {
    this.#flow?.resume();
  }

  cancel(): void {
    this.#tell(false);
    this.#flow?.cancel();
  }

  #tell(complete: boolean, error?: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#tap.end(complete, error);
  }
}
