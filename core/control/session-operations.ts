import { HeaderList } from '../http/header-list.ts';
import type { Clock } from '../ports/clock.ts';
import type { Counters } from '../ports/counters.ts';
import type { Crypto } from '../ports/crypto.ts';
import type { HttpResponse } from '../ports/http.ts';
import type { Logger } from '../ports/telemetry.ts';
import type { Credentials, CredentialsKind } from '../session/credentials.ts';
import type { Session } from '../session/session.ts';
import type { CreateSession, ListSessions, Sessions } from '../session/sessions.ts';
import { readUsage } from '../session/usage.ts';
import { canonicalJson } from '../text/canonical-json.ts';
import { json } from './json-response.ts';
import type { OperationCall, OperationInput, Operations } from './operation.ts';
import { badRequest, forbidden, refused } from './problems.ts';
import { readIdempotencyKey, readIfMatch } from './read-request.ts';
import { represent } from './represent.ts';

export interface SessionOperationPorts {
  readonly sessions: Sessions;
  readonly credentials: Credentials;
  readonly counters: Counters;
  readonly clock: Clock;
  readonly crypto: Crypto;
  readonly logger: Logger;
}

/** How one request wants sessions shown. */
interface Shown {
  readonly kind: CredentialsKind | 'none';
  one(session: Session, kind?: CredentialsKind | 'none'): Promise<object>;
  answer(status: number, session: Session, headers?: readonly string[]): Promise<HttpResponse>;
}

/** Sessions over the control API. */
export function sessionOperations(ports: SessionOperationPorts): Operations {
  const { sessions, credentials, clock, crypto, counters } = ports;
  const showing = (
    use: 'create' | 'list' | 'other',
    call: (input: OperationInput, shown: Shown) => Promise<HttpResponse>,
  ): OperationCall => {
    return async (input) => {
      const choice = credentials.choose(input.query['credentials'] as CredentialsKind | undefined, input.principal, use);
      if (choice.ok) return call(input, shownAs(ports, input, choice.kind));
      return choice.reason === 'scope'
        ? forbidden('credentials:read')
        : badRequest(choice.detail, [{ parameter: 'credentials', detail: choice.detail }]);
    };
  };
  return {
    createSession: showing('create', async ({ request, principal, content, options }, shown) => {
      const key = readIdempotencyKey(request);
      if (!key.ok) return key.response;
      const input = content as CreateSession;
      const idempotency = key.value === undefined ? undefined : { key: key.value, bodyHash: crypto.sha256(canonicalJson(input)) };
      const outcome = await sessions.create(principal, input, idempotency, options);
      return outcome.ok
        ? shown.answer(201, outcome.value, ['location', `/v1/sessions/${outcome.value.sessionId}`])
        : refused(outcome);
    }),
    getSession: showing('other', async ({ principal, sessionId, options }, shown) => {
      const outcome = await sessions.get(principal, sessionId, options);
      return outcome.ok ? shown.answer(200, outcome.value) : refused(outcome);
    }),
    extendSession: showing('other', async ({ request, principal, sessionId, content, options }, shown) => {
      const { ttlSeconds } = content as { ttlSeconds: number };
      const outcome = await sessions.extend(principal, sessionId, ttlSeconds, readIfMatch(request), options);
      return outcome.ok ? shown.answer(200, outcome.value) : refused(outcome);
    }),
    rotateSession: showing('other', async ({ request, principal, sessionId, content, options }, shown) => {
      const { generation } = content as { generation?: number };
      const outcome = await sessions.rotate(principal, sessionId, generation, readIfMatch(request), options);
      return outcome.ok ? shown.answer(200, outcome.value) : refused(outcome);
    }),
    async deleteSession({ request, principal, sessionId, options }) {
      const outcome = await sessions.delete(principal, sessionId, readIfMatch(request), options);
      return outcome.ok
        ? { status: 204, headers: new HeaderList(['cache-control', 'no-store']), body: undefined }
        : refused(outcome);
    },
    listSessions: showing('list', async ({ principal, query, options }, shown) => {
      const outcome = await sessions.list(principal, query as ListSessions, options);
      if (!outcome.ok) return refused(outcome);
      return json(200, {
        // A pool that is gone for good has nothing to hand out: said by null, or it would hide every other session.
        sessions: await Promise.all(
          outcome.value.sessions.map((session) =>
            shown.one(session, shown.kind === 'vendor' && !credentials.hasPoolOf(session) ? 'none' : shown.kind),
          ),
        ),
        nextCursor: outcome.value.nextCursor ?? null,
      });
    }),
    async getUsage({ principal, sessionId, options }) {
      const outcome = await sessions.getKept(principal, sessionId, options);
      if (!outcome.ok) return refused(outcome);
      return json(200, { sessionId, ...(await readUsage(counters, outcome.value, clock.now(), options)) });
    },
  };
}

function shownAs(ports: SessionOperationPorts, { principal, context, options }: OperationInput, kind: Shown['kind']): Shown {
  const { credentials, logger, clock } = ports;
  const one: Shown['one'] = async (session, wanted = kind) => {
    const proxy = await credentials.of(session, wanted, options);
    if (proxy !== undefined) {
      logger.log('info', 'credentials.issued', {
        audit: true,
        kind: wanted,
        tenant: principal.tenant,
        keyId: principal.keyId,
        sessionId: session.sessionId,
        generation: session.generation,
        requestId: context.requestId,
      });
    }
    return represent(session, credentials.lifetime(session), proxy, clock.now());
  };
  return {
    kind,
    one,
    async answer(status, session, headers = []) {
      return json(status, await one(session), ['etag', `"${session.revision}"`, ...headers]);
    },
  };
}
