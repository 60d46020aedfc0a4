import type { JsonSchema } from '../schema/validate.ts';

/**
 * JSON Schemas of the control API (draft 2020-12): what validates requests is what OpenAPI shows.
 */

const noControl = '^[^\\u0000-\\u001F\\u007F-\\u009F\\u2028\\u2029]*$';

const sessionId: JsonSchema = {
  type: 'string',
  pattern: '^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$',
  description: 'Public name of the session: 1 to 64 of `A-Z a-z 0-9 _ -`, not starting with `_` or `-`. It never reaches a vendor.',
};

const poolName: JsonSchema = { type: 'string', pattern: '^[a-z0-9][a-z0-9-]{0,62}$' };

const ttlSeconds: JsonSchema = { type: 'integer', minimum: 10, maximum: 604_800 };

const place: JsonSchema = {
  type: 'string',
  minLength: 1,
  maxLength: 64,
  pattern: "^[A-Za-z0-9][A-Za-z0-9 .'_-]*$",
};

const tags: JsonSchema = {
  type: 'object',
  maxProperties: 16,
  propertyNames: { pattern: '^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$' },
  additionalProperties: { type: 'string', maxLength: 256, pattern: noControl },
  description: 'At most 16; keys of at most 63 characters, values of at most 256 without control characters.',
};

export const createSessionSchema: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    sessionId,
    label: { type: 'string', maxLength: 256, pattern: noControl, description: 'For people. No control characters.' },
    tags,
    pool: { ...poolName, description: 'Default: the configured default pool.' },
    ttlSeconds: { ...ttlSeconds, description: 'Lifetime in seconds. Default and maximum are the pool’s.' },
    country: { type: 'string', pattern: '^[A-Za-z]{2}$', description: 'ISO 3166-1 alpha-2.' },
    region: { ...place, description: 'State or region, by name or code as the vendor takes it.' },
    city: { ...place, description: 'City by English name.' },
    onPeerLoss: {
      enum: ['fail', 'rotate'],
      description: 'What happens when the exit is lost: `fail` asks the vendor to refuse, `rotate` to swap. Default: the pool’s.',
    },
  },
};

export const extendSessionSchema: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['ttlSeconds'],
  properties: { ttlSeconds: { ...ttlSeconds, description: 'The session expires this many seconds from now.' } },
};

export const rotateSessionSchema: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    generation: {
      type: 'integer',
      minimum: 1,
      maximum: Number.MAX_SAFE_INTEGER,
      description:
        'Rotate only if this is the present generation; of many callers with one generation one rotates, all get the new session.',
    },
  },
};

export const listSessionsSchema: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    limit: { type: 'integer', minimum: 1, maximum: 200, default: 50 },
    cursor: {
      type: 'string',
      maxLength: 1_024,
      pattern: '^[A-Za-z0-9_.-]+$',
      description: 'From the page before; good for the same filters only.',
    },
    tag: { type: 'string', minLength: 1, maxLength: 320, description: '`key` or `key:value`.' },
    state: { enum: ['active', 'expired', 'deleted', 'all'], default: 'active' },
    pool: poolName,
    credentials: {
      enum: ['gateway', 'vendor'],
      description:
        'Default: tokens of the forward gateway where there is one, else none. The vendors’ own only when asked for; null for a session whose pool is gone.',
    },
  },
};

export const sessionQuerySchema: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    credentials: {
      enum: ['gateway', 'vendor'],
      description:
        'Which credentials `proxyUrl` holds: a token of the forward gateway (default where there is one), or the vendor’s own (scope `credentials:read`).',
    },
  },
};

export const noQuerySchema: JsonSchema = { type: 'object', additionalProperties: false, properties: {} };

/** The dynamic part of the configuration file; its members are checked with the rest of the deployed configuration. */
export const configurationDocumentSchema: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['routes'],
  properties: {
    $schema: { type: 'string' },
    routes: { type: 'array', description: 'As in the configuration file.' },
    upstreams: { type: 'object', description: 'As in the configuration file.' },
    proxy: { type: 'object', description: 'As in the configuration file.' },
  },
};

export const activateConfigurationSchema: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    version: {
      type: 'integer',
      minimum: 0,
      maximum: Number.MAX_SAFE_INTEGER,
      description: 'Default: what was served before the active one was pushed. 0: what was deployed.',
    },
  },
};

export const getMigrationSchema: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['route'],
  properties: { route: { type: 'string', pattern: '^[a-z0-9][a-z0-9-]{0,62}$', description: 'Id of a route with a mirror.' } },
};

const instant: JsonSchema = { type: 'string', format: 'date-time', description: 'RFC 3339, UTC.' };

