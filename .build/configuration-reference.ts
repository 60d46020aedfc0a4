import { readdirSync, readFileSync } from 'node:fs';
import { proxyProperties } from '../core/proxy/schema.ts';
import type { JsonSchema } from '../core/schema/validate.ts';
import { markdownTable, withSection } from './generated-section.ts';

const examplesFolder = 'examples/gateway';

/** `docs/configuration.md` with its reference of the gateway as the schema has it, and the examples that there are. */
export function withConfigurationReference(markdown: string): string {
  return withSection(withSection(markdown, 'gateway reference', reference()), 'gateway examples', examples());
}

function reference(): string {
  const { routes, upstreams, proxy } = proxyProperties;
  const parts: readonly (readonly [heading: string, description: string | undefined, of: JsonSchema | undefined])[] = [
    ['routes', routes.description, routes.items],
    ['upstreams', upstreams.description, upstreams.additionalProperties as JsonSchema],
    ['proxy', proxy.description, proxy],
  ];
  return parts
    .map(([heading, description, of = {}]) => {
      const rows = rowsOf(of, '');
      return [`### ${heading}`, description, markdownTable([['member', 'value', 'default', ''], ...rows])].join('\n\n');
    })
    .join('\n\n');
}

function rowsOf(schema: JsonSchema, prefix: string): readonly (readonly string[])[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, of]) => {
    const required = schema.required?.includes(name) === true;
    const own = of.oneOf?.[0] ?? of;
    const item = own.items?.properties === undefined ? undefined : own.items;
    const path = `${prefix}${name}${item === undefined ? '' : '[]'}`;
    const row = [
      `\`${path}\``,
      valueOf(own) + (of.oneOf === undefined ? '' : ', or false'),
      required ? 'required' : own.default === undefined ? '' : `\`${JSON.stringify(own.default)}\``,
      of.description ?? '',
    ];
    return [row, ...rowsOf(item ?? own, `${path}.`)];
  });
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
function examples(): string {
  const rows = readdirSync(examplesFolder)
    .filter((name) => name.endsWith('.yaml'))
    .sort()
    .map((name) => {
      const comments = readFileSync(`${examplesFolder}/${name}`, 'utf8')
        .split('\n')
        .filter((line) => line.startsWith('# ') && !line.startsWith('# try: '));
      return [`[${name}](../${examplesFolder}/${name})`, comments.map((line) => line.slice(2)).join(' ')];
    });
  return markdownTable([['example', ''], ...rows]);
}
