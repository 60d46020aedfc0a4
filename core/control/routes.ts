import type { Scope } from '../auth/api-key.ts';
import type { JsonSchema } from '../schema/validate.ts';
import {
  activateConfigurationSchema,
  configurationDocumentSchema,
  createSessionSchema,
  extendSessionSchema,
  getMigrationSchema,
  listSessionsSchema,
  rotateSessionSchema,
  sessionQuerySchema,
} from './schemas.ts';

/** What the control API can do: the one table that routing, authorisation and the OpenAPI document are made of. */
export type Operation =
  | 'health'
  | 'live'
  | 'ready'
  | 'openapi'
  | 'createSession'
  | 'listSessions'
  | 'getSession'
  | 'deleteSession'
  | 'extendSession'
  | 'rotateSession'
  | 'getUsage'
  | 'getConfiguration'
  | 'listConfigurations'
  | 'pushConfiguration'
  | 'activateConfiguration'
  | 'getMigration';

export interface Route {
  readonly operation: Operation;
  readonly method: 'DELETE' | 'GET' | 'POST' | 'PUT';
  /** RFC 6570 level 1 template; at most one variable, `{sessionId}`. */
  readonly path: string;
  /** What the key must be allowed; absent means no key is asked for. */
  readonly scope?: Scope;
  /** What the content and the query must fit; a route without one takes none. */
  readonly body?: JsonSchema;
  /** Default 16 KiB. */
  readonly maxContentBytes?: number;
  readonly query?: JsonSchema;
}

export const routes: readonly Route[] = [
  { operation: 'health', method: 'GET', path: '/healthz' },
  // The same by Kubernetes' name: Cloud Run answers /healthz itself, with 404 (https://cloud.google.com/run/docs/known-issues).
  { operation: 'live', method: 'GET', path: '/livez' },
  { operation: 'ready', method: 'GET', path: '/readyz' },
  { operation: 'openapi', method: 'GET', path: '/v1/openapi.json' },
  {
    operation: 'createSession',
    method: 'POST',
    path: '/v1/sessions',
    scope: 'sessions:write',
    body: createSessionSchema,
    query: sessionQuerySchema,
  },
  { operation: 'listSessions', method: 'GET', path: '/v1/sessions', scope: 'sessions:read', query: listSessionsSchema },
  { operation: 'getSession', method: 'GET', path: '/v1/sessions/{sessionId}', scope: 'sessions:read', query: sessionQuerySchema },
  { operation: 'deleteSession', method: 'DELETE', path: '/v1/sessions/{sessionId}', scope: 'sessions:write' },
  {
    operation: 'extendSession',
    method: 'POST',
    path: '/v1/sessions/{sessionId}/extend',
    scope: 'sessions:write',
    body: extendSessionSchema,
    query: sessionQuerySchema,
  },
  {
    operation: 'rotateSession',
    method: 'POST',
    path: '/v1/sessions/{sessionId}/rotate',
    scope: 'sessions:write',
    body: rotateSessionSchema,
    query: sessionQuerySchema,
  },
  { operation: 'getUsage', method: 'GET', path: '/v1/sessions/{sessionId}/usage', scope: 'sessions:read' },
  { operation: 'getConfiguration', method: 'GET', path: '/v1/configuration', scope: 'configuration:read' },
  {
    operation: 'pushConfiguration',
    method: 'PUT',
    path: '/v1/configuration',
    scope: 'configuration:write',
    body: configurationDocumentSchema,
    // what a load balancer still hands to a function, less its own share
    maxContentBytes: 700_000,
  },
  { operation: 'listConfigurations', method: 'GET', path: '/v1/configuration/versions', scope: 'configuration:read' },
  {
    operation: 'activateConfiguration',
    method: 'POST',
    path: '/v1/configuration/activate',
    scope: 'configuration:write',
    body: activateConfigurationSchema,
  },
  {
    operation: 'getMigration',
    method: 'GET',
    path: '/v1/configuration/migration',
    scope: 'configuration:read',
    query: getMigrationSchema,
  },
];

export interface PathMatch {
  /** Routes of this path by method. */
  readonly methods: ReadonlyMap<string, Route>;
  readonly template: string;
  /** The raw segment that stands for `{sessionId}`; empty where there is none. */
  readonly sessionId: string;
}

interface Entry {
  readonly template: string;
  readonly methods: Map<string, Route>;
}

const byTemplate = new Map<string, Entry>();
for (const route of routes) {
  const entry = byTemplate.get(route.path) ?? { template: route.path, methods: new Map<string, Route>() };
  byTemplate.set(route.path, entry);
  entry.methods.set(route.method, route);
}

const sessions = '/v1/sessions/';
const oneSession = byTemplate.get(`${sessions}{sessionId}`);

/** Finds the routes of a raw path in a constant number of steps; nothing is decoded, so an encoded slash never changes the route. */
export function matchPath(path: string): PathMatch | undefined {
  // A path that spells a template out is none of ours: `{sessionId}` is no session.
  if (path.includes('{')) return undefined;
  const exact = byTemplate.get(path);
  if (exact !== undefined) return { ...exact, sessionId: '' };
  if (!path.startsWith(sessions)) return undefined;
  const end = path.indexOf('/', sessions.length);
  const sessionId = end < 0 ? path.slice(sessions.length) : path.slice(sessions.length, end);
  const entry = end < 0 ? oneSession : byTemplate.get(`${sessions}{sessionId}${path.slice(end)}`);
  return entry === undefined || sessionId === '' ? undefined : { ...entry, sessionId };
}
