import { PortError } from '../ports/errors.ts';
import { RequestRejected } from '../ports/http.ts';
import type { HttpResponse } from '../ports/http.ts';
import { problemResponse } from '../http/problem.ts';
import type { ProblemPlace } from '../http/problem.ts';
import { rejectedResponse } from '../http/reject.ts';
import type { Refusal } from '../session/sessions.ts';

/** The one table from what went wrong to what the client is told. */

export function unauthorized(): HttpResponse {
  return problemResponse(
    {
      status: 401,
      type: 'unauthorized',
      title: 'A valid API key is needed',
      detail: 'Send it as "Authorization: Bearer ptl_...".',
    },
    ['www-authenticate', 'Bearer realm="portolan"'],
  );
}

export function forbidden(scope: string): HttpResponse {
  return problemResponse(
    { status: 403, type: 'insufficient-scope', title: 'The API key may not do this', detail: `It needs the scope ${scope}.` },
    ['www-authenticate', `Bearer realm="portolan", error="insufficient_scope", scope="${scope}"`],
  );
}

export function notFound(): HttpResponse {
  return problemResponse({ status: 404, type: 'not-found', title: 'There is nothing here' });
}

export function methodNotAllowed(allow: string): HttpResponse {
  return problemResponse(
    { status: 405, type: 'method-not-allowed', title: 'This method is not available here', detail: `Allowed: ${allow}.` },
    ['allow', allow],
  );
}

export function badRequest(detail: string, errors?: readonly ProblemPlace[]): HttpResponse {
  return problemResponse({ status: 400, type: 'invalid-request', title: 'The request is not acceptable', detail, errors });
}

export function unsupportedMediaType(): HttpResponse {
  return problemResponse(
    {
      status: 415,
      type: 'unsupported-media-type',
      title: 'The content must be JSON',
      detail: 'Send it with "Content-Type: application/json", without a content coding.',
    },
    ['accept-post', 'application/json'],
  );
}

export function tooManyRequests(
  type: string,
  detail: string,
  limit: number,
  windowSeconds: number,
  retryAfterSeconds: number,
): HttpResponse {
  return problemResponse({ status: 429, type, title: 'Too many requests', detail, extensions: { 'violated-policies': [type] } }, [
    'retry-after',
    String(retryAfterSeconds),
    'ratelimit-policy',
    `"${type}";q=${limit};w=${windowSeconds}`,
    'ratelimit',
    `"${type}";r=0;t=${retryAfterSeconds}`,
  ]);
}

/** What the session core refused. */
export function refused(refusal: Refusal): HttpResponse {
  switch (refusal.reason) {
    case 'not-found':
      return problemResponse({ status: 404, type: 'session-not-found', title: 'There is no such session' });
    case 'gone':
      return problemResponse({
        status: 410,
        type: 'session-gone',
        title: `The session is ${refusal.state === 'deleted' ? 'deleted' : 'expired'}`,
        extensions: { state: refusal.state },
      });
    case 'expiring':
      return problemResponse({
        status: 409,
        type: 'session-expiring',
        title: 'The session is about to expire',
        detail: 'With less than 5 seconds left it can only be deleted. Create a new one.',
      });
    case 'precondition-failed':
      return problemResponse(
        { status: 412, type: 'precondition-failed', title: 'The session has changed', detail: 'Read it again and use its ETag.' },
        ['etag', `"${refusal.revision}"`],
      );
    case 'id-taken':
      return problemResponse(
        {
          status: 409,
          type: 'session-id-taken',
          title: 'A session of this id exists',
          errors: [{ pointer: '/sessionId', detail: 'is taken' }],
        },
        ['location', `/v1/sessions/${refusal.sessionId}`],
      );
    case 'id-retired':
      return problemResponse({
        status: 409,
        type: 'session-id-retired',
        title: 'A session of this id was deleted',
        detail: 'Its id stays taken for a while, so that a late request cannot hit the wrong session. Use another id.',
        errors: [{ pointer: '/sessionId', detail: 'is retired' }],
      });
    case 'idempotency-mismatch':
      return problemResponse({
        status: 422,
        type: 'idempotency-key-reused',
        title: 'This Idempotency-Key was used for another request',
        errors: [{ header: 'idempotency-key', detail: 'was used with another body' }],
      });
    case 'generation-ahead':
      return problemResponse({
        status: 409,
        type: 'generation-ahead',
        title: 'The session has not reached this generation',
        errors: [{ pointer: '/generation', detail: `is greater than the present ${refusal.generation}` }],
      });
    case 'quota':
      return tooManyRequests(
        'sessions-per-hour',
        `At most ${refusal.limit} sessions an hour.`,
        refusal.limit,
        refusal.windowSeconds,
        refusal.retryAfterSeconds,
      );
    case 'invalid':
      return badRequest(
        'The vendor of this pool cannot do what is asked.',
        refusal.problems.map(({ field, detail }) => ({ pointer: `/${field}`, detail })),
      );
    case 'vendor-unverified':
      return problemResponse({
        status: 422,
        type: 'vendor-unverified',
        title: 'Nobody has verified the credential grammar of this vendor',
        detail: 'Set allowUnverified on the pool to use it all the same.',
        extensions: { vendor: refusal.vendor, confidence: refusal.confidence },
      });
    case 'bad-cursor':
      return badRequest('The cursor is not one of ours for this query.', [{ parameter: 'cursor', detail: 'is not valid here' }]);
  }
}

/** A service behind a port failed: 503, whatever the code, never 404. */
export function unavailable(error: PortError, incident: string): HttpResponse {
  const retryAfter = Math.max(1, Math.ceil((error.retryAfterMs ?? (error.retryable ? 1_000 : 30_000)) / 1_000));
  return problemResponse(
    {
      status: 503,
      type: 'service-unavailable',
      title: 'A service we need is not available',
      incident,
      extensions: { code: error.code },
    },
    ['retry-after', String(retryAfter)],
  );
}

/** A bug: the client learns an incident id and nothing else. */
export function internalError(incident: string): HttpResponse {
  return problemResponse({ status: 500, type: 'internal-error', title: 'Something went wrong on our side', incident });
}

/** What was thrown, as an answer. */
export function failed(error: unknown, incident: string): HttpResponse {
  if (error instanceof RequestRejected) return rejectedResponse(error);
  if (error instanceof PortError) return unavailable(error, incident);
  return internalError(incident);
}
