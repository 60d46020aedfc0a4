import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { format, resolveConfig } from 'prettier';

/** One measured figure beside its target. */
export interface Row {
  readonly what: string;
  /** What it is a multiple of; empty for an absolute figure. */
  readonly against: string;
  readonly measured: number;
  readonly unit: 'x' | 'KB' | 'ms';
  readonly target: { readonly atMost: number } | { readonly atLeast: number };
  /** What the reader must know beside the number. */
  readonly note?: string | undefined;
  /** What would get there, a sentence; told when the target is missed. */
  readonly fallsShort?: string | undefined;
}

export function meets({ measured, target }: Row): boolean {
  return 'atMost' in target ? measured <= target.atMost : measured >= target.atLeast;
}

/** The table, and under it what would get there for each row that falls short. */
export function markdown(rows: readonly Row[]): string {
  const missed = rows.filter((row) => !meets(row));
  const explanations = [...new Set(missed.flatMap(({ fallsShort }) => fallsShort ?? []))];
  const lines = rows.map((row) => {
    const { what, against, unit, fallsShort, note = '' } = row;
    const number = fallsShort === undefined ? 0 : explanations.indexOf(fallsShort) + 1;
    const verdict = meets(row) ? 'met' : `**falls short**${number > 0 ? ` (${number})` : ''}`;
    return `| ${[what, against, figure(row.measured, unit), bound(row), verdict, note].join(' | ')} |`;
  });
  return [
    '| what | against | measured | target | | here |',
    '| --- | --- | --- | --- | --- | --- |',
    ...lines,
    '',
    ...explanations.map((explanation, at) => `${at + 1}. ${explanation}`),
  ].join('\n');
}

function bound({ target, unit }: Row): string {
  return 'atMost' in target ? `≤ ${figure(target.atMost, unit)}` : `≥ ${figure(target.atLeast, unit)}`;
}

function figure(value: number, unit: Row['unit']): string {
  const digits = Math.abs(value) < 10 ? value.toFixed(2) : value.toFixed(0);
  return unit === 'x' ? `${digits}x` : `${digits} ${unit}`;
}

const begin = '<!-- bench:begin -->';
const end = '<!-- bench:end -->';

/** Puts the table between the marks in a Markdown file; answers what happened, for people. */
export async function writeBetweenMarks(file: string, table: string): Promise<string> {
  if (!existsSync(file)) return `There is no ${file}, so the table was not written.`;
  const text = readFileSync(file, 'utf8');
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from < 0 || to < from) return `${file} has no ${begin} and ${end}, so the table was not written.`;
  // The table alone: the file's other generated one is compared to the letter.
  const formatted = await format(table, { ...(await resolveConfig(file)), parser: 'markdown' });
  writeFileSync(file, `${text.slice(0, from + begin.length)}\n\n${formatted}\n${text.slice(to)}`);
  return `The table was written into ${file}.`;
}
