import { createHmac } from 'node:crypto';
import type { LambdaContext } from '../../../adapters/aws/lambda-context.ts';

/**
 * What somebody would write by hand for one event source and one route: no layers, no other routes, no other source. Does what Portolan does
 * for `GET /v1/sessions/{id}` (decode, look up, parse, judge the expiry, sign the gateway token, answer) and nothing of what it does
 * beside: no authentication, no rate limit, no log, no retry.
 */
export interface Stored {
  readonly v: number;
  readonly tenant: string;
  readonly sessionId: string;
  readonly pool: string;
  readonly vendor: string;
  readonly label?: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly geo: { readonly country?: string; readonly region?: string; readonly city?: string };
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly deletedAt?: number;
  readonly generation: number;
  readonly revision: number;
}

export interface Deployment {
  /** The value stored under `sessions.<tenant>/<id>`. */
  get(id: string): Promise<string | undefined>;
  readonly signingSecret: string | (() => Promise<string>);
}

export interface Answer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: string;
}

const prefix = '/v1/sessions/';

export async function getSession({ get, signingSecret }: Deployment, id: string): Promise<Answer> {
  const value = await get(id);
  if (value === undefined) return { status: 404, headers: {}, body: '' };
  const session = JSON.parse(value) as Stored;
  const now = Date.now();
  if (session.deletedAt !== undefined || now >= session.expiresAt) return { status: 410, headers: {}, body: '' };
  const claims = `${session.tenant}.${session.sessionId}.${session.generation.toString(36)}.${session.createdAt.toString(36)}`;
  const secret = typeof signingSecret === 'string' ? signingSecret : await signingSecret();
  const signature = createHmac('sha256', secret).update(`gateway-token\n${claims}`).digest('base64url');
  const token = `pts_${claims}.${signature}`;
  const expiresAt = new Date(session.expiresAt).toISOString();
  return {
    status: 200,
    headers: {
      'content-type': 'application/json',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      etag: `"${session.revision}"`,
    },
    body: JSON.stringify({
      sessionId: session.sessionId,
      state: now >= session.expiresAt - 5_000 ? 'expiring' : 'active',
      pool: session.pool,
      vendor: session.vendor,
      label: session.label ?? null,
      tags: session.tags,
      country: session.geo.country ?? null,
      region: session.geo.region ?? null,
      city: session.geo.city ?? null,
      createdAt: new Date(session.createdAt).toISOString(),
      expiresAt,
      effectiveUntil: expiresAt,
      idleTimeoutSeconds: null,
      ttlKind: 'none',
      guarantee: 'fail-closed',
      generation: session.generation,
      proxyUrl: `http://session:${encodeURIComponent(token)}@gateway.example.com:8788`,
      proxy: { scheme: 'http', host: 'gateway.example.com', port: 8788, username: 'session', password: token },
    }),
  };
}

type Handler<Event> = (event: Event, context: LambdaContext) => Promise<object>;

interface V2Event {
  readonly rawPath: string;
  readonly requestContext: { readonly http: { readonly method: string } };
}

export function httpV2Handler(deployment: Deployment): Handler<V2Event> {
  return async (event) => {
    if (event.requestContext.http.method !== 'GET' || !event.rawPath.startsWith(prefix))
      return { statusCode: 404, headers: {}, body: '' };
    const { status, headers, body } = await getSession(deployment, event.rawPath.slice(prefix.length));
    return { statusCode: status, headers, body, isBase64Encoded: false };
  };
}

interface V1Event {
  readonly httpMethod: string;
  readonly path: string;
}

export function restV1Handler(deployment: Deployment): Handler<V1Event> {
  return async (event) => {
    if (event.httpMethod !== 'GET' || !event.path.startsWith(prefix)) return { statusCode: 404, headers: {}, body: '' };
    const { status, headers, body } = await getSession(deployment, event.path.slice(prefix.length));
    return { statusCode: status, headers, body, isBase64Encoded: false };
  };
}

export function albHandler(deployment: Deployment): Handler<V1Event> {
  return async (event) => {
    if (event.httpMethod !== 'GET' || !event.path.startsWith(prefix)) {
      return { statusCode: 404, statusDescription: '404 Not Found', headers: {}, body: '' };
    }
    const { status, headers, body } = await getSession(deployment, event.path.slice(prefix.length));
    return { statusCode: status, statusDescription: `${status} OK`, headers, body, isBase64Encoded: false };
  };
}
