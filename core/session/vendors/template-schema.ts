/**
 * JSON Schema 2020-12 of a `VendorTemplate`: an unknown key at any level is an error. What a schema cannot say is left to `checkTemplate`.
 * Written without `$ref`, so that it can stand inside another schema.
 */
export const templateSchema = {
  type: 'object',
  additionalProperties: false,
  required: [
    'title',
    'revision',
    'confidence',
    'checked',
    'source',
    'account',
    'endpoints',
    'username',
    'password',
    'sid',
    'ttl',
    'peerLoss',
  ],
  properties: {
    title: { type: 'string', minLength: 1, maxLength: 100, description: 'Vendor and product, for people.' },
    revision: { type: 'integer', minimum: 1, maximum: 1_000_000 },
    confidence: { enum: ['A', 'B', 'C', 'unsure'], description: 'A vendor page, B several sources, C one source.' },
    checked: {
      type: 'string',
      pattern: '^20[0-9]{2}-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?$',
      description: 'When the sources were last read.',
    },
    source: { type: 'array', minItems: 1, maxItems: 16, items: { type: 'string', minLength: 1, maxLength: 300 } },
    notes: { type: 'array', maxItems: 16, items: { type: 'string', minLength: 1, maxLength: 500 } },
    account: {
      type: 'array',
      maxItems: 16,
      uniqueItems: true,
      items: { type: 'string', pattern: '^[a-z][A-Za-z0-9]{0,31}$' },
      description: 'Account fields besides the secret.',
    },
    endpoints: {
      type: 'array',
      minItems: 1,
      maxItems: 300,
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['scheme', 'host'],
        properties: {
          scheme: { enum: ['http', 'https', 'socks5'] },
          host: { type: 'string', minLength: 1, maxLength: 300 },
          port: {
            oneOf: [
              { type: 'integer', minimum: 1, maximum: 65_535 },
              {
                type: 'object',
                additionalProperties: false,
                required: ['from', 'to'],
                properties: {
                  from: { type: 'integer', minimum: 1, maximum: 65_535 },
                  to: { type: 'integer', minimum: 1, maximum: 65_535 },
                },
              },
            ],
          },
          country: { type: 'string', pattern: '^[A-Z]{2}$' },
        },
      },
    },
    username: { type: 'array', maxItems: 32, items: { type: 'string', minLength: 1, maxLength: 200 } },
    password: { type: 'array', maxItems: 32, items: { type: 'string', minLength: 1, maxLength: 200 } },
    headers: {
      type: 'object',
      additionalProperties: false,
      maxProperties: 8,
      patternProperties: {
        '^[a-z][a-z0-9-]{0,63}$': {
          type: 'array',
          minItems: 1,
          maxItems: 32,
          items: { type: 'string', minLength: 1, maxLength: 200 },
        },
      },
    },
    sid: {
      oneOf: [
        {
          type: 'object',
          additionalProperties: false,
          required: ['alphabet', 'minLength', 'maxLength'],
          properties: {
            alphabet: { type: 'string', minLength: 2, maxLength: 66, pattern: '^[A-Za-z0-9._~-]+$' },
            minLength: { type: 'integer', minimum: 1, maximum: 255 },
            maxLength: { type: 'integer', minimum: 1, maximum: 255 },
          },
        },
        {
          type: 'object',
          additionalProperties: false,
          required: ['min', 'max'],
          properties: {
            min: { type: 'integer', minimum: 0, maximum: 9_007_199_254_740_991 },
            max: { type: 'integer', minimum: 1, maximum: 9_007_199_254_740_991 },
          },
        },
      ],
    },
    ttl: {
      type: 'object',
      additionalProperties: false,
      required: ['kind'],
      properties: {
        kind: { enum: ['fixed', 'sliding', 'none'] },
        unit: { enum: ['second', 'minute'] },
        minSeconds: { type: 'integer', minimum: 1, maximum: 31_536_000 },
        maxSeconds: { type: 'integer', minimum: 1, maximum: 31_536_000 },
        defaultSeconds: { type: 'integer', minimum: 1, maximum: 31_536_000 },
        idleSeconds: { type: 'integer', minimum: 1, maximum: 31_536_000 },
      },
    },
    peerLoss: {
      type: 'object',
      additionalProperties: false,
      required: ['default'],
      properties: {
        default: { enum: ['swap', 'unknown'] },
        failClosed: {
          type: 'object',
          additionalProperties: false,
          required: ['statuses'],
          properties: {
            statuses: {
              type: 'array',
              minItems: 1,
              maxItems: 8,
              uniqueItems: true,
              items: { type: 'integer', minimum: 400, maximum: 599 },
            },
            mustRepeatEveryRequest: { type: 'boolean' },
          },
        },
      },
    },
    geo: {
      type: 'object',
      additionalProperties: false,
      properties: {
        country: {
          type: 'object',
          additionalProperties: false,
          properties: {
            aliases: {
              type: 'object',
              additionalProperties: false,
              patternProperties: { '^[A-Z]{2}$': { type: 'string', pattern: '^[A-Za-z0-9]{1,64}$' } },
            },
            only: {
              type: 'array',
              minItems: 1,
              maxItems: 300,
              uniqueItems: true,
              items: { type: 'string', pattern: '^[A-Z]{2}$' },
            },
          },
        },
        region: {
          type: 'object',
          additionalProperties: false,
          properties: {
            form: { enum: ['name', 'code', 'number'] },
            countries: {
              type: 'array',
              minItems: 1,
              maxItems: 300,
              uniqueItems: true,
              items: { type: 'string', pattern: '^[A-Z]{2}$' },
            },
          },
        },
      },
    },
    identity: {
      type: 'array',
      maxItems: 5,
      uniqueItems: true,
      items: { enum: ['country', 'region', 'city', 'ttl', 'failClosed'] },
    },
    exclusive: {
      type: 'array',
      maxItems: 3,
      items: { type: 'array', minItems: 2, maxItems: 3, uniqueItems: true, items: { enum: ['country', 'region', 'city'] } },
    },
    requires: {
      type: 'object',
      additionalProperties: false,
      properties: {
        country: { type: 'array', minItems: 1, maxItems: 2, uniqueItems: true, items: { enum: ['country', 'region', 'city'] } },
        region: { type: 'array', minItems: 1, maxItems: 2, uniqueItems: true, items: { enum: ['country', 'region', 'city'] } },
        city: { type: 'array', minItems: 1, maxItems: 2, uniqueItems: true, items: { enum: ['country', 'region', 'city'] } },
      },
    },
    priceMultiplier: {
      type: 'object',
      additionalProperties: false,
      properties: {
        country: { type: 'number', exclusiveMinimum: 0, maximum: 100 },
        region: { type: 'number', exclusiveMinimum: 0, maximum: 100 },
        city: { type: 'number', exclusiveMinimum: 0, maximum: 100 },
      },
    },
    handshake: {
      type: 'object',
      additionalProperties: false,
      required: ['username', 'responseHeader'],
      properties: {
        username: { type: 'array', minItems: 1, maxItems: 32, items: { type: 'string', minLength: 1, maxLength: 200 } },
        responseHeader: { type: 'string', pattern: '^[a-z][a-z0-9-]{0,63}$' },
        ttlSeconds: { type: 'integer', minimum: 1, maximum: 31_536_000 },
      },
    },
  },
} as const;
