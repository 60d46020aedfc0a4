import type { BodyFlow, BodySink, HeaderFields, PushBody } from '../../core/ports/index.ts';

/** Where a received body comes from. */
export interface BodySource {
  /** More may come. */
  resume(): void;
  /** Nobody reads any more, and the body has not ended. */
  cancel(): void;
}

/** What nobody has taken yet is kept up to this before the source is asked to pause, in bytes. */
const heldBytes = 65_536;

/** Content that arrives from a connection: what comes before somebody reads is kept, and what comes after goes straight through. */
export class ReceivedBody implements PushBody, BodyFlow {
  /** Set before the end by who receives them. */
  trailers: HeaderFields | undefined;
  readonly #source: BodySource;
  readonly #spent: ((chunk: Uint8Array) => void) | undefined;
  #held: Uint8Array[] = [];
  #heldLength = 0;
  #sink: BodySink | undefined;
  #state: 'cancelled' | 'ended' | 'failed' | 'open' = 'open';
  #error: unknown;
  #taken = false;

  /** @param spent for `BodySink.write` */
  constructor(source: BodySource, spent?: (chunk: Uint8Array) => void) {
    this.#source = source;
    this.#spent = spent;
  }

  /** False asks the source to pause until `resume`. */
  push(chunk: Uint8Array): boolean {
    if (this.#sink !== undefined) return this.#sink.write(chunk, this.#spent);
    if (this.#state !== 'open') return true;
    this.#held.push(chunk);
    this.#heldLength += chunk.length;
    return this.#heldLength < heldBytes;
  }

  end(): void {
    this.#finish('ended', undefined);
  }

  fail(error: unknown): void {
    this.#finish('failed', error);
  }

  /** All of it, when it has ended and nobody has read it; then it has been read. */
  whole(): Uint8Array | undefined {
    if (this.#state !== 'ended' || this.#taken) return undefined;
    this.#taken = true;
    const held = this.#held;
    this.#held = [];
    const [first] = held;
    return first !== undefined && held.length === 1 ? first : Buffer.concat(held);
  }

  pushTo(sink: BodySink): BodyFlow {
    if (this.#taken) throw new TypeError('A body can be read once');
    this.#taken = true;
    let flowing = true;
    for (const chunk of this.#held) flowing = sink.write(chunk, this.#spent) && flowing;
    this.#held = [];
    if (this.#state === 'open') {
      this.#sink = sink;
      if (flowing) this.#source.resume();
    } else if (this.#state === 'ended') {
      sink.end();
    } else {
      sink.abort(this.#error);
    }
    return this;
  }

  resume(): void {
    if (this.#state === 'open') this.#source.resume();
  }

  cancel(): void {
    this.#held = [];
    this.#sink = undefined;
    this.#taken = true;
    if (this.#state !== 'open') return;
    this.#state = 'cancelled';
    this.#source.cancel();
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return new BodyIterator(this);
  }

  #finish(state: 'ended' | 'failed', error: unknown): void {
    if (this.#state !== 'open') return;
    this.#state = state;
    this.#error = error;
    const sink = this.#sink;
    this.#sink = undefined;
    if (state === 'ended') sink?.end();
    else sink?.abort(error);
  }
}

/** Reads a body that pushes, piece by piece. */
class BodyIterator implements AsyncIterator<Uint8Array>, BodySink {
  readonly #body: ReceivedBody;
  #flow: BodyFlow | undefined;
  #chunks: Uint8Array[] = [];
  #over: { readonly error?: unknown; readonly failed: boolean } | undefined;
  #waiting: { resolve: (result: IteratorResult<Uint8Array>) => void; reject: (error: unknown) => void } | undefined;

  constructor(body: ReceivedBody) {
    this.#body = body;
  }

  next(): Promise<IteratorResult<Uint8Array>> {
    this.#flow ??= this.#body.pushTo(this);
    const chunk = this.#chunks.shift();
    if (chunk !== undefined) return Promise.resolve({ done: false, value: chunk });
    if (this.#over === undefined) {
      const next = new Promise<IteratorResult<Uint8Array>>((resolve, reject) => {
        this.#waiting = { resolve, reject };
      });
      this.#flow.resume();
      return next;
    }
    const { failed, error } = this.#over;
    this.#over = { failed: false };
    return failed ? Promise.reject(error as Error) : Promise.resolve({ done: true, value: undefined });
  }

  return(): Promise<IteratorResult<Uint8Array>> {
    this.#chunks = [];
    this.#over = { failed: false };
    // what was never read is not begun for that: whoever sends it may wait to be asked for it
    (this.#flow ?? this.#body).cancel();
    return Promise.resolve({ done: true, value: undefined });
  }

  write(chunk: Uint8Array): boolean {
    const waiting = this.#waiting;
    if (waiting === undefined) {
      if (this.#over === undefined) this.#chunks.push(chunk);
      return false;
    }
    this.#waiting = undefined;
    waiting.resolve({ done: false, value: chunk });
    return false;
  }

  end(): void {
    this.#finish({ failed: false });
  }

  abort(error: unknown): void {
    this.#finish({ failed: true, error });
  }

  #finish(over: { readonly error?: unknown; readonly failed: boolean }): void {
    if (this.#over !== undefined) return;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    this.#over = waiting === undefined ? over : { failed: false };
    if (over.failed) waiting?.reject(over.error);
    else waiting?.resolve({ done: true, value: undefined });
  }
}
