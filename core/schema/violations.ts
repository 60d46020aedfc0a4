import { escapePointer, firstViolation, schemasOfMember } from './validate.ts';
import type { JsonSchema, Violation } from './validate.ts';

/**
 * What is wrong with a value, one violation for each place and in its order, as far as one does not hide another. None exactly when
 * `firstViolation` finds none.
 *
 * @param limit the most that are told, at least 1
 */
export function violations(schema: JsonSchema, value: unknown, limit: number): readonly Violation[] {
  const first = firstViolation(schema, value);
  if (first === undefined) return [];
  const found = new Map<string, Violation>([[first.pointer, first]]);
  for (const violation of walk(schema, value, '')) {
    if (found.size >= limit) break;
    if (!found.has(violation.pointer)) found.set(violation.pointer, violation);
  }
  return [...found.values()];
}

function* walk(schema: JsonSchema, value: unknown, pointer: string): Generator<Violation> {
  if (typeof value !== 'object' || value === null) {
    const violation = firstViolation(schema, value, pointer);
    if (violation !== undefined) yield violation;
    return;
  }
  const { items, properties: _properties, patternProperties: _patterns, additionalProperties: _others, ...own } = schema;
  const violation = firstViolation(own, value, pointer);
  if (violation !== undefined) yield violation;
  // of another type, for example: what is in it is not what was meant
  if (violation?.pointer === pointer) return;
  if (Array.isArray(value)) {
    if (items === undefined) return;
    for (const [at, item] of value.entries()) yield* walk(items, item, `${pointer}/${at}`);
    return;
  }
  for (const [name, member] of Object.entries(value)) {
    const at = `${pointer}/${escapePointer(name)}`;
    const schemas = schemasOfMember(schema, name);
    if (schemas === undefined) yield { pointer: at, detail: 'is not a known member', known: Object.keys(schema.properties ?? {}) };
    for (const of of schemas ?? []) yield* walk(of, member, at);
  }
}
