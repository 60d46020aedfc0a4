import { proxyProperties } from '../core/proxy/schema.ts';
import type { JsonSchema } from '../core/schema/validate.ts';
import { featuresOf, usedFeatures } from './configuration-features.ts';
import type { Feature } from './configuration-features.ts';
import { examples } from './gateway-examples.ts';
import type { Example } from './gateway-examples.ts';
import { markdownTable, withSection } from './generated-section.ts';

/** `docs/configuration.md` with its reference of the gateway as the schema has it, and the examples that there are. */
export function withConfigurationReference(markdown: string): string {
  return withSection(withSection(markdown, 'gateway reference', reference()), 'gateway examples', exampleTable());
}

function reference(): string {
  const users = usersOf();
  return Object.entries(proxyProperties)
    .map(([heading, schema]) => {
      const rows = featuresOf(schema, heading).map((feature) => rowOf(feature, heading, users));
      return [`### ${heading}`, schema.description, markdownTable([['member', 'value', 'default', '', 'example'], ...rows])].join(
        '\n\n',
      );
    })
    .concat(examples.map(({ name, file }) => `[${name}]: ../${file}`).join('\n'))
    .join('\n\n');
}

function rowOf({ path, kind, schema, required }: Feature, heading: string, users: Users): readonly string[] {
  const own = schema.oneOf?.[0] ?? schema;
  const isList = own.items?.properties !== undefined;
  return [
    `\`${path.replace(new RegExp(`^${heading}(\\[\\])?\\.`), '')}${isList ? '[]' : ''}\``,
    valueOf(own) + (schema.oneOf === undefined ? '' : ', or false'),
    required ? 'required' : own.default === undefined ? '' : `\`${JSON.stringify(own.default)}\``,
    schema.description ?? '',
    `[${exampleOf(users.get(path) ?? users.get(kind) ?? [], path)}]`,
  ];
}

/** Examples by the path and by the kind of the features that they use. */
type Users = ReadonlyMap<string, readonly Example[]>;

function usersOf(): Users {
  const users = new Map<string, Example[]>();
  for (const [heading, schema] of Object.entries(proxyProperties)) {
    const kinds = new Map(featuresOf(schema, heading).map(({ path, kind }) => [path, kind]));
    for (const example of examples) {
      const used = new Set(usedFeatures(schema, example.configuration[heading as keyof typeof proxyProperties], heading));
      for (const key of new Set([...used].flatMap((path) => [path, kinds.get(path) ?? path]))) {
        users.set(key, [...(users.get(key) ?? []), example]);
      }
    }
  }
  return users;
}

/** The one that is about it, by its name; else the shortest. */
function exampleOf(users: readonly Example[], path: string): string {
  const about = users.find(({ name }) => path.split(/[.[\]]+/).includes(name));
  const [shortest] = users.toSorted((one, other) => one.size - other.size);
  const found = about ?? shortest;
  if (found === undefined) throw new TypeError(`${path} is in no example: write one in examples/gateway`);
  return found.name;
}

function valueOf(schema: JsonSchema): string {
  const { type, enum: values, minimum, maximum, items, additionalProperties } = schema;
  if (values !== undefined) return values.map((value) => `\`${String(value)}\``).join(' ');
  if (type === 'array') return items?.properties === undefined ? `list of ${plural(items ?? {})}` : 'list';
  if (typeof additionalProperties === 'object') return 'names with text';
  if (type === 'integer' || type === 'number') {
    return `${type === 'integer' ? 'whole number' : 'number'}, ${figure(minimum)} to ${figure(maximum)}`;
  }
  if (type === 'object') return 'members below';
  return type === 'boolean' ? 'true or false' : 'text';
}

function plural({ enum: values, type }: JsonSchema): string {
  if (values !== undefined) return values.map((value) => `\`${String(value)}\``).join(' ');
  return type === 'integer' ? 'whole numbers' : 'texts';
}

function figure(value: number | undefined): string {
  return value === undefined ? 'any' : value.toLocaleString('en');
}

/** A row for each file: its name, and what its first lines say. */
function exampleTable(): string {
  return markdownTable([['example', ''], ...examples.map(({ name, says }) => [`[${name}]`, says])]);
}
