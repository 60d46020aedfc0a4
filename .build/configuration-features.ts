import type { JsonSchema } from '../core/schema/validate.ts';

/** A member of a configuration, as the schema has it. */
export interface Feature {
  /** Where: `routes[].match.paths`. */
  readonly path: string;
  readonly name: string;
  readonly schema: JsonSchema;
  /** Equal for members that mean the same in several places: the conditions on fields, parameters and cookies, for example. */
  readonly kind: string;
  readonly required: boolean;
}

/** A schema with its one alternative put in place, and what is in a list or behind names. */
export function contentOf(schema: JsonSchema): JsonSchema {
  const own = schema.oneOf?.[0] ?? schema;
  if (own.items !== undefined) return own.items;
  return typeof own.additionalProperties === 'object' ? own.additionalProperties : own;
}

/** The members that a schema names, each before its own members. */
export function featuresOf(schema: JsonSchema, path: string): readonly Feature[] {
  const { properties = {}, required = [] } = contentOf(schema);
  const siblings = Object.keys(properties).join();
  const at = schema.items === undefined ? path : `${path}[]`;
  return Object.entries(properties).flatMap(([name, of]) => [
    { path: `${at}.${name}`, name, schema: of, kind: `${siblings}: ${name}`, required: required.includes(name) },
    ...featuresOf(of.oneOf?.[0] ?? of, `${at}.${name}`),
  ]);
}

/** The paths of all members that a value has, of those that the schema names. */
export function usedFeatures(schema: JsonSchema, value: unknown, path: string): readonly string[] {
  if (typeof value !== 'object' || value === null) return [];
  if (Array.isArray(value)) return value.flatMap((item) => usedFeatures(schema.items ?? {}, item, `${path}[]`));
  const own = schema.oneOf?.[0] ?? schema;
  const { properties } = own;
  if (properties === undefined) {
    return typeof own.additionalProperties === 'object'
      ? Object.values(value).flatMap((inner) => usedFeatures(own.additionalProperties as JsonSchema, inner, path))
      : [];
  }
  return Object.entries(value).flatMap(([name, inner]) => {
    const of = properties[name];
    return of === undefined ? [] : [`${path}.${name}`, ...usedFeatures(of, inner, `${path}.${name}`)];
  });
}
