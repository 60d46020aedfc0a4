import type { Clock, EpochMillis } from '../../ports/clock.ts';
import type { Body, Cancellation, HttpRequest, HttpResponse, RequestContext } from '../../ports/http.ts';
import type { Transport } from '../../ports/transport.ts';
import { UpstreamError } from '../../ports/transport.ts';
import { discardBody, isStream } from '../../http/body.ts';
import { Canceller } from '../../http/canceller.ts';
import type { Attempt, Exchange } from '../exchange.ts';
import { tapBody } from '../tap-body.ts';
import type { BodyTap } from '../tap-body.ts';
import type { AdmissionControl } from './admission-control.ts';
import { shed } from './admission-control.ts';
import { AwaitedContent } from './awaited-content.ts';
import type { AwaitedContentParts } from './awaited-content.ts';
import type { Balancer } from './balance/balancer.ts';
import type { CircuitBreaker } from './circuit-breaker.ts';
import { noPermit } from './circuit-breaker.ts';
import type { ConcurrencyLimiter } from './concurrency-limiter.ts';
import type { DiscoveredTargets } from './discovered-targets.ts';
import type { GradientLimit } from './gradient-limit.ts';
import type { HedgeDelay } from './hedge-delay.ts';
import { linkedAbort } from './linked-abort.ts';
import { asksUpgrade, nextHop } from './next-hop.ts';
import { outcomeOfError, outcomeOfStatus } from './outcome.ts';
import type { Outcome } from './outcome.ts';
import { repeatable, RepeatableStream } from './repeatable-content.ts';
import type { RetryPolicy } from './retry-policy.ts';
import type { UpstreamSettings } from './settings.ts';
import type { ShareBudget } from './share-budget.ts';
import type { SharedBreaker } from './shared-breaker.ts';
import type { SteadyTime } from './steady-time.ts';
import type { Target } from './target.ts';
import type { TargetSet } from './target-set.ts';
import type { Timer, Timers } from './timers.ts';
import { UpstreamRefused } from './upstream.ts';
import type { Upstream } from './upstream.ts';

/** What decides, each by itself; `undefined` where it is switched off. */
export interface UpstreamParts {
  readonly settings: UpstreamSettings;
  readonly clock: Clock;
  readonly time: SteadyTime;
  readonly transport: Transport;
  readonly targets: TargetSet;
  readonly discovered: DiscoveredTargets | undefined;
  readonly balancer: Balancer;
  readonly limiter: ConcurrencyLimiter;
  readonly gradient: GradientLimit | undefined;
  readonly admission: AdmissionControl | undefined;
  readonly breaker: CircuitBreaker | undefined;
  readonly sharedBreaker: SharedBreaker | undefined;
  /** With the breaker. */
  readonly awaited: AwaitedContentParts | undefined;
  readonly retry: RetryPolicy;
  readonly retryBudget: ShareBudget;
  readonly tryTimers: Timers;
  readonly hedge: { readonly delay: HedgeDelay; readonly budget: ShareBudget; readonly timers: Timers } | undefined;
  readonly fallback: Upstream | undefined;
}

const none: readonly Target[] = [];

/** One request on its way, over all its tries. */
interface Call {
  readonly request: HttpRequest;
  readonly content: Body;
  readonly exchange: Exchange;
  /** Asked before, in vain: others are preferred. */
  tried: readonly Target[];
}

/** The shell: joins the parts that decide, and does what they say. */
export class UpstreamExchange implements Upstream {
  readonly name: string;
  readonly #parts: UpstreamParts;
  /** Whether anything here could send a request twice. */
  readonly #repeats: boolean;

  constructor(parts: UpstreamParts) {
    const { settings, hedge, fallback } = parts;
    this.name = settings.name;
    this.#parts = parts;
    this.#repeats = settings.retry.retries > 0 || hedge !== undefined || fallback !== undefined;
  }

  send(request: HttpRequest, exchange: Exchange): Promise<HttpResponse> {
    const { fallback } = this.#parts;
    return fallback === undefined ? this.#ask(request, exchange) : this.#askOr(fallback, request, exchange);
  }

