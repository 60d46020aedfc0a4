import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { keyRecordsSchema } from '../../../core/auth/key-records-schema.ts';
import { configurationSchema } from '../../../core/config/schema.ts';
import {
  createSessionSchema,
  extendSessionSchema,
  listSessionsSchema,
  noQuerySchema,
  problemSchema,
  rotateSessionSchema,
  sessionQuerySchema,
  sessionSchema,
  usageSchema,
} from '../../../core/control/schemas.ts';
import { escapePointer, firstViolation } from '../../../core/schema/validate.ts';
import type { JsonSchema } from '../../../core/schema/validate.ts';
import { violations } from '../../../core/schema/violations.ts';
import { builtInTemplates } from '../../../core/session/vendors/catalogue.ts';
import { templateSchema } from '../../../core/session/vendors/template-schema.ts';

const schemas: Readonly<Record<string, JsonSchema>> = {
  createSession: createSessionSchema,
  extendSession: extendSessionSchema,
  rotateSession: rotateSessionSchema,
  listSessions: listSessionsSchema,
  sessionQuery: sessionQuerySchema,
  noQuery: noQuerySchema,
  session: sessionSchema,
  usage: usageSchema,
  problem: problemSchema,
  keyRecords: keyRecordsSchema,
  configuration: configurationSchema,
  vendorTemplate: templateSchema,
};

const ajv = new Ajv2020({ strict: false, validateFormats: false, ownProperties: true });

const junk = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.constantFrom<unknown>(
    null,
    '',
    0,
    -1,
    1.5,
    1e400,
    [],
    {},
    true,
    'x'.repeat(300),
    '\u0000',
    '\ud800',
    '😀'.repeat(60),
    '__proto__',
    9_007_199_254_740_992,
  ),
);
const names = fc.oneof(
  fc.constantFrom('__proto__', 'constructor', 'toString', 'sessionid', 'extra', '', 'a', 'é'),
  fc.string({ maxLength: 70 }),
);

/** Values that fit a schema, or nearly. */
function near(schema: JsonSchema, depth = 0): fc.Arbitrary<unknown> {
  const fitting: fc.Arbitrary<unknown>[] = [];
  if (schema.enum !== undefined) fitting.push(fc.constantFrom(...schema.enum));
  if ('const' in schema) fitting.push(fc.constant(schema.const));
  for (const option of [...(schema.oneOf ?? []), ...(schema.anyOf ?? [])]) fitting.push(near(option, depth + 1));
  const types = typeof schema.type === 'string' ? [schema.type] : (schema.type ?? []);
  const { minimum = 0, maximum = 1_000, minLength = 0, maxLength = 20 } = schema;
  for (const type of types) {
    if (type === 'null') fitting.push(fc.constant(null));
    if (type === 'boolean') fitting.push(fc.boolean());
    if (type === 'integer')
      fitting.push(fc.integer({ min: minimum, max: maximum }), fc.constantFrom(minimum, maximum, minimum - 1, maximum + 1));
    if (type === 'number') fitting.push(fc.double({ min: minimum, max: maximum, noNaN: true }), fc.constantFrom(minimum, maximum));
    if (type === 'string') {
      fitting.push(fc.string({ unit: 'grapheme', minLength, maxLength: Math.min(maxLength, 40) + 1 }));
      fitting.push(fc.constantFrom('x'.repeat(maxLength), 'x'.repeat(maxLength + 1), '😀'.repeat(maxLength)));
      if (schema.pattern !== undefined)
        fitting.push(fc.stringMatching(new RegExp(schema.pattern)), fc.stringMatching(new RegExp(schema.pattern)));
    }
    if (type === 'array') {
      const { minItems = 0, maxItems = 5 } = schema;
      fitting.push(
        fc.array(near(schema.items ?? {}, depth + 1), {
          minLength: Math.max(0, minItems - 1),
          maxLength: Math.min(maxItems + 1, 6),
        }),
      );
    }
    if (type === 'object') fitting.push(nearObject(schema, depth));
  }
  if (fitting.length === 0) return schema.properties === undefined ? junk : nearObject(schema, depth);
  return fc.oneof({ weight: 1, arbitrary: junk }, { weight: depth === 0 ? 60 : 25, arbitrary: fc.oneof(...fitting) });
}