/** A session as answered. Only documentation: answers are made by `represent`, and checked against this in tests. */
export const sessionSchema: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: [
    'sessionId',
    'state',
    'pool',
    'vendor',
    'label',
    'tags',
    'createdAt',
    'expiresAt',
    'effectiveUntil',
    'idleTimeoutSeconds',
    'ttlKind',
    'guarantee',
    'generation',
    'proxyUrl',
    'proxy',
  ],
  properties: {
    sessionId,
    state: {
      enum: ['active', 'expiring', 'expired', 'deleted'],
      description: '`expiring`: under 5 s left, no credentials are handed out any more.',
    },
    pool: poolName,
    vendor: { type: 'string' },
    label: { type: ['string', 'null'] },
    tags: { type: 'object', additionalProperties: { type: 'string' } },
    country: { type: ['string', 'null'] },
    region: { type: ['string', 'null'] },
    city: { type: ['string', 'null'] },
    createdAt: instant,
    expiresAt: { ...instant, description: 'From this instant on the session is gone.' },
    effectiveUntil: {
      ...instant,
      description: 'Until when the vendor can keep the exit: the earlier of `expiresAt` and the vendor’s own limit.',
    },
    idleTimeoutSeconds: { type: ['integer', 'null'], description: 'Without traffic for so long, the vendor may drop the exit.' },
    ttlKind: {
      enum: ['fixed', 'sliding', 'none'],
      description: 'How the vendor counts its limit: from first use, from last use, or not at all.',
    },
    guarantee: { enum: ['fail-closed', 'best-effort'], description: 'Whether a lost exit is an error or may be swapped silently.' },
    generation: { type: 'integer', minimum: 1, description: 'Goes up by one with each rotation.' },
    proxyUrl: { type: ['string', 'null'], description: 'Percent-encoded. Null when no credentials are handed out.' },
    proxy: {
      oneOf: [
        { type: 'null' },
        {
          type: 'object',
          additionalProperties: false,
          required: ['scheme', 'host', 'port', 'username', 'password'],
          properties: {
            scheme: { enum: ['http', 'https', 'socks5'] },
            host: { type: 'string' },
            port: { type: 'integer' },
            username: { type: 'string' },
            password: { type: 'string' },
            headers: {
              type: 'object',
              additionalProperties: { type: 'string' },
              description: 'To send to the proxy, where a vendor carries the session in a header.',
            },
          },
        },
      ],
    },
  },
};

export const sessionPageSchema: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['sessions', 'nextCursor'],
  properties: {
    sessions: { type: 'array', items: { $ref: '#/components/schemas/Session' } },
    nextCursor: { type: ['string', 'null'], description: 'Null at the end. A page may be short, even empty, before the end.' },
  },
};

export const usageSchema: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['sessionId', 'bytesUp', 'bytesDown'],
  properties: {
    sessionId,
    bytesUp: { type: 'integer', description: 'Bytes from the scraper through the forward gateway.' },
    bytesDown: { type: 'integer', description: 'Bytes to the scraper.' },
  },
};

const configurationVersion: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['version', 'hash', 'createdAt', 'createdBy', 'active'],
  properties: {
    version: { type: 'integer', minimum: 1 },
    hash: { type: 'string', description: 'SHA-256 of the document in canonical JSON, base64url.' },
    createdAt: instant,
    createdBy: { type: ['string', 'null'], description: 'Id of the API key that pushed it.' },
    active: { type: 'boolean', description: 'Whether it is the one that is served.' },
  },
};

export const configurationSchema: JsonSchema = {
  ...configurationVersion,
  required: [...(configurationVersion.required ?? []), 'document'],
  properties: { ...configurationVersion.properties, document: configurationDocumentSchema },
};

export const configurationVersionsSchema: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['versions'],
  properties: { versions: { type: 'array', items: configurationVersion, description: 'The newest 50, newest first.' } },
};

export const migrationSchema: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['route', 'sent', 'compared', 'differing', 'failed', 'skipped', 'places', 'rolledBack'],
  properties: {
    route: { type: 'string' },
    sent: { type: 'integer', description: 'Copies that were answered.' },
    compared: { type: 'integer', description: 'Pairs of answers compared.' },
    differing: { type: 'integer' },
    failed: { type: 'integer', description: 'Copies that were not answered.' },
    skipped: { type: 'integer', description: 'Requests not copied: too many on their way, or their content too long.' },
    places: {
      type: 'array',
      description: 'Where answers differed, the most frequent first.',
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['place', 'count'],
        properties: { place: { type: 'string' }, count: { type: 'integer' } },
      },
    },
    rolledBack: {
      type: ['object', 'null'],
      description: "That the gate of the route's split sends everything to the old side; null when it does not.",
      additionalProperties: false,
      required: ['reason', 'at', 'until'],
      properties: {
        reason: { enum: ['errors', 'latency'] },
        at: { type: 'string', format: 'date-time' },
        until: { type: ['string', 'null'], format: 'date-time', description: 'null: until another configuration takes its place.' },
      },
    },
  },
};

export const problemSchema: JsonSchema = {
  type: 'object',
  required: ['type', 'title', 'status'],
  properties: {
    type: { type: 'string', format: 'uri', description: 'Stable.' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    code: { type: 'string', description: 'For 503: why, in gRPC’s words.' },
    incident: { type: 'string', description: 'Find it in the log.' },
    errors: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          pointer: { type: 'string', description: 'RFC 6901, into the body.' },
          parameter: { type: 'string' },
          header: { type: 'string' },
          detail: { type: 'string' },
        },
      },
    },
  },
};
