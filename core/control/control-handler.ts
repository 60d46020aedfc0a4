import type { Authenticator, Principal } from '../auth/authenticator.ts';
import { HeaderList } from '../http/header-list.ts';
import type { Clock } from '../ports/clock.ts';
import type { Crypto } from '../ports/crypto.ts';
import { PortError } from '../ports/errors.ts';
import { RequestRejected } from '../ports/http.ts';
import type { HttpHandler, HttpRequest, HttpResponse, RequestContext } from '../ports/http.ts';
import type { CallOptions } from '../ports/key-value-store.ts';
import type { Logger } from '../ports/telemetry.ts';
import type { CachedSecrets } from '../secrets/cached-secrets.ts';
import { kindOf, placeOf } from '../telemetry/describe-error.ts';
import { base64url } from '../text/base64url.ts';
import { json } from './json-response.ts';
import { openApiDocument } from './openapi.ts';
import type { Operations } from './operation.ts';
import { badRequest, failed, forbidden, methodNotAllowed, notFound, tooManyRequests, unauthorized } from './problems.ts';
import type { RateLimiter } from '../limits/rate-limiter.ts';
import { readContent, readQuery } from './read-request.ts';
import type { ReadinessCheck } from './readiness.ts';
import { readClient } from '../proxy/forwarding/client.ts';
import type { TrustedProxies } from '../proxy/forwarding/client.ts';
import { pathOf } from '../proxy/routing/route-match.ts';
import { matchPath } from './routes.ts';
import type { PathMatch, Route } from './routes.ts';
import { noQuerySchema } from './schemas.ts';

export interface ControlPorts {
  /** What this deployment offers; a route whose operation is not here does not exist. */
  readonly operations: Operations;
  readonly authenticator: Pick<Authenticator, 'authenticate'>;
  readonly limiter: RateLimiter;
  readonly readiness: ReadinessCheck;
  readonly secrets: CachedSecrets;
  /** The proxies in front that may speak for their clients. */
  readonly trusts: TrustedProxies | undefined;
  readonly clock: Clock;
  readonly crypto: Crypto;
  readonly logger: Logger;
}

/** A request's budget for everything behind it, milliseconds: one slow service must not hold a caller for the platform's time-out. */
const budgetMs = 3_000;

/** What one request gathers on its way; each field has one writer. */
interface Exchange {
  readonly request: HttpRequest;
  readonly context: RequestContext;
  readonly options: CallOptions;
  route: string;
  principal: Principal | undefined;
  incident: string | undefined;
}

export interface ControlHandler {
  /** The control API as one total function: it answers every request and logs one line about it. */
  readonly handle: HttpHandler;
  /** Whether a target is a path of an operation that is offered. */
  owns(target: string): boolean;
}

export function createControlHandler(ports: ControlPorts): ControlHandler {
  const { clock, logger, secrets, operations, trusts } = ports;
  // Without a scope it is offered everywhere: what platforms and people ask first.
  const isOffered = ({ operation, scope }: Route): boolean => scope === undefined || operations[operation] !== undefined;
  const find = (target: string): PathMatch | undefined => {
    const match = matchPath(pathOf(target));
    return match === undefined || ![...match.methods.values()].some(isOffered) ? undefined : match;
  };
  const handle: HttpHandler = async (request, context) => {
    const startedAt = clock.now();
    const deadline = Math.min(context.deadline, startedAt + budgetMs);
    const exchange: Exchange = {
      request,
      context,
      options: { deadline, signal: context.signal },
      route: '',
      principal: undefined,
      incident: undefined,
    };
    let response: HttpResponse;
    try {
      response = await dispatch(ports, exchange, find(request.target));
    } catch (error) {
      response = answerFailure(ports, exchange, error);
    }
    const work = secrets.pending();
    if (work !== undefined) context.waitUntil(work);
    logger.log('info', 'http.request', {
      'http.request.method': request.method,
      'http.route': exchange.route,
      'http.response.status_code': response.status,
      durationMs: clock.now() - startedAt,
      requestId: context.requestId,
      source: context.source,
      'client.address': readClient(request, context, trusts).address,
      tenant: exchange.principal?.tenant,
      keyId: exchange.principal?.keyId,
      traceId: context.traceId,
      coldStart: context.coldStart,
      incident: exchange.incident,
    });
    return request.method === 'HEAD' ? { ...response, body: undefined } : response;
  };
  return { handle, owns: (target) => find(target) !== undefined };
}

