import type { Compression } from '../ports/compression.ts';
import type { Clock } from '../ports/clock.ts';
import type { Crypto } from '../ports/crypto.ts';
import type { Counters } from '../ports/counters.ts';
import { HeaderList } from '../http/header-list.ts';
import { toHandler } from '../http/web-bridge.ts';
import type { HeaderFields, HttpHandler, HttpRequest, HttpResponse, RequestContext } from '../ports/http.ts';
import type { KeyValueStore } from '../ports/key-value-store.ts';
import type { Logger } from '../ports/telemetry.ts';
import { kindOf, placeOf } from '../telemetry/describe-error.ts';
import { continueTrace } from '../telemetry/trace-context.ts';
import type { TraceContext, TraceIds } from '../telemetry/trace-context.ts';
import { base64url } from '../text/base64url.ts';
import { callHandler } from './call-handler.ts';
import { compileAccessLog } from './access-log.ts';
import type { AccessLog } from './access-log.ts';
import { compileCompression } from './compress-response.ts';
import type { ResponseCompression } from './compress-response.ts';
import type { GateConfiguration, ProxyConfiguration, RouteConfiguration, SplitConfiguration } from './configuration.ts';
import { proxyDefaults } from './defaults.ts';
import type { Exchange } from './exchange.ts';
import { readClient } from './forwarding/client.ts';
import type { Client } from './forwarding/client.ts';
import { answerAsFinalRecipient } from './forwarding/final-recipient.ts';
import { forwardRequest, wantedUpgrade } from './forwarding/forward-request.ts';
import { forwardInformational, forwardResponse, forwardTrailers } from './forwarding/forward-response.ts';
import { compileForwarding, compileRouteForwarding } from './forwarding/settings.ts';
import type { ForwardingSettings, RouteForwarding } from './forwarding/settings.ts';
import { limitBody } from './limit-body.ts';
import { Mirror } from './migration/mirror.ts';
import type { MirrorReport } from './migration/mirror-report.ts';
import { sharedGate } from './migration/roll-backs.ts';
import { Split } from './migration/split.ts';
import { WatchedGate } from './migration/watched-gate.ts';
import type { ProxyPlatform } from './platform.ts';
import { clientGoneStatus, errorTypeOf, failureResponse, NoRoute, problemOf } from './problems.ts';
import { checkLenientPath } from './routing/check-lenient-path.ts';
import { checkTarget } from './routing/check-target.ts';
import type { CompiledRoute } from './routing/compile-route.ts';
import { compileRouter } from './routing/router.ts';
import type { Router } from './routing/router.ts';
import { Timers } from './upstream/timers.ts';
import type { Upstream, Upstreams } from './upstream/upstream.ts';

export interface CompiledProxyPorts {
  readonly clock: Clock;
  readonly crypto: Crypto;
  readonly random: () => number;
  readonly logger: Logger;
  /** `durable` */
  readonly store: KeyValueStore;
  readonly counters: Counters;
  readonly compression: Compression;
  readonly handlers: ProxyPlatform['handlers'];
  readonly traceIds: TraceIds;
  readonly upstreams: Upstreams;
  /** Names the gate of a route's split: equal where split and backends are. */
  readonly gateName: (route: RouteConfiguration) => string;
  /** Of the configuration that was served before, by name. */
  readonly gatesBefore: ReadonlyMap<string, WatchedGate>;
  readonly mirrorReport: (routeId: string) => MirrorReport;
  /** `ProxyPlatform.isServer` */
  readonly server: boolean;
}

/** What a route does with a request, with everything made that can be. */
interface Action {
  readonly forwarding: RouteForwarding;
  readonly compression: ResponseCompression | undefined;
  readonly timeoutMs: number;
  readonly maxRequestBytes: number;
  readonly upstream: Upstream | undefined;
  readonly split: Split | undefined;
  readonly mirror: Mirror | undefined;
  readonly handler: HttpHandler | undefined;
}

/** One configuration, ready to serve: routes, upstreams and everything between them. */
export class CompiledProxy {
  readonly #ports: CompiledProxyPorts;
  readonly #router: Router;
  /** By id of the route. */
  readonly #actions: ReadonlyMap<string, Action>;
  readonly #forwarding: ForwardingSettings;
  readonly #log: AccessLog;
  readonly #serverTiming: boolean;
  readonly #versionField: string | undefined;
  readonly #handlerTimers: Timers;

