import type { JsonSchema } from '../schema/validate.ts';
import { routes } from './routes.ts';
import type { Operation, Route } from './routes.ts';
import {
  configurationSchema,
  configurationVersionsSchema,
  migrationSchema,
  problemSchema,
  sessionPageSchema,
  sessionSchema,
  usageSchema,
} from './schemas.ts';

interface Described {
  readonly summary: string;
  readonly description?: string;
  /** Status to what it means; a schema's name where there is JSON content. */
  readonly answers: Readonly<Record<number, readonly [description: string, schema?: string]>>;
  readonly headers?: readonly string[];
}

const gone = {
  404: ['No such session of this tenant.', 'Problem'],
  410: ['It expired or was deleted; said while its tombstone is kept.', 'Problem'],
} as const;

const content = {
  413: ['Over 16 KiB.', 'Problem'],
  415: ['Not JSON.', 'Problem'],
} as const;

const described: Readonly<Record<Operation, Described>> = {
  health: { summary: 'Is the process alive? Asks nobody else.', answers: { 200: ['Alive.', 'Health'] } },
  live: { summary: 'The same, on platforms that keep /healthz for themselves.', answers: { 200: ['Alive.', 'Health'] } },
  ready: {
    summary: 'Can it serve? Asks the store and the secrets.',
    answers: { 200: ['Ready, or degraded: serving old secrets.', 'Readiness'], 503: ['Not ready, or stopping.', 'Readiness'] },
  },
  openapi: { summary: 'This document.', answers: { 200: ['OpenAPI 3.1.', 'OpenApi'] } },
  createSession: {
    summary: 'Create a sticky session.',
    description: 'With an Idempotency-Key, a repetition within 24 hours answers with the session that was made.',
    headers: ['idempotency-key'],
    answers: {
      201: ['Created.', 'Session'],
      409: ['The id is taken or retired.', 'Problem'],
      410: ['The repeated request made a session that has ended since.', 'Problem'],
      ...content,
      422: ['The key was used for another request, or the vendor is not verified.', 'Problem'],
    },
  },
  listSessions: { summary: 'List sessions, a page at a time.', answers: { 200: ['A page.', 'SessionPage'] } },
  getSession: { summary: 'Read a session.', answers: { 200: ['The session.', 'Session'], ...gone } },
  deleteSession: {
    summary: 'End a session, for good.',
    description: 'Repeating it, and ending a session that does not exist, answers 204 too.',
    headers: ['if-match'],
    answers: { 204: ['Ended. No content.'], 412: ['It changed.', 'Problem'] },
  },
  extendSession: {
    summary: 'Let a session live longer.',
    headers: ['if-match'],
    answers: {
      200: ['The session.', 'Session'],
      ...gone,
      ...content,
      409: ['Under 5 seconds left.', 'Problem'],
      412: ['It changed.', 'Problem'],
    },
  },
  rotateSession: {
    summary: 'Give a session another exit.',
    description:
      'Compare-and-set on `generation`: of many callers that name the same one, one rotates and all get the new session.',
    headers: ['if-match'],
    answers: {
      200: ['The session.', 'Session'],
      ...gone,
      ...content,
      409: ['Under 5 seconds left, or a generation not reached.', 'Problem'],
      412: ['It changed.', 'Problem'],
    },
  },
  getUsage: {
    summary: 'Bytes through the forward gateway.',
    description: 'Of the last 30 days at least; also of a session that has ended, while its tombstone is kept.',
    answers: { 200: ['The usage.', 'Usage'], 404: gone[404] },
  },
  getConfiguration: {
    summary: 'The pushed configuration that is served.',
    answers: { 200: ['The active version.', 'Configuration'], 404: ['Nothing was pushed: the deployed one is served.', 'Problem'] },
  },
  pushConfiguration: {
    summary: 'Push routes, upstreams and proxy settings; instances follow within seconds.',
    description: 'Checked whole with the deployed configuration: what is not right changes nothing.',
    headers: ['if-match', 'if-none-match'],
    answers: {
      200: ['Active. With it the new version.', 'Configuration'],
      412: ['Another version is active.', 'Problem'],
      413: ['Over 700,000 bytes.', 'Problem'],
      415: content[415],
      422: ['Not a right configuration; `errors` says where.', 'Problem'],
    },
  },
  listConfigurations: { summary: 'Pushed versions.', answers: { 200: ['Versions.', 'ConfigurationVersions'] } },
  activateConfiguration: {
    summary: 'Serve an earlier version again (roll back).',
    headers: ['if-match'],
    answers: {
      200: ['Active.', 'Configuration'],
      204: ['The deployed configuration is served again.'],
      404: ['No such version.', 'Problem'],
      412: ['Another version is active.', 'Problem'],
      ...content,
    },
  },
  getMigration: {
    summary: 'What the mirror of a route found, over all instances, for 30 days, and whether its split was rolled back.',
    answers: { 200: ['The report.', 'Migration'], 404: ['The route has no mirror, and none has found anything.', 'Problem'] },
  },
};