  #contentOf({ method, body }: HttpRequest): Body {
    if (body === undefined || !this.#repeats) return body;
    return repeatable(body, this.#parts.retry.mayRepeat(method) ? this.#parts.settings.retry.maxBufferedBytes : 0);
  }

  async #askOr(fallback: Upstream, request: HttpRequest, exchange: Exchange): Promise<HttpResponse> {
    const { retry, clock } = this.#parts;
    const content = this.#contentOf(request);
    try {
      const response = await this.#ask(request, exchange, content);
      const isWorth = retry.isWorthAfterStatus(response.status, request.method) && clock.now() < exchange.deadline;
      if (!isWorth || !isReady(content)) {
        release(content);
        return response;
      }
      discardBody(response.body);
      exchange.fallback = { from: this.name, reason: response.status };
    } catch (error) {
      let reason: string | undefined;
      if (error instanceof UpstreamRefused) {
        if (error.reason === 'circuit_open' || error.reason === 'no_healthy_target') ({ reason } = error);
      } else if (error instanceof UpstreamError && (!error.requestSent || retry.mayRepeat(request.method))) {
        reason = error.type;
      }
      if (reason === undefined || !isReady(content) || clock.now() >= exchange.deadline) throw error;
      exchange.fallback = { from: this.name, reason };
    }
    const { method, scheme, authority, target, headers, trailers } = request;
    return fallback.send({ method, scheme, authority, target, headers, body: content, trailers }, exchange);
  }

