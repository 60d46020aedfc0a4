import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { builtInTemplates } from '../../../../core/session/vendors/catalogue.ts';
import { templateSchema } from '../../../../core/session/vendors/template-schema.ts';
import type { VendorTemplate } from '../../../../core/session/vendors/template.ts';

const validate = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(templateSchema);

/** Every member a template can have, once. */
const complete: Required<VendorTemplate> = {
  title: 'Example',
  revision: 1,
  confidence: 'A',
  checked: '2026-11-21',
  source: ['made up'],
  notes: ['a note'],
  account: ['username'],
  endpoints: [{ scheme: 'http', host: 'proxy.example', port: { from: 1, to: 2 }, country: 'US' }],
  username: ['{account.username}'],
  password: ['{secret}'],
  headers: { 'x-session': ['{sid}'] },
  sid: { min: 0, max: 1 },
  ttl: { kind: 'fixed', unit: 'second', minSeconds: 1, maxSeconds: 2, defaultSeconds: 1, idleSeconds: 1 },
  peerLoss: { default: 'swap', failClosed: { statuses: [502], mustRepeatEveryRequest: true } },
  geo: { country: { aliases: { GB: 'uk' }, only: ['GB'] }, region: { form: 'name', countries: ['US'] } },
  identity: ['country'],
  exclusive: [['region', 'city']],
  requires: { country: ['city'], region: ['country'], city: ['country'] },
  priceMultiplier: { country: 1, region: 2, city: 2 },
  handshake: { username: ['{account.username}'], responseHeader: 'x-session', ttlSeconds: 60 },
};

/** Pointers to every object in a value, the root too. */
function objects(value: unknown, pointer = ''): readonly string[] {
  if (typeof value !== 'object' || value === null) return [];
  const inside = Object.entries(value).flatMap(([key, member]) => objects(member, `${pointer}/${key}`));
  return Array.isArray(value) ? inside : [pointer, ...inside];
}

/** A copy with `member` at `pointer`. */
function withMember(template: object, pointer: string, name: string, member: unknown): object {
  const copy = structuredClone(template) as Record<string, unknown>;
  let at = copy;
  for (const key of pointer.split('/').slice(1)) at = at[key] as Record<string, unknown>;
  at[name] = member;
  return copy;
}

/** Every schema of an object inside a schema. */
function objectSchemas(schema: unknown): readonly Record<string, unknown>[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const inside = Object.values(schema).flatMap(objectSchemas);
  return 'type' in schema && schema.type === 'object' ? [schema as Record<string, unknown>, ...inside] : inside;
}

describe('the schema of vendor templates', () => {
  it.each(Object.entries(builtInTemplates))('takes %s, and what JSON makes of it', (_, template) => {
    expect(validate(template), JSON.stringify(validate.errors)).toBe(true);
    expect(JSON.parse(JSON.stringify(template))).toEqual(template);
  });

  it('takes a template with every member there is', () => {
    expect(validate(complete), JSON.stringify(validate.errors)).toBe(true);
  });

  it('describes every member of the type', () => {
    expect(Object.keys(templateSchema.properties).toSorted()).toEqual(Object.keys(complete).toSorted());
  });

  it.each(objects(complete).map((pointer) => [pointer === '' ? 'the template' : pointer, pointer]))(
    'refuses an unknown member of %s',
    (_, pointer) => {
      expect(validate(withMember(complete, pointer, 'unknownMember', 1))).toBe(false);
      expect(validate(withMember(complete, pointer, 'Sid', 1))).toBe(false);
    },
  );

  it('refuses unknown members wherever it describes an object', () => {
    const schemas = objectSchemas(templateSchema);
    expect(schemas.length).toBeGreaterThan(15);
    expect(schemas.filter((schema) => schema['additionalProperties'] !== false)).toEqual([]);
  });

  it('stands alone, so that it can stand inside another schema', () => {
    expect(JSON.stringify(templateSchema)).not.toMatch(/"\$(ref|id|defs|anchor|dynamicRef)"/);
  });

  it.each(templateSchema.required)('refuses a template without %s', (name) => {
    const { [name]: _, ...rest } = complete;
    expect(validate(rest)).toBe(false);
  });

  it.each<readonly [pointer: string, name: string, member: unknown]>([
    ['', 'confidence', 'D'],
    ['', 'checked', 'last year'],
    ['', 'checked', '2026-13'],
    ['', 'revision', 0],
    ['', 'source', []],
    ['', 'endpoints', []],
    ['', 'username', 'user-{sid}'],
    ['', 'account', ['Zone']],
    ['', 'headers', { 'X-Session': ['{sid}'] }],
    ['', 'headers', { 'x-session:': ['{sid}'] }],
    ['', 'sid', { alphabet: 'a-z', min: 1, max: 2 }],
    ['', 'sid', { alphabet: 'a-z:', minLength: 1, maxLength: 2 }],
    ['', 'sid', { min: 1.5, max: 2 }],
    ['', 'ttl', { kind: 'forever' }],
    ['/ttl', 'unit', 'hour'],
    ['/ttl', 'minSeconds', 0],
    ['/peerLoss/failClosed', 'statuses', [200]],
    ['/geo/country', 'aliases', { gb: 'uk' }],
    ['/geo/country', 'aliases', { GB: 'u-k' }],
    ['/geo/region', 'form', 'iso'],
    ['', 'identity', ['zip']],
    ['', 'exclusive', [['city']]],
    ['', 'priceMultiplier', { city: 0 }],
  ])('refuses %s/%s = %j', (pointer, name, member) => {
    expect(validate(withMember(complete, pointer, name, member))).toBe(false);
  });
});
