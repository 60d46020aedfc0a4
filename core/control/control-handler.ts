import type { Authenticator, Principal } from '../auth/authenticator.ts';
import { HeaderList } from '../http/header-list.ts';
import type { Clock } from '../ports/clock.ts';
import type { Counters } from '../ports/counters.ts';
import type { Crypto } from '../ports/crypto.ts';
import { PortError } from '../ports/errors.ts';
import { RequestRejected } from '../ports/http.ts';
import type { HttpHandler, HttpRequest, HttpResponse, RequestContext } from '../ports/http.ts';
import type { CallOptions } from '../ports/key-value-store.ts';
import type { Logger } from '../ports/telemetry.ts';
import type { CachedSecrets } from '../secrets/cached-secrets.ts';
import type { Credentials, CredentialsKind } from '../session/credentials.ts';
import type { Session } from '../session/session.ts';
import type { CreateSession, ListSessions, Sessions } from '../session/sessions.ts';
import { readUsage } from '../session/usage.ts';
import { base64url } from '../text/base64url.ts';
import { canonicalJson } from '../text/canonical-json.ts';
import { badRequest, failed, forbidden, methodNotAllowed, notFound, refused, tooManyRequests, unauthorized } from './problems.ts';
import type { RateLimiter } from '../limits/rate-limiter.ts';
import { readContent, readIdempotencyKey, readIfMatch, readQuery } from './read-request.ts';
import type { ReadinessCheck } from './readiness.ts';
import { represent } from './represent.ts';
import { matchPath } from './routes.ts';
import type { Route } from './routes.ts';
import { noQuerySchema } from './schemas.ts';

export interface ControlPorts {
  readonly sessions: Sessions;
  readonly credentials: Credentials;
  readonly authenticator: Pick<Authenticator, 'authenticate'>;
  readonly limiter: RateLimiter;
  readonly readiness: ReadinessCheck;
  readonly secrets: CachedSecrets;
  readonly counters: Counters;
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

/** The control API as one total function: it answers every request and logs one line about it. */
export function createControlHandler(ports: ControlPorts): HttpHandler {
  const { clock, logger, secrets } = ports;
  return async (request, context) => {
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
      response = await dispatch(ports, exchange);
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
      'client.address': context.clientAddress,
      tenant: exchange.principal?.tenant,
      keyId: exchange.principal?.keyId,
      traceId: context.traceId,
      coldStart: context.coldStart,
      incident: exchange.incident,
    });
    return request.method === 'HEAD' ? { ...response, body: undefined } : response;
  };
}

function answerFailure({ crypto, logger }: ControlPorts, exchange: Exchange, error: unknown): HttpResponse {
  const incident = base64url(crypto.randomBytes(9));
  exchange.incident = incident;
  if (!(error instanceof RequestRejected)) {
    const known = error instanceof PortError;
    logger.log('error', known ? 'service.failed' : 'bug', {
      incident,
      requestId: exchange.context.requestId,
      'error.type': known ? error.code : error instanceof Error ? error.name : typeof error,
      operation: known ? error.operation : exchange.route,
      reason: known ? error.reason : undefined,
      // Where it broke, never what it said: messages may carry data.
      stack: known || !(error instanceof Error) ? undefined : frames(error),
    });
  }
  return failed(error, incident);
}

function frames(error: Error): string {
  return (error.stack ?? '')
    .split('\n')
    .filter((line) => line.startsWith('    at '))
    .slice(0, 8)
    .map((line) => line.trim())
    .join(' | ');
}