  async #ask(request: HttpRequest, exchange: Exchange, content: Body = this.#contentOf(request)): Promise<HttpResponse> {
    const { clock, time, breaker, sharedBreaker, admission, limiter, retryBudget, hedge } = this.#parts;
    const { context, deadline } = exchange;
    exchange.upstream = this.name;
    cancellationOf(context)?.throwIfAborted();
    const wall = clock.now();
    if (wall >= deadline) throw new UpstreamError('http_response_timeout', false);
    const now = time.at(wall);
    sharedBreaker?.sync(context);
    const waitMs = breaker === undefined ? 0 : breaker.waitMs(now);
    if (waitMs > 0) throw refused('circuit_open', waitMs);
    const ticket = admission === undefined ? 0 : admission.admit(now);
    if (ticket === shed) throw refused('shed', 0);
    if (!limiter.tryAcquire()) await this.#queue(exchange, ticket);
    retryBudget.deposit(now);
    hedge?.budget.deposit(now);
    try {
      const answer = await this.#untilAnswered({ request, content, exchange, tried: none });
      if (admission !== undefined && answer.outcome !== 'failure') {
        const at = clock.now();
        admission.succeeded(ticket, at - wall, time.at(at));
      }
      return answer.accept();
    } catch (error) {
      limiter.release();
      const isTheirs =
        error instanceof UpstreamError && outcomeOfError(error) !== 'none' && cancellationOf(context)?.aborted !== true;
      if (admission !== undefined && !isTheirs) {
        admission.forgotten(ticket, time.at(clock.now()));
      }
      throw error;
    } finally {
      // Said at once, not with the next request: there may be none for long.
      sharedBreaker?.sync(context);
    }
  }

  async #queue({ deadline, context }: Exchange, ticket: number): Promise<void> {
    const { limiter, admission, time, clock } = this.#parts;
    try {
      await limiter.acquire(deadline, context.signal);
    } catch (error) {
      admission?.forgotten(ticket, time.at(clock.now()));
      throw error;
    }
  }

  /** Tries, and tries again as often as it may. A response whose status asks for another try is only answered when there is none. */
  async #untilAnswered(call: Call): Promise<Answer> {
    const { clock, retry, hedge } = this.#parts;
    const { request, content, exchange } = call;
    const { method } = request;
    let lastError: UpstreamError | undefined;
    for (let n = 1; ; n++) {
      let answer: Answer | undefined;
      try {
        answer = await (n === 1 && hedge !== undefined && retry.mayRepeat(method)
          ? this.#hedged(call, hedge)
          : this.#try(call, n === 1 ? 'first' : 'retry', cancellationOf(exchange.context)));
        if (!retry.isWorthAfterStatus(answer.response.status, method)) return answer;
      } catch (error) {
        // A circuit that opened between two tries: what the last one met says more.
        if (error instanceof UpstreamRefused && lastError !== undefined) throw lastError;
        if (!(error instanceof UpstreamError) || !retry.isWorthAfterError(error, method)) throw error;
        lastError = error;
      }
      const delayMs = isReady(content) ? this.#delayMs(n, answer, exchange) : undefined;
      if (delayMs === undefined) {
        if (answer !== undefined) return answer;
        throw lastError ?? new TypeError('Neither an answer nor an error');
      }
      answer?.discard();
      await clock.sleep(delayMs, exchange.context.signal);
    }
  }

  #delayMs(n: number, answer: Answer | undefined, { deadline }: Exchange): number | undefined {
    const { clock, time, retry, retryBudget, breaker } = this.#parts;
    const wall = clock.now();
    const delayMs = retry.delayMs(n, answer?.response.headers, wall, deadline);
    if (delayMs === undefined) return undefined;
    const now = time.at(wall);
    if (breaker !== undefined && breaker.waitMs(now) > delayMs) return undefined;
    return retryBudget.withdraw(now) ? delayMs : undefined;
  }

  /** One try; a second one beside it when the first is slow. The first good answer is taken, the other try aborted. */
  async #hedged(call: Call, { delay, budget, timers }: NonNullable<UpstreamParts['hedge']>): Promise<Answer> {
    const { clock, time, breaker, limiter } = this.#parts;
    const { context } = call.exchange;
    const { delayMs } = delay;
    if (delayMs === undefined) return this.#try(call, 'first', cancellationOf(context));
    const first = this.#race(call, 'first');
    const slow = Promise.withResolvers<boolean>();
    const timer = timers.start(delayMs, () => slow.resolve(true));
    void first.settled.then(() => slow.resolve(false));
    const isSlow = await slow.promise;
    timer.cancel();
    const mayHedge = isSlow && isWhole(call.content) && breaker?.closed !== false && context.signal?.aborted !== true;
    if (!mayHedge || !limiter.tryAcquire()) return first.answer;
    if (!budget.withdraw(time.at(clock.now()))) {
      limiter.release();
      return first.answer;
    }
    const hedge = this.#race(call, 'hedge');
    // The place of whichever try is not answered with.
    const lose = (loser: Racer): void => {
      loser.abort.abort();
      void loser.settled.then((lost) => {
        if (lost !== undefined) lost.discard();
        limiter.release();
      });
    };
    const winner = await Promise.race([first.settled.then(() => first), hedge.settled.then(() => hedge)]);
    const other = winner === first ? hedge : first;
    const won = await winner.settled;
    if (won !== undefined && won.outcome !== 'failure') {
      lose(other);
      return won;
    }
    lose(winner);
    return other.answer;
  }

  #race(call: Call, reason: Attempt['reason']): Racer {
    const abort = linkedAbort(call.exchange.context.signal);
    const answer = this.#try(call, reason, abort.signal);
    return {
      abort,
      answer,
      settled: answer.then(
        (given) => given,
        () => undefined,
      ),
    };
  }

  async #try(call: Call, reason: Attempt['reason'], signal: Cancellation | undefined): Promise<Answer> {
    const { clock, time, tryTimers, transport, settings, targets, discovered, balancer, breaker, awaited } = this.#parts;
    const { request, exchange } = call;
    let wall = clock.now();
    const learning = discovered?.update(time.at(wall), exchange.deadline, exchange.context);
    if (learning !== undefined) {
      await learning;
      wall = clock.now();
    }
    const now = time.at(wall);
    const available = targets.available(now);
    if (available.length === 0) throw refused('no_healthy_target', 0);
    const permit = breaker === undefined ? 0 : breaker.begin(now);
    if (permit === noPermit) throw refused('circuit_open', breaker?.waitMs(now) ?? 0);
    const began = clock.monotonic();
    const [only] = available;
    const target =
      available.length === 1 && only !== undefined ? only : balancer.pick(untried(available, call.tried), exchange, began);
    // Until it is known otherwise: a hedge that lost, a client that left.
    const attempt: Attempt = { target: target.at.name, startedAt: wall, durationMs: 0, outcome: 'cancelled', reason };
    exchange.attempts.push(attempt);
    if (available.length > 1) call.tried = call.tried.length === 0 ? [target] : [...call.tried, target];
    target.state.inFlight++;
    const limit = settings.timeouts.tryMs === undefined ? undefined : new TryLimit(tryTimers, settings.timeouts.tryMs, signal);
    try {
      const response = await transport.send(nextHop(request, call.content, target, settings.host), {
        deadline: exchange.deadline,
        signal: limit === undefined ? signal : limit.over,
        address: target.at.address,
        onInformational: reason === 'hedge' ? undefined : exchange.onInformational,
        upgrade: exchange.context.canUpgrade === true && asksUpgrade(request),
      });
      const ended = clock.monotonic();
      const outcome = outcomeOfStatus(response.status);
      attempt.durationMs = ended - began;
      attempt.outcome = response.status;
      const follows = outcome === 'success' && isStream(response.body);
      const now = this.#judge(target, permit, outcome, ended - began, ended, follows);
      const content = follows && awaited !== undefined ? new AwaitedContent(awaited, permit, now) : undefined;
      return new Answer(this.#parts, call, target, response, outcome, content);
    } catch (error) {
      const ended = clock.monotonic();
      target.state.inFlight--;
      attempt.durationMs = ended - began;
      const failed = error instanceof UpstreamError && signal?.aborted !== true;
      if (failed) attempt.outcome = error.type;
      this.#judge(target, permit, failed ? outcomeOfError(error) : 'none', ended - began, ended, false);
      throw error;
    } finally {
      limit?.end();
    }
  }

  /**
   * Tells everybody who learns from a try how it went, and answers when that was, in steady time.
   *
   * @param follows the breaker is told of the content, too
   */
  #judge(target: Target, permit: number, outcome: Outcome, durationMs: number, ended: number, follows: boolean): EpochMillis {
    const { clock, time, breaker, targets, balancer, gradient, limiter, hedge } = this.#parts;
    const now = time.at(clock.now());
    if (follows) breaker?.answered(permit, now);
    else breaker?.end(permit, outcome, now);
    if (outcome === 'none') return now;
    const failed = outcome === 'failure';
    if (failed) targets.failed(target, now);
    else if (outcome === 'success') targets.succeeded(target);
    balancer.observe?.(target, durationMs, failed, ended);
    if (outcome !== 'success') return now;
    limiter.observe(durationMs);
    hedge?.delay.add(durationMs);
    if (gradient === undefined) return now;
    gradient.sample(durationMs, ended);
    if (gradient.limit !== limiter.limit) limiter.setLimit(gradient.limit);
    return now;
  }
}

