import { proxyProperties } from '../proxy/schema.ts';
import type { JsonSchema } from '../schema/validate.ts';
import { secretNamePattern } from '../secrets/secret-name.ts';
import { templateSchema } from '../session/vendors/template-schema.ts';

const seconds = (minimum: number, maximum: number, description: string): JsonSchema => ({
  type: 'integer',
  minimum,
  maximum,
  description,
});

const secretName = {
  type: 'string',
  pattern: secretNamePattern,
  description: "Logical name of a secret in the platform's secret store; never the secret itself.",
} as const;

/** JSON Schema of the configuration file; shipped as `portolan.schema.json`. */
export const configurationSchema: JsonSchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: 'https://portolan.dev/schemas/configuration.json',
  title: 'Portolan configuration',
  type: 'object',
  additionalProperties: false,
  dependentRequired: { pools: ['auth', 'signingSecret'], defaultPool: ['pools'] },
  anyOf: [{ required: ['pools'] }, { required: ['routes'] }],
  properties: {
    $schema: { type: 'string', description: 'For editors; not used.' },
    auth: {
      type: 'object',
      additionalProperties: false,
      description: 'Who may call. At least one source of API keys.',
      // As `storedKeys` is true by default, only switching it off asks for the other source.
      anyOf: [{ required: ['keysSecret'] }, { properties: { storedKeys: { const: true } } }],
      properties: {
        keysSecret: {
          ...secretName,
          description: 'Secret that holds key records: {"keys": [...]}, made with `portolan keys create --print-record`.',
        },
        storedKeys: { type: 'boolean', default: true, description: 'Accept keys kept in the store.' },
      },
    },
    signingSecret: { ...secretName, description: 'Secret that signs cursors and gateway tokens: at least 32 random characters.' },
    pools: {
      type: 'object',
      minProperties: 1,
      maxProperties: 100,
      propertyNames: { pattern: '^[a-z0-9][a-z0-9-]{0,62}$' },
      description: 'Sets of exits by name.',
      additionalProperties: {
        type: 'object',
        additionalProperties: false,
        required: ['vendor'],
        properties: {
          vendor: {
            type: 'string',
            pattern: '^[a-z0-9][a-z0-9-]{0,62}$',
            description: 'Id of a vendor template, or `direct` for none.',
          },
          secret: { ...secretName, description: 'Secret with the vendor account: the password, or a JSON object of strings.' },
          account: {
            type: 'object',
            maxProperties: 16,
            propertyNames: { pattern: '^[a-z][A-Za-z0-9]{0,31}$' },
            additionalProperties: { type: 'string', minLength: 1, maxLength: 128 },
            description: 'Account fields that are not secret.',
          },
          endpoint: {
            type: 'object',
            additionalProperties: false,
            required: ['host', 'port'],
            properties: {
              host: { type: 'string', pattern: '^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$' },
              port: { type: 'integer', minimum: 1, maximum: 65_535 },
            },
            description: "Replaces the template's endpoint.",
          },
          protocol: { enum: ['http', 'https', 'socks5'], default: 'http' },
          country: { type: 'string', pattern: '^[A-Za-z]{2}$', description: 'Default country, ISO 3166-1 alpha-2.' },
          onPeerLoss: { enum: ['fail', 'rotate'] },
          defaultTtlSeconds: seconds(10, 604_800, 'Default lifetime of a session.'),
          maxTtlSeconds: seconds(10, 604_800, 'Greatest lifetime of a session.'),
          allowUnverified: { type: 'boolean', default: false, description: 'Accept a template that nobody has verified.' },
        },
      },
    },
    defaultPool: { type: 'string', pattern: '^[a-z0-9][a-z0-9-]{0,62}$' },
    gateway: {
      type: 'object',
      additionalProperties: false,
      properties: {
        publicUrl: {
          type: 'string',
          pattern: '^https?://[A-Za-z0-9.:\\[\\]-]+(:[0-9]{1,5})?$',
          description: 'Where scrapers reach the forward gateway: scheme, host, port; no path, no credentials.',
        },
        egress: {
          type: 'object',
          additionalProperties: false,
          properties: {
            allowLoopback: { type: 'boolean', default: false },
            allowPrivate: { type: 'boolean', default: false },
            allow: { type: 'array', maxItems: 1_000, items: { type: 'string', minLength: 1, maxLength: 260 } },
          },
        },
      },
    },
    sessions: {
      type: 'object',
      additionalProperties: false,
      properties: {
        defaultTtlSeconds: seconds(10, 604_800, 'Lifetime when a request names none; default 1800.'),
        maxTtlSeconds: seconds(10, 604_800, 'Greatest lifetime; default 86400.'),
        tombstoneSeconds: seconds(60, 604_800, 'How long an ended session answers 410; default 3600.'),
      },
    },
    limits: {
      type: 'object',
      additionalProperties: false,
      properties: {
        requestsPerMinute: { type: 'integer', minimum: 1, maximum: 10_000_000 },
        createsPerHour: { type: 'integer', minimum: 1, maximum: 10_000_000 },
      },
    },
    secrets: {
      type: 'object',
      additionalProperties: false,
      properties: {
        softTtlSeconds: seconds(1, 86_400, 'Read again in the background from this age; default 300.'),
        hardTtlSeconds: seconds(1, 604_800, 'Not served any more from this age; default 3600.'),
      },
    },
    vendors: {
      type: 'object',
      maxProperties: 100,
      propertyNames: { pattern: '^[a-z0-9][a-z0-9-]{0,62}$' },
      additionalProperties: templateSchema,
      description: 'Vendor templates beside the built-in ones.',
    },
    ...proxyProperties,
  },
};
