import type { Clock, EpochMillis, HeaderFields, Logger, RequestContext } from '../../core/ports/index.ts';

/** What we read of Lambda's own context object (https://docs.aws.amazon.com/lambda/latest/dg/nodejs-context.html). */
export interface LambdaContext {
  readonly awsRequestId: string;
  getRemainingTimeInMillis(): number;
  readonly xRayTraceId?: string | undefined;
}

/** Kept back of the invocation's time for encoding and sending the answer. */
const reserveMs = 250;

/** One invocation: core's context, and the work that core left for later. */
export class LambdaInvocation implements RequestContext {
  readonly source: string;
  readonly clientAddress: string | undefined;
  readonly coldStart: boolean;
  readonly signal: AbortSignal | undefined;
  readonly #lambda: LambdaContext;
  readonly #headers: HeaderFields;
  readonly #clock: Clock;
  readonly #logger: Logger | undefined;
  #deadline: EpochMillis | undefined;
  #work: Promise<unknown>[] | undefined;

  constructor(
    lambda: LambdaContext,
    headers: HeaderFields,
    source: string,
    clientAddress: string | undefined,
    coldStart: boolean,
    signal: AbortSignal | undefined,
    clock: Clock,
    logger: Logger | undefined,
  ) {
    this.source = source;
    this.clientAddress = clientAddress;
    this.coldStart = coldStart;
    this.signal = signal;
    this.#lambda = lambda;
    this.#headers = headers;
    this.#clock = clock;
    this.#logger = logger;
  }

  get requestId(): string {
    return this.#lambda.awsRequestId;
  }

  get deadline(): EpochMillis {
    return (this.#deadline ??= this.#clock.now() + this.#lambda.getRemainingTimeInMillis() - reserveMs);
  }

  get traceId(): string | undefined {
    // The environment is asked last: reading it costs as much as decoding the event.
    return this.#headers.get('traceparent') ?? this.#lambda.xRayTraceId ?? process.env['_X_AMZN_TRACE_ID'];
  }

  waitUntil(work: Promise<unknown>): void {
    (this.#work ??= []).push(
      work.catch((error: unknown) => logFailure(this.#logger, 'lambda.background_failed', error, this.requestId)),
    );
  }

  /** Whether somebody left work. */
  get hasWork(): boolean {
    return this.#work !== undefined;
  }

  /** Resolves when all work is done, also what was left meanwhile, or the deadline has come. Failures are logged. */
  async finishWork(): Promise<void> {
    const timer = new AbortController();
    const timeout = this.#sleepUntil(this.deadline, timer.signal);
    while (this.#work !== undefined) {
      const pending = Promise.all(this.#work).then(() => true);
      this.#work = undefined;
      if (!(await Promise.race([pending, timeout]))) {
        this.#logger?.log('warn', 'lambda.background_unfinished', { requestId: this.requestId });
        return;
      }
    }
    timer.abort();
  }

  /** Resolves to false at `instant`; to true when `signal` aborts before. */
  async #sleepUntil(instant: EpochMillis, signal: AbortSignal): Promise<boolean> {
    try {
      await this.#clock.sleep(Math.max(0, instant - this.#clock.now()), signal);
      return false;
    } catch (error) {
      if (signal.aborted) return true;
      throw error;
    }
  }
}

/** Logs what kind of error it was; never its message, which may hold data. */
export function logFailure(logger: Logger | undefined, event: string, error: unknown, requestId: string): void {
  logger?.log('error', event, { 'error.type': error instanceof Error ? error.name : typeof error, requestId });
}