function nearObject(schema: JsonSchema, depth: number): fc.Arbitrary<unknown> {
  const { properties = {}, patternProperties = {}, propertyNames, additionalProperties, required = [] } = schema;
  const known = fc.record(Object.fromEntries(Object.entries(properties).map(([name, of]) => [name, near(of, depth + 1)])), {
    requiredKeys: [...required],
  });
  const rest: fc.Arbitrary<object>[] = [];
  const nameOf =
    propertyNames?.pattern === undefined
      ? names
      : fc.oneof({ weight: 9, arbitrary: fc.stringMatching(new RegExp(propertyNames.pattern)) }, names);
  if (typeof additionalProperties === 'object')
    rest.push(fc.dictionary(nameOf, near(additionalProperties, depth + 1), { maxKeys: 3 }));
  for (const [pattern, of] of Object.entries(patternProperties)) {
    rest.push(fc.dictionary(fc.stringMatching(new RegExp(pattern)), near(of, depth + 1), { maxKeys: 3 }));
  }
  const extra = fc.oneof({ weight: 12, arbitrary: fc.constant({}) }, fc.dictionary(names, junk, { maxKeys: 1 }));
  const dropped = fc.oneof({ weight: 12, arbitrary: fc.constant(undefined) }, fc.constantFrom(undefined, ...required));
  return fc.tuple(known, fc.tuple(...rest), extra, dropped).map(([own, others, more, drop]) => {
    const whole = Object.assign(Object.create(null) as Record<string, unknown>, own, ...others, more) as Record<string, unknown>;
    if (drop !== undefined) delete whole[drop];
    return JSON.parse(JSON.stringify(whole)) as unknown;
  });
}

/** A value that fits, with at most one place changed, dropped or added to. */
function mutated(samples: readonly unknown[]): fc.Arbitrary<unknown> {
  const change = fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
    how: fc.constantFrom('put', 'drop', 'add', 'none'),
    name: names,
    junk,
  });
  return fc.tuple(fc.constantFrom(...samples), change).map(([sample, { at, how, name, junk: other }]) => {
    const value = JSON.parse(JSON.stringify(sample)) as unknown;
    const places: (readonly [holder: Record<string, unknown>, key: string])[] = [];
    const visit = (holder: unknown): void => {
      if (typeof holder !== 'object' || holder === null) return;
      for (const key of Object.keys(holder)) {
        places.push([holder as Record<string, unknown>, key]);
        visit((holder as Record<string, unknown>)[key]);
      }
    };
    visit(value);
    const place = places[Math.floor(at * places.length)];
    if (place === undefined || how === 'none') return value;
    const [holder, key] = place;
    if (how === 'put') holder[key] = other;
    else if (how === 'add') holder[Array.isArray(holder) ? String(holder.length) : name] = other;
    else if (Array.isArray(holder)) holder.splice(Number(key), 1);
    else delete holder[key];
    return JSON.parse(JSON.stringify(value)) as unknown;
  });
}

const templates = Object.values(builtInTemplates);
const samples: Readonly<Record<string, readonly unknown[]>> = {
  vendorTemplate: [...templates, { ...templates[0], priceMultiplier: { city: 2, country: 0.5 } }],
  configuration: [
    { auth: { keysSecret: 'keys' }, signingSecret: 'signing', pools: { default: { vendor: 'direct' } } },
    {
      $schema: 'x',
      auth: { storedKeys: true },
      signingSecret: 'signing',
      defaultPool: 'a',
      pools: {
        a: {
          vendor: 'iproyal',
          secret: 's',
          account: { username: 'u' },
          endpoint: { host: 'h.example', port: 1 },
          protocol: 'socks5',
          country: 'de',
          onPeerLoss: 'fail',
          defaultTtlSeconds: 10,
          maxTtlSeconds: 604_800,
          allowUnverified: false,
        },
      },
      gateway: { publicUrl: 'http://[::1]:8788', egress: { allowLoopback: true, allowPrivate: false, allow: ['10.0.0.0/8'] } },
      sessions: { defaultTtlSeconds: 10, maxTtlSeconds: 20, tombstoneSeconds: 60 },
      limits: { requestsPerMinute: 1, createsPerHour: 1 },
      secrets: { softTtlSeconds: 1, hardTtlSeconds: 2 },
      vendors: { mine: templates[1] },
    },
  ],
};