  /**
   * @param configuration checked
   * @param version for the log, and for `versionField`
   */
  constructor(configuration: ProxyConfiguration, version: string, ports: CompiledProxyPorts) {
    const { routes = [], proxy = {} } = configuration;
    this.#ports = ports;
    this.#forwarding = compileForwarding(proxy);
    this.#log = compileAccessLog(proxy.accessLog, ports, version);
    this.#serverTiming = proxy.serverTiming ?? false;
    this.#versionField = proxy.versionField?.toLowerCase();
    this.version = version;
    this.#handlerTimers = new Timers(ports.clock);
    this.#router = compileRouter(routes);
    const compression = compileCompression(proxy.compression, ports.compression);
    this.#actions = new Map(routes.map((route) => [route.id, this.#actionOf(route, compression)]));
  }

  readonly version: string;
  /** Those of its splits, by name. */
  readonly gates: Map<string, WatchedGate> = new Map();

  async handle(request: HttpRequest, context: RequestContext): Promise<HttpResponse> {
    const begun = this.#log.begin();
    const startedAt = this.#ports.clock.now();
    const client = readClient(request, context, this.#forwarding.trusts);
    const exchange: Exchange = {
      request,
      context,
      clientAddress: client.address,
      startedAt,
      deadline: Math.min(context.deadline, startedAt + proxyDefaults.route.timeoutMs),
      routeId: undefined,
      upstream: undefined,
      side: undefined,
      attempts: [],
      errorType: undefined,
      onInformational: undefined,
    };
    const trace = this.#traceOf(request, context);
    let response: HttpResponse;
    try {
      response = await this.#answer(request, exchange, client, trace);
    } catch (error) {
      response = this.#failed(error, exchange);
    }
    if (this.#versionField !== undefined || this.#serverTiming) response = this.#marked(response, exchange, begun);
    return this.#log.finish(response, exchange, client, trace, begun);
  }

  async close(): Promise<void> {
    this.#handlerTimers.close();
    await this.#ports.upstreams.close();
  }

  #actionOf(configuration: RouteConfiguration, shared: ResponseCompression | undefined): Action {
    const { id, timeoutMs, maxRequestBytes, upstream, split, mirror, handler, compression } = configuration;
    const { upstreams, handlers = {}, clock, logger, random, server } = this.#ports;
    const code = handler === undefined ? undefined : handlers[handler];
    if (handler !== undefined && code === undefined) throw new TypeError(`Route ${id}: there is no handler ${handler}`);
    return {
      forwarding: compileRouteForwarding(configuration),
      compression:
        compression === false
          ? undefined
          : compression === undefined
            ? shared
            : compileCompression(compression, this.#ports.compression),
      timeoutMs: timeoutMs ?? proxyDefaults.route.timeoutMs,
      maxRequestBytes: maxRequestBytes ?? proxyDefaults.route.maxRequestBytes,
      upstream: upstream === undefined ? undefined : upstreams.get(upstream),
      split: split === undefined ? undefined : this.#splitOf(configuration, split),
      mirror:
        mirror === undefined
          ? undefined
          : new Mirror(id, mirror, {
              upstream: upstreams.get(mirror.upstream),
              report: this.#ports.mirrorReport(id),
              clock,
              random,
              logger,
              server,
            }),
      handler: code === undefined ? undefined : toHandler(code),
    };
  }

  #splitOf(route: RouteConfiguration, configuration: SplitConfiguration): Split {
    const { upstreams, clock } = this.#ports;
    return new Split(configuration, {
      old: upstreams.get(configuration.old),
      new: upstreams.get(configuration.new),
      gate: configuration.gate && this.#gateOf(route, configuration.gate),
      clock,
    });
  }

  /** The gate of the configuration before, where it is the same: with what it has counted. */
  #gateOf(route: RouteConfiguration, configuration: GateConfiguration): WatchedGate {
    const { clock, logger, store, counters, crypto, gateName, gatesBefore } = this.#ports;
    const id = gateName(route);
    // It outlives this configuration, and must hold on to nothing of it.
    const operationId = (): string => base64url(crypto.randomBytes(12));
    const shared = sharedGate(id, { store, counters, clock, operationId });
    const gate = gatesBefore.get(id) ?? new WatchedGate(route.id, configuration, { shared, clock, logger });
    this.gates.set(id, gate);
    return gate;
  }