async function dispatch(ports: ControlPorts, exchange: Exchange): Promise<HttpResponse> {
  const { request } = exchange;
  const mark = request.target.indexOf('?');
  const match = matchPath(mark < 0 ? request.target : request.target.slice(0, mark));
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
  if (route.scope === undefined) return open(ports, exchange, route);

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
async function open(ports: ControlPorts, exchange: Exchange, route: Route): Promise<HttpResponse> {
  switch (route.operation) {
    case 'ready': {
      const readiness = await ports.readiness.run(exchange.options);
      return json(
        readiness.status === 'not-ready' ? 503 : 200,
        readiness,
        readiness.status === 'not-ready' ? ['retry-after', '5'] : [],
      );
    }
    case 'openapi': {
      const { openApiDocument } = await import('./openapi.ts');
      return json(200, openApiDocument());
    }
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
  const { sessions, credentials, clock, crypto } = ports;
  if (sessionId !== '' && !/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/.test(sessionId)) {
    return badRequest('The session id in the path is not acceptable.', [
      { parameter: 'sessionId', detail: 'must be 1 to 64 of A-Z a-z 0-9 _ -' },
    ]);
  }
  const query = request.target.includes('?') ? readQuery(request, route.query ?? noQuerySchema) : noQuery;
  if (!query.ok) return query.response;
  const content = route.body === undefined ? noContent : await readContent(request, route.body);
  if (!content.ok) return content.response;

  const choice = credentials.choose(
    query.value['credentials'] as CredentialsKind | undefined,
    principal,
    route.operation === 'createSession' ? 'create' : route.operation === 'listSessions' ? 'list' : 'other',
  );
  if (!choice.ok)
    return choice.reason === 'scope'
      ? forbidden('credentials:read')
      : badRequest(choice.detail, [{ parameter: 'credentials', detail: choice.detail }]);

  const shown = async (session: Session, kind = choice.kind): Promise<object> => {
    const proxy = await credentials.of(session, kind, options);
    if (proxy !== undefined) {
      ports.logger.log('info', 'credentials.issued', {
        audit: true,
        kind,
        tenant: principal.tenant,
        keyId: principal.keyId,
        sessionId: session.sessionId,
        generation: session.generation,
        requestId: context.requestId,
      });
    }
    return represent(session, credentials.lifetime(session), proxy, clock.now());
  };
  const show = async (status: number, session: Session, headers: readonly string[] = []): Promise<HttpResponse> =>
    json(status, await shown(session), ['etag', `"${session.revision}"`, ...headers]);

  switch (route.operation) {
    case 'getSession': {
      const outcome = await sessions.get(principal, sessionId, options);
      return outcome.ok ? show(200, outcome.value) : refused(outcome);
    }
    case 'createSession': {
      const key = readIdempotencyKey(request);
      if (!key.ok) return key.response;
      const input = content.value as CreateSession;
      const idempotency = key.value === undefined ? undefined : { key: key.value, bodyHash: crypto.sha256(canonicalJson(input)) };
      const outcome = await sessions.create(principal, input, idempotency, options);
      return outcome.ok ? show(201, outcome.value, ['location', `/v1/sessions/${outcome.value.sessionId}`]) : refused(outcome);
    }
    case 'extendSession': {
      const { ttlSeconds } = content.value as { ttlSeconds: number };
      const outcome = await sessions.extend(principal, sessionId, ttlSeconds, readIfMatch(request), options);
      return outcome.ok ? show(200, outcome.value) : refused(outcome);
    }
    case 'rotateSession': {
      const { generation } = content.value as { generation?: number };
      const outcome = await sessions.rotate(principal, sessionId, generation, readIfMatch(request), options);
      return outcome.ok ? show(200, outcome.value) : refused(outcome);
    }
    case 'deleteSession': {
      const outcome = await sessions.delete(principal, sessionId, readIfMatch(request), options);
      return outcome.ok
        ? { status: 204, headers: new HeaderList(['cache-control', 'no-store']), body: undefined }
        : refused(outcome);
    }
    case 'listSessions': {
      const outcome = await sessions.list(principal, query.value as ListSessions, options);
      if (!outcome.ok) return refused(outcome);
      return json(200, {
        // A pool that is gone for good has nothing to hand out: said by null, or it would hide every other session.
        sessions: await Promise.all(
          outcome.value.sessions.map((session) =>
            shown(session, choice.kind === 'vendor' && !credentials.hasPoolOf(session) ? 'none' : choice.kind),
          ),
        ),
        nextCursor: outcome.value.nextCursor ?? null,
      });
    }
    case 'getUsage': {
      const outcome = await sessions.getKept(principal, sessionId, options);
      if (!outcome.ok) return refused(outcome);
      return json(200, { sessionId, ...(await readUsage(ports.counters, outcome.value, clock.now(), options)) });
    }
    default:
      return notFound();
  }
}

const noQuery = { ok: true as const, value: {} as Readonly<Record<string, string | number>> };
const noContent = { ok: true as const, value: {} as unknown };

const jsonHeaders = ['content-type', 'application/json', 'cache-control', 'no-store', 'x-content-type-options', 'nosniff'] as const;

function json(status: number, value: object, headers: readonly string[] = []): HttpResponse {
  return { status, headers: new HeaderList([...jsonHeaders, ...headers]), body: JSON.stringify(value) };
}
