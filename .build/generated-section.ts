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

/** A Markdown table; the first row is its head. */
export function markdownTable(rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  const [head = [], ...body] = rows;
  return [line(head), line(head.map(() => '---')), ...body.map(line)].join('\n');
}
