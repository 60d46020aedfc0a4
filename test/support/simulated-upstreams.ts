import type { Discovered, HttpRequest, HttpResponse, KeyValueStore, RequestContext } from '../../core/ports/index.ts';
import { UpstreamError } from '../../core/ports/index.ts';
import type { UpstreamConfiguration } from '../../core/proxy/configuration.ts';
import type { Exchange } from '../../core/proxy/exchange.ts';
import { createUpstreams } from '../../core/proxy/upstream/create-upstreams.ts';
import type { RunningUpstreams, UpstreamPorts } from '../../core/proxy/upstream/create-upstreams.ts';
import { UpstreamRefused } from '../../core/proxy/upstream/upstream.ts';
import type { Upstreams } from '../../core/proxy/upstream/upstream.ts';
import { newExchange, newRequest } from './exchanges.ts';
import { FakeClock } from './fake-clock.ts';
import { MemoryLogger } from './memory-logger.ts';
import { seededRandom } from './seeded-random.ts';
import { SimulatedTransport } from './simulated-transport.ts';

export interface Result {
  readonly exchange: Exchange & { readonly background: readonly Promise<unknown>[] };
  readonly response: HttpResponse | undefined;
  readonly error: unknown;
  /** A status, the type of an error, or the reason of a refusal. */
  readonly outcome: number | string;
  readonly durationMs: number;
}

export interface Asked {
  readonly upstream?: string;
  readonly request?: Partial<HttpRequest>;
  readonly timeoutMs?: number;
  readonly context?: Partial<RequestContext>;
}

/** The upstreams of a configuration in virtual time, over simulated backends. The first one is asked unless another is named. */
export class SimulatedUpstreams {
  readonly clock: FakeClock;
  readonly transport: SimulatedTransport;
  readonly logger: MemoryLogger = new MemoryLogger();
  upstreams: Upstreams;
  /** What the discovery source answers next; a function may throw. */
  discovered: () => Discovered | Promise<Discovered> = () => {
    throw new UpstreamError('dns_error', false);
  };
  resolved = 0;
  /** The deadline of each look-up. */
  readonly lookUps: number[] = [];
  readonly running: RunningUpstreams = new Map();
  readonly #first: string;
  readonly #create: (configurations: Readonly<Record<string, UpstreamConfiguration>>) => Upstreams;

  constructor(
    configurations: Readonly<Record<string, UpstreamConfiguration>>,
    options: {
      readonly seed?: number;
      readonly server?: boolean;
      readonly store?: KeyValueStore;
      readonly clock?: FakeClock;
    } = {},
  ) {
    this.clock = options.clock ?? new FakeClock();
    this.transport = new SimulatedTransport(this.clock);
    this.#first = Object.keys(configurations)[0] ?? '';
    const ports: UpstreamPorts = {
      clock: this.clock,
      random: seededRandom(options.seed ?? 1),
      transports: this.transport,
      discovery: {
        resolve: async (_kind, _name, deadline) => {
          this.resolved++;
          this.lookUps.push(deadline);
          return this.discovered();
        },
      },
      logger: this.logger,
      store: options.store,
      server: options.server ?? false,
    };
    this.#create = (given) => createUpstreams(given, ports, this.running);
    this.upstreams = this.#create(configurations);
  }

  /** Another configuration takes the place of the one before, as a push does it. */
  async reconfigure(configurations: Readonly<Record<string, UpstreamConfiguration>>): Promise<void> {
    const before = this.upstreams;
    this.upstreams = this.#create(configurations);
    await before.close();
  }

  /** Sends one request and reads the answer to its end. */
  async ask(asked: Asked = {}): Promise<Result> {
    const { response, ...rest } = await this.askOnly(asked);
    if (typeof response?.body === 'object' && !(response.body instanceof Uint8Array)) {
      for await (const _chunk of response.body);
    }
    return { response, ...rest };
  }

  /** Sends one request and leaves the body of the answer alone. */
  async askOnly({ upstream = this.#first, request: given, timeoutMs, context }: Asked = {}): Promise<Result> {
    const request = newRequest(given);
    const startedAt = this.clock.now();
    const exchange = newExchange(request, startedAt, { timeoutMs, context });
    try {
      const response = await this.upstreams.get(upstream).send(request, exchange);
      const durationMs = this.clock.now() - startedAt;
      return { exchange, response, error: undefined, outcome: response.status, durationMs };
    } catch (error) {
      const outcome =
        error instanceof UpstreamRefused ? error.reason : error instanceof UpstreamError ? error.type : (error as Error).message;
      return { exchange, response: undefined, error, outcome, durationMs: this.clock.now() - startedAt };
    }
  }

  /** One request, with time passing until it is over. */
  async passing(asked: Asked = {}, stepMs = 5): Promise<Result> {
    const results: Result[] = [];
    const asking = this.ask(asked).then((given) => results.push(given));
    for (;;) {
      await this.clock.advance(stepMs);
      const [result] = results;
      if (result === undefined) continue;
      await asking;
      return result;
    }
  }

  /** Sends `perSecond` requests a second, evenly, for so many seconds, and answers all results once they are there. */
  async traffic(perSecond: number, seconds: number, asked: Asked | ((n: number) => Asked) = {}): Promise<readonly Result[]> {
    const pending: Promise<Result>[] = [];
    const results: Result[] = [];
    const gapMs = 1_000 / perSecond;
    for (let n = 0; n < perSecond * seconds; n++) {
      pending.push(
        this.ask(typeof asked === 'function' ? asked(n) : asked).then((result) => {
          results.push(result);
          return result;
        }),
      );
      await this.clock.advance(gapMs);
    }
    while (results.length < pending.length) await this.clock.advance(100);
    return Promise.all(pending);
  }
}

/** How many results had each outcome. */
export function outcomes(results: readonly Result[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { outcome } of results) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return counts;
}