function answerFailure({ crypto, logger }: ControlPorts, exchange: Exchange, error: unknown): HttpResponse {
  const incident = base64url(crypto.randomBytes(9));
  exchange.incident = incident;
  if (!(error instanceof RequestRejected)) {
    const known = error instanceof PortError;
    logger.log('error', known ? 'service.failed' : 'bug', {
      incident,
      requestId: exchange.context.requestId,
      'error.type': kindOf(error),
      operation: known ? error.operation : exchange.route,
      reason: known ? error.reason : undefined,
      // Where it broke, never what it said: messages may carry data.
      stack: known ? undefined : placeOf(error),
    });
  }
  return failed(error, incident);
}

async function dispatch(ports: ControlPorts, exchange: Exchange, match: PathMatch | undefined): Promise<HttpResponse> {
  const { request } = exchange;
  if (match === undefined) return notFound();
  exchange.route = match.template;
  const route = match.methods.get(request.method === 'HEAD' ? 'GET' : request.method);
  if (route === undefined) {
    const allow = [...match.methods.keys()].flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method]));
    const allowed = [...allow, 'OPTIONS'].join(', ');
    return request.method === 'OPTIONS'
      ? { status: 204, headers: new HeaderList(['allow', allowed]), body: undefined }
      : methodNotAllowed(allowed);
  }
  if (route.scope === undefined) return answerOpenly(ports, exchange, route);

  const authenticated = ports.authenticator.authenticate(request.headers.get('authorization'), exchange.options);
  const principal = authenticated instanceof Promise ? await authenticated : authenticated;
  if (principal === undefined) return unauthorized();
  exchange.principal = principal;
  if (!principal.scopes.has(route.scope)) return forbidden(route.scope);
  if (!ports.limiter.allow(principal.tenant)) {
    const { resetSeconds } = ports.limiter.state(principal.tenant);
    return tooManyRequests(
      'requests-per-minute',
      `At most ${ports.limiter.limit} requests a minute.`,
      ports.limiter.limit,
      60,
      resetSeconds,
    );
  }
  return call(ports, exchange, route, principal, match.sessionId);
}

/** The routes that ask for no key. */
async function answerOpenly(ports: ControlPorts, exchange: Exchange, route: Route): Promise<HttpResponse> {
  switch (route.operation) {
    case 'ready': {
      const readiness = await ports.readiness.run(exchange.options);
      const serves = readiness.status === 'ready' || readiness.status === 'degraded';
      return json(serves ? 200 : 503, readiness, serves ? [] : ['retry-after', '5']);
    }
    case 'openapi':
      return json(200, openApiDocument());
    default:
      return json(200, { status: 'ok' });
  }
}

async function call(
  ports: ControlPorts,
  { request, context, options }: Exchange,
  route: Route,
  principal: Principal,
  sessionId: string,
): Promise<HttpResponse> {
  const operation = ports.operations[route.operation];
  if (operation === undefined) return notFound();
  if (sessionId !== '' && !/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/.test(sessionId)) {
    return badRequest('The session id in the path is not acceptable.', [
      { parameter: 'sessionId', detail: 'must be 1 to 64 of A-Z a-z 0-9 _ -' },
    ]);
  }
  const query = request.target.includes('?') ? readQuery(request, route.query ?? noQuerySchema) : noQuery;
  if (!query.ok) return query.response;
  const content = route.body === undefined ? noContent : await readContent(request, route.body, route.maxContentBytes);
  if (!content.ok) return content.response;
  return operation({ request, context, options, principal, sessionId, query: query.value, content: content.value });
}

const noQuery = { ok: true as const, value: {} as Readonly<Record<string, string | number>> };
const noContent = { ok: true as const, value: {} as unknown };
