/**
 * Validates values against JSON Schema 2020-12, the keywords of `JsonSchema` below and no others.
 *
 * Interpreted, because a compiled validator for our schemas is thirty times as large as this file and the schemas together, and a
 * validator library costs more at a cold start than everything else we load. The tests compare it with a full implementation.
 */

export type JsonType = 'array' | 'boolean' | 'integer' | 'null' | 'number' | 'object' | 'string';

export interface JsonSchema {
  readonly type?: JsonType | readonly JsonType[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  /** In Unicode code points. */
  readonly minLength?: number;
  readonly maxLength?: number;
  /** With the `u` flag; linear-time patterns only. */
  readonly pattern?: string;
  readonly minItems?: number;
  readonly maxItems?: number;
  /** Of strings and numbers. */
  readonly uniqueItems?: boolean;
  readonly items?: JsonSchema;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly required?: readonly string[];
  readonly dependentRequired?: Readonly<Record<string, readonly string[]>>;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly patternProperties?: Readonly<Record<string, JsonSchema>>;
  readonly propertyNames?: JsonSchema;
  readonly additionalProperties?: boolean | JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  // Annotations.
  readonly $schema?: string;
  readonly $id?: string;
  readonly $ref?: string;
  readonly title?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly format?: string;
}

/** One thing wrong with a value. */
export interface Violation {
  /** RFC 6901 pointer to the place. */
  readonly pointer: string;
  /** A phrase that says what to do; never the value. */
  readonly detail: string;
  /** The names that are allowed, where an unknown one was given. */
  readonly known?: readonly string[];
}

/** The first violation, in the order of the schema, or `undefined`. */
export function firstViolation(schema: JsonSchema, value: unknown, pointer = ''): Violation | undefined {
  const wrong = (detail: string): Violation => ({ pointer, detail });
  if (schema.type !== undefined) {
    const types = typeof schema.type === 'string' ? [schema.type] : schema.type;
    if (!types.some((type) => isOfType(value, type))) return wrong(`must be ${types.map(withArticle).join(' or ')}`);
  }
  if (schema.enum !== undefined && !schema.enum.includes(value)) return wrong(`must be one of ${schema.enum.join(', ')}`);
  if ('const' in schema && value !== schema.const) return wrong(`must be ${JSON.stringify(schema.const)}`);

  let violation: Violation | undefined;
  if (typeof value === 'number') violation = ofNumber(schema, value, wrong);
  else if (typeof value === 'string') violation = ofString(schema, value, wrong);
  else if (Array.isArray(value)) violation = ofArray(schema, value, pointer, wrong);
  else if (typeof value === 'object' && value !== null)
    violation = ofObject(schema, value as Record<string, unknown>, pointer, wrong);
  if (violation !== undefined) return violation;

  if (schema.anyOf !== undefined) {
    const violations = schema.anyOf.map((option) => firstViolation(option, value, pointer));
    if (violations.every((found) => found !== undefined)) return violations[0];
  }
  if (schema.oneOf !== undefined) {
    const violations = schema.oneOf.map((option) => firstViolation(option, value, pointer));
    const fitting = violations.filter((found) => found === undefined).length;
    // The option that went furthest into the value is the one that was meant.
    if (fitting === 0) return violations.reduce((a, b) => ((b?.pointer.length ?? 0) > (a?.pointer.length ?? 0) ? b : a));
    if (fitting > 1) return wrong('must fit exactly one form');
  }
  return undefined;
}

type Wrong = (detail: string) => Violation;

function ofNumber({ minimum, maximum, exclusiveMinimum }: JsonSchema, value: number, wrong: Wrong): Violation | undefined {
  if (minimum !== undefined && value < minimum) return wrong(`must be at least ${minimum}`);
  if (maximum !== undefined && value > maximum) return wrong(`must be at most ${maximum}`);
  if (exclusiveMinimum !== undefined && value <= exclusiveMinimum) return wrong(`must be greater than ${exclusiveMinimum}`);
  return undefined;
}

function ofString({ minLength, maxLength, pattern }: JsonSchema, value: string, wrong: Wrong): Violation | undefined {
  if (minLength !== undefined && codePoints(value) < minLength) return wrong(`must have at least ${minLength} characters`);
  if (maxLength !== undefined && value.length > maxLength && codePoints(value) > maxLength) {
    return wrong(`must have at most ${maxLength} characters`);
  }
  if (pattern !== undefined && !compiled(pattern).test(value)) return wrong(`must match ${pattern}`);
  return undefined;
}

function ofArray(schema: JsonSchema, value: readonly unknown[], pointer: string, wrong: Wrong): Violation | undefined {
  const { minItems, maxItems, uniqueItems, items } = schema;
  if (minItems !== undefined && value.length < minItems) return wrong(`must have at least ${minItems} items`);
  if (maxItems !== undefined && value.length > maxItems) return wrong(`must have at most ${maxItems} items`);
  if (uniqueItems === true && new Set(value).size < value.length) return wrong('must not repeat an item');
  if (items !== undefined) {
    for (const [at, item] of value.entries()) {
      const violation = firstViolation(items, item, `${pointer}/${at}`);
      if (violation !== undefined) return violation;
    }
  }
  return undefined;
}

function ofObject(schema: JsonSchema, value: Record<string, unknown>, pointer: string, wrong: Wrong): Violation | undefined {
  const { minProperties, maxProperties, required = [], dependentRequired = {}, properties = {}, propertyNames } = schema;
  const names = Object.keys(value);
  if (minProperties !== undefined && names.length < minProperties) return wrong(`must have at least ${minProperties} members`);
  if (maxProperties !== undefined && names.length > maxProperties) return wrong(`must have at most ${maxProperties} members`);
  const needed = Object.entries(dependentRequired).flatMap(([name, others]) => (Object.hasOwn(value, name) ? others : []));
  for (const name of [...required, ...needed]) {
    if (!Object.hasOwn(value, name)) return { pointer: `${pointer}/${escapePointer(name)}`, detail: 'is required' };
  }
  for (const name of names) {
    const at = `${pointer}/${escapePointer(name)}`;
    const nameViolation = propertyNames && firstViolation(propertyNames, name);
    if (nameViolation !== undefined) return { pointer: at, detail: `has a name that ${nameViolation.detail}` };
    const schemas = schemasOfMember(schema, name);
    if (schemas === undefined) return { pointer: at, detail: 'is not a known member', known: Object.keys(properties) };
    for (const of of schemas) {
      const violation = firstViolation(of, value[name], at);
      if (violation !== undefined) return violation;
    }
  }
  return undefined;
}

/** What a member of this name must fit; `undefined` where it may not be. */
export function schemasOfMember(
  { properties = {}, patternProperties = {}, additionalProperties }: JsonSchema,
  name: string,
): readonly JsonSchema[] | undefined {
  const schemas = Object.entries(patternProperties).flatMap(([pattern, of]) => (compiled(pattern).test(name) ? [of] : []));
  const own = Object.hasOwn(properties, name) ? properties[name] : undefined;
  if (own !== undefined) schemas.push(own);
  if (schemas.length > 0) return schemas;
  if (additionalProperties === false) return undefined;
  return typeof additionalProperties === 'object' ? [additionalProperties] : [];
}

function isOfType(value: unknown, type: JsonType): boolean {
  switch (type) {
    case 'array':
      return Array.isArray(value);
    case 'integer':
      return Number.isInteger(value);
    case 'null':
      return value === null;
    case 'object':
      return typeof value === 'object' && value !== null && !Array.isArray(value);
    default:
      return typeof value === type;
  }
}

function withArticle(type: JsonType): string {
  if (type === 'null') return 'null';
  return /^[aio]/.test(type) ? `an ${type}` : `a ${type}`;
}

function codePoints(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

const patterns = new Map<string, RegExp>();

/** Patterns come from our schemas only, so this cannot grow. */
function compiled(pattern: string): RegExp {
  const known = patterns.get(pattern);
  if (known !== undefined) return known;
  const made = new RegExp(pattern, 'u');
  patterns.set(pattern, made);
  return made;
}

/** One reference token of a JSON Pointer (RFC 6901 section 3), bounded, without control characters. */
export function escapePointer(name: string): string {
  return name
    .slice(0, 64)
    .replace(/[\u0000-\u001F\u007F-\u009F]/g, '?')
    .replaceAll('~', '~0')
    .replaceAll('/', '~1');
}
