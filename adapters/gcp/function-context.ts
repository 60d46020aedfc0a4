import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { Clock, EpochMillis, HeaderFields, Logger, RequestContext } from '../../core/ports/index.ts';

/** Kept back of the function's time for sending the answer, in milliseconds. */
const reserveMs = 250;

/** One invocation of a function: core's context, and the work that core left for later. */
export class FunctionContext implements RequestContext {
  readonly source: string;
  readonly requestId: string;
  readonly clientAddress: string | undefined;
  readonly deadline: EpochMillis;
  readonly traceId: string | undefined;
  readonly coldStart: boolean;
  readonly #response: ServerResponse;
  readonly #clock: Clock;
  readonly #logger: Logger | undefined;
  #signal: AbortSignal | undefined;
  #work: Promise<unknown>[] = [];

  constructor(
    facts: {
      readonly source: string;
      readonly clientAddress: string | undefined;
      readonly headers: HeaderFields;
      readonly coldStart: boolean;
      /** When the platform ends the function. */
      readonly endsAt: EpochMillis;
    },
    response: ServerResponse,
    clock: Clock,
    logger: Logger | undefined,
  ) {
    const { source, clientAddress, headers, coldStart, endsAt } = facts;
    const executionId = headers.get('function-execution-id') ?? '';
    this.source = source;
    this.clientAddress = clientAddress;
    this.coldStart = coldStart;
    this.requestId = /^[\x21-\x7e]{1,128}$/.test(executionId) ? executionId : randomUUID();
    this.traceId = headers.get('traceparent') ?? headers.get('x-cloud-trace-context');
    this.deadline = endsAt - reserveMs;
    this.#response = response;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** Made when it is asked for. */
  get signal(): AbortSignal {
    if (this.#signal === undefined) {
      const gone = new AbortController();
      this.#signal = gone.signal;
      const abortUnlessAnswered = (): void => {
        if (!this.#response.writableFinished) gone.abort();
      };
      if (this.#response.closed) abortUnlessAnswered();
      else this.#response.once('close', abortUnlessAnswered);
    }
    return this.#signal;
  }

  waitUntil(work: Promise<unknown>): void {
    this.#work.push(work.catch((error: unknown) => logFailure(this.#logger, 'function.background_failed', error)));
  }

  /** Resolves when all work is done, also what was left meanwhile, or the deadline has come. */
  async finishWork(): Promise<void> {
    if (this.#work.length === 0) return;
    const done = new AbortController();
    const late = this.#clock.sleep(Math.max(0, this.deadline - this.#clock.now()), done.signal).then(
      () => true,
      () => false,
    );
    while (this.#work.length > 0) {
      const finished = Promise.all(this.#work.splice(0)).then(() => false);
      if (await Promise.race([finished, late])) {
        this.#logger?.log('warn', 'function.background_unfinished');
        return;
      }
    }
    done.abort();
  }
}

/** Logs what kind of error it was; never its message, which may hold data. */
export function logFailure(logger: Logger | undefined, event: string, error: unknown): void {
  logger?.log('error', event, { 'error.type': error instanceof Error ? error.name : typeof error });
}