describe('the validator of our schemas', () => {
  it.each(Object.entries(schemas))('judges %s as a full implementation does', (name, schema) => {
    const reference = ajv.compile(schema);
    const verdicts = { fits: 0, not: 0 };
    fc.assert(
      fc.property(samples[name] === undefined ? near(schema) : fc.oneof(near(schema), mutated(samples[name])), (value) => {
        const fits = firstViolation(schema, value) === undefined;
        verdicts[fits ? 'fits' : 'not']++;
        expect(fits, JSON.stringify(firstViolation(schema, value))).toBe(reference(value));
        const all = violations(schema, value, 1_000);
        expect(all.length === 0).toBe(fits);
        expect(new Set(all.map(({ pointer }) => pointer)).size).toBe(all.length);
        expect(violations(schema, value, 1)).toEqual(all.slice(0, 1));
      }),
      { numRuns: 1_000 },
    );
    // Neither side of the comparison may be empty, or it compares nothing.
    expect(verdicts.fits).toBeGreaterThan(10);
    expect(verdicts.not).toBeGreaterThan(10);
  });

  it('judges any schema of its keywords as a full implementation does', () => {
    const primitive = fc.constantFrom<unknown>(0, 1, 2.5, -1, 3, '', 'a', 'ab', 'ABC', '😀', true, false, null);
    const scalar = fc.record(
      {
        type: fc.oneof(
          fc.constantFrom('string', 'integer', 'number', 'boolean', 'null'),
          fc.uniqueArray(fc.constantFrom('string', 'integer', 'null'), { minLength: 1 }),
        ),
        enum: fc.uniqueArray(primitive, { minLength: 1 }),
        const: primitive,
        minimum: fc.integer({ min: -1, max: 3 }),
        maximum: fc.integer({ min: -1, max: 3 }),
        exclusiveMinimum: fc.integer({ min: -1, max: 3 }),
        minLength: fc.nat(3),
        maxLength: fc.nat(3),
        pattern: fc.constantFrom('^a', '^[A-Z]*$', '.', '^.$'),
      },
      { requiredKeys: [] },
    );
    const schema = fc.letrec<{ schema: object }>((tie) => ({
      schema: fc.oneof(
        { maxDepth: 3 },
        scalar,
        fc.record(
          {
            type: fc.constantFrom('array', 'object'),
            items: tie('schema'),
            minItems: fc.nat(2),
            maxItems: fc.nat(2),
            minProperties: fc.nat(2),
            maxProperties: fc.nat(2),
            required: fc.uniqueArray(fc.constantFrom('a', 'b', 'toString')),
            properties: fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('schema')),
            patternProperties: fc.dictionary(fc.constantFrom('^a', '^[bc]$'), tie('schema')),
            propertyNames: fc.record({ pattern: fc.constantFrom('^[a-c]$', '^.*$') }),
            additionalProperties: fc.oneof(fc.boolean(), tie('schema')),
          },
          { requiredKeys: [] },
        ),
        fc.record({ anyOf: fc.array(tie('schema'), { minLength: 1, maxLength: 3 }) }),
        fc.record({ oneOf: fc.array(tie('schema'), { minLength: 1, maxLength: 3 }) }),
      ),
    })).schema;
    const value = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 3 },
        primitive,
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(fc.constantFrom('a', 'b', 'c', 'ab', '__proto__', 'toString'), tie('value'), { maxKeys: 3 }),
      ),
    })).value;
    fc.assert(
      fc.property(schema, fc.array(value, { minLength: 5, maxLength: 5 }), (of, values) => {
        const reference = new Ajv2020({ strict: false, ownProperties: true }).compile(of);
        for (const one of values) expect(firstViolation(of, one) === undefined).toBe(reference(one));
      }),
      { numRuns: 80 },
    );
  });

  it('knows every keyword that our schemas use', () => {
    const checked = [
      'type',
      'enum',
      'const',
      'minimum',
      'maximum',
      'exclusiveMinimum',
      'minLength',
      'maxLength',
      'pattern',
      'minItems',
    ];
    checked.push(
      'maxItems',
      'uniqueItems',
      'items',
      'minProperties',
      'maxProperties',
      'required',
      'properties',
      'patternProperties',
    );
    checked.push('propertyNames', 'additionalProperties', 'anyOf', 'oneOf', 'dependentRequired');
    const annotations = ['$schema', '$id', 'title', 'description', 'default', 'format'];
    const unknown = new Set<string>();
    const visit = (schema: JsonSchema): void => {
      for (const keyword of Object.keys(schema))
        if (!checked.includes(keyword) && !annotations.includes(keyword)) unknown.add(keyword);
      const {
        items,
        properties = {},
        patternProperties = {},
        propertyNames,
        additionalProperties,
        anyOf = [],
        oneOf = [],
      } = schema;
      const inner = [items, propertyNames, ...Object.values(properties), ...Object.values(patternProperties), ...anyOf, ...oneOf];
      if (typeof additionalProperties === 'object') inner.push(additionalProperties);
      for (const one of inner) if (one !== undefined) visit(one);
    };
    for (const schema of Object.values(schemas)) visit(schema);
    expect([...unknown]).toEqual([]);
  });
});

