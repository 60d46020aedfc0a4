import type { Clock } from '../../ports/clock.ts';
import type { HttpRequest, HttpResponse, RequestContext } from '../../ports/http.ts';
import { RequestRejected } from '../../ports/http.ts';
import { UpstreamError } from '../../ports/transport.ts';
import { discardBody, isStream } from '../../http/body.ts';
import type { HashKey, SplitConfiguration } from '../configuration.ts';
import type { Exchange } from '../exchange.ts';
import { hash32, hashKeyOf } from '../hash-key.ts';
import { isIdempotent } from '../methods.ts';
import { outcomeOfStatus } from '../upstream/outcome.ts';
import { UpstreamRefused } from '../upstream/upstream.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { WatchedGate } from './watched-gate.ts';

const byClient: HashKey = { by: 'client' };

/**
 * Whether a key belongs to the new side. Raising the percentage moves keys from the old side to the new one and none back.
 *
 * @param newPercent 0 to 100, hundredths count
 */
export function isNewSide(key: string, newPercent: number): boolean {
  return hash32(key, 0x5eed) % 10_000 < Math.round(newPercent * 100);
}

export interface SplitParts {
  readonly old: Upstream;
  readonly new: Upstream;
  /** Where one is configured. */
  readonly gate: WatchedGate | undefined;
  readonly clock: Clock;
}

/** Two backends for one route: a sticky share each, and a gate that sends everything back to the old one. */
export class Split {
  readonly #configuration: SplitConfiguration;
  readonly #parts: SplitParts;

  constructor(configuration: SplitConfiguration, parts: SplitParts) {
    this.#configuration = configuration;
    this.#parts = parts;
  }

  async send(request: HttpRequest, original: HttpRequest, exchange: Exchange): Promise<HttpResponse> {
    const { context, clientAddress } = exchange;
    const { newPercent, key = byClient } = this.#configuration;
    const { gate, clock } = this.#parts;
    const value = hashKeyOf(key, original, clientAddress) ?? clientAddress ?? '';
    if (!isNewSide(value, newPercent) || (gate !== undefined && (await gate.isRolledBack(context)))) {
      return this.#askOld(request, exchange);
    }
    exchange.side = 'new';
    const startedAt = clock.monotonic();
    let response: HttpResponse;
    try {
      response = await this.#parts.new.send(request, exchange);
    } catch (error) {
      // who went away, or sent what is not acceptable, says nothing about the backend
      if (context.signal?.aborted === true || error instanceof RequestRejected) throw error;
      this.#record(true, startedAt, context);
      if (!this.#mayRescue(request, error)) throw error;
      return this.#askOld(request, exchange);
    }
    const failed = outcomeOfStatus(response.status) === 'failure';
    this.#record(failed, startedAt, context);
    if (!failed || !this.#mayRescue(request, undefined)) return response;
    discardBody(response.body);
    return this.#askOld(request, exchange);
  }

  #askOld(request: HttpRequest, exchange: Exchange): Promise<HttpResponse> {
    exchange.side = 'old';
    return this.#parts.old.send(request, exchange);
  }

  #record(failed: boolean, startedAt: number, context: RequestContext): void {
    const { gate, clock } = this.#parts;
    gate?.record(failed, clock.monotonic() - startedAt, context);
  }

  /** Only what may be sent twice, and can: a stream that was begun cannot. */
  #mayRescue({ method, body }: HttpRequest, error: unknown): boolean {
    const { gate } = this.#configuration;
    if (gate === undefined || gate.rescue === false) return false;
    if (isStream(body)) return false;
    return isIdempotent(method) || error instanceof UpstreamRefused || (error instanceof UpstreamError && !error.requestSent);
  }
}