interface Racer {
  readonly abort: AbortController;
  readonly answer: Promise<Answer>;
  /** Never rejects. */
  readonly settled: Promise<Answer | undefined>;
}

/** A response, with what is occupied until its body has ended. */
class Answer implements BodyTap {
  readonly response: HttpResponse;
  readonly outcome: Outcome;
  readonly #parts: UpstreamParts;
  readonly #call: Call;
  readonly #target: Target;
  readonly #content: AwaitedContent | undefined;

  /** @param content where the breaker waits for it */
  constructor(
    parts: UpstreamParts,
    call: Call,
    target: Target,
    response: HttpResponse,
    outcome: Outcome,
    content: AwaitedContent | undefined,
  ) {
    this.#parts = parts;
    this.#call = call;
    this.#target = target;
    this.response = response;
    this.outcome = outcome;
    this.#content = content;
  }

  /** Nobody wants it: the connection is free again. */
  discard(): void {
    this.#target.state.inFlight--;
    this.#content?.ended('left');
    discardBody(this.response.body);
    this.response.upgraded?.destroy();
  }

  /** Its place is given back when the body has ended. */
  accept(): HttpResponse {
    const { response } = this;
    if (this.#parts.fallback === undefined) release(this.#call.content);
    if (response.body === undefined || typeof response.body === 'string' || response.body instanceof Uint8Array) {
      this.end(true);
      return response;
    }
    return {
      status: response.status,
      headers: response.headers,
      body: tapBody(response.body, this),
      trailers: response.trailers,
      protocolVersion: response.protocolVersion,
      upgraded: response.upgraded,
    };
  }

  chunk(): void {
    this.#content?.flowed();
  }

  end(complete: boolean, error?: unknown): void {
    const { limiter, targets, clock, time, sharedBreaker } = this.#parts;
    const { deadline, context } = this.#call.exchange;
    this.#target.state.inFlight--;
    limiter.release();
    if (complete) {
      targets.completed(this.#target);
      this.#content?.ended('whole');
      return;
    }
    const wall: EpochMillis = clock.now();
    if (!(error instanceof UpstreamError) || wall >= deadline || context.signal?.aborted === true) {
      this.#content?.ended('left');
      return;
    }
    targets.brokeOff(this.#target, time.at(wall));
    this.#content?.ended('broken');
    sharedBreaker?.sync(context);
  }
}

/** Ends one try that takes too long until its header section, without touching the others or the body that follows. */
class TryLimit {
  readonly over: Canceller;
  readonly #timer: Timer;

  constructor(timers: Timers, tryMs: number, outer: Cancellation | undefined) {
    const over = new Canceller(outer);
    this.over = over;
    this.#timer = timers.start(tryMs, () => over.abort(new UpstreamError('http_response_timeout', true)));
  }

  end(): void {
    this.#timer.cancel();
  }
}

function cancellationOf({ cancellation, signal }: RequestContext): Cancellation | undefined {
  return cancellation ?? signal;
}

function untried(available: readonly Target[], tried: readonly Target[]): readonly Target[] {
  if (tried.length === 0) return available;
  const others = available.filter((target) => !tried.includes(target));
  return others.length === 0 ? available : others;
}

/** Nobody will send the content again. */
function release(content: Body): void {
  if (content instanceof RepeatableStream) content.release();
}

/** Whether the content can be sent (again). */
function isReady(content: Body): boolean {
  return !(content instanceof RepeatableStream) || content.ready;
}

/** Whether the content can be sent beside itself. */
function isWhole(content: Body): boolean {
  return !(content instanceof RepeatableStream) || content.whole;
}

function refused(reason: UpstreamRefused['reason'], waitMs: number): UpstreamRefused {
  return new UpstreamRefused(reason, Math.max(1, Math.ceil(waitMs / 1_000)));
}
