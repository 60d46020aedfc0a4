import type { Clock } from '../../ports/clock.ts';
import type { Body, HttpRequest, HttpResponse, RequestContext } from '../../ports/http.ts';
import type { Logger } from '../../ports/telemetry.ts';
import { kindOf } from '../../telemetry/describe-error.ts';
import type { MirrorConfiguration } from '../configuration.ts';
import { concatenated, discardBody, isStream } from '../../http/body.ts';
import { proxyDefaults } from '../defaults.ts';
import type { Exchange } from '../exchange.ts';
import { isSafe } from '../methods.ts';
import { tapBody } from '../tap-body.ts';
import type { BodyTap } from '../tap-body.ts';
import type { Upstream } from '../upstream/upstream.ts';
import { compareResponses } from './compare-responses.ts';
import type { ComparedResponse } from './compare-responses.ts';
import type { MirrorReport } from './mirror-report.ts';

const defaults = proxyDefaults.mirror;

/**
 * Sends copies of a route's requests to another upstream. Never fails a request, and never makes its client wait, but where the platform freezes with
 * the answer: there for as long as a copy may take.
 */
export class Mirror {
  readonly #routeId: string;
  readonly #configuration: MirrorConfiguration;
  readonly #upstream: Upstream;
  readonly #report: MirrorReport;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #logger: Logger;
  readonly #timeoutMs: number;
  #inFlight = 0;

  constructor(
    routeId: string,
    configuration: MirrorConfiguration,
    ports: {
      readonly upstream: Upstream;
      readonly report: MirrorReport;
      readonly clock: Clock;
      readonly random: () => number;
      readonly logger: Logger;
      /** Whether a platform may freeze with the answer, and so has to wait for copies. */
      readonly server: boolean;
    },
  ) {
    this.#routeId = routeId;
    this.#configuration = configuration;
    this.#upstream = ports.upstream;
    this.#report = ports.report;
    this.#clock = ports.clock;
    this.#random = ports.random;
    this.#logger = ports.logger;
    this.#timeoutMs = configuration.timeoutMs ?? (ports.server ? defaults.timeoutMs : defaults.functionTimeoutMs);
  }

  /**
   * Starts a copy, when this request gets one. Answers what is to be done with the original's response so that the two can be compared;
   * `undefined` when nothing is.
   */
  start(request: HttpRequest, exchange: Exchange): ((response: HttpResponse) => HttpResponse) | undefined {
    const {
      percent = defaults.percent,
      maxInFlight = defaults.maxInFlight,
      maxBodyBytes = defaults.maxBodyBytes,
    } = this.#configuration;
    const { methods, compare } = this.#configuration;
    if (methods === undefined ? !isSafe(request.method) : !methods.includes(request.method)) return undefined;
    if (percent < 100 && this.#random() * 100 >= percent) return undefined;
    if (this.#inFlight >= maxInFlight || !isRepeatable(request.body, maxBodyBytes)) {
      this.#report.count('skipped');
      return undefined;
    }
    this.#inFlight++;
    const copy = this.#send(request, exchange).finally(() => {
      this.#inFlight--;
    });
    // from the start: the original may fail, and then there is nothing to compare with
    exchange.context.waitUntil(compare === undefined ? copy.then(() => this.#flush()) : copy);
    if (compare === undefined) return undefined;
    return (response) => {
      const { status, headers } = response;
      const original = Promise.withResolvers<Uint8Array | undefined>();
      const body = tapBody(response.body, new ContentUpTo(compare.maxBodyBytes, original.resolve));
      const compared = Promise.all([copy, original.promise]).then(([fresh, content]) => {
        if (fresh !== undefined) this.#compare({ status, headers, content }, fresh);
        return this.#flush();
      });
      exchange.context.waitUntil(compared);
      return { ...response, body };
    };
  }

  /** `undefined` when the copy was not answered, which is counted and is no failure of the original, or when nothing is compared. */
  async #send(request: HttpRequest, original: Exchange): Promise<ComparedResponse | undefined> {
    const { source, requestId, clientAddress } = original.context;
    const startedAt = this.#clock.now();
    // whatever the original's: nobody waits for it but a platform about to freeze
    const deadline = startedAt + this.#timeoutMs;
    // without the client's signal: a client that has its answer goes away
    const waitUntil = (work: Promise<unknown>): void => original.context.waitUntil(work);
    const context: RequestContext = { source, requestId, clientAddress, deadline, waitUntil };
    const exchange: Exchange = { ...original, context, startedAt, deadline, attempts: [], onInformational: undefined };
    try {
      const { status, headers, body } = await this.#upstream.send(request, exchange);
      let content: Uint8Array | undefined;
      if (this.#configuration.compare === undefined) discardBody(body);
      else content = await readUpTo(body, this.#configuration.compare.maxBodyBytes ?? defaults.comparedBytes);
      this.#report.count('sent');
      return this.#configuration.compare === undefined ? undefined : { status, headers, content };
    } catch {
      this.#report.count('failed');
      return undefined;
    }
  }

  async #flush(): Promise<void> {
    try {
      await this.#report.flushIfDue();
    } catch (error) {
      this.#logger.log('warn', 'migration.report_not_told', {
        'http.route': this.#routeId,
        'error.type': kindOf(error),
      });
    }
  }

  #compare(old: ComparedResponse, fresh: ComparedResponse): void {
    const differences = compareResponses(old, fresh, this.#configuration.compare ?? {});
    this.#report.compared(differences);
    if (differences.length === 0) return;
    this.#logger.log('warn', 'migration.answers_differ', {
      'http.route': this.#routeId,
      differences: differences.join(', '),
      'old.status': old.status,
      'new.status': fresh.status,
    });
  }
}

/** Bytes and text can be sent twice; a stream passes by once. */
function isRepeatable(body: Body, maxBytes: number): boolean {
  if (body === undefined) return true;
  return (typeof body === 'string' || body instanceof Uint8Array) && body.length <= maxBytes;
}

/** The content, or `undefined` when it has more bytes than that or broke off. */
async function readUpTo(body: Body, maxBytes: number): Promise<Uint8Array | undefined> {
  const { promise, resolve } = Promise.withResolvers<Uint8Array | undefined>();
  const tapped = tapBody(body, new ContentUpTo(maxBytes, resolve));
  if (isStream(tapped)) {
    let length = 0;
    for await (const chunk of tapped) {
      length += chunk.length;
      if (length > maxBytes) break;
    }
  }
  return promise;
}

/** Keeps what passes, up to a bound. */
class ContentUpTo implements BodyTap {
  readonly #maxBytes: number;
  readonly #done: (content: Uint8Array | undefined) => void;
  #chunks: Uint8Array[] = [];
  #length = 0;

  constructor(maxBytes: number = defaults.comparedBytes, done: (content: Uint8Array | undefined) => void) {
    this.#maxBytes = maxBytes;
    this.#done = done;
  }

  chunk(bytes: Uint8Array): void {
    this.#length += bytes.length;
    if (this.#length > this.#maxBytes) this.#chunks = [];
    else this.#chunks.push(bytes.slice());
  }

  end(complete: boolean): void {
    this.#done(complete && this.#length <= this.#maxBytes ? concatenated(this.#chunks, this.#length) : undefined);
  }
}