describe('a violation', () => {
  const schema: JsonSchema = {
    type: 'object',
    additionalProperties: false,
    required: ['must'],
    properties: {
      must: { type: 'integer', minimum: 1 },
      'a/b~c': { type: 'string' },
      list: { type: 'array', items: { type: 'object', properties: { n: { type: 'null' } } } },
      either: { oneOf: [{ type: 'integer' }, { type: 'object', required: ['from'], properties: { from: { type: 'integer' } } }] },
    },
  };
  it.each([
    [{}, '/must', 'is required'],
    [{ must: '1' }, '/must', 'must be an integer'],
    [{ must: 0 }, '/must', 'must be at least 1'],
    [{ must: 1, 'a/b~c': 1 }, '/a~1b~0c', 'must be a string'],
    [{ must: 1, list: [{}, { n: 1 }] }, '/list/1/n', 'must be null'],
    [{ must: 1, either: { from: 'x' } }, '/either/from', 'must be an integer'],
    [[], '', 'must be an object'],
    [null, '', 'must be an object'],
  ])('of %j points at %s: %s', (value, pointer, detail) => {
    expect(firstViolation(schema, value)).toMatchObject({ pointer, detail });
  });

  it('names what is known where a name is unknown', () => {
    expect(firstViolation(schema, { must: 1, nust: 2 })).toEqual({
      pointer: '/nust',
      detail: 'is not a known member',
      known: ['must', 'a/b~c', 'list', 'either'],
    });
    expect(firstViolation(schema, JSON.parse('{"must":1,"__proto__":{}}'))).toMatchObject({ pointer: '/__proto__' });
  });

  it('never holds the value, nor a control character, nor a long name', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 500 }), (name) => {
        const pointer = escapePointer(name);
        expect(pointer).not.toMatch(/[\u0000-\u001F\u007F-\u009F/]/);
        expect(pointer.length).toBeLessThanOrEqual(128);
        expect(JSON.stringify(firstViolation(createSessionSchema, { sessionId: `c4n4ry ${name}` }))).not.toContain('c4n4ry');
      }),
    );
  });
});