const always = {
  400: ['Not acceptable; `errors` says where.', 'Problem'],
  401: ['No valid API key.', 'Problem'],
  403: ['The key lacks the scope.', 'Problem'],
  429: ['Too many requests; see Retry-After.', 'Problem'],
  503: ['A service behind us fails; see Retry-After and `code`.', 'Problem'],
} as const;

const parameters: Readonly<Record<string, object>> = {
  sessionId: { name: 'sessionId', in: 'path', required: true, schema: sessionSchema.properties?.['sessionId'] },
  'idempotency-key': { name: 'Idempotency-Key', in: 'header', schema: { type: 'string', minLength: 1, maxLength: 255 } },
  'if-match': {
    name: 'If-Match',
    in: 'header',
    description: 'Entity tags of the session or of the configuration.',
    schema: { type: 'string' },
  },
  'if-none-match': {
    name: 'If-None-Match',
    in: 'header',
    description: '`*`: only if no pushed configuration is served.',
    schema: { type: 'string' },
  },
};

/** The OpenAPI 3.1 document, made of the routes and the schemas that validate. */
export function openApiDocument(): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) (paths[route.path] ??= {})[route.method.toLowerCase()] = operationOf(route);
  return {
    openapi: '3.1.0',
    info: {
      title: 'Portolan control API',
      version: '1',
      description: 'Sticky forward-proxy sessions, and the live configuration of the gateway.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    paths,
    components: {
      securitySchemes: { apiKey: { type: 'http', scheme: 'bearer', bearerFormat: 'ptl_<id>_<secret>' } },
      schemas: {
        Session: sessionSchema,
        SessionPage: sessionPageSchema,
        Usage: usageSchema,
        Configuration: configurationSchema,
        ConfigurationVersions: configurationVersionsSchema,
        Migration: migrationSchema,
        Problem: problemSchema,
        Health: { type: 'object', properties: { status: { const: 'ok' } } },
        Readiness: { type: 'object', properties: { status: { enum: ['ready', 'degraded', 'not-ready', 'stopping'] } } },
        OpenApi: { type: 'object' },
      },
    },
  };
}

function operationOf(route: Route): object {
  const { summary, description, answers, headers = [] } = described[route.operation];
  const secured = route.scope !== undefined;
  return {
    operationId: route.operation,
    summary,
    ...(description !== undefined && { description }),
    security: secured ? [{ apiKey: [] }] : [],
    ...(secured && { 'x-scope': route.scope }),
    parameters: [
      ...(route.path.includes('{sessionId}') ? [parameters['sessionId']] : []),
      ...headers.map((name) => parameters[name]),
      ...Object.entries(route.query?.properties ?? {}).map(([name, schema]) => ({ name, in: 'query', schema })),
    ],
    ...(route.body !== undefined && { requestBody: requestBody(route.body) }),
    responses: Object.fromEntries(
      Object.entries(secured ? { ...answers, ...always } : answers).map(([status, [meaning, schema]]) => [
        status,
        {
          description: meaning,
          ...(schema !== undefined && {
            content: {
              [schema === 'Problem' ? 'application/problem+json' : 'application/json']: {
                schema: { $ref: `#/components/schemas/${schema}` },
              },
            },
          }),
        },
      ]),
    ),
  };
}

function requestBody(schema: JsonSchema): object {
  return { required: (schema.required ?? []).length > 0, content: { 'application/json': { schema } } };
}
