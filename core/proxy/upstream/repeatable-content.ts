import type { Body, BodyFlow, BodySink, PushBody } from '../../ports/http.ts';
import { concatenated, isPushBody } from '../../http/body.ts';

/** Pieces are put together up to this: content in pieces of one byte each would take a hundred times its size. */
const pieceBytes = 1_024;

/**
 * Content of a request that may be sent more than once. What is no stream is so already; a stream is kept as it passes, up to a limit, and can be sent
 * again when nothing of it was read yet, or when all of it was and all of it was kept. In between it cannot.
 */
export class RepeatableStream implements AsyncIterable<Uint8Array> {
  readonly source: AsyncIterable<Uint8Array>;
  #maxBytes: number;
  #kept: Uint8Array[] = [];
  #bytes = 0;
  #state: 'fresh' | 'reading' | 'lost' | 'whole' = 'fresh';

  constructor(source: AsyncIterable<Uint8Array>, maxBytes: number) {
    this.source = source;
    this.#maxBytes = maxBytes;
  }

  /** Whether it can be sent (again). */
  get ready(): boolean {
    return this.#state === 'fresh' || this.#state === 'whole';
  }

  /** Whether it can be sent beside a try that is under way: that one may begin to read at any moment. */
  get whole(): boolean {
    return this.#state === 'whole';
  }

  /** Nobody will send it again: nothing is kept any more. */
  release(): void {
    this.#maxBytes = -1;
    if (this.#state === 'whole' || this.#state === 'reading') this.#lose();
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    if (this.#state === 'whole') return this.repeat();
    let iterator: AsyncIterator<Uint8Array> | undefined;
    return {
      next: async () => {
        iterator ??= this.source[Symbol.asyncIterator]();
        this.begin();
        const result = await iterator.next();
        if (result.done === true) this.finish();
        else this.keep(result.value);
        return result;
      },
      // One that was never read is left as it is, for the next try.
      return: async () => {
        await iterator?.return?.();
        return { done: true, value: undefined };
      },
    };
  }

  /** Reading begins: `keep` each chunk, then `finish`. */
  protected begin(): void {
    if (this.#state === 'fresh') this.#state = 'reading';
  }

  protected keep(chunk: Uint8Array): void {
    if (this.#state !== 'reading') return;
    this.#bytes += chunk.length;
    const last = this.#kept.at(-1);
    if (this.#bytes > this.#maxBytes) this.#lose();
    else if (last === undefined || last.length + chunk.length > pieceBytes) this.#kept.push(chunk);
    else this.#kept[this.#kept.length - 1] = concatenated([last, chunk], last.length + chunk.length);
  }

  protected finish(): void {
    if (this.#state === 'reading') this.#state = 'whole';
  }

  protected get kept(): readonly Uint8Array[] | undefined {
    return this.#state === 'whole' ? this.#kept : undefined;
  }

  protected async *repeat(): AsyncGenerator<Uint8Array> {
    yield* this.#kept;
  }

  #lose(): void {
    this.#state = 'lost';
    this.#kept = [];
  }
}

class RepeatablePushBody extends RepeatableStream implements PushBody {
  readonly #source: PushBody;

  constructor(source: PushBody, maxBytes: number) {
    super(source, maxBytes);
    this.#source = source;
  }

  pushTo(sink: BodySink): BodyFlow {
    if (this.kept !== undefined) return new KeptFlow(this.kept, sink);
    this.begin();
    return this.#source.pushTo({
      write: (chunk) => {
        this.keep(chunk);
        return sink.write(chunk);
      },
      end: () => {
        this.finish();
        sink.end();
      },
      abort: (error) => {
        sink.abort(error);
      },
    });
  }
}

/** @param maxBytes how much of a stream is kept; a stream of more can be sent once */
export function repeatable(body: Body, maxBytes: number): Body {
  if (body === undefined || typeof body === 'string' || body instanceof Uint8Array || body instanceof RepeatableStream) return body;
  return isPushBody(body) ? new RepeatablePushBody(body, maxBytes) : new RepeatableStream(body, maxBytes);
}

/** Pushes what was kept, as fast as it is taken. */
class KeptFlow implements BodyFlow {
  readonly #sink: BodySink;
  readonly #chunks: readonly Uint8Array[];
  #next = 0;
  #over = false;

  constructor(chunks: readonly Uint8Array[], sink: BodySink) {
    this.#chunks = chunks;
    this.#sink = sink;
    // Not before the reader has the flow in its hands: it may want to cancel from within `write`.
    queueMicrotask(() => this.resume());
  }

  resume(): void {
    while (!this.#over) {
      const chunk = this.#chunks[this.#next++];
      if (chunk === undefined) {
        this.#over = true;
        this.#sink.end();
      } else if (!this.#sink.write(chunk)) return;
    }
  }

  cancel(): void {
    this.#over = true;
  }
}
