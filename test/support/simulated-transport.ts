import { HeaderList } from '../../core/http/header-list.ts';
import { bodyBytes } from '../../core/http/body.ts';
import type {
  Body,
  Clock,
  ConnectionProfile,
  EpochMillis,
  HttpRequest,
  HttpResponse,
  SendOptions,
  Transport,
  Transports,
  UnusableSecret,
} from '../../core/ports/index.ts';
import { UpstreamError } from '../../core/ports/index.ts';
import { linkedAbort } from '../../core/proxy/upstream/linked-abort.ts';

/** What a simulated backend does with one request. */
export interface SimulatedAnswer {
  /** Until the header section or the failure, milliseconds; default 0. `Infinity`: never. */
  readonly afterMs?: number | undefined;
  readonly status?: number | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: Body;
  readonly trailers?: Readonly<Record<string, string>> | undefined;
  /** Fails with this instead of answering. */
  readonly error?: UpstreamError | undefined;
  /** How the request's content is treated: read to its end before anything else (default), or not at all. */
  readonly content?: 'ignore' | 'read' | undefined;
}

/** @param count how many requests this backend has had, this one included */
export type SimulatedBackend = (request: HttpRequest, count: number, options: SendOptions) => SimulatedAnswer;

/** One request as it left. */
export interface SentRequest {
  readonly at: EpochMillis;
  readonly authority: string;
  readonly request: HttpRequest;
  readonly options: SendOptions;
  /** What its backend read of the content. */
  content: Uint8Array | undefined;
  /** `undefined` until it is over. */
  outcome: number | 'aborted' | 'failed' | undefined;
}

/** An upstream side made of functions, in virtual time: keeps the contract of `Transport` as far as a caller can tell. */
export class SimulatedTransport implements Transport, Transports {
  readonly sent: SentRequest[] = [];
  readonly profiles: ConnectionProfile[] = [];
  /** Response bodies that were neither read to the end nor cancelled: each would hold a connection. */
  openBodies = 0;
  closed = 0;
  /** What is wrong with the secrets of a profile; may throw. */
  unusable: (...asked: Parameters<Transports['checkSecrets']>) => readonly UnusableSecret[] | Promise<readonly UnusableSecret[]> =
    () => [];
  /** Exchanges at once right now, and the most there ever were. */
  inFlight = 0;
  mostInFlight = 0;
  readonly #clock: Clock;
  readonly #backends = new Map<string, SimulatedBackend>();
  readonly #counts = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param where an authority, or an address where one is given with the request; replaces what was there */
  backend(where: string, backend: SimulatedBackend | SimulatedAnswer): this {
    this.#backends.set(where, typeof backend === 'function' ? backend : () => backend);
    return this;
  }

  /** How many requests went to an authority or address. */
  count(where: string): number {
    return this.#counts.get(where) ?? 0;
  }

  open(profile: ConnectionProfile): Transport {
    this.profiles.push(profile);
    return this;
  }

  async checkSecrets(...asked: Parameters<Transports['checkSecrets']>): Promise<readonly UnusableSecret[]> {
    return this.unusable(...asked);
  }

  async close(): Promise<void> {
    this.closed++;
  }

  async send(request: HttpRequest, options: SendOptions): Promise<HttpResponse> {
    options.signal?.throwIfAborted();
    const where = options.address ?? request.authority;
    const count = this.count(where) + 1;
    this.#counts.set(where, count);
    const sent: SentRequest = {
      at: this.#clock.now(),
      authority: where,
      request,
      options,
      content: undefined,
      outcome: undefined,
    };
    this.sent.push(sent);
    this.inFlight++;
    this.mostInFlight = Math.max(this.mostInFlight, this.inFlight);
    try {
      const response = await this.#answer(where, request, count, options, sent);
      sent.outcome = response.status;
      return response;
    } catch (error) {
      sent.outcome = options.signal?.aborted === true ? 'aborted' : 'failed';
      throw error;
    } finally {
      this.inFlight--;
    }
  }

  async #answer(
    where: string,
    request: HttpRequest,
    count: number,
    options: SendOptions,
    sent: SentRequest,
  ): Promise<HttpResponse> {
    const backend = this.#backends.get(where);
    if (backend === undefined) throw new UpstreamError('connection_refused', false);
    const answer = backend(request, count, options);
    if (answer.content !== 'ignore') sent.content = await bodyBytes(request.body);
    const afterMs = answer.afterMs ?? 0;
    const leftMs = options.deadline - this.#clock.now();
    const { signal } = linkedAbort(options.signal);
    if (afterMs >= leftMs) {
      await this.#clock.sleep(Math.max(0, leftMs), signal);
      throw new UpstreamError('http_response_timeout', true);
    }
    if (afterMs > 0) await this.#clock.sleep(afterMs, signal);
    if (answer.error !== undefined) throw answer.error;
    return {
      status: answer.status ?? 200,
      headers: new HeaderList(Object.entries(answer.headers ?? {}).flat()),
      body: this.#watched(answer.body),
      trailers: answer.trailers && (() => new HeaderList(Object.entries(answer.trailers ?? {}).flat())),
    };
  }

  #watched(body: Body): Body {
    if (body === undefined || typeof body === 'string' || body instanceof Uint8Array) return body;
    this.openBodies++;
    let open = true;
    const close = (): void => {
      if (open) this.openBodies--;
      open = false;
    };
    return {
      [Symbol.asyncIterator]: () => {
        const iterator = body[Symbol.asyncIterator]();
        return {
          async next() {
            try {
              const result = await iterator.next();
              if (result.done === true) close();
              return result;
            } catch (error) {
              close();
              throw error;
            }
          },
          async return() {
            close();
            await iterator.return?.();
            return { done: true as const, value: undefined };
          },
        };
      },
    };
  }
}
