/**
 * Puts text between `<!-- name -->` and `<!-- /name -->` of a Markdown file, in place of what was there.
 *
 * @throws {TypeError} the file has no such place, or two
 */
export function withSection(markdown: string, name: string, content: string): string {
  const parts = markdown.split(new RegExp(`(<!-- ${name} -->)[^]*?(<!-- /${name} -->)`));
  const [before, start, end, after] = parts;
  if (parts.length !== 4) throw new TypeError(`There must be one place between "<!-- ${name} -->" and "<!-- /${name} -->"`);
  return `${before}${start}\n\n${content.trim()}\n\n${end}${after}`;
}

/** A Markdown table, laid out as prettier does; the first row is its head. */
export function markdownTable(rows: readonly (readonly string[])[]): string {
  const escaped = rows.map((cells) => cells.map((cell) => cell.replaceAll('|', '\\|')));
  const widths = (escaped[0] ?? []).map((_, column) => Math.max(3, ...escaped.map((cells) => cells[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    `| ${widths.map((width, at) => (cells[at] ?? '').padEnd(width)).join(' | ')} |`;
  const [head = [], ...body] = escaped;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)].join('\n');
}
