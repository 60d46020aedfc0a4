import { readFile, writeFile } from 'node:fs/promises';
import { format, resolveConfig } from 'prettier';
import { builtInTemplates } from '../../../../core/session/vendors/catalogue.ts';
import { compile, valuesOf } from '../../../../core/session/vendors/compile.ts';
import { mustReserveTokens } from '../../../../core/session/vendors/token.ts';
import { needsOptIn } from '../../../../core/session/vendors/template.ts';
import type { VendorTemplate } from '../../../../core/session/vendors/template.ts';

/** The page that lists the built-in templates. */
export const vendorsPage: URL = new URL('../../../../docs/vendors.md', import.meta.url);

const marks = {
  start: '<!-- vendors: start, written by test/core/session/vendors/vendor-table.ts -->',
  end: '<!-- vendors: end -->',
} as const;

/** The page with its list written anew from the templates. */
export async function withVendorTable(
  page: string,
  templates: Readonly<Record<string, VendorTemplate>> = builtInTemplates,
): Promise<string> {
  const start = page.indexOf(marks.start);
  const end = page.indexOf(marks.end);
  if (start < 0 || end < start) throw new Error('docs/vendors.md has lost the marks around its list');
  const written = `${page.slice(0, start)}${marks.start}\n\n${renderVendorTable(templates)}\n${page.slice(end)}`;
  return format(written, { ...(await resolveConfig(vendorsPage)), parser: 'markdown' });
}

/** The list in Markdown: a table, then what each row cannot hold. */
export function renderVendorTable(templates: Readonly<Record<string, VendorTemplate>>): string {
  const rows = Object.entries(templates).map(([id, template]) =>
    [
      `\`${id}\``,
      template.title,
      template.confidence + (needsOptIn(template) ? ', needs `allowUnverified`' : ''),
      template.account.map((field) => `\`${field}\``).join(', ') || 'none',
      placement(template),
      geography(template),
      lifetime(template),
      lostExit(template),
      [...new Set(template.endpoints.map(({ scheme }) => scheme))].join(', '),
    ].join(' | '),
  );
  const header = [
    'id',
    'product',
    'confidence',
    'account fields',
    'session in',
    'geography',
    'lifetime',
    'lost exit',
    'proxy protocols',
  ];
  const details = Object.entries(templates).map(([id, { title, checked, source, notes = [] }]) =>
    [
      `### \`${id}\``,
      '',
      `${title}. Sources, read ${checked}:`,
      '',
      ...source.map(link),
      '',
      ...notes.flatMap((note) => [note, '']),
    ].join('\n'),
  );
  return [
    `| ${header.join(' | ')} |`,
    `|${' --- |'.repeat(header.length)}`,
    ...rows.map((row) => `| ${row} |`),
    '',
    ...details,
  ].join('\n');
}

function link(source: string): string {
  return `- ${source.startsWith('https://') ? `<${source}>` : source}`;
}

function placement(template: VendorTemplate): string {
  const { username, password, headers, endpoints } = compile(template);
  const holds = (text: Parameters<typeof valuesOf>[0]): boolean => valuesOf(text).some(({ name }) => name === 'sid');
  const places = [
    ...(holds(username) ? ['username'] : []),
    ...(holds(password) ? ['password'] : []),
    ...headers.flatMap(([name, text]) => (holds(text) ? [`header \`${name}\``] : [])),
    ...(endpoints.some(({ host }) => holds(host)) ? ['host'] : []),
    ...(endpoints.some(({ endpoint }) => typeof endpoint.port === 'object') ? ['port'] : []),
  ];
  return places.join(', ') + (mustReserveTokens(template) ? ' (few tokens, reserved)' : '');
}

function geography(template: VendorTemplate): string {
  const { username, password, headers, endpoints } = compile(template);
  const values = [username, password, ...headers.map(([, text]) => text), ...endpoints.map(({ host }) => host)].flatMap(valuesOf);
  const form = template.geo?.region?.form ?? 'name';
  const fields = (['country', 'region', 'city'] as const).filter(
    (field) =>
      values.some(({ name }) => name === field) ||
      (field === 'country' && template.endpoints.some(({ country }) => country !== undefined)),
  );
  return fields.map((field) => (field === 'region' ? `region by ${form}` : field)).join(', ') || 'none';
}

function lifetime({ ttl }: VendorTemplate): string {
  const { unit, minSeconds, maxSeconds, defaultSeconds, idleSeconds, kind } = ttl;
  const parts = [
    ...(unit === undefined ? [] : ['asked for']),
    ...(minSeconds !== undefined && minSeconds > 60 ? [`from ${span(minSeconds)}`] : []),
    ...(maxSeconds === undefined ? [] : [`up to ${span(maxSeconds)}`]),
    ...(unit === undefined && defaultSeconds !== undefined ? [`${span(defaultSeconds)}, fixed`] : []),
    ...(idleSeconds === undefined ? [] : [`${kind === 'sliding' ? 'ends' : 'may end'} after ${span(idleSeconds)} idle`]),
  ];
  return parts.join(', ') || 'not published';
}

function span(seconds: number): string {
  const units = [
    [86_400, 'd'],
    [3_600, 'h'],
    [60, 'min'],
  ] as const;
  const [size, name] = units.find(([unit]) => seconds % unit === 0) ?? [1, 's'];
  return `${seconds / size} ${name}`;
}

function lostExit({ peerLoss }: VendorTemplate): string {
  if (peerLoss.failClosed !== undefined) return `fails closed on request: ${peerLoss.failClosed.statuses.join(', ')}`;
  return peerLoss.default === 'swap' ? 'swapped silently' : 'not documented';
}

// `node test/core/session/vendors/vendor-table.ts` writes the page.
if (import.meta.main) await writeFile(vendorsPage, await withVendorTable(await readFile(vendorsPage, 'utf8')));
