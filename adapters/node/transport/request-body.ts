import { isPushBody } from '../../../core/http/body.ts';
import { RequestRejected, UpstreamError } from '../../../core/ports/index.ts';
import type { BodyFlow, BodySink } from '../../../core/ports/index.ts';

/** Where content goes that is on its way out: as a `BodySink`, and it says when it wants more. */
export type BodyOutlet = BodySink;

/** The time is over and the request's content has not come: whoever sends it is at fault, not the upstream. */
export function contentTooLate(): RequestRejected {
  return new RequestRejected(408, 'The content did not arrive in time');
}

/** Why a try was given up: a time that was over is the content's fault where that was late. */
export function lateness(reason: unknown, contentIsLate: boolean): unknown {
  return contentIsLate && reason instanceof UpstreamError ? contentTooLate() : reason;
}

/** Content on its way out, at the outlet's pace and of the length that was said. */
export class RequestBody implements BodyFlow, BodySink {
  readonly #content: AsyncIterable<Uint8Array>;
  readonly #length: number | undefined;
  readonly #outlet: BodyOutlet;
  #flow: BodyFlow | undefined;
  #iterator: AsyncIterator<Uint8Array> | undefined;
  #wanted: (() => void) | undefined;
  #written = 0;
  #over = false;

  /** @param length what the message's head says, in bytes; `undefined` when it says nothing */
  constructor(content: AsyncIterable<Uint8Array> | Uint8Array, length: number | undefined, outlet: BodyOutlet) {
    this.#content = content instanceof Uint8Array ? once(content) : content;
    this.#length = length;
    this.#outlet = outlet;
  }

  start(): void {
    if (isPushBody(this.#content)) {
      this.#flow = this.#content.pushTo(this);
    } else {
      this.#pump().catch((error: unknown) => {
        this.abort(error);
      });
    }
  }

  resume(): void {
    const wanted = this.#wanted;
    this.#wanted = undefined;
    wanted?.();
    this.#flow?.resume();
  }

  /** Nobody wants it any more. */
  cancel(): void {
    if (this.#over) return;
    this.#over = true;
    this.#wanted?.();
    if (this.#flow !== undefined) this.#flow.cancel();
    else (this.#iterator ?? this.#content[Symbol.asyncIterator]()).return?.().catch(() => undefined);
  }

  write(chunk: Uint8Array): boolean {
    if (this.#over || chunk.length === 0) return !this.#over;
    this.#written += chunk.length;
    // what is longer than it said would be read as the next request
    if (this.#length !== undefined && this.#written > this.#length) {
      this.#break();
      return false;
    }
    return this.#outlet.write(chunk);
  }

  end(): void {
    if (this.#over) return;
    if (this.#length !== undefined && this.#written !== this.#length) {
      this.#break();
      return;
    }
    this.#over = true;
    this.#outlet.end();
  }

  abort(error: unknown): void {
    if (this.#over) return;
    this.#over = true;
    this.#outlet.abort(error);
  }

  #break(): void {
    this.cancel();
    this.#outlet.abort(new UpstreamError('http_protocol_error', true));
  }

  async #pump(): Promise<void> {
    const iterator = this.#content[Symbol.asyncIterator]();
    this.#iterator = iterator;
    for (;;) {
      const next = await iterator.next();
      if (this.#over) return;
      if (next.done === true) break;
      if (!this.write(next.value)) {
        await new Promise<void>((resolve) => {
          this.#wanted = resolve;
        });
      }
    }
    this.end();
  }
}

async function* once(chunk: Uint8Array): AsyncGenerator<Uint8Array> {
  yield chunk;
}