  async #answer(request: HttpRequest, exchange: Exchange, client: Client, trace: TraceContext): Promise<HttpResponse> {
    const final = answerAsFinalRecipient(request);
    if (final !== undefined) return final;
    const match = this.#router.match(request, client.address);
    const action = match === undefined ? undefined : this.#actions.get(match.route.id);
    checkTarget(request.target, match?.route.configuration);
    if (match === undefined || action === undefined) throw new NoRoute();
    checkLenientPath(this.#router, request, client.address, match);
    const { route } = match;
    const { context, startedAt } = exchange;
    exchange.routeId = route.id;
    exchange.deadline = Math.min(context.deadline, startedAt + action.timeoutMs);
    if (route.respond !== undefined) return this.#own(route.respond, route);
    if (route.redirect !== undefined) return this.#own(route.redirect(request.target, match), route);
    const { guarded, guardedAnswer } = action.forwarding;
    const { sendInformational } = context;
    if (sendInformational !== undefined) {
      exchange.onInformational = (status, informed) => sendInformational(status, forwardInformational(informed, guardedAnswer));
    }
    const upgrade = route.configuration.upgrade === true ? wantedUpgrade(request, context) : undefined;
    const fields = forwardRequest(request, context, this.#forwarding, action.forwarding, {
      client,
      trace,
      upgrade,
      trailers: context.source === 'http-server',
    });
    const forwarded: HttpRequest = {
      method: request.method,
      scheme: request.scheme,
      authority: request.authority,
      target: route.rewrite === undefined ? request.target : route.rewrite(request.target, match),
      headers: new HeaderList(route.editRequest === undefined ? fields : route.editRequest(fields)),
      body: limitBody(request, action.maxRequestBytes),
      trailers: request.trailers && (() => mapped(request.trailers?.(), request.headers.get('connection'), guarded)),
    };
    const response = await this.#ask(action, forwarded, exchange);
    const { upgraded, trailers, headers } = response;
    const answered = forwardResponse(response, this.#forwarding, this.#ports.clock.now(), {
      protocolVersion: response.protocolVersion ?? '1.1',
      upstream: exchange.upstream,
    });
    const answer: HttpResponse = {
      status: response.status,
      headers: new HeaderList(route.editResponse === undefined ? answered : route.editResponse(answered)),
      body: response.body,
      trailers: trailers && (() => mapped(trailers(), headers.get('connection'), guardedAnswer)),
      upgraded,
    };
    return upgraded !== undefined || action.compression === undefined ? answer : action.compression(request, answer);
  }

  #ask(action: Action, request: HttpRequest, exchange: Exchange): Promise<HttpResponse> {
    if (action.handler !== undefined) {
      return callHandler(action.handler, request, exchange, { clock: this.#ports.clock, timers: this.#handlerTimers });
    }
    const compare = action.mirror?.start(request, exchange);
    const response =
      action.split === undefined
        ? action.upstream?.send(request, exchange)
        : action.split.send(request, exchange.request, exchange);
    if (response === undefined) throw new TypeError(`Route ${exchange.routeId ?? ''} has no action`);
    return compare === undefined ? response : response.then(compare);
  }

  /** An answer of a route's own: dated and edited, but not passed through us. */
  #own(response: HttpResponse, route: CompiledRoute): HttpResponse {
    if (route.editResponse === undefined) return response;
    return { ...response, headers: new HeaderList(route.editResponse([...response.headers.flat()])) };
  }

  #failed(error: unknown, exchange: Exchange): HttpResponse {
    const { crypto, logger } = this.#ports;
    const { context } = exchange;
    exchange.errorType = errorTypeOf(error);
    if (context.signal?.aborted === true) {
      // nobody reads it: the status is for the log
      exchange.errorType = 'client_gone';
      return { status: clientGoneStatus, headers: new HeaderList(), body: undefined };
    }
    let incident: string | undefined;
    if (problemOf(error)?.type === 'internal-error') {
      incident = base64url(crypto.randomBytes(9));
      logger.log('error', 'bug', {
        incident,
        requestId: context.requestId,
        'http.route': exchange.routeId,
        'error.type': kindOf(error),
        // Where it broke, never what it said: messages may carry data.
        stack: placeOf(error),
      });
    }
    return failureResponse(error, this.#forwarding.pseudonym, exchange.upstream, incident);
  }

  #marked(response: HttpResponse, exchange: Exchange, begun: number): HttpResponse {
    const fields = [...response.headers.flat()];
    if (this.#versionField !== undefined) fields.push(this.#versionField, this.version);
    if (this.#serverTiming) fields.push('server-timing', this.#log.serverTiming(exchange, begun));
    return { ...response, headers: new HeaderList(fields) };
  }

  #traceOf({ headers }: HttpRequest, { traceId }: RequestContext): TraceContext {
    const traceparent = headers.get('traceparent');
    return continueTrace(
      {
        traceparent,
        tracestate: traceparent === undefined ? undefined : headers.get('tracestate'),
        xray: headers.get('x-amzn-trace-id'),
        platform: traceId,
      },
      this.#ports.traceIds,
    );
  }
}

function mapped(
  trailers: HeaderFields | undefined,
  connection: string | undefined,
  guarded: ReadonlySet<string>,
): HeaderList | undefined {
  return trailers && forwardTrailers(trailers, connection, guarded);
}
