import type { JsonSchema } from '../schema/validate.ts';
import { scopes } from './api-key.ts';

/** JSON Schema of one API key record. */
export const keyRecordSchema: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['id', 'hash', 'tenant', 'scopes'],
  properties: {
    id: { type: 'string', pattern: '^[a-z0-9]{8,32}$' },
    hash: { type: 'string', pattern: '^[A-Za-z0-9_-]{43}$' },
    tenant: { type: 'string', pattern: '^[a-z0-9][a-z0-9-]{0,62}$' },
    scopes: { type: 'array', items: { enum: scopes }, uniqueItems: true },
    name: { type: 'string', maxLength: 128 },
    createdAt: { type: 'string', maxLength: 40 },
    expiresAt: { type: 'string', pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d+)?Z$' },
  },
};

/** JSON Schema of the secret that holds API key records. */
export const keyRecordsSchema: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['keys'],
  properties: { keys: { type: 'array', maxItems: 200, items: keyRecordSchema } },
};
